//! What the families' tests ask of their rules, and the properties that all must have, whatever the
//! bytes.

use crate::inspect::{Effort, Place, Text};
use crate::random::Random;
use crate::rule::{Match, Rules};

/// What the rules find first in a text, as the inspector asks them.
pub(super) fn first(rules: &Rules, text: &Text<'_>) -> Option<Match> {
    let mut effort = Effort::new(1 << 20);
    let found = (0..text.bytes.len()).find_map(|at| {
        let is_triggered = rules.triggers.iter().any(|t| t.occurs(text.bytes, at));
        (is_triggered && (rules.context)(text.bytes, at))
            .then(|| (rules.confirm)(text, at, &mut effort))
            .flatten()
    });
    if let Some(Match { span, .. }) = &found {
        assert!(
            span.start < span.end && span.end <= text.bytes.len(),
            "{span:?}"
        );
    }
    found
}

/// The rule that a value breaks first.
pub(super) fn rule_of(rules: &Rules, value: &[u8]) -> Option<&'static str> {
    first(rules, &Text::value(value)).map(|found| found.rule.as_str())
}

/// Once the event's share of work is used up, on what costs the most and matches nothing, nothing is
/// read any more.
pub(super) fn work_ends(rules: &Rules, dear: &str) {
    let dear = dear.as_bytes();
    let text: Vec<u8> = dear.iter().copied().cycle().take(1 << 16).collect();
    let mut effort = Effort::new(4 << 16);
    let input = Text::value(&text);
    for at in 0..text.len() {
        let _ = (rules.confirm)(&input, at, &mut effort);
    }
    assert!(effort.is_spent());
    assert_eq!((rules.confirm)(&Text::value(dear), 0, &mut effort), None);
}

/// Runs the rules over random strings made of `pieces`: nothing panics, and spans lie inside of the
/// text.
pub(super) fn exercise(rules: &Rules, pieces: &[impl AsRef<[u8]>]) {
    let rounds = if cfg!(debug_assertions) {
        4_000
    } else {
        200_000
    };
    let mut random = Random::new();
    let mut bytes = Vec::new();
    for _ in 0..rounds {
        bytes.clear();
        for _ in 0..1 + random.below(12) {
            match random.below(8) {
                0 => bytes.push(u8::try_from(random.below(256)).unwrap()),
                _ => bytes.extend_from_slice(random.one_of(pieces).as_ref()),
            }
        }
        let place = match random.below(4) {
            0 => Place::Key(b"\":\"x\"}"),
            1 => Place::Referer,
            2 => Place::First(b",{}]"),
            _ => Place::Value,
        };
        let (starts, ends) = (random.below(4) > 0, random.below(4) > 0);
        let text = Text {
            bytes: &bytes,
            starts,
            ends,
            place,
        };
        let mut effort = Effort::new(1 << 16);
        // Every offset, triggered or not: the prefilter is not what keeps `confirm` total.
        for at in 0..bytes.len() {
            let _ = (rules.context)(&bytes, at);
            if let Some(found) = (rules.confirm)(&text, at, &mut effort) {
                let span = found.span;
                assert!(
                    span.start <= span.end && span.end <= bytes.len(),
                    "{bytes:?} {span:?}"
                );
            }
        }
    }
}
