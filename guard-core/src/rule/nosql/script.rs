//! JavaScript that leaves the literal it was put into, as `$where`, `mapReduce` and views of
//! document databases evaluate it.

use super::{after_white, around, before_white, is_word, rule, starts, veils};
use crate::inspect::{Match, Text};

/// Longest text before the point where the literal is left.
const HEAD: usize = 48;

/// Whether the program's own text ends right before `at`: behind a quote that the text did not
/// open, a number that begins the text, or at its start. Closing brackets may follow.
fn leaves(text: &Text<'_>, at: usize) -> bool {
    let mut end = before_white(text.bytes, at);
    for _ in 0..8 {
        match end.checked_sub(1).and_then(|i| text.bytes.get(i)) {
            Some(b')' | b'}' | b']') => end = before_white(text.bytes, end - 1),
            _ => break,
        }
    }
    let floor = end.saturating_sub(128);
    let Some(head) = text.bytes.get(floor..end) else {
        return false;
    };
    match head.split_last() {
        None => text.starts && floor == 0,
        Some((mark @ (b'\'' | b'"' | b'`'), before)) => {
            // Doubled quotes are the empty literal that a payload puts in front.
            let count = before.iter().filter(|b| *b == mark).count();
            count % 2 == 0 || end <= 2
        }
        Some(_) => {
            let field = head
                .iter()
                .rposition(|b| matches!(*b, b'=' | b'&'))
                .map_or(0, |p| p + 1);
            let value = head.get(field..).unwrap_or_default();
            text.starts
                && (floor == 0 || value.len() < head.len())
                && value.len() <= HEAD
                && value
                    .iter()
                    .all(|b| b.is_ascii_digit() || matches!(*b, b'-' | b'.'))
        }
    }
}

/// `;` with a statement of interest behind it.
pub(super) fn hint_statement(bytes: &[u8], at: usize) -> bool {
    let begin = after_white(bytes, at + 1);
    if starts(bytes, begin, b"sleep") {
        return true;
    }
    if !starts(bytes, begin, b"return") {
        return bytes
            .get(begin..begin + 6)
            .is_none_or(|word| word.iter().any(|b| veils(*b)));
    }
    bytes.get(begin + 6).is_none_or(|b| !is_word(*b))
}

/// `; return true`, `; sleep(5000)` behind the literal.
pub(super) fn statement(text: &Text<'_>, at: usize) -> Option<Match> {
    let bytes = text.bytes;
    if !leaves(text, at) {
        return None;
    }
    let begin = after_white(bytes, at + 1);
    let end = if starts(bytes, begin, b"sleep") {
        let open = after_white(bytes, begin + 5);
        let digit = bytes
            .get(after_white(bytes, open + 1))
            .is_some_and(u8::is_ascii_digit);
        (bytes.get(open) == Some(&b'(') && digit).then_some(open + 1)?
    } else {
        let value = after_white(bytes, begin + 6);
        let returned = starts(bytes, value, b"true")
            || starts(bytes, value, b"this.")
            || starts(bytes, value, b"false")
            || matches!(
                bytes.get(value),
                Some(b'\'' | b'"' | b'(' | b'!' | b'{' | b'0'..=b'9')
            );
        (starts(bytes, begin, b"return") && value > begin + 6 || starts(bytes, begin, b"return("))
            .then_some(())?;
        returned.then_some(value + 1)?
    };
    Some(Match {
        rule: rule("nosql.script"),
        span: at..end.min(bytes.len()),
    })
}

/// `this.` at `at` as an operand joined to a literal that was left: `' && this.password.match(`.
pub(super) fn member(text: &Text<'_>, at: usize) -> Option<Match> {
    let bytes = text.bytes;
    let mut end = before_white(bytes, at);
    // `!this.x`, `(this.x`.
    while end > 0 && matches!(bytes.get(end - 1), Some(b'!' | b'(')) {
        end = before_white(bytes, end - 1);
    }
    let operator = end.checked_sub(2)?;
    if !(starts(bytes, operator, b"&&") || starts(bytes, operator, b"||")) {
        return None;
    }
    leaves(text, operator).then(|| Match {
        rule: rule("nosql.script"),
        span: operator..(at + 5).min(bytes.len()),
    })
}

