//! Bytes of any kind: everything answers, and inside of the event.

use guard_core::event::{Limits, TriggerKind, Walk, encoded_values, principal, records, without};

use crate::{Random, fixtures};

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
