//! Audit records: valid, bounded, without the payload.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::Path;

use guard_core::audit::{AuditRecord, Excerpt, FindingSubject, LeakSubject, Subject};
use guard_core::decide::Guard;
use guard_core::event::TriggerKind;
use guard_core::verdict::{Mode, Verdict};
use guard_core::{Family, Policy};
use serde_json::{Value, json};

fn record<'a>(text: &'a str, principal: &'a [u8], event: &'a [u8]) -> AuditRecord<'a> {
    AuditRecord {
        time_ms: 1_727_187_169_312,
        request_id: Some(text),
        trace_id: Some(text),
        function: Some(text),
        rule: text,
        verdict: Verdict::Block,
        mode: Mode::Enforce,
        tier: text,
        micros: u64::MAX,
        subject: Subject::Finding(FindingSubject {
            trigger: TriggerKind::CloudWatchLogs,
            source: text,
            family: Some(Family::Deserialization),
            span: 0..usize::MAX,
            principal: Some(principal),
            excerpt: Some(Excerpt::new(event, 3..event.len() / 2)),
        }),
    }
}

fn line(record: &AuditRecord<'_>) -> String {
    let mut out = [0; AuditRecord::MAX_BYTES];
    let len = record.write_json(&mut out).unwrap();
    let text = String::from_utf8(out[..len].to_vec()).unwrap();
    assert!(text.ends_with("}\n"));
    assert_eq!(text.trim_end(), record.to_string());
    assert!(
        !text[..len - 1].contains(|c: char| c.is_control()),
        "{text:?}"
    );
    text
}

#[test]
fn a_record_holds_what_the_schema_says() {
    let mut record = record("r", b"mir\\u0069am", b"");
    record.request_id = Some("7f3c");
    record.trace_id = None;
    record.function = Some("orders");
    record.rule = "sql.tautology";
    record.tier = "none";
    record.micros = 17;
    let Subject::Finding(finding) = &mut record.subject else {
        panic!()
    };
    finding.trigger = TriggerKind::Sqs;
    finding.source = "/Records/0/body";
    finding.family = Some(Family::Sql);
    finding.span = 12..34;
    finding.excerpt = None;
    let value: Value = serde_json::from_str(&line(&record)).unwrap();
    let wanted = json!({
        "guard": 1,
        "type": "finding",
        "time": "2024-09-24T14:12:49.312Z",
        "request_id": "7f3c",
        "function": "orders",
        "rule": "sql.tautology",
        "verdict": "block",
        "mode": "enforce",
        "tier": "none",
        "trigger": "sqs",
        "source": "/Records/0/body",
        "family": "sql",
        "span": [12, 34],
        "principal": "miriam",
        "micros": 17,
    });
    assert_eq!(value, wanted);

    record.subject = Subject::Leak(LeakSubject {
        variable: "DB_PASSWORD",
        span: 5..9,
    });
    let value: Value = serde_json::from_str(&line(&record)).unwrap();
    assert_eq!(value["type"], "leak");
    assert_eq!(value["variable"], "DB_PASSWORD");
}

#[test]
fn records_are_valid_and_bounded_whatever_they_hold() {
    let texts = [
        String::new(),
        "\"\\\n\r\0\u{1b}[31m\u{7f}\u{85}\u{2028}\u{202e}\u{feff}".repeat(500),
        "\u{0}".repeat(9000),
        "\u{1f600}".repeat(9000),
        "x".repeat(1 << 20),
    ];
    let bytes: [&[u8]; 5] = [
        b"",
        b"\xff\xfe\xc0\x80\xed\xa0\x80",
        b"\\ud800\\u12\\",
        &[0; 9000],
        &[b'"'; 9000],
    ];
    for text in &texts {
        for principal in bytes {
            for event in bytes {
                let line = line(&record(text, principal, event));
                let value: Value = serde_json::from_str(&line).unwrap();
                assert_eq!(value["guard"], 1);
                assert!(line.len() <= AuditRecord::MAX_BYTES);
            }
        }
    }
}

#[test]
fn a_short_buffer_gets_nothing() {
    let record = record("r", b"p", b"event");
    let len = line(&record).len();
    assert_eq!(record.write_json(&mut vec![0; len]), Some(len));
    for short in 0..len {
        assert_eq!(record.write_json(&mut vec![0; short]), None);
    }
}

#[test]
fn readme_shows_a_record_as_it_is_written() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let event = std::fs::read(root.join("examples/rust-handler/events/hostile.json"));
    let (Ok(readme), Ok(event)) = (std::fs::read_to_string(root.join("README.md")), event) else {
        eprintln!("skipped: not in the repository, no README.md beside the crate");
        return;
    };
    let section = readme.split("<!-- record:").nth(1).unwrap();
    let shown = section.lines().find(|l| l.starts_with('{')).unwrap();
    // What differs from run to run is taken from the line that is shown.
    let members: Value = serde_json::from_str(shown).unwrap();
    let text = |name: &str| members[name].as_str();

    let mut policy = Policy::default();
    policy.set_mode(Mode::Enforce);
    let mut written = Vec::new();
    Guard::new(policy).decide(&event, "", |decided| {
        let record = AuditRecord {
            time_ms: 0,
            request_id: text("request_id"),
            trace_id: text("trace_id"),
            function: text("function"),
            rule: decided.rule,
            verdict: decided.verdict,
            mode: decided.mode,
            tier: text("tier").unwrap(),
            micros: members["micros"].as_u64().unwrap(),
            subject: Subject::Finding(decided.subject),
        };
        let epoch = "1970-01-01T00:00:00.000Z";
        written.push(record.to_string().replace(epoch, text("time").unwrap()));
    });
    assert_eq!(written, [shown]);

    // Every member that a record can have is explained.
    let wanted = record("x", b"x", b"x' or '1'='1");
    let leak = AuditRecord {
        subject: Subject::Leak(LeakSubject {
            variable: "x",
            span: 0..1,
        }),
        ..wanted.clone()
    };
    for record in [wanted, leak] {
        let members: Value = serde_json::from_str(&line(&record)).unwrap();
        for name in members.as_object().unwrap().keys() {
            assert!(readme.contains(&format!("| `{name}` |")), "{name}");
        }
    }
}
