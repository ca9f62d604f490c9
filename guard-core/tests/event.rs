//! The event model against real events, and against what `serde_json` says of the same bytes.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use guard_core::event::{
    Encoding, Limits, Origin, Place, TriggerKind, Walk, encoded_values, principal, records,
    without, write_pointer,
};
use serde_json::Value;

fn fixtures() -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/events");
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    let name = |path: &Path| path.file_stem().unwrap().to_str().unwrap().to_owned();
    let files: Vec<_> = files
        .iter()
        .map(|p| (name(p), fs::read(p).unwrap()))
        .collect();
    assert!(files.len() > 30);
    // As Lambda sends them, too.
    let dense = files
        .iter()
        .map(|(name, event)| (name.clone(), dense(event)));
    files.iter().cloned().chain(dense).collect()
}

fn fixture(name: &str) -> Vec<u8> {
    fixtures().into_iter().find(|(n, _)| n == name).unwrap().1
}

fn dense(event: &[u8]) -> Vec<u8> {
    serde_json::to_vec(&serde_json::from_slice::<Value>(event).unwrap()).unwrap()
}

fn corpus() -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus/events");
    let Ok(sources) = fs::read_dir(&folder) else {
        println!("skipped: ../shared/corpus/events is not there");
        return Vec::new();
    };
    let mut files = Vec::new();
    for source in sources {
        for entry in fs::read_dir(source.unwrap().path()).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            files.push((name, fs::read(path).unwrap()));
        }
    }
    files.sort();
    files
}

/// The kind that a fixture's name tells.
fn fixture_kind(name: &str) -> TriggerKind {
    let table = [
        ("apigw-v1", TriggerKind::ApiGatewayV1),
        ("apigw-v2", TriggerKind::ApiGatewayV2),
        ("function-url", TriggerKind::FunctionUrl),
        ("websocket", TriggerKind::WebSocket),
        ("alb", TriggerKind::Alb),
        ("authorizer", TriggerKind::Authorizer),
        ("appsync", TriggerKind::AppSync),
        ("sqs", TriggerKind::Sqs),
        ("sns", TriggerKind::Sns),
        ("s3", TriggerKind::S3),
        ("dynamodb", TriggerKind::DynamoDb),
        ("documentdb", TriggerKind::DocumentDb),
        ("kinesis", TriggerKind::Kinesis),
        ("firehose", TriggerKind::Firehose),
        ("eventbridge", TriggerKind::EventBridge),
        ("cognito", TriggerKind::Cognito),
        ("iot", TriggerKind::Iot),
        ("kafka", TriggerKind::Kafka),
        ("activemq", TriggerKind::ActiveMq),
        ("rabbitmq", TriggerKind::RabbitMq),
        ("ses", TriggerKind::Ses),
        ("cloudwatch-logs", TriggerKind::CloudWatchLogs),
        ("step-functions", TriggerKind::Custom),
        ("custom", TriggerKind::Custom),
    ];
    table
        .iter()
        .find(|(prefix, _)| name.starts_with(prefix))
        .expect(name)
        .1
}

