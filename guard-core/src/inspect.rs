//! Finds injection in caller-controlled bytes.

use core::ops::Range;

use crate::rule::{Families, RULES, RuleId};

mod text;
mod trigger;

pub(crate) use text::{Effort, Match, Place, Text};
pub(crate) use trigger::Trigger;

/// A rule that matched, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The rule.
    pub rule: RuleId,
    /// The bytes of the input that it matched.
    pub span: Range<usize>,
}

/// Looks for the families it was told to.
#[derive(Debug, Clone, Copy)]
pub struct Inspector {
    families: Families,
}

impl Inspector {
    /// An inspector for `families`.
    #[must_use]
    pub const fn new(families: Families) -> Self {
        Self { families }
    }

    /// Findings in one caller-controlled value: at most one of each family.
    #[must_use]
    pub fn inspect_value(&self, value: &[u8]) -> Vec<Finding> {
        let mut effort = Effort::new(1 << 20);
        let mut findings = Vec::new();
        let mut text = Text { bytes: value, starts: true, ends: true, place: Place::Value };
        let mut left = self.families;
        let mut round;
        for _ in 0..4 {
            for rules in RULES.iter().filter(|r| self.families.contains(r.family)) {
                if !left.contains(rules.family) {
                    continue;
                }
                for at in 0..text.bytes.len() {
                    if rules.triggers.iter().any(|t| t.occurs(text.bytes, at))
                        && (rules.context)(text.bytes, at)
                        && let Some(m) = (rules.confirm)(&text, at, &mut effort)
                    {
                        left = left.without(rules.family);
                        findings.push(Finding { rule: m.rule, span: m.span });
                        break;
                    }
                }
            }
            round = decode(text.bytes);
            if round == text.bytes {
                break;
            }
            text.bytes = round.leak();
        }
        findings
    }
}

/// Stand-in until the decoders are there: percent, \u and entities once.
fn decode(b: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut i = 0;
    let hex = |s: &[u8]| u32::from_str_radix(core::str::from_utf8(s).ok()?, 16).ok();
    let mut push = |out: &mut Vec<u8>, c: u32| {
        if c < 0x80 {
            out.push(c as u8);
        } else if let Some(c) = char::from_u32(c) {
            out.extend(c.to_string().as_bytes());
        }
    };
    while i < b.len() {
        if b[i] == b'%' && i + 2 < b.len() {
            if let Some(c) = hex(&b[i + 1..i + 3]) {
                out.push(c as u8);
                i += 3;
                continue;
            }
        }
        if (b[i] == b'\\' || b[i] == b'%') && i + 5 < b.len() && b[i + 1] == b'u' {
            if let Some(c) = hex(&b[i + 2..i + 6]) {
                push(&mut out, c);
                i += 6;
                continue;
            }
        }
        if b[i] == b'&' {
            if let Some(end) = b[i..].iter().take(12).position(|c| *c == b';') {
                let name = &b[i + 1..i + end];
                let c = match name {
                    b"lt" => Some(0x3c),
                    b"gt" => Some(0x3e),
                    b"quot" => Some(0x22),
                    b"amp" => Some(0x26),
                    b"apos" => Some(0x27),
                    b"Tab" => Some(9),
                    b"NewLine" => Some(10),
                    b"colon" => Some(58),
                    b"lpar" => Some(40),
                    b"rpar" => Some(41),
                    [b'#', b'x' | b'X', h @ ..] => hex(h),
                    [b'#', d @ ..] => core::str::from_utf8(d).ok().and_then(|d| d.parse().ok()),
                    _ => None,
                };
                if let Some(c) = c {
                    push(&mut out, c);
                    i += end + 1;
                    continue;
                }
            }
        }
        out.push(b[i]);
        i += 1;
    }
    out
}
