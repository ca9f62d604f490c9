//! Keys that reach an object's prototype.
//!
//! Knows the notations that turn text into keys: members of JSON objects, form and query fields
//! with brackets or dots, and paths as lodash's `set` takes them. The names have to stand where a
//! key or a step of a path does; text that talks about them passes.

use core::ops::Range;

use crate::inspect::{Effort, Match, Place, Text, Trigger};
use crate::rule::{Family, RuleId, Rules};

pub(super) const RULES: Rules = Rules {
    family: Family::Prototype,
    triggers: TRIGGERS,
    glance: 7,
    context,
    hopeless: None,
    confirm,
};

const TRIGGERS: &[Trigger] = &[
    // `__proto__`, and the two steps `constructor` and `prototype`.
    Trigger::new("__pr"),
    Trigger::new("ucto"),
    // `Object.prototype`
    Trigger::new("t\\.pr"),
];

const MEMBER: RuleId = RuleId::new("prototype.member");
const PATH: RuleId = RuleId::new("prototype.path");

/// How far back a path's beginning and how far ahead its end is looked for: longer paths than any
/// program takes.
const PATH_LENGTH: usize = 128;

fn context(bytes: &[u8], at: usize) -> bool {
    let is = |from: usize, word: &[u8]| {
        let found = bytes.get(from..from + word.len());
        found.is_some_and(|b| b.eq_ignore_ascii_case(word))
    };
    if matches!(bytes.get(at), Some(b't' | b'T')) {
        return at
            .checked_sub(5)
            .is_some_and(|start| is(start, b"object.prototype"));
    }
    let Some(end) = (match bytes.get(at) {
        Some(b'_') => Some(at + 9),
        _ => at
            .checked_sub(6)
            .filter(|start| is(*start, b"constr"))
            .map(|_| at + 5),
    }) else {
        return false;
    };
    match bytes.get(at) {
        Some(b'_') if is(at, b"__proto__") || is(at, b"__pro__") => true,
        // Cut by an encoding.
        Some(b'_') => bytes
            .get(at + 4..end.min(bytes.len()))
            .is_none_or(|b| b.iter().any(|b| matches!(b, b'\\' | b'%' | b'&'))),
        _ => bytes.get(end).is_none_or(|b| {
            matches!(
                b,
                b'.' | b'[' | b']' | b'"' | b'\'' | b'`' | b'\\' | b'%' | b'&' | b'/'
            )
        }),
    }
}

fn confirm(text: &Text<'_>, at: usize, effort: &mut Effort) -> Option<Match> {
    let bytes = text.bytes;
    if !effort.spend(2 * PATH_LENGTH) {
        return None;
    }
    if let Place::Key(follows) = text.place
        && (bytes == b"__proto__" || bytes == b"constructor")
    {
        let rule = holds_prototype(bytes, follows).then_some(MEMBER)?;
        let span = 0..bytes.len();
        return Some(Match { rule, span });
    }
    let step = match bytes.get(at)? {
        b'_' => prototype_name(bytes, at)?,
        // The object itself, which a program has to be read for: the value is its statement.
        b't' | b'T' => {
            let whole = at == 5 && text.starts && bytes.starts_with(b"Object.prototype");
            return whole
                .then(|| path(text, &(0..16)))?
                .map(|(rule, span)| Match { rule, span });
        }
        _ => constructor_and_prototype(bytes, at.checked_sub(6)?)?,
    };
    let (rule, span) = member(text, &step).or_else(|| path(text, &step))?;
    Some(Match { rule, span })
}

/// `__proto__` at `at`, or spelled so that a filter which removes it once leaves it behind
/// (`__pro__proto__to__`).
fn prototype_name(bytes: &[u8], at: usize) -> Option<Range<usize>> {
    let rest = bytes.get(at..)?;
    if rest.starts_with(b"__proto__") {
        return Some(at..at + 9);
    }
    // Half a name, the whole name, the other half; the cut may be anywhere behind `__pr`.
    let inner = rest.iter().take(8).enumerate().skip(4).find_map(|(i, _)| {
        rest.get(i..i + 9)
            .is_some_and(|b| b == b"__proto__")
            .then_some(i)
    })?;
    let tail = b"__proto__".get(inner..)?;
    rest.get(inner + 9..)?
        .starts_with(tail)
        .then_some(at..at + inner + 9 + tail.len())
}

