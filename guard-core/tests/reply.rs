//! What blocked events get, by trigger and setting.

use std::fs;
use std::path::Path;

use guard_core::event::{TriggerKind, records};
use guard_core::reply::{Answer, Blocked, OnBlock, Trimmed, answer, merge_failures};
use serde_json::{Value, json};

fn fixture(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/events");
    fs::read(folder.join(name).with_extension("json")).unwrap()
}

fn answer_to(event: &[u8], records: &[usize], on_block: OnBlock) -> Answer {
    answer(&Blocked {
        event,
        kind: TriggerKind::of(event),
        records,
        rule: "sql.tautology",
        request_id: "7f3c",
        on_block,
    })
}

fn respond(answer: Answer) -> Value {
    match answer {
        Answer::Respond(bytes) => serde_json::from_slice(&bytes).unwrap(),
        other => panic!("{other:?}"),
    }
}

fn deliver(answer: Answer) -> Trimmed {
    match answer {
        Answer::Deliver(trimmed) => trimmed,
        other => panic!("{other:?}"),
    }
}

fn assert_fails(answer: &Answer) {
    let Answer::Fail {
        error_type,
        error_message,
    } = answer
    else {
        panic!("{answer:?}")
    };
    assert_eq!(*error_type, "Guard.Blocked");
    assert_eq!(
        error_message,
        "blocked by rule sql.tautology (request 7f3c)"
    );
}

const ALL: [OnBlock; 3] = [OnBlock::Fail, OnBlock::Partial, OnBlock::Drop];

#[test]
fn http_callers_get_403_whatever_the_setting() {
    let body = json!({
        "message": "blocked by rule sql.tautology (request 7f3c)",
        "rule": "sql.tautology",
        "requestId": "7f3c",
    });
    let headers = json!({"content-type": "application/json", "cache-control": "no-store"});
    let multi = json!({"content-type": ["application/json"], "cache-control": ["no-store"]});
    for on_block in ALL {
        for name in [
            "apigw-v1",
            "apigw-v2",
            "function-url",
            "websocket",
            "websocket-connect",
            "alb",
            "alb-multi-value",
        ] {
            let reply = respond(answer_to(&fixture(name), &[], on_block));
            assert_eq!(reply["statusCode"], 403, "{name}");
            assert_eq!(reply["isBase64Encoded"], false, "{name}");
            let text = reply["body"].as_str().unwrap();
            assert_eq!(serde_json::from_str::<Value>(text).unwrap(), body, "{name}");
            let is_alb = name.starts_with("alb");
            assert_eq!(reply.get("statusDescription").is_some(), is_alb, "{name}");
            let (single, several) = match name {
                "alb-multi-value" => (None, Some(&multi)),
                "websocket" | "websocket-connect" => (None, None),
                _ => (Some(&headers), None),
            };
            assert_eq!(reply.get("headers"), single, "{name}");
            assert_eq!(reply.get("multiValueHeaders"), several, "{name}");
        }
    }
}

#[test]
fn replies_are_json_whatever_the_request_id_holds() {
    let event = fixture("apigw-v2");
    let Answer::Respond(reply) = answer(&Blocked {
        event: &event,
        kind: TriggerKind::ApiGatewayV2,
        records: &[],
        rule: "sql.tautology",
        request_id: "7\"\\\n\u{1b}[31m\u{2028}",
        on_block: OnBlock::Fail,
    }) else {
        panic!()
    };
    assert!(reply.is_ascii());
    let reply: Value = serde_json::from_slice(&reply).unwrap();
    let body: Value = serde_json::from_str(reply["body"].as_str().unwrap()).unwrap();
    assert_eq!(body["requestId"], "7\"\\\n\u{1b}[31m\u{2028}");
}

#[test]
fn fail_is_an_error() {
    for name in [
        "sqs", "sqs-fifo", "kinesis", "dynamodb", "firehose", "sns", "s3", "custom",
    ] {
        assert_fails(&answer_to(&fixture(name), &[0], OnBlock::Fail));
        assert_fails(&answer_to(&fixture(name), &[], OnBlock::Fail));
    }
}

