//! Walks: the strings that a parser sees, their pointers, and whose they are.

use std::collections::BTreeMap;

use guard_core::event::{Origin, Place, TriggerKind, Walk, write_pointer};
use serde_json::Value;

use crate::{Random, corpus, fixture, fixtures};

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
