//! Properties that every family's rules must have, whatever the bytes.

use crate::inspect::{Effort, Place, Text};
use crate::rule::Rules;

/// Runs the rules over random strings made of `pieces`: nothing panics, and spans lie inside of the
/// text.
pub(super) fn exercise(rules: &Rules, pieces: &[&[u8]]) {
    let rounds = if cfg!(debug_assertions) {
        4_000
    } else {
        200_000
    };
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state >> 33).unwrap() % below
    };
    let mut bytes = Vec::new();
    for _ in 0..rounds {
        bytes.clear();
        for _ in 0..1 + random(12) {
            match random(8) {
                0 => bytes.push(u8::try_from(random(256)).unwrap()),
                _ => bytes.extend_from_slice(pieces[random(pieces.len())]),
            }
        }
        let place = match random(3) {
            0 => Place::Key(b"\":\"x\"}"),
            1 => Place::Header,
            _ => Place::Value,
        };
        let (starts, ends) = (random(4) > 0, random(4) > 0);
        let text = Text {
            bytes: &bytes,
            starts,
            ends,
            place,
        };
        let mut effort = Effort::new(1 << 16);
        for at in 0..bytes.len() {
            let close = (rules.context)(&bytes, at);
            if !close || !rules.triggers.iter().any(|t| t.occurs(&bytes, at)) {
                continue;
            }
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
