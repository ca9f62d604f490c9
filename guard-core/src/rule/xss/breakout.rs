//! Values that end the string or the expression of a script they land in, and go on with script.

use core::ops::Range;

use super::html;
use super::script;
use super::{BEHIND, Found};
use crate::inspect::{Effort, Text};
use crate::rule::RuleId;

const BREAKOUT: RuleId = RuleId::new("xss.script_breakout");
const CALL: RuleId = RuleId::new("xss.script_call");
const SIX: RuleId = RuleId::new("xss.six_characters");
const CLOSED: RuleId = RuleId::new("xss.script_end");
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
    )
}

/// Whether the name whose last three letters are at `at`, `before` letters behind its beginning, is
/// called or handed over: a full stop ends a sentence more often than it reaches a method.
pub(super) fn may_call(bytes: &[u8], at: usize, before: usize) -> bool {
    match bytes.get(at + 3) {
        Some(b'.') => bytes
            .get(at + 4)
            .is_none_or(|b| matches!(b | 0x20, b'a' | b'b' | b'c')),
        Some(b'?') => bytes.get(at + 4).is_none_or(|b| *b == b'.'),
        Some(b',' | b';' | b')') => {
            let last = at.checked_sub(before + 1).and_then(|i| bytes.get(i));
            last.is_some_and(|b| {
                matches!(b, b'=' | b'(' | b'[' | b',' | b'\\' | b'%' | b'&' | b';')
            })
        }
        _ => true,
    }
}

/// The name that ends or begins at the trigger's offset `at`.
pub(super) fn confirm(text: &Text<'_>, at: usize, effort: &mut Effort) -> Option<Found> {
    let bytes = text.bytes;
    let word = script::word_at(bytes, at);
    let object = object_of(bytes, &word);
    let (start, end) = match object.as_ref().and_then(|o| script::is_sink(bytes, o)) {
        Some(end) => (object.map_or(word.start, |o| o.start), end),
        None => match script::is_sink(bytes, &word) {
            Some(end) => (word.start, end),
            None => (word.start, handed_over(bytes, &word)?),
        },
    };
    if !effort.spend(script::READING) {
        return None;
    }
    if let Some((_, attribute)) = html::tag_at(bytes, BEHIND, start, effort)
        && attribute.value.contains(&start)
    {
        let inert = html::is_inert(bytes, &attribute);
        let value = bytes.get(attribute.value)?.trim_ascii_start();
        // `{` begins an expression of JSX, whose functions are not run by being written down.
        let runs = !value.starts_with(b"{") && !inert;
        return runs.then_some((ATTRIBUTE, start..end));
    }
    // The end of a script element behind it: the beginning was cut off or put together elsewhere.
    let behind = bytes
        .get(end..bytes.len().min(end + script::WINDOW))
        .unwrap_or_default();
    if let Some(n) = behind
        .windows(8)
        .position(|w| w.eq_ignore_ascii_case(b"</script"))
    {
        return Some((CLOSED, start..end + n + 8));
    }
    if !text.starts || start > AHEAD {
        return None;
    }
    let before = bytes.get(..start)?;
    // `${` of a template literal that the value lands in.
    if before.len() <= 24 && before.trim_ascii_end().ends_with(b"${") {
        return Some((BREAKOUT, 0..end));
    }
    // A back quote that closes a pair sets off a word in prose: `fetch`, `eval`.
    let spans = before.iter().filter(|b| **b == b'`').count();
    if end > start && bytes.get(end - 1) == Some(&b'`') && spans % 2 == 1 {
        return None;
    }
    for quote in [b'\'', b'"', b'`'] {
        let Some(open) = before.iter().position(|b| *b == quote) else {
            continue;
        };
        // A value that breaks out is the inside of a string up to its quote; a program's text has
        // brackets and assignments before its first.
        let inside = |b: &u8| !matches!(b, b'(' | b'=' | b'{' | b'[' | b'<' | b':' | b'$' | b'\n');
        if open > 64 || !before.get(..open)?.iter().all(inside) {
            continue;
        }
        let rest = before.get(open + 1..)?;
        let next = rest.iter().find(|b| !matches!(b, b' ' | b'\t' | b'\\'));
        let assigned =
            rest.last() == Some(&b'=') && rest.iter().rev().skip(1).all(|b| script::is_word(*b));
        let goes_on = next.map_or(open == 0, |b| is_operator(*b)) || assigned;
        if goes_on && !script::is_prose(rest) && script::ends_like_script(bytes, end) {
            return Some((BREAKOUT, open..end));
        }
    }
    let whole = (before.trim_ascii().is_empty() || is_expression(before))
        && !is_label(bytes, before, start, end)
        && !is_ordinary(bytes, start, end)
        && script::ends_like_script(bytes, end);
    whole.then_some((CALL, 0..end))
}