/// The kind that a corpus file's name tells; the first prefix that fits decides.
fn corpus_kind(name: &str) -> TriggerKind {
    let name = name.strip_prefix("example-").unwrap_or(name);
    let table = [
        ("dynamodb-event-record", TriggerKind::Custom),
        ("apigw-custom-auth-request", TriggerKind::Authorizer),
        ("apigw-v2-custom-authorizer", TriggerKind::Authorizer),
        ("appsync-lambda-auth-request", TriggerKind::Authorizer),
        ("apigw-websocket", TriggerKind::WebSocket),
        ("apigw-sam-http", TriggerKind::ApiGatewayV2),
        ("apigw-v2-request", TriggerKind::ApiGatewayV2),
        ("apigw-console", TriggerKind::ApiGatewayV1),
        ("apigw-re", TriggerKind::ApiGatewayV1),
        ("apigw-sam-rest", TriggerKind::ApiGatewayV1),
        ("alb-lambda-target-request", TriggerKind::Alb),
        ("lambda-urls-request", TriggerKind::FunctionUrl),
        ("appsync-direct-resolver", TriggerKind::AppSync),
        ("sqs-event", TriggerKind::Sqs),
        ("sns-event", TriggerKind::Sns),
        ("cloudwatch-alarm-sns", TriggerKind::Sns),
        ("cloudwatch-alarm-composite-with", TriggerKind::Custom),
        ("s3-object-lambda", TriggerKind::Custom),
        ("s3-batch-job", TriggerKind::Custom),
        ("s3-", TriggerKind::S3),
        ("dynamodb-", TriggerKind::DynamoDb),
        ("documentdb-", TriggerKind::DocumentDb),
        ("kinesis-firehose-event", TriggerKind::Firehose),
        ("kinesis-analytics", TriggerKind::Custom),
        ("kinesis-event", TriggerKind::Kinesis),
        ("kinesis-time-window", TriggerKind::Kinesis),
        ("firehose-event", TriggerKind::Firehose),
        ("eventbridge-", TriggerKind::EventBridge),
        ("autoscaling-", TriggerKind::EventBridge),
        ("codebuild-", TriggerKind::EventBridge),
        ("codedeploy-lifecycle", TriggerKind::Custom),
        ("codedeploy-", TriggerKind::EventBridge),
        ("codepipeline-job", TriggerKind::Custom),
        ("codepipeline-", TriggerKind::EventBridge),
        ("ecr-", TriggerKind::EventBridge),
        ("ecs-", TriggerKind::EventBridge),
        ("cognito-event", TriggerKind::Cognito),
        ("iot-custom-auth-request", TriggerKind::Iot),
        ("iot-preprovision-hook-request", TriggerKind::Iot),
        ("iot-button", TriggerKind::Iot),
        ("iot-1-click", TriggerKind::Iot),
        ("iot_", TriggerKind::Iot),
        ("kafka-event", TriggerKind::Kafka),
        ("activemq-event", TriggerKind::ActiveMq),
        ("rabbitmq-event", TriggerKind::RabbitMq),
        ("ses-", TriggerKind::Ses),
        ("cloudwatch-logs", TriggerKind::CloudWatchLogs),
        ("cloudwatch_logs", TriggerKind::CloudWatchLogs),
    ];
    // Responses of functions, fragments of events and services without a shape of their own.
    let response = name.contains("response") && !name.contains("optional-response-fields");
    match table.iter().find(|(prefix, _)| name.starts_with(prefix)) {
        Some((_, kind)) if !response => *kind,
        _ => TriggerKind::Custom,
    }
}

#[test]
fn kinds_of_fixtures() {
    for (name, event) in fixtures() {
        assert_eq!(TriggerKind::of(&event), fixture_kind(&name), "{name}");
    }
}

#[test]
fn kinds_of_the_corpus() {
    let mut counts = BTreeMap::new();
    for (name, event) in corpus() {
        let kind = TriggerKind::of(&event);
        assert_eq!(kind, corpus_kind(&name), "{name}");
        *counts.entry(kind).or_insert(0) += 1;
    }
    println!("{counts:?}");
}

#[test]
fn the_order_of_members_does_not_change_the_kind() {
    for (name, event) in fixtures() {
        let Value::Object(members) = serde_json::from_slice(&event).unwrap() else {
            panic!()
        };
        let reversed: serde_json::Map<_, _> = members.into_iter().rev().collect();
        let event = serde_json::to_vec(&Value::Object(reversed)).unwrap();
        assert_eq!(TriggerKind::of(&event), fixture_kind(&name), "{name}");
    }
}

#[test]
fn what_is_nested_does_not_change_the_kind() {
    let mut all = fixtures();
    // Those as they are written only.
    all.truncate(all.len() / 2);
    for (name, event) in &all {
        for (other_name, other) in &all {
            let mut value: Value = serde_json::from_slice(event).unwrap();
            let other_value: Value = serde_json::from_slice(other).unwrap();
            let text = Value::String(String::from_utf8(other.clone()).unwrap());
            put_at_callers_values(&mut value, &other_value, &text);
            value["aPayload"] = other_value;
            let event = serde_json::to_vec(&value).unwrap();
            assert_eq!(
                TriggerKind::of(&event),
                fixture_kind(name),
                "{name}, in it {other_name}"
            );
        }
    }
}

