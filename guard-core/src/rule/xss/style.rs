//! Style that runs script: `expression()`, `behavior` and `-moz-binding` of old browsers, and what
//! a `style` element brings in.

use super::html::{self, Opening};
use super::script::{self, Script};
use super::{BEHIND, Found, begins_with};
use crate::inspect::{Effort, Text};
use crate::rule::RuleId;

const EXPRESSION: RuleId = RuleId::new("xss.style_expression");
const BINDING: RuleId = RuleId::new("xss.style_binding");

/// `expression(` whose `xpre` is at `at`: the value of a property.
pub(super) fn confirm_expression(text: &Text<'_>, at: usize, effort: &mut Effort) -> Option<Found> {
    let bytes = text.bytes;
    let start = at.checked_sub(1)?;
    let open = script::skip_blank(bytes, at + 9);
    if !bytes
        .get(start..at + 9)?
        .eq_ignore_ascii_case(b"expression")
        || bytes.get(open) != Some(&b'(')
        || !effort.spend(BEHIND)
    {
        return None;
    }
    let property = bytes.get(..start)?.trim_ascii_end().ends_with(b":");
    let direct = open == at + 9
        && (bytes.get(start.wrapping_sub(1)) == Some(&b':')
            || script::classify(bytes, open + 1..open + 96) >= Script::Code);
    let from = at.saturating_sub(BEHIND);
    let styled = || {
        matches!(
            html::attribute_at(bytes, from, start),
            Some((Opening::Tag(_), _))
        )
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
        b"expression",
        b"@import",
        b"binding",
        b"behavior",
        b"script:",
        b"@im\\",
    ];
    let holds = |word: &&[u8]| {
        content
            .windows(word.len())
            .any(|w| w.eq_ignore_ascii_case(word))
    };
    words.iter().any(holds) || script::find_sink(content, 0..content.len()).is_some()
}