/// Whether the call from `start` to `end` is a label (`Alert (2)`, `alert(s)`) or an item of a list
/// (`- eval()`), behind nothing but `before`.
fn is_label(bytes: &[u8], before: &[u8], start: usize, end: usize) -> bool {
    let call = bytes.get(start..end).unwrap_or_default();
    let capital = call.first().is_some_and(u8::is_ascii_uppercase)
        && call.get(1).is_some_and(u8::is_ascii_lowercase);
    let plural = bytes.get(end..end + 2) == Some(b"s)");
    let item = before.ends_with(b" ") && before.trim_ascii().len() <= 3;
    let apart = call.strip_suffix(b"(").is_some_and(|c| c.ends_with(b" "));
    capital || plural || apart || item && !before.trim_ascii().is_empty()
}

/// Whether the call from `start` to `end` is one that programs open with every day, and nothing in
/// its arguments is what an injected script is after.
fn is_ordinary(bytes: &[u8], start: usize, end: usize) -> bool {
    // `window.location = ..` and the like begin any program.
    const MEMBERS: &[&[u8]] = &[
        b"window.location",
        b"window.document",
        b"window.name",
        b"window.open",
    ];
    let call = bytes.get(start..end).unwrap_or_default();
    if MEMBERS.iter().any(|m| m.eq_ignore_ascii_case(call)) {
        return true;
    }
    let names: &[&[u8]] = &[
        b"fetch",
        b"import",
        b"settimeout",
        b"setinterval",
        b"print",
        b"write",
    ];
    let named = bytes.get(start..end).is_some_and(|c| {
        names
            .iter()
            .any(|n| c.get(..n.len()).is_some_and(|c| c.eq_ignore_ascii_case(n)))
    });
    let arguments = bytes
        .get(end..bytes.len().min(end + 96))
        .unwrap_or_default();
    // Text that is run, and a foreign address.
    let foreign = arguments.get(1..3) == Some(b"//") || arguments.windows(3).any(|w| w == b"://");
    named && !foreign && script::find_sink(bytes, end..end + arguments.len()).is_none()
}

/// The identifier whose member `word` is (`document` of `document.cookie`).
fn object_of(bytes: &[u8], word: &Range<usize>) -> Option<Range<usize>> {
    let dot = word
        .start
        .checked_sub(1)
        .filter(|i| bytes.get(*i) == Some(&b'.'))?;
    let object = script::word_at(bytes, dot);
    (!object.is_empty() && object.end == dot).then_some(object)
}

/// A run of the six characters that any script can be written in.
pub(super) fn confirm_six(bytes: &[u8], at: usize, effort: &mut Effort) -> Option<Found> {
    let six = |b: &u8| matches!(b, b'[' | b']' | b'(' | b')' | b'!' | b'+' | b' ');
    let ahead = bytes
        .get(at..)?
        .iter()
        .take(64)
        .take_while(|b| six(b))
        .count();
    let back = bytes
        .get(..at)?
        .iter()
        .rev()
        .take(64)
        .take_while(|b| six(b))
        .count();
    let run = bytes.get(at - back..at + ahead)?;
    let calls = run
        .windows(3)
        .filter(|w| **w == b"+[]"[..] || **w == b"![]"[..])
        .count();
    (effort.spend(128) && run.len() >= 16 && calls >= 3).then_some((SIX, at - back..at + ahead))
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
    // The text of an element is shown, not run.
    let tag = before
        .windows(2)
        .any(|w| w.first() == Some(&b'<') && w.last() != Some(&b'='));
    if tag || before.len() > 48 || !before.iter().all(u8::is_ascii) {
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
            is_operator(*b) || b.is_ascii_digit() || matches!(b, b'(' | b'{' | b'[' | b'~')
        } || before.iter().any(|b| matches!(b, b'=' | b';')) && !before.contains(&b' '))
}
