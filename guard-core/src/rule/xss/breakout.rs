//! Values that end the string or the expression of a script they land in, and go on with script.

use core::ops::Range;

use super::html::{self, Opening};
use super::script;
use super::{BEHIND, Found};
use crate::inspect::{Effort, Text};
use crate::rule::RuleId;

const BREAKOUT: RuleId = RuleId::new("xss.script_breakout");
const CALL: RuleId = RuleId::new("xss.script_call");
const ATTRIBUTE: RuleId = RuleId::new("xss.script_in_attribute");

/// How far into a value the script that breaks out begins.
const AHEAD: usize = 224;

/// What a script goes on with behind the end of a string.
const fn is_operator(byte: u8) -> bool {
    matches!(
        byte,
        b';' | b'-'
            | b'+'
            | b'*'
            | b'/'
            | b'%'
            | b'^'
            | b'&'
            | b'|'
            | b','
            | b')'
            | b'}'
            | b']'
            | b'?'
            | b':'
            | b'<'
            | b'>'
            | b'='
            | b'!'
            | b'\n'
            | b'\r'
            | b'.'
            | b'['
    )
}

/// The name that ends or begins at the trigger's offset `at`.
pub(super) fn confirm(text: &Text<'_>, at: usize, effort: &mut Effort) -> Option<Found> {
    let bytes = text.bytes;
    let word = script::word_at(bytes, at);
    let (start, end) = match script::is_sink(bytes, &word) {
        Some(end) => (word.start, end),
        None => (word.start, handed_over(bytes, &word)?),
    };
    if !effort.spend(BEHIND) {
        return None;
    }
    let from = start.saturating_sub(BEHIND);
    if let Some((Opening::Tag(_), attribute)) = html::attribute_at(bytes, from, start) {
        let value = bytes.get(attribute.value)?.trim_ascii_start();
        // `{` begins an expression of JSX, whose functions are not run by being written down.
        return (!value.starts_with(b"{")).then_some((ATTRIBUTE, start..end));
    }
    if !text.starts || start > AHEAD {
        return None;
    }
    let before = bytes.get(..start)?;
    if before.trim_ascii().is_empty() || is_expression(before) {
        let whole = script::ends_like_script(bytes, end);
        return whole.then_some((CALL, 0..end));
    }
    for quote in [b'\'', b'"', b'`'] {
        let Some(open) = before.iter().position(|b| *b == quote) else {
            continue;
        };
        let rest = before.get(open + 1..)?;
        let next = rest.iter().find(|b| !matches!(b, b' ' | b'\t' | b'\\'));
        let assigned =
            rest.last() == Some(&b'=') && rest.iter().rev().skip(1).all(|b| script::is_word(*b));
        let goes_on = next.map_or(open == 0, |b| is_operator(*b)) || assigned;
        if goes_on && !script::is_prose(rest) && script::ends_like_script(bytes, end) {
            return Some((BREAKOUT, open..end));
        }
    }
    None
}

/// A sink passed to a function (`[1].find(alert)`) or renamed and called (`x=eval;x(1)`).
fn handed_over(bytes: &[u8], word: &Range<usize>) -> Option<usize> {
    let name = bytes.get(word.clone())?;
    if ![&b"alert"[..], b"confirm", b"prompt", b"eval"]
        .iter()
        .any(|n| n.eq_ignore_ascii_case(name))
    {
        return None;
    }
    let before = bytes.get(..word.start)?.trim_ascii_end();
    let caller = |b: &[u8]| {
        b.split_last()
            .is_some_and(|(last, _)| script::is_word(*last))
    };
    match (before.split_last()?, bytes.get(word.end)?) {
        ((b'(', rest), b')') if caller(rest) => Some(word.end + 1),
        ((b'=', rest), b';' | b',' | b')') if caller(rest) => Some(word.end + 1),
        _ => None,
    }
}

/// Whether `before` is nothing but the end or the beginning of an expression: digits, operators,
/// brackets and quotes, with names only where they are assigned to or called on.
fn is_expression(before: &[u8]) -> bool {
    if before.len() > 48 || !before.iter().all(u8::is_ascii) {
        return false;
    }
    let mut words = before
        .split(|b| !script::is_word(*b))
        .filter(|w| w.first().is_some_and(|b| !b.is_ascii_digit()));
    let few = words.by_ref().take(3).all(|w| w.len() <= 20) && words.next().is_none();
    let last = before.trim_ascii_end().last();
    let first = before.trim_ascii_start().first();
    few && !script::is_prose(before)
        && last.is_some_and(|b| is_operator(*b) || matches!(b, b'(' | b'{' | b'~'))
        && first.is_some_and(|b| {
            is_operator(*b) || b.is_ascii_digit() || matches!(b, b'(' | b'{' | b'~')
        } || before.iter().any(|b| matches!(b, b'=' | b';')) && !before.contains(&b' '))
}
