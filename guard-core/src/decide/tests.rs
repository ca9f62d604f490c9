//! Decisions about whole events, attacked and benign siblings of the shared fixtures.

use std::path::Path;

use serde_json::{Value, json};

use super::*;

const HOSTILE: &str = "../../../../etc/passwd";
const CLEAN: &str = "photos/2024/summer.jpg";

/// A finding as the tests compare it.
type Recorded = (&'static str, Verdict, String);

fn decide(variables: &[(&str, &str)], event: &[u8]) -> (Decision, Vec<Recorded>) {
    let lookup = |name: &str| {
        variables
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| (*value).to_owned())
    };
    let guard = Guard::new(Policy::from_vars(lookup).unwrap());
    let mut records = Vec::new();
    let decision = guard.decide(event, "r1", |record| {
        let source = record.subject.source.to_owned();
        records.push((record.rule, record.verdict, source));
    });
    (decision, records)
}

fn enforce(event: &Value) -> (Decision, Vec<Recorded>) {
    decide(&[("GUARD_MODE", "enforce")], event.to_string().as_bytes())
}

fn enforce_with(on_block: &str, event: &Value) -> (Decision, Vec<Recorded>) {
    let variables = [("GUARD_MODE", "enforce"), ("GUARD_ON_BLOCK", on_block)];
    decide(&variables, event.to_string().as_bytes())
}

fn fixture(name: &str) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/events");
    serde_json::from_slice(&std::fs::read(folder.join(name).with_extension("json")).unwrap())
        .unwrap()
}

fn with(name: &str, places: &[(&str, &str)]) -> Value {
    let mut event = fixture(name);
    for (pointer, value) in places {
        *event.pointer_mut(pointer).unwrap() = (*value).into();
    }
    event
}

fn queue(bodies: &[&str]) -> Value {
    let mut event = fixture("sqs");
    let template = event["Records"][0].clone();
    let records = bodies.iter().enumerate().map(|(index, body)| {
        let mut record = template.clone();
        record["messageId"] = format!("m{index}").into();
        record["body"] = (*body).into();
        record
    });
    event["Records"] = records.collect();
    event
}

fn sources(records: &[Recorded]) -> Vec<&str> {
    records
        .iter()
        .map(|(_, _, source)| source.as_str())
        .collect()
}

fn delivered(decision: Decision) -> (Value, Vec<String>) {
    match decision {
        Decision::Replace(Answer::Deliver(trimmed)) => (
            serde_json::from_slice(&trimmed.event).unwrap(),
            trimmed.failures,
        ),
        other => panic!("not delivered in part: {other:?}"),
    }
}

#[test]
fn a_finding_outside_of_a_batch_blocks_the_event_once() {
    let hostile = with(
        "function-url",
        &[("/rawPath", HOSTILE), ("/rawQueryString", HOSTILE)],
    );
    let (decision, records) = enforce(&hostile);
    assert!(
        matches!(decision, Decision::Replace(Answer::Respond(_))),
        "{decision:?}"
    );
    assert_eq!(
        records,
        [("path.traversal", Verdict::Block, "/rawPath".to_owned())]
    );

    let (decision, records) = enforce(&with("function-url", &[("/rawPath", CLEAN)]));
    assert_eq!((decision, records), (Decision::Pass, Vec::new()));
}

#[test]
fn monitor_reports_every_finding_up_to_a_bound() {
    let hostile = with(
        "function-url",
        &[("/rawPath", HOSTILE), ("/rawQueryString", HOSTILE)],
    );
    let (decision, records) = decide(&[], hostile.to_string().as_bytes());
    assert_eq!(decision, Decision::Pass);
    assert_eq!(sources(&records), ["/rawPath", "/rawQueryString"]);
    assert!(
        records
            .iter()
            .all(|(_, verdict, _)| *verdict == Verdict::Report)
    );

    let many = json!({ "paths": vec![HOSTILE; 1000] });
    let (decision, records) = decide(&[], many.to_string().as_bytes());
    assert_eq!(decision, Decision::Pass);
    assert_eq!(records.len(), 32);
}

#[test]
fn off_looks_at_nothing() {
    let off = [("GUARD_MODE", "off"), ("GUARD_LIMIT_BYTES", "1")];
    let hostile = with("function-url", &[("/rawPath", HOSTILE)]);
    let (decision, records) = decide(&off, hostile.to_string().as_bytes());
    assert_eq!((decision, records), (Decision::Pass, Vec::new()));
}