/// Puts other events where a caller's text and keys are.
fn put_at_callers_values(value: &mut Value, object: &Value, text: &Value) {
    for pointer in [
        "/body",
        "/Records/0/body",
        "/Records/0/Sns/Message",
        "/userName",
    ] {
        if let Some(place) = value.pointer_mut(pointer) {
            *place = text.clone();
        }
    }
    let objects = [
        "/headers",
        "/queryStringParameters",
        "/Records/0/messageAttributes",
        "/Records/0/dynamodb/NewImage",
        "/detail",
        "/request/userAttributes",
        "/arguments",
        "/requestContext/authorizer",
    ];
    for pointer in objects {
        if let Some(place) = value.pointer_mut(pointer) {
            *place = object.clone();
        }
    }
}

#[test]
fn hardly_json_is_custom() {
    for event in [
        "",
        " ",
        "{",
        "[",
        "null",
        "\"x\"",
        "{\"Records\":",
        "[[[",
        "{\"Records\":[",
        "}{",
    ] {
        assert_eq!(
            TriggerKind::of(event.as_bytes()),
            TriggerKind::Custom,
            "{event}"
        );
    }
}

/// Every string value of `value` with its pointer, in order.
fn strings(value: &Value, pointer: &str, out: &mut Vec<(String, String)>) {
    match value {
        Value::String(text) => out.push((pointer.to_owned(), text.clone())),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                strings(item, &format!("{pointer}/{index}"), out);
            }
        }
        Value::Object(members) => {
            for (key, item) in members {
                let key = key.replace('~', "~0").replace('/', "~1");
                strings(item, &format!("{pointer}/{key}"), out);
            }
        }
        _ => {}
    }
}

/// The same by walking over every offset.
fn walked(event: &[u8], kind: TriggerKind) -> Vec<(String, String)> {
    let mut walk = Walk::new(event, kind);
    let mut out = Vec::new();
    let mut last = None;
    for offset in 0..event.len() {
        let location = walk.locate(offset);
        let Some(span) = location.string else {
            continue;
        };
        assert!(
            span.start - 1 <= offset && offset <= span.end,
            "{offset} {span:?}"
        );
        if location.place == Place::Key || last == Some(span.clone()) {
            continue;
        }
        let text = serde_json::from_slice(&event[span.start - 1..=span.end]).unwrap();
        let mut pointer = String::new();
        walk.write_pointer(&mut pointer).unwrap();
        out.push((pointer, text));
        last = Some(span);
    }
    out
}

fn compare_strings(name: &str, event: &[u8]) {
    let mut wanted = Vec::new();
    let value = serde_json::from_slice(event).unwrap_or_else(|e| panic!("{name}: {e}"));
    strings(&value, "", &mut wanted);
    assert_eq!(walked(event, TriggerKind::of(event)), wanted, "{name}");
    for (pointer, _) in wanted {
        assert!(value.pointer(&pointer).is_some(), "{pointer}");
    }
}

#[test]
fn walks_see_the_strings_that_a_parser_sees() {
    for (name, event) in fixtures().iter().chain(&corpus()) {
        if serde_json::from_slice::<Value>(event).is_ok() {
            compare_strings(name, event);
        }
    }
    for seed in 0..400 {
        let event = Random(seed).json();
        compare_strings(&format!("seed {seed}: {event}"), event.as_bytes());
    }
}

/// Makes JSON, reproducibly.
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }

    fn json(&mut self) -> String {
        let mut out = String::new();
        self.value(5, &mut out);
        out
    }

    fn space(&mut self, out: &mut String) {
        for _ in 0..self.below(3) {
            out.push([' ', '\n', '\t', '\r'][usize::try_from(self.below(4)).unwrap()]);
        }
    }

    fn string(&mut self, out: &mut String) {
        const PARTS: [&str; 14] = [
            "a",
            "Records",
            "\\\"",
            "\\\\",
            "/",
            "~",
            "\\u0041",
            "\\ud83d\\ude00",
            "{",
            "]",
            ",",
            ":",
            "é",
            "\\n",
        ];
        out.push('"');
        for _ in 0..self.below(12) {
            out.push_str(PARTS[usize::try_from(self.below(14)).unwrap()]);
        }
        out.push('"');
    }

    fn value(&mut self, depth: u64, out: &mut String) {
        self.space(out);
        match self.below(if depth == 0 { 4 } else { 8 }) {
            0 | 1 => self.string(out),
            2 => out.push_str("-1.5e+3"),
            3 => out.push_str(["null", "true", "false"][usize::try_from(self.below(3)).unwrap()]),
            4 | 5 => {
                out.push('[');
                for i in 0..self.below(5) {
                    if i > 0 {
                        out.push(',');
                    }
                    self.value(depth - 1, out);
                }
                self.space(out);
                out.push(']');
            }
            _ => {
                out.push('{');
                for i in 0..self.below(5) {
                    if i > 0 {
                        out.push(',');
                    }
                    self.space(out);
                    // A number first, so that no key comes twice.
                    let at = out.len();
                    self.string(out);
                    out.insert_str(at + 1, &i.to_string());
                    self.space(out);
                    out.push(':');
                    self.value(depth - 1, out);
                }
                self.space(out);
                out.push('}');
            }
        }
        self.space(out);
    }
}

