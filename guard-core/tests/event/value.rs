//! Encoded values, and on whose behalf an event came.

use guard_core::event::{Encoding, TriggerKind, Walk, encoded_values, principal};
use serde_json::Value;

use crate::{dense, fixture};

#[test]
fn encoded_values_are_found_and_located() {
    let table: [(&str, &[&str], Encoding); 14] = [
        ("apigw-v1", &[], Encoding::Plain),
        ("apigw-v1-base64", &["/body"], Encoding::Base64),
        ("apigw-v2", &[], Encoding::Plain),
        ("function-url", &["/body"], Encoding::Base64),
        ("alb", &[], Encoding::Plain),
        ("custom", &[], Encoding::Plain),
        (
            "sqs",
            &["/Records/0/messageAttributes/trace/binaryValue"],
            Encoding::Base64,
        ),
        (
            "kinesis",
            &[
                "/Records/0/kinesis/data",
                "/Records/1/kinesis/data",
                "/Records/2/kinesis/data",
            ],
            Encoding::Base64,
        ),
        (
            "firehose",
            &["/records/0/data", "/records/1/data", "/records/2/data"],
            Encoding::Base64,
        ),
        (
            "dynamodb",
            &[
                "/Records/0/dynamodb/NewImage/scan/B",
                "/Records/0/dynamodb/NewImage/scans/BS/0",
                "/Records/0/dynamodb/NewImage/scans/BS/1",
            ],
            Encoding::Base64,
        ),
        (
            "kafka-self-managed",
            &[
                "/records/orders-0/0/key",
                "/records/orders-0/0/value",
                "/records/orders-0/0/headers/0/origin",
            ],
            Encoding::Base64,
        ),
        (
            "activemq",
            &["/messages/0/data", "/messages/1/data"],
            Encoding::Base64,
        ),
        (
            "rabbitmq",
            &[
                "/rmqMessagesByQueue/orders::~1/0/basicProperties/headers/channel/bytes",
                "/rmqMessagesByQueue/orders::~1/0/data",
            ],
            Encoding::Base64,
        ),
        ("cloudwatch-logs", &["/awslogs/data"], Encoding::Base64Gzip),
    ];
    for (name, pointers, encoding) in table {
        for event in [fixture(name), dense(&fixture(name))] {
            let kind = TriggerKind::of(&event);
            let value: Value = serde_json::from_slice(&event).unwrap();
            let found: Vec<_> = encoded_values(&event, kind).collect();
            assert_eq!(found.len(), pointers.len(), "{name} {found:?}");
            let mut walk = Walk::new(&event, kind);
            for (found, pointer) in found.iter().zip(pointers) {
                let wanted = value.pointer(pointer).unwrap();
                let location = walk.locate(found.span.start);
                assert_eq!(location.encoding, found.encoding, "{name}");
                if let Some(wanted) = wanted.as_str() {
                    assert_eq!(found.encoding, encoding, "{name}");
                    assert_eq!(&event[found.span.clone()], wanted.as_bytes());
                    assert_eq!(location.string.as_ref(), Some(&found.span));
                } else {
                    assert_eq!(found.encoding, Encoding::Bytes, "{name}");
                    let array = &event[found.span.start - 1..=found.span.end];
                    assert_eq!(serde_json::from_slice::<Value>(array).unwrap(), *wanted);
                }
            }
        }
    }
}

#[test]
fn principals() {
    for (name, field, value) in [
        ("apigw-v1", "sub", "7d1f0a52-3c5e-4b0e-9a6e-2f1b8c9d0e11"),
        ("apigw-v2", "sub", "7d1f0a52-3c5e-4b0e-9a6e-2f1b8c9d0e11"),
        ("function-url", "sourceIp", "203.0.113.24"),
        ("websocket", "sourceIp", "203.0.113.24"),
        ("appsync", "sub", "7d1f0a52-3c5e-4b0e-9a6e-2f1b8c9d0e11"),
        ("sqs", "SenderId", "AROAEXAMPLEID:order-intake"),
        ("s3", "principalId", "AWS:AIDAEXAMPLEID"),
        ("ses", "source", "miriam@example.com"),
        ("cognito", "userName", "miriam"),
        ("rabbitmq", "userId", "shop"),
        ("eventbridge", "account", "123456789012"),
    ] {
        let event = fixture(name);
        let found = principal(&event, TriggerKind::of(&event)).expect(name);
        assert_eq!(
            (found.field, found.value),
            (field, value.as_bytes()),
            "{name}"
        );
    }
    for name in ["alb", "custom", "kafka-msk"] {
        let event = fixture(name);
        assert_eq!(principal(&event, TriggerKind::of(&event)), None, "{name}");
    }
}
