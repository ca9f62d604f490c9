//! Style that runs script: `expression()`, `behavior` and `-moz-binding` of old browsers, and what
//! a `style` element brings in.

use super::html;
use super::script::{self, Script};
use super::{BEHIND, Found, begins_with};
use crate::inspect::{Effort, Text};
use crate::rule::RuleId;

const EXPRESSION: RuleId = RuleId::new("xss.style_expression");
const BINDING: RuleId = RuleId::new("xss.style_binding");

/// Whether `behavior` whose `r` is around `at` may be a property's name.
pub(super) fn may_bind(bytes: &[u8], at: usize) -> bool {
    let rest = bytes.get(at.saturating_sub(1)..).unwrap_or_default();
    let mut rest = rest
        .iter()
        .take(8)
        .skip_while(|b| matches!(b, b'u' | b'U' | b'r' | b'R' | b' '));
    rest.next()
        .is_none_or(|b| matches!(b, b':' | b'/' | b'\\' | b'%' | b'&' | b'\t' | b'\n'))
}

/// Whether what stands behind `expression` at `at` may open its bracket.
pub(super) fn may_open(bytes: &[u8], at: usize) -> bool {
    let mut rest = bytes
        .get(at..)
        .unwrap_or_default()
        .iter()
        .take(4)
        .skip_while(|b| **b <= b' ');
    match rest.next() {
        Some(b'\\') => rest.next() != Some(&b'"'),
        Some(b) => matches!(b, b'(' | b'/' | b'%' | b'&'),
        None => true,
    }
}

/// `expression(` whose `xpre` is at `at`: the value of a property.
pub(super) fn confirm_expression(text: &Text<'_>, at: usize, effort: &mut Effort) -> Option<Found> {
    let bytes = text.bytes;
    let start = at.checked_sub(1)?;
    let open = script::skip_blank(bytes, at + 9);
    if !bytes
        .get(start..at + 9)?
        .eq_ignore_ascii_case(b"expression")
        || bytes.get(open) != Some(&b'(')
        || !effort.spend(script::READING)
    {
        return None;
    }
    let property = bytes.get(..start)?.trim_ascii_end().ends_with(b":");
    let direct = open == at + 9
        && (bytes.get(start.wrapping_sub(1)) == Some(&b':')
            || script::classify(bytes, open + 1..open + 96) >= Script::Code);
    let mut styled = || {
        html::tag_at(bytes, BEHIND, start, effort)
            .is_some_and(|(_, attribute)| !html::is_inert(bytes, &attribute))
    };
    (property && direct || styled()).then_some((EXPRESSION, start..open + 1))
}

/// `behavior: url(` or `-moz-binding: url(` that begins at `at`.
pub(super) fn confirm_binding(bytes: &[u8], at: usize, effort: &mut Effort) -> Option<Found> {
    let name = [&b"behaviour"[..], b"behavior", b"-moz-binding"]
        .into_iter()
        .find(|n| begins_with(bytes, at, n))?;
    let colon = script::skip_blank(bytes, at + name.len());
    if bytes.get(colon) != Some(&b':') || !effort.spend(32) {
        return None;
    }
    let url = script::skip_blank(bytes, colon + 1);
    (bytes.get(url..url + 4)?.eq_ignore_ascii_case(b"url(")).then_some((BINDING, at..url + 4))
}

/// Whether the content of a `style` element runs or loads something.
pub(super) fn is_active(content: &[u8]) -> bool {
    let words: &[&[u8]] = &[
        b"expression(",
        b"@import",
        b"-moz-binding",
        b"behavior:",
        b"behaviour:",
        b"script:",
        b"@im\\",
    ];
    let begins = |(at, byte): (usize, &u8)| {
        matches!(byte | 0x20, b'e' | b'@' | b'-' | b'b' | b's' | b'`')
            && words.iter().any(|word| {
                word.first().is_some_and(|b| b.eq_ignore_ascii_case(byte))
                    && content
                        .get(at..at + word.len())
                        .is_some_and(|w| w.eq_ignore_ascii_case(word))
            })
    };
    content.iter().enumerate().any(begins) || script::find_sink(content, 0..content.len()).is_some()
}