#[test]
fn each_blocked_message_is_recorded_once_and_the_others_are_delivered() {
    let twice = format!("{HOSTILE}' or 1=1--");
    let batch = queue(&[CLEAN, &twice, "later", HOSTILE]);
    let (decision, records) = enforce_with("partial", &batch);
    assert_eq!(sources(&records), ["/Records/1/body", "/Records/3/body"]);
    let (event, failures) = delivered(decision);
    assert_eq!(event["Records"].as_array().unwrap().len(), 2);
    assert_eq!(failures, ["m1", "m3"]);

    let (decision, records) = enforce_with("drop", &batch);
    assert_eq!(sources(&records), ["/Records/1/body", "/Records/3/body"]);
    let (event, _) = delivered(decision);
    assert_eq!(event["Records"].as_array().unwrap().len(), 2);

    let (decision, records) = enforce_with("fail", &batch);
    assert_eq!(sources(&records), ["/Records/1/body"]);
    assert!(
        matches!(decision, Decision::Replace(Answer::Fail { .. })),
        "{decision:?}"
    );

    let (decision, records) = enforce_with("partial", &queue(&[CLEAN, "later"]));
    assert_eq!((decision, records), (Decision::Pass, Vec::new()));
}

#[test]
fn a_stream_is_delivered_up_to_its_first_blocked_record() {
    let mut event = fixture("dynamodb");
    let template = event["Records"][0].clone();
    let records = [CLEAN, HOSTILE, CLEAN, HOSTILE]
        .iter()
        .enumerate()
        .map(|(index, text)| {
            let mut record = template.clone();
            record["dynamodb"]["SequenceNumber"] = format!("{index}00").into();
            record["dynamodb"]["NewImage"] = json!({ "file": { "S": text } });
            record
        });
    event["Records"] = records.collect();
    let (decision, records) = enforce_with("partial", &event);
    assert_eq!(sources(&records), ["/Records/1/dynamodb/NewImage/file/S"]);
    let (event, failures) = delivered(decision);
    assert_eq!(event["Records"].as_array().unwrap().len(), 1);
    assert_eq!(failures, ["100"]);
}

#[test]
fn a_finding_beside_the_records_of_a_batch_blocks_the_whole() {
    let mut batch = queue(&[CLEAN, "later"]);
    batch["extra"] = HOSTILE.into();
    for on_block in ["partial", "drop"] {
        let (decision, records) = enforce_with(on_block, &batch);
        assert_eq!(sources(&records), ["/extra"]);
        assert!(
            matches!(decision, Decision::Replace(Answer::Fail { .. })),
            "{decision:?}"
        );
    }
}

#[test]
fn a_batch_blocked_as_a_whole_is_not_dropped() {
    let batch = queue(&[CLEAN, "later"]).to_string();
    let limit = ("GUARD_LIMIT_BYTES", "64");
    let settings = [("GUARD_MODE", "enforce"), ("GUARD_ON_BLOCK", "drop"), limit];
    let (decision, _) = decide(&settings, batch.as_bytes());
    assert!(
        matches!(decision, Decision::Replace(Answer::Fail { .. })),
        "{decision:?}"
    );
    let (decision, _) = decide(&settings[..2], batch.as_bytes());
    assert_eq!(decision, Decision::Pass);
}

#[test]
fn what_the_platform_wrote_is_not_held_against_the_caller() {
    let platform = ("/Records/0/receiptHandle", HOSTILE);
    let (decision, records) = enforce(&with("sqs", &[platform]));
    assert_eq!((decision, records), (Decision::Pass, Vec::new()));

    let (decision, records) = enforce(&with("sqs", &[platform, ("/Records/1/body", HOSTILE)]));
    assert!(matches!(decision, Decision::Replace(_)), "{decision:?}");
    assert_eq!(sources(&records), ["/Records/1/body"]);
}

#[test]
fn a_skipped_place_is_left_out_with_what_it_holds() {
    let event = json!({ "body": { "file": HOSTILE, "list": [HOSTILE] }, "other": CLEAN });
    let elsewhere = json!({ "body": CLEAN, "other": HOSTILE });
    let key = json!({ "body": { HOSTILE: CLEAN } });
    let cases = [
        ("/body", &event, true),
        ("/body=path", &event, true),
        ("/body=sql", &event, false),
        ("/*", &event, true),
        ("/body/file,/body/list/*", &event, true),
        ("/body/file", &event, false),
        ("/bod", &event, false),
        ("/body/file/deeper,/body/list", &event, false),
        ("/body", &elsewhere, false),
        ("/other", &elsewhere, true),
        // The key is the caller's, and not part of the value that is left out.
        ("/body/*", &key, false),
        ("/body", &key, true),
    ];
    for (skip, event, passes) in cases {
        let variables = [("GUARD_MODE", "enforce"), ("GUARD_INSPECT_SKIP", skip)];
        let (decision, _) = decide(&variables, event.to_string().as_bytes());
        assert_eq!(decision == Decision::Pass, passes, "{skip} {event}");
    }
}