#[test]
fn who_waits_for_an_answer_gets_an_error() {
    for name in [
        "authorizer-request",
        "authorizer-token",
        "authorizer-v2",
        "appsync",
        "cognito",
        "iot-authorizer",
        "step-functions",
        "custom",
    ] {
        for on_block in ALL {
            assert_fails(&answer_to(&fixture(name), &[], on_block));
        }
    }
}

#[test]
fn partial_is_an_error_without_item_failures() {
    for name in [
        "sns",
        "s3",
        "ses",
        "kafka-msk",
        "activemq",
        "rabbitmq",
        "documentdb",
    ] {
        assert_fails(&answer_to(&fixture(name), &[0], OnBlock::Partial));
    }
    for name in ["eventbridge", "cloudwatch-logs"] {
        assert_fails(&answer_to(&fixture(name), &[], OnBlock::Partial));
    }
    // Nothing to report: outside of the records, or not among them.
    assert_fails(&answer_to(&fixture("sqs"), &[], OnBlock::Partial));
    assert_fails(&answer_to(&fixture("sqs"), &[3], OnBlock::Partial));
}

fn delivered(trimmed: &Trimmed) -> Vec<String> {
    records(&trimmed.event, TriggerKind::of(&trimmed.event))
        .map(|record| String::from_utf8(record.id.unwrap().to_vec()).unwrap())
        .collect()
}

fn ids(event: &[u8]) -> Vec<String> {
    records(event, TriggerKind::of(event))
        .map(|record| String::from_utf8(record.id.unwrap().to_vec()).unwrap())
        .collect()
}

fn pick(ids: &[String], indices: &[usize]) -> Vec<String> {
    indices.iter().map(|index| ids[*index].clone()).collect()
}

#[test]
fn partial_delivers_what_may_be_processed_and_reports_the_rest() {
    // Event, blocked, delivered, reported.
    let table: [(&str, &[usize], &[usize], &[usize]); 10] = [
        ("sqs", &[1], &[0, 2], &[1]),
        ("sqs", &[0, 2], &[1], &[0, 2]),
        // Groups: 17, 23, 17, 23, 31.
        ("sqs-fifo", &[0], &[1, 3, 4], &[0, 2]),
        ("sqs-fifo", &[2], &[0, 1, 3, 4], &[2]),
        ("sqs-fifo", &[1, 4], &[0, 2], &[1, 3, 4]),
        ("kinesis", &[1], &[0], &[1]),
        ("kinesis", &[2], &[0, 1], &[2]),
        ("dynamodb", &[1, 2], &[0], &[1]),
        ("firehose", &[1], &[0, 2], &[1]),
        ("firehose", &[0, 1], &[2], &[0, 1]),
    ];
    for (name, blocked, wanted, reported) in table {
        let event = fixture(name);
        let ids = ids(&event);
        let trimmed = deliver(answer_to(&event, blocked, OnBlock::Partial));
        assert_eq!(
            delivered(&trimmed),
            pick(&ids, wanted),
            "{name} {blocked:?}"
        );
        assert_eq!(trimmed.failures, pick(&ids, reported), "{name} {blocked:?}");
        assert!(trimmed.merges());
        for index in 0..ids.len() {
            assert_eq!(wanted.contains(&index), !trimmed.withheld.contains(&index));
        }
    }
}

#[test]
fn groups_of_standard_queues_keep_no_order() {
    let event = String::from_utf8(fixture("sqs-fifo"))
        .unwrap()
        .replace("orders.fifo", "orders");
    let trimmed = deliver(answer_to(event.as_bytes(), &[0], OnBlock::Partial));
    assert_eq!(trimmed.withheld, [0]);
}