#[test]
fn what_is_whose() {
    let table = [
        ("apigw-v1", "/path", Origin::Caller, Place::Value),
        (
            "apigw-v1",
            "/headers/User-Agent",
            Origin::Caller,
            Place::Header,
        ),
        (
            "apigw-v1",
            "/multiValueHeaders/Accept/0",
            Origin::Caller,
            Place::Header,
        ),
        (
            "apigw-v1",
            "/queryStringParameters/notify",
            Origin::Caller,
            Place::Value,
        ),
        (
            "apigw-v1",
            "/requestContext/path",
            Origin::Caller,
            Place::Value,
        ),
        (
            "apigw-v1",
            "/requestContext/requestTime",
            Origin::Platform,
            Place::Value,
        ),
        (
            "apigw-v1",
            "/requestContext/identity/userAgent",
            Origin::Caller,
            Place::Header,
        ),
        (
            "apigw-v1",
            "/requestContext/authorizer/claims/email",
            Origin::Caller,
            Place::Value,
        ),
        (
            "apigw-v1",
            "/stageVariables/table",
            Origin::Platform,
            Place::Value,
        ),
        ("apigw-v1", "/body", Origin::Caller, Place::Value),
        ("apigw-v2", "/cookies/0", Origin::Caller, Place::Header),
        ("apigw-v2", "/rawQueryString", Origin::Caller, Place::Value),
        (
            "apigw-v2",
            "/requestContext/http/path",
            Origin::Caller,
            Place::Value,
        ),
        (
            "apigw-v2",
            "/requestContext/timeEpoch",
            Origin::Platform,
            Place::Value,
        ),
        (
            "apigw-v2",
            "/requestContext/domainName",
            Origin::Platform,
            Place::Value,
        ),
        (
            "function-url",
            "/requestContext/http/userAgent",
            Origin::Caller,
            Place::Header,
        ),
        (
            "websocket",
            "/requestContext/connectionId",
            Origin::Platform,
            Place::Value,
        ),
        ("websocket", "/body", Origin::Caller, Place::Value),
        (
            "alb",
            "/requestContext/elb/targetGroupArn",
            Origin::Platform,
            Place::Value,
        ),
        (
            "authorizer-token",
            "/methodArn",
            Origin::Caller,
            Place::Value,
        ),
        (
            "appsync",
            "/arguments/input/note",
            Origin::Caller,
            Place::Value,
        ),
        ("appsync", "/info/fieldName", Origin::Platform, Place::Value),
        ("sqs", "/Records/0/body", Origin::Caller, Place::Value),
        (
            "sqs",
            "/Records/1/md5OfBody",
            Origin::Platform,
            Place::Value,
        ),
        (
            "sqs",
            "/Records/0/messageAttributes/channel/stringValue",
            Origin::Caller,
            Place::Value,
        ),
        (
            "sqs-fifo",
            "/Records/2/attributes/MessageGroupId",
            Origin::Caller,
            Place::Value,
        ),
        (
            "sns",
            "/Records/0/Sns/SigningCertUrl",
            Origin::Platform,
            Place::Value,
        ),
        (
            "sns",
            "/Records/0/Sns/Subject",
            Origin::Caller,
            Place::Value,
        ),
        (
            "s3",
            "/Records/1/s3/object/key",
            Origin::Caller,
            Place::Value,
        ),
        (
            "s3",
            "/Records/1/s3/object/eTag",
            Origin::Platform,
            Place::Value,
        ),
        (
            "dynamodb",
            "/Records/0/dynamodb/NewImage/note/S",
            Origin::Caller,
            Place::Value,
        ),
        (
            "kinesis",
            "/Records/0/kinesis/partitionKey",
            Origin::Caller,
            Place::Value,
        ),
        (
            "kinesis",
            "/Records/0/eventID",
            Origin::Platform,
            Place::Value,
        ),
        ("eventbridge", "/detail/note", Origin::Caller, Place::Value),
        ("eventbridge", "/time", Origin::Platform, Place::Value),
        (
            "cognito",
            "/request/userAttributes/name",
            Origin::Caller,
            Place::Value,
        ),
        (
            "iot-authorizer",
            "/protocolData/mqtt/username",
            Origin::Caller,
            Place::Value,
        ),
        (
            "kafka-msk",
            "/bootstrapServers",
            Origin::Platform,
            Place::Value,
        ),
        (
            "ses",
            "/Records/0/ses/mail/commonHeaders/subject",
            Origin::Caller,
            Place::Value,
        ),
        (
            "ses",
            "/Records/0/ses/receipt/action/functionArn",
            Origin::Platform,
            Place::Value,
        ),
        ("custom", "/task", Origin::Caller, Place::Value),
    ];
    for (name, pointer, origin, place) in table {
        let event = fixture(name);
        let mut walk = Walk::new(&event, TriggerKind::of(&event));
        let found = (0..event.len()).find_map(|offset| {
            let location = walk.locate(offset);
            let mut at = String::new();
            walk.write_pointer(&mut at).unwrap();
            // Past the key of the same member.
            (at == pointer && location.place != Place::Key && event[offset] != b':')
                .then_some((offset, location))
        });
        let (offset, location) = found.unwrap_or_else(|| panic!("{name} has no {pointer}"));
        assert_eq!(
            (location.origin, location.place),
            (origin, place),
            "{name} {pointer}"
        );
        let mut again = String::new();
        write_pointer(&event, offset, &mut again).unwrap();
        assert_eq!(again, pointer);
    }
}