#[test]
fn limits_come_first_and_are_not_left_out() {
    let deep = format!(
        "{{\"body\":{}\"{HOSTILE}\"{}}}",
        "[".repeat(50),
        "]".repeat(50)
    );
    let settings = [
        ("GUARD_LIMIT_DEPTH", "20"),
        ("GUARD_INSPECT_SKIP", "/body"),
        ("GUARD_MODE", "enforce"),
    ];
    let (decision, records) = decide(&settings, deep.as_bytes());
    assert!(
        matches!(decision, Decision::Replace(Answer::Fail { .. })),
        "{decision:?}"
    );
    assert_eq!(records[0].0, "limit.depth");
    assert_eq!(records.len(), 1);
    assert!(records[0].2.starts_with("/body/0/0"), "{}", records[0].2);

    // In monitor the event goes on, and is inspected too.
    let (decision, records) = decide(&settings[..1], deep.as_bytes());
    assert_eq!(decision, Decision::Pass);
    let rules: Vec<_> = records.iter().map(|(rule, ..)| *rule).collect();
    assert_eq!(rules, ["limit.depth", "path.traversal"]);

    let bytes = [("GUARD_LIMIT_BYTES", "16"), ("GUARD_MODE", "enforce")];
    let (_, records) = decide(&bytes, deep.as_bytes());
    assert_eq!(records, [("limit.bytes", Verdict::Block, String::new())]);
    let (decision, _) = decide(&bytes, b"{\"a\":1}");
    assert_eq!(decision, Decision::Pass);
}

#[test]
fn a_body_whose_encoding_is_announced_behind_it_keeps_its_place() {
    // base64 of {"file": "../../../../etc/passwd"}
    let body = "eyJmaWxlIjogIi4uLy4uLy4uLy4uL2V0Yy9wYXNzd2QifQ==";
    let mut event = with("function-url", &[("/body", body)]);
    let (_, records) = enforce(&event);
    assert_eq!(sources(&records), ["/body"]);

    // With something of the platform's in between that matches and is passed over.
    event["requestContext"]["requestId"] = HOSTILE.into();
    let (decision, records) = enforce(&event);
    assert!(matches!(decision, Decision::Replace(_)), "{decision:?}");
    assert_eq!(sources(&records), ["/body"]);
}

#[test]
fn places_of_many_findings_below_a_long_key_are_cut_not_copied() {
    let key = "k".repeat(100_000);
    let event = json!({ key.as_str(): vec![HOSTILE; 100] });
    let (_, records) = decide(&[], event.to_string().as_bytes());
    assert_eq!(records.len(), 32);
    assert!(records.iter().all(|(_, _, source)| source.len() <= 512));
}

#[test]
fn leaving_out_costs_no_more_than_the_event_is_long() {
    let settings = [("GUARD_MODE", "enforce"), ("GUARD_INSPECT_SKIP", "/*=path")];
    let key = "k".repeat(500);
    let event = json!({ key.as_str(): vec![HOSTILE; 5000] });
    let (decision, _) = decide(&settings, event.to_string().as_bytes());
    assert!(matches!(decision, Decision::Replace(_)), "{decision:?}");

    let document = json!({ "path": HOSTILE, "title": "of the caller's choice".repeat(8) });
    let event = json!({ "documents": vec![document; 5000] });
    let (decision, _) = decide(&settings, event.to_string().as_bytes());
    assert_eq!(decision, Decision::Pass);
}

#[test]
fn any_bytes_are_decided_about() {
    let cases: [&[u8]; 7] = [
        b"",
        b"{",
        b"\"",
        b"\xff",
        b"\0",
        b"[\"\\ud800\"]",
        b"{\"Records\":[{\"body\":\"../",
    ];
    for case in cases {
        let (decision, _) = decide(&[("GUARD_MODE", "enforce")], case);
        assert_eq!(decision, Decision::Pass, "{case:?}");
    }
}

#[test]
fn a_guard_can_be_shared() {
    fn shared<T: Send + Sync + Unpin + std::panic::RefUnwindSafe>() {}
    shared::<Guard>();
}