#[test]
fn partial_reports_for_the_handler_when_nothing_is_left() {
    let event = fixture("sqs");
    let reply = respond(answer_to(&event, &[0, 1, 2], OnBlock::Partial));
    let failures: Vec<Value> = ids(&event)
        .into_iter()
        .map(|id| json!({ "itemIdentifier": id }))
        .collect();
    assert_eq!(reply, json!({ "batchItemFailures": failures }));

    let event = fixture("kinesis");
    let reply = respond(answer_to(&event, &[0, 2], OnBlock::Partial));
    assert_eq!(
        reply,
        json!({"batchItemFailures": [{"itemIdentifier": ids(&event)[0]}]})
    );

    let event = fixture("firehose");
    let reply = respond(answer_to(&event, &[0, 1, 2], OnBlock::Partial));
    assert_eq!(reply["records"].as_array().unwrap().len(), 3);
    assert_eq!(
        reply["records"][1],
        json!({"recordId": ids(&event)[1], "result": "ProcessingFailed", "data": ""})
    );
}

#[test]
fn a_record_without_a_name_cannot_be_reported() {
    let event = br#"{"Records":[{"receiptHandle":"x","messageId":""},{"receiptHandle":"y"}]}"#;
    assert_fails(&answer_to(event, &[0], OnBlock::Partial));
    assert_fails(&answer_to(event, &[1], OnBlock::Partial));
}

#[test]
fn drop_takes_out_the_blocked_records_only() {
    for (name, blocked, left) in [
        ("sqs", &[1][..], 2),
        ("sqs-fifo", &[0], 4),
        ("kinesis", &[0], 2),
        ("dynamodb", &[0, 1], 1),
        ("s3", &[1], 1),
        ("kafka-msk", &[2], 2),
        ("activemq", &[0], 1),
    ] {
        let event = fixture(name);
        let trimmed = deliver(answer_to(&event, blocked, OnBlock::Drop));
        let kind = TriggerKind::of(&event);
        assert_eq!(records(&trimmed.event, kind).count(), left, "{name}");
        assert_eq!(trimmed.withheld, blocked, "{name}");
        assert_eq!(
            trimmed.merge(b"{\"own\": 1}").unwrap(),
            b"{\"own\": 1}",
            "{name}"
        );
        assert!(!trimmed.merges());
    }
    let trimmed = deliver(answer_to(&fixture("firehose"), &[1], OnBlock::Drop));
    let response = br#"{"records": [{"recordId": "a", "result": "Ok", "data": ""}]}"#;
    let merged: Value = serde_json::from_slice(&trimmed.merge(response).unwrap()).unwrap();
    assert_eq!(merged["records"][1]["result"], "Dropped");
    assert!(trimmed.merge(b"{}").is_err());
    assert!(trimmed.merge(b"null").is_err());
}

#[test]
fn drop_answers_success_when_nothing_is_left() {
    for (name, blocked, wanted) in [
        ("sqs", &[0, 1, 2][..], json!(null)),
        ("sqs", &[], json!(null)),
        ("sns", &[0], json!(null)),
        ("kinesis", &[0, 1, 2], json!(null)),
        ("ses", &[0], json!({"disposition": "STOP_RULE_SET"})),
        ("eventbridge", &[], json!(null)),
        ("cloudwatch-logs", &[], json!(null)),
    ] {
        assert_eq!(
            respond(answer_to(&fixture(name), blocked, OnBlock::Drop)),
            wanted,
            "{name}"
        );
    }
}

#[test]
fn the_state_of_a_window_is_kept() {
    let mut event: Value = serde_json::from_slice(&fixture("kinesis")).unwrap();
    event["window"] = json!({"start": "2024-09-24T14:10:00Z", "end": "2024-09-24T14:15:00Z"});
    event["state"] = json!({"sum": 42});
    let event = serde_json::to_vec(&event).unwrap();
    let reply = respond(answer_to(&event, &[0, 1, 2], OnBlock::Drop));
    assert_eq!(
        reply,
        json!({"state": {"sum": 42}, "batchItemFailures": []})
    );
    let reply = respond(answer_to(&event, &[0], OnBlock::Partial));
    assert_eq!(reply["state"], json!({"sum": 42}));
    assert_eq!(reply["batchItemFailures"].as_array().unwrap().len(), 1);
}