/// `constructor` at `at` and the step `prototype` behind it, in any notation.
fn constructor_and_prototype(bytes: &[u8], at: usize) -> Option<Range<usize>> {
    let rest = bytes.get(at..)?.strip_prefix(b"constructor")?;
    let name = b"prototype";
    let between = rest
        .iter()
        .take(24)
        .take_while(|b| !b.is_ascii_alphanumeric() && **b != b'_')
        .count();
    let gap = rest.get(..between)?;
    let steps = matches!(
        gap,
        b"." | b"[" | b"][" | b"['" | b"[\"" | b"']['" | b"\"][\"" | b"/" | b"']."
    ) || is_nesting(gap);
    let after = rest.get(between..)?.strip_prefix(name)?;
    let ends = after
        .first()
        .is_none_or(|b| !b.is_ascii_alphanumeric() && *b != b'_');
    (steps && ends).then_some(at..at + 11 + between + name.len())
}

/// Whether `gap` is what stands between a member's name and that of the first member of the object
/// it holds: `": {"`.
fn is_nesting(gap: &[u8]) -> bool {
    let quotes = |b: &u8| matches!(b, b'"' | b'\'' | b'\\');
    let mut plain = gap.iter().filter(|b| **b > b' ' && !quotes(b));
    plain.next() == Some(&b':') && plain.next() == Some(&b'{') && plain.next().is_none()
}

/// Whether a JSON member or form field that is `key` and nothing more holds something that reaches
/// a prototype when it is merged; `follows` is the document behind the key.
fn holds_prototype(key: &[u8], follows: &[u8]) -> bool {
    let blank = |b: &&u8| matches!(b, b' ' | b'\t' | b'\r' | b'\n');
    let mut value = follows
        .iter()
        .take(PATH_LENGTH)
        .filter(|b| !blank(b) && **b != b'\\');
    match value.next() {
        // Merging a scalar into a prototype changes nothing; `null` is how a bare object is written.
        Some(b':') if key == b"__proto__" => value.next().is_none_or(|b| matches!(b, b'{' | b'[')),
        Some(b':') => value.next() == Some(&b'{') && value.take(12).eq(b"\"prototype\":"),
        Some(b'=') | None => key == b"__proto__",
        _ => false,
    }
}

/// The names as the quoted keys and steps of one inside a text.
fn member(text: &Text<'_>, step: &Range<usize>) -> Option<(RuleId, Range<usize>)> {
    let bytes = text.bytes;
    let (before, after) = (bytes.get(..step.start)?, bytes.get(step.end..)?);
    let nested = bytes.get(step.clone())?.contains(&b'{');
    let quote = *before.last().filter(|b| matches!(b, b'"' | b'\''))?;
    let inner = before.get(..before.len() - 1)?.trim_ascii_end();
    let inner = inner.strip_suffix(b"\\").unwrap_or(inner).trim_ascii_end();
    let after = after.strip_prefix(b"\\").unwrap_or(after);
    let rest = after.strip_prefix(&[quote])?.trim_ascii_start();
    let value = rest.strip_prefix(b":").map(<[u8]>::trim_ascii_start);
    let opens = matches!(inner.last(), Some(b'{' | b','));
    let object = value.is_some_and(|v| matches!(v.first(), Some(b'{' | b'[')));
    // `["__proto__","admin"]` and `a["__proto__"]["b"]`: steps of a path.
    let listed = matches!(inner.last(), Some(b'[' | b','))
        && matches!(rest.first(), Some(b',' | b']'))
        && inner.contains(&b'[')
        && is_step_of_data(inner, rest);
    ((opens || nested) && object || listed).then_some((MEMBER, step.clone()))
}