/// `new Date()` in a loop that waits: `';d=new Date();do{c=new Date();}while(c-d<5000);`.
pub(super) fn busy_loop(text: &Text<'_>, at: usize) -> Option<Match> {
    let bytes = text.bytes;
    let near = bytes.get(at..bytes.len().min(at + 160))?;
    let looped = near
        .windows(3)
        .any(|w| w.eq_ignore_ascii_case(b"do{") || w == b"do ")
        && near.windows(6).any(|w| w.eq_ignore_ascii_case(b"while("));
    let head = if at <= HEAD {
        bytes.get(..at)?
    } else {
        return None;
    };
    let semicolon = head.iter().position(|b| *b == b';')?;
    (looped && leaves(text, semicolon)).then(|| Match {
        rule: rule("nosql.script"),
        span: semicolon..at + near.len(),
    })
}

/// `while(1)`, `while(Date.now()-a<5000)`: a loop as a statement behind the literal.
pub(super) fn waiting_loop(text: &Text<'_>, at: usize) -> Option<Match> {
    let bytes = text.bytes;
    let value = at + 6;
    let endless = starts(bytes, value, b"1)") || starts(bytes, value, b"true)");
    let condition = bytes.get(value..bytes.len().min(value + 24))?;
    let waits = condition
        .windows(5)
        .any(|w| w.eq_ignore_ascii_case(b"date.") || w.eq_ignore_ascii_case(b"date("));
    let semicolon = before_white(bytes, at).checked_sub(1)?;
    ((endless || waits) && bytes.get(semicolon) == Some(&b';') && leaves(text, semicolon)).then(
        || Match {
            rule: rule("nosql.script"),
            span: semicolon..(value + 2).min(bytes.len()),
        },
    )
}

/// The method called at `db.collection.method(`, if it writes or lists.
fn method(bytes: &[u8], at: usize) -> Option<usize> {
    const METHODS: [&[u8]; 15] = [
        b"insert",
        b"insertone",
        b"insertmany",
        b"remove",
        b"deleteone",
        b"deletemany",
        b"drop",
        b"update",
        b"updateone",
        b"updatemany",
        b"save",
        b"mapreduce",
        b"find",
        b"findone",
        b"aggregate",
    ];
    const OWN: [&[u8]; 5] = [
        b"getcollectionnames",
        b"dropdatabase",
        b"eval",
        b"adduser",
        b"createuser",
    ];
    let word = |from: usize| {
        let rest = bytes.get(from..).unwrap_or_default();
        let length = rest.iter().take(32).take_while(|b| is_word(**b)).count();
        (rest.get(..length).unwrap_or_default(), from + length)
    };
    let (first, end) = word(at + 3);
    if OWN.iter().any(|m| m.eq_ignore_ascii_case(first)) && bytes.get(end) == Some(&b'(') {
        return Some(end);
    }
    if bytes.get(end) != Some(&b'.') {
        return None;
    }
    let (second, end) = word(end + 1);
    let known = METHODS.iter().any(|m| m.eq_ignore_ascii_case(second));
    (known && bytes.get(end) == Some(&b'(')).then_some(end)
}

/// A shell's `db.` needs a boundary before it and a call after it.
pub(super) fn hint_shell(bytes: &[u8], at: usize) -> bool {
    let before = at
        .checked_sub(1)
        .and_then(|i| bytes.get(i))
        .copied()
        .unwrap_or(b' ');
    (!is_word(before) || veils(before)) && method(bytes, at).is_some()
}

/// `db.users.insert({`: a statement of MongoDB's shell that begins the text or follows another.
pub(super) fn shell(text: &Text<'_>, at: usize) -> Option<Match> {
    let bytes = text.bytes;
    let end = method(bytes, at)?;
    let argument = bytes
        .get(after_white(bytes, end + 1))
        .copied()
        .unwrap_or(b' ');
    let behind = before_white(bytes, at);
    let stands = match behind.checked_sub(1).and_then(|i| bytes.get(i)) {
        None => text.starts,
        Some(b';') => true,
        Some(_) => around(bytes, behind, 6, b"return").is_some(),
    };
    let call = matches!(argument, b'{' | b'[' | b')' | b'f' | b'\'' | b'"');
    // A complete statement: prose about the shell leaves `;` out, unless the call is all there is.
    let rest = bytes
        .get(end..bytes.len().min(end + 192))
        .unwrap_or_default();
    let whole = text.starts && text.ends && behind == 0 && rest.last() == Some(&b')');
    let closed = whole && end + rest.len() == bytes.len()
        || rest.contains(&b';')
        || rest.windows(8).any(|w| w == b"function");
    (stands && call && closed).then(|| Match {
        rule: rule("nosql.script"),
        span: at..end + 1,
    })
}