#[test]
fn no_reply_holds_the_payload() {
    let event = String::from_utf8(fixture("sqs"))
        .unwrap()
        .replace("ring twice", "OR 1=1 --");
    for on_block in ALL {
        for blocked in [&[][..], &[0], &[0, 1, 2]] {
            match answer_to(event.as_bytes(), blocked, on_block) {
                Answer::Respond(bytes) => {
                    assert!(!String::from_utf8(bytes).unwrap().contains("1=1"));
                }
                Answer::Fail { error_message, .. } => assert!(!error_message.contains("1=1")),
                Answer::Deliver(trimmed) => {
                    assert!(!String::from_utf8(trimmed.event).unwrap().contains("1=1"));
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

#[test]
fn failures_join_the_handlers_own() {
    for (response, wanted) in [
        (
            "",
            r#"{"batchItemFailures":[{"itemIdentifier":"a"},{"itemIdentifier":"b"}]}"#,
        ),
        (
            "null",
            r#"{"batchItemFailures":[{"itemIdentifier":"a"},{"itemIdentifier":"b"}]}"#,
        ),
        (
            "\"done\"",
            r#"{"batchItemFailures":[{"itemIdentifier":"a"},{"itemIdentifier":"b"}]}"#,
        ),
        (
            "{}",
            r#"{"batchItemFailures":[{"itemIdentifier":"a"},{"itemIdentifier":"b"}]}"#,
        ),
        (
            r#"{ "statusCode" : 200 }"#,
            r#"{ "statusCode" : 200 ,"batchItemFailures":[{"itemIdentifier":"a"},{"itemIdentifier":"b"}]}"#,
        ),
        (
            r#"{"batchItemFailures": null, "x": 1.0}"#,
            r#"{"batchItemFailures": [{"itemIdentifier":"a"},{"itemIdentifier":"b"}], "x": 1.0}"#,
        ),
        (
            r#"{"batchItemFailures": [ ]}"#,
            r#"{"batchItemFailures": [ {"itemIdentifier":"a"},{"itemIdentifier":"b"}]}"#,
        ),
        (
            r#"{"batchItemFailures":[{"itemIdentifier":"c"}],"y":"]"}"#,
            r#"{"batchItemFailures":[{"itemIdentifier":"c"},{"itemIdentifier":"a"},{"itemIdentifier":"b"}],"y":"]"}"#,
        ),
        (
            r#"{"batchItemFailures":[{"itemIdentifier":"\u0062"}]}"#,
            r#"{"batchItemFailures":[{"itemIdentifier":"\u0062"},{"itemIdentifier":"a"}]}"#,
        ),
        (
            r#"{"batchItemFailures":[{"itemIdentifier":"b"},{"itemIdentifier":"a"}]}"#,
            r#"{"batchItemFailures":[{"itemIdentifier":"b"},{"itemIdentifier":"a"}]}"#,
        ),
        (
            r#"{"x":{"batchItemFailures":[]}}"#,
            r#"{"x":{"batchItemFailures":[]},"batchItemFailures":[{"itemIdentifier":"a"},{"itemIdentifier":"b"}]}"#,
        ),
    ] {
        let failures = ["a".to_owned(), "b".to_owned()];
        let merged = merge_failures(response.as_bytes(), &failures).unwrap();
        assert_eq!(String::from_utf8(merged).unwrap(), wanted, "{response}");
        let same = merge_failures(response.as_bytes(), &[]).unwrap();
        assert_eq!(same, response.as_bytes());
    }
    for response in ["{", "{\"a\":1", "{\"batchItemFailures\":\"x\"}", "{}}"] {
        let error = merge_failures(response.as_bytes(), &["a".to_owned()]).map(String::from_utf8);
        assert!(error.is_err(), "{response} {error:?}");
    }
}