/// Whether a bracket around a quoted name belongs to data or to a path, and not to a program that
/// is quoted: nothing but names, quotes, brackets and commas up to the text's ends or an `=`.
fn is_step_of_data(before: &[u8], after: &[u8]) -> bool {
    let plain = |b: &u8| {
        b.is_ascii_alphanumeric()
            || matches!(
                b,
                b'_' | b'$'
                    | b'-'
                    | b'.'
                    | b'['
                    | b']'
                    | b'"'
                    | b'\''
                    | b','
                    | b' '
                    | b'{'
                    | b'}'
                    | b':'
                    | b'\\'
            )
    };
    let head = before.iter().rev().take(PATH_LENGTH);
    let tail = after.iter().take(PATH_LENGTH).take_while(|b| **b != b'=');
    head.clone().all(plain)
        && tail.clone().all(plain)
        && !(before.contains(&b' ') && !before.contains(&b'"') && !before.contains(&b'\''))
}

/// What may stand inside a path.
const fn is_path(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'_' | b'$' | b'-' | b'.' | b'[' | b']' | b'\'' | b'"' | b':' | b'*' | b'@'
        )
}

/// The end of a quoted path around `step` that begins with the quote at `start`, if it is a
/// member's name (`{"a.__proto__.b": 1}`) or a form field's (`name="__proto__[a]"`).
fn quoted_key(bytes: &[u8], start: usize, step: &Range<usize>) -> Option<usize> {
    let quote = *bytes.get(start).filter(|b| matches!(b, b'"' | b'\''))?;
    let before = bytes.get(..start)?.trim_ascii_end();
    let tail = bytes.get(step.end..)?;
    let length = tail.iter().take(PATH_LENGTH).position(|b| *b == quote)?;
    let rest = tail.get(..length)?;
    let steps = matches!(rest.first(), Some(b'.' | b'[' | b']'))
        && rest.iter().all(|b| is_path(*b))
        || rest.is_empty() && start + 1 < step.start;
    let behind = tail.get(length + 1..)?.trim_ascii_start();
    let member = matches!(before.last(), Some(b'{' | b',')) && behind.starts_with(b":");
    let field = before
        .last_chunk()
        .is_some_and(|c: &[u8; 5]| c.eq_ignore_ascii_case(b"name="));
    (steps && (member || field)).then_some(step.end + length)
}

/// Whether `step` is the string that a member of JSON inside the text holds: a key on its way
/// (`"key":"__proto__"`), or a pointer of JSON Patch (`"path":"/__proto__/a"`).
fn is_quoted_value(bytes: &[u8], step: &Range<usize>) -> bool {
    let (Some(before), Some(after)) = (bytes.get(..step.start), bytes.get(step.end..)) else {
        return false;
    };
    let value = |before: &[u8]| {
        let before = before.trim_ascii_end().strip_suffix(b":");
        before.is_some_and(|b| b.trim_ascii_end().ends_with(b"\""))
    };
    let (before, escaped) = match before.strip_suffix(b"\"") {
        Some(before) => (before, before.strip_suffix(b"\\")),
        None => {
            let from = before.strip_suffix(b"\"/").map(<[u8]>::trim_ascii_end);
            let member = from.and_then(|b| b.strip_suffix(b":"));
            return after.starts_with(b"/")
                && member.is_some_and(|m| m.ends_with(b"\"path\"") || m.ends_with(b"\"from\""));
        }
    };
    let after = if escaped.is_some() {
        after.strip_prefix(b"\\").unwrap_or(after)
    } else {
        after
    };
    after.starts_with(b"\"") && value(escaped.unwrap_or(before))
}

/// The end of a text that is a JSON Pointer (RFC 6901) with `step` in it: what JSON Patch and
/// path-like routes walk down.
fn pointer(text: &Text<'_>, step: &Range<usize>) -> Option<usize> {
    let bytes = text.bytes;
    let plain = |b: &u8| is_path(*b) || matches!(b, b'/' | b'~');
    let head = bytes
        .get(..step.start)
        .filter(|h| text.starts && h.len() <= PATH_LENGTH)?;
    let tail = bytes.get(step.end..).filter(|t| t.len() <= PATH_LENGTH)?;
    // As a fragment, too (RFC 6901, 6).
    let head = head.strip_prefix(b"#").unwrap_or(head);
    let steps =
        head.starts_with(b"/") && head.ends_with(b"/") && tail.first().is_none_or(|b| *b == b'/');
    (steps && text.ends && head.iter().chain(tail).all(plain)).then_some(bytes.len())
}