#[test]
fn keys_are_the_platforms_only_where_it_names_them() {
    let event = fixture("apigw-v1");
    let mut walk = Walk::new(&event, TriggerKind::ApiGatewayV1);
    let mut origins = BTreeMap::new();
    for offset in 0..event.len() {
        let location = walk.locate(offset);
        if let (Some(span), Place::Key) = (location.string, location.place) {
            let key = String::from_utf8(event[span].to_vec()).unwrap();
            origins.insert(key, location.origin);
        }
    }
    for (key, origin) in [
        ("body", Origin::Platform),
        ("resourceId", Origin::Platform),
        ("User-Agent", Origin::Caller),
        ("notify", Origin::Caller),
        ("email", Origin::Caller),
        ("table", Origin::Platform),
    ] {
        assert_eq!(origins[key], origin, "{key}");
    }
}

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

fn measure(value: &Value) -> (u64, u64) {
    let inner: Vec<_> = match value {
        Value::Array(items) => items.iter().map(measure).collect(),
        Value::Object(members) => members.values().map(measure).collect(),
        _ => return (0, 1),
    };
    let depth = inner.iter().map(|(depth, _)| *depth).max().unwrap_or(0);
    (
        depth + 1,
        1 + inner.iter().map(|(_, values)| values).sum::<u64>(),
    )
}

#[test]
fn limits_are_those_that_a_parser_counts() {
    for (name, event) in fixtures() {
        let (depth, values) = measure(&serde_json::from_slice(&event).unwrap());
        let mut limits = Limits::default();
        (limits.bytes, limits.depth, limits.values) =
            (Some(event.len() as u64), Some(depth), Some(values));
        assert_eq!(limits.check(&event), Ok(()), "{name}");
        for (rule, limits) in [
            (
                "limit.bytes",
                Limits {
                    bytes: Some(event.len() as u64 - 1),
                    ..limits
                },
            ),
            (
                "limit.depth",
                Limits {
                    depth: Some(depth - 1),
                    ..limits
                },
            ),
            (
                "limit.values",
                Limits {
                    values: Some(values - 1),
                    ..limits
                },
            ),
        ] {
            assert_eq!(
                limits.check(&event).map_err(|e| e.rule()),
                Err(rule),
                "{name}"
            );
        }
    }
    let hostile = "[".repeat(10_000);
    assert_eq!(Limits::default().check(hostile.as_bytes()), Ok(()));
    let error = Limits {
        depth: Some(100),
        ..Limits::default()
    }
    .check(hostile.as_bytes());
    assert_eq!(error.unwrap_err().at(), 100);
}

