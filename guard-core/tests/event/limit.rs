//! Limits, counted as a parser counts.

use guard_core::event::Limits;
use serde_json::Value;

use crate::fixtures;

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
