//! Records of batches, as a parser sees them, and events without some of them.

use guard_core::event::{TriggerKind, Walk, records, without};
use serde_json::Value;

use crate::{Random, corpus, fixture, fixtures};

/// Each record of `value`, as a parser sees them.
fn parsed_records(kind: TriggerKind, value: &mut Value) -> Vec<&mut Vec<Value>> {
    match kind {
        TriggerKind::Kafka => {
            let topics = value["records"].as_object_mut().unwrap();
            topics
                .values_mut()
                .map(|topic| topic.as_array_mut().unwrap())
                .collect()
        }
        TriggerKind::RabbitMq => {
            let queues = value["rmqMessagesByQueue"].as_object_mut().unwrap();
            queues
                .values_mut()
                .map(|queue| queue.as_array_mut().unwrap())
                .collect()
        }
        TriggerKind::ActiveMq => vec![value["messages"].as_array_mut().unwrap()],
        TriggerKind::Firehose => vec![value["records"].as_array_mut().unwrap()],
        TriggerKind::DocumentDb => vec![value["events"].as_array_mut().unwrap()],
        _ if kind.delivers_batches() => vec![value["Records"].as_array_mut().unwrap()],
        _ => Vec::new(),
    }
}

#[test]
fn records_are_those_that_a_parser_sees() {
    let all = fixtures().into_iter().chain(corpus());
    for (name, event) in all {
        let kind = TriggerKind::of(&event);
        let Ok(mut value) = serde_json::from_slice::<Value>(&event) else {
            continue;
        };
        let wanted: Vec<Value> = parsed_records(kind, &mut value)
            .into_iter()
            .flat_map(|a| a.clone())
            .collect();
        let found: Vec<Value> = records(&event, kind)
            .map(|record| serde_json::from_slice(&event[record.span]).unwrap())
            .collect();
        assert_eq!(found, wanted, "{name}");
        let mut walk = Walk::new(&event, kind);
        for (index, record) in records(&event, kind).enumerate() {
            assert_eq!(record.index, index);
            for offset in record.span {
                assert_eq!(
                    walk.locate(offset).record,
                    Some(index),
                    "{name} at {offset}"
                );
            }
        }
    }
}

#[test]
fn records_have_ids_and_groups() {
    let ids = |name: &str| -> Vec<(String, Option<String>)> {
        let event = fixture(name);
        let text = |raw: &[u8]| String::from_utf8(raw.to_vec()).unwrap();
        records(&event, TriggerKind::of(&event))
            .map(|record| (text(record.id.unwrap_or_default()), record.group.map(text)))
            .collect()
    };
    let fifo = ids("sqs-fifo");
    assert_eq!(fifo[0].0, "059f36b4-87a3-44ab-83d2-661970000001");
    let groups: Vec<_> = fifo
        .iter()
        .map(|(_, group)| group.as_deref().unwrap())
        .collect();
    let wanted = [
        "customer-17",
        "customer-23",
        "customer-17",
        "customer-23",
        "customer-31",
    ];
    assert_eq!(groups, wanted);
    assert_eq!(
        ids("sqs")[2],
        ("059f36b4-87a3-44ab-83d2-661970000003".to_owned(), None)
    );
    assert_eq!(ids("dynamodb")[1].0, "111100000000001234567891");
    assert_eq!(
        ids("kinesis")[0].0,
        "49590338271490256608559692538361571095921575989136588898"
    );
    assert_eq!(ids("firehose")[0].0, "495715460527700000");
    assert_eq!(ids("sns")[0].0, "95df01b4-ee98-5cb9-9903-4c221d41eb5e");
    assert!(ids("apigw-v2").is_empty());
}