/// Asks everything of any bytes; only that it answers, and inside of the event.
fn ask_everything(event: &[u8]) {
    let kind = TriggerKind::of(event);
    for kind in [
        kind,
        TriggerKind::Sqs,
        TriggerKind::ApiGatewayV1,
        TriggerKind::Kafka,
    ] {
        let mut walk = Walk::new(event, kind);
        for offset in (0..event.len() + 2).step_by(1 + event.len() / 512) {
            if let Some(span) = walk.locate(offset).string {
                assert!(span.start <= span.end && span.end <= event.len());
            }
            walk.write_pointer(&mut String::new()).unwrap();
        }
        for value in encoded_values(event, kind) {
            assert!(value.span.start <= value.span.end && value.span.end <= event.len());
        }
        let mut last = 0;
        for record in records(event, kind) {
            assert!(last <= record.span.start && record.span.start < record.span.end);
            assert!(record.span.end <= event.len());
            last = record.span.end;
        }
        assert_eq!(without(event, kind, |_| true), event);
        assert!(without(event, kind, |index| index % 2 == 0).len() <= event.len());
        let _ = principal(event, kind);
    }
    let _ = Limits {
        bytes: None,
        depth: Some(50),
        values: Some(1000),
    }
    .check(event);
}

#[test]
fn broken_events_are_survived() {
    let mut random = Random(7);
    for (_, event) in fixtures() {
        for _ in 0..12 {
            let len = usize::try_from(random.below(event.len() as u64)).unwrap();
            ask_everything(&event[..len]);
            let mut broken = event.clone();
            for _ in 0..=random.below(8) {
                let at = usize::try_from(random.below(event.len() as u64)).unwrap();
                broken[at] = b"{}[]\",:\\\0\xff\x80 u"[usize::try_from(random.below(13)).unwrap()];
            }
            ask_everything(&broken);
        }
    }
}

#[test]
fn extreme_events_are_survived() {
    // The largest event Lambda delivers; less where nothing is optimized.
    let large = if cfg!(debug_assertions) {
        1 << 20
    } else {
        6 << 20
    };
    let open = "[".repeat(10_000);
    let objects = "{\"a\":".repeat(10_000);
    for event in [
        Vec::new(),
        open.clone().into_bytes(),
        format!("{open}{}", "]".repeat(10_000)).into_bytes(),
        format!("{objects}\"x\"{}", "}".repeat(10_000)).into_bytes(),
        "]".repeat(10_000).into_bytes(),
        format!("{{\"Records\":{open}").into_bytes(),
        vec![b'"'; large],
        vec![b'\\'; large],
        [b"\"", vec![b'\\'; large].as_slice()].concat(),
        [b"{\"body\":\"", vec![b'x'; large].as_slice()].concat(),
        vec![b','; large],
        vec![b' '; large],
        vec![0; large],
        b"{\"Records\":[1,{\"messageId\":2},\"x\",[],null]}".to_vec(),
        b"{\"\\ud800\":{\"\\ud800\\u0041\":\"\\u12\"}}".to_vec(),
    ] {
        ask_everything(&event);
    }
}

#[test]
fn deep_levels_are_counted_not_named() {
    let event = format!("{}\"x\"{}", "{\"a\":".repeat(100), "}".repeat(100));
    let offset = event.find('x').unwrap();
    let mut walk = Walk::new(event.as_bytes(), TriggerKind::Custom);
    let location = walk.locate(offset);
    assert_eq!(location.depth, 100);
    assert_eq!(location.place, Place::Value);
    let mut pointer = String::new();
    walk.write_pointer(&mut pointer).unwrap();
    assert_eq!(pointer, "/a".repeat(Walk::LEVELS));
}

#[test]
fn pointers_are_escaped() {
    let event = br#"{"a/b~c":[0,{"\u00e9\ud83d\ude00\ud800":"x"}],"":{"\"\\":1}}"#;
    for (part, wanted) in [
        ("x\"", "/a~1b~0c/1/\u{e9}\u{1f600}\u{fffd}"),
        ("1}", "//\"\\"),
        ("[0", "/a~1b~0c"),
    ] {
        let offset = event.windows(2).position(|w| w == part.as_bytes()).unwrap();
        let mut pointer = String::new();
        write_pointer(event, offset, &mut pointer).unwrap();
        assert_eq!(pointer, wanted);
    }
}