/// The names as steps of a path that is a field's name, a query's, or a whole text.
fn path(text: &Text<'_>, step: &Range<usize>) -> Option<(RuleId, Range<usize>)> {
    let bytes = text.bytes;
    let head = bytes.get(..step.start)?;
    let back = head
        .iter()
        .rev()
        .take(PATH_LENGTH)
        .take_while(|b| is_path(**b))
        .count();
    let start = step.start - back;
    let first = bytes.get(start..step.start)?;
    // An option of a command line, as minimist and its like make keys of: `--__proto__.x 1`.
    let apart = match start.checked_sub(1) {
        None => text.starts,
        Some(before) => bytes.get(before) == Some(&b' '),
    };
    let option = apart && first == b"--";
    let (start, first) = if option {
        (step.start, b"".as_slice())
    } else {
        (start, first)
    };
    // A step begins the path or follows a dot, a bracket or a bracket and quote.
    if !matches!(first.last(), None | Some(b'.' | b'[' | b'\'' | b'"')) {
        return None;
    }
    if let Some(end) = quoted_key(bytes, start, step) {
        return Some((PATH, start + 1..end));
    }
    if let Some(end) = pointer(text, step) {
        return Some((PATH, 0..end));
    }
    if is_quoted_value(bytes, step) {
        return Some((PATH, step.clone()));
    }
    if bytes.get(step.start.wrapping_sub(1)) == Some(&b'<') && bytes.get(step.end) == Some(&b'>') {
        // An element whose name becomes a key.
        return Some((MEMBER, step.clone()));
    }
    let boundary = match start.checked_sub(1).and_then(|i| bytes.get(i)) {
        None => text.starts,
        Some(b'?' | b'&' | b'#' | b';' | b'/') => true,
        // `{}.__proto__.x=1`, `({}).__proto__.x=1`
        Some(b'}' | b')') => {
            let object = bytes.get(..start).unwrap_or_default();
            first == b"." && text.starts && matches!(object, b"{}" | b"({})" | b"([])")
        }
        Some(_) => option,
    };
    if !boundary {
        return None;
    }
    let tail = bytes.get(step.end..)?;
    let ahead = tail
        .iter()
        .take(PATH_LENGTH)
        // White space inside a bracket is part of a key (`__proto__[* ONERROR]`).
        .scan(0_i32, |depth, b| {
            *depth += i32::from(*b == b'[') - i32::from(*b == b']');
            (is_path(*b) || *depth > 0 && *b != b'&' && *b != b'=').then_some(())
        })
        .count();
    let rest = tail.get(..ahead)?;
    let next = tail.get(ahead);
    let goes_on = matches!(rest.first(), Some(b'.' | b'[' | b']' | b'\'' | b'"'));
    let named = rest.len() > 1 || matches!(text.place, Place::Key(_)) || first.ends_with(b"[");
    let whole = start == 0 && next.is_none() && text.starts && text.ends;
    let behind = tail.get(ahead..).unwrap_or_default().trim_ascii_start();
    // A statement with blanks, as people type it, that the value is: it sets a literal. Programs
    // that extend a class assign functions.
    let stated = start == 0 && behind.strip_prefix(b"=").is_some_and(is_literal);
    let assigned = next == Some(&b'=') || option && next == Some(&b' ') || stated;
    let end = step.end + ahead;
    // A whole text that is one of the names alone is a key on its way (`obj[name] = ..`).
    let matched = goes_on && named && (assigned || whole || matches!(text.place, Place::Key(_)))
        || rest.is_empty() && (whole || assigned && start < step.start || assigned && boundary);
    matched.then_some((PATH, start..end))
}

/// Whether `value` is one literal and no more, but for what ends a statement.
fn is_literal(value: &[u8]) -> bool {
    let value = value.trim_ascii();
    let value = value.strip_suffix(b";").unwrap_or(value);
    match value {
        [open @ (b'"' | b'\''), rest @ ..] => {
            rest.iter().position(|b| b == open) == Some(rest.len().wrapping_sub(1))
        }
        b"true" | b"false" | b"null" | b"{}" | b"[]" => true,
        _ => !value.is_empty() && value.iter().all(|b| b.is_ascii_digit() || *b == b'.'),
    }
}

#[cfg(test)]
mod tests;