#[test]
fn bare_arrays_of_records_are_batches() {
    for (name, kind) in [
        ("sqs", TriggerKind::Sqs),
        ("kinesis", TriggerKind::Kinesis),
        ("dynamodb", TriggerKind::DynamoDb),
    ] {
        let value: Value = serde_json::from_slice(&fixture(name)).unwrap();
        let event = serde_json::to_vec(&value["Records"]).unwrap();
        assert_eq!(TriggerKind::of(&event), kind);
        assert_eq!(records(&event, kind).count(), 3);
        assert!(records(&event, kind).all(|record| record.id.is_some()));
        let rest = without(&event, kind, |index| index == 1);
        let rest: Value = serde_json::from_slice(&rest).unwrap();
        assert_eq!(rest, Value::Array(vec![value["Records"][1].clone()]));
    }
}

#[test]
fn random_batches_are_those_that_a_parser_sees() {
    for seed in 0..300 {
        let mut random = Random(seed);
        let mut event = String::from("{\"before\":");
        random.value(3, &mut event);
        event.push_str(",\"Records\" : [");
        let count = random.below(6);
        for index in 0..count {
            if index > 0 {
                event.push(',');
            }
            random.space(&mut event);
            event.push_str("{\"messageId\":\"");
            event.push_str(&index.to_string());
            event.push_str("\",\"receiptHandle\":\"h\",\"body\":");
            random.value(3, &mut event);
            event.push('}');
            random.space(&mut event);
        }
        event.push_str("],\"after\":");
        random.value(3, &mut event);
        event.push('}');

        let event = event.as_bytes();
        let value: Value = serde_json::from_slice(event).unwrap();
        let wanted = value["Records"].as_array().unwrap();
        let kind = if count > 0 {
            TriggerKind::Sqs
        } else {
            TriggerKind::Custom
        };
        assert_eq!(TriggerKind::of(event), kind);
        let found: Vec<_> = records(event, TriggerKind::Sqs).collect();
        assert_eq!(found.len(), wanted.len());
        for (record, wanted) in found.iter().zip(wanted) {
            let parsed: Value = serde_json::from_slice(&event[record.span.clone()]).unwrap();
            assert_eq!(parsed, *wanted);
            assert_eq!(
                record.id,
                Some(wanted["messageId"].as_str().unwrap().as_bytes())
            );
        }
        let kept = random.below(1 << count);
        let keep = |index: usize| kept & (1 << index) != 0;
        let trimmed = without(event, TriggerKind::Sqs, keep);
        let mut less = value.clone();
        let mut index = 0;
        less["Records"].as_array_mut().unwrap().retain(|_| {
            index += 1;
            keep(index - 1)
        });
        assert_eq!(
            serde_json::from_slice::<Value>(&trimmed).unwrap(),
            less,
            "{seed}"
        );
    }
}

#[test]
fn a_window_without_records_is_its_streams() {
    for (service, kind) in [
        ("kinesis", TriggerKind::Kinesis),
        ("dynamodb", TriggerKind::DynamoDb),
    ] {
        let event = format!(
            "{{\"Records\":[],\"window\":{{}},\"state\":{{}},\
             \"eventSourceARN\":\"arn:aws:{service}:eu-west-1:123456789012:x/y\"}}"
        );
        assert_eq!(TriggerKind::of(event.as_bytes()), kind);
        assert_eq!(records(event.as_bytes(), kind).count(), 0);
    }
}

#[test]
fn without_takes_out_records_and_leaves_the_rest() {
    for (name, event) in fixtures() {
        let kind = TriggerKind::of(&event);
        let count = records(&event, kind).count();
        for kept in 0..1_u32 << count {
            let keep = |index: usize| kept & (1 << index) != 0;
            let trimmed = without(&event, kind, keep);
            let mut wanted: Value = serde_json::from_slice(&event).unwrap();
            let mut index = 0;
            for array in parsed_records(kind, &mut wanted) {
                array.retain(|_| {
                    index += 1;
                    keep(index - 1)
                });
            }
            let found: Value = serde_json::from_slice(&trimmed).unwrap_or_else(|e| {
                panic!(
                    "{name} {kept:b}: {e}: {}",
                    String::from_utf8_lossy(&trimmed)
                )
            });
            assert_eq!(found, wanted, "{name} {kept:b}");
            if count > 0 && kept + 1 == 1 << count {
                assert_eq!(trimmed, event, "{name}");
            }
        }
    }
}
