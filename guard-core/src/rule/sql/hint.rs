//! Cheap looks at the bytes around a trigger, encoded or not, that dismiss nearly all of prose.
//!
//! Each looks at some tens of bytes and says yes when an escape stands in its way.

use super::statement::OBJECTS;
use super::token::is_word;
use super::words::{Word, classify};

/// Whether `byte` may begin an escape, or end the bytes.
const fn veils(byte: u8) -> bool {
    matches!(byte, b'\\' | b'%' | b'&')
}

const fn is_white(byte: u8) -> bool {
    matches!(
        byte,
        b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c | b'+' | 0xa0 | 0xc2
    )
}

fn after_white(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    at + rest.iter().take(16).take_while(|b| is_white(**b)).count()
}

fn after_word(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    at + rest
        .iter()
        .take(40)
        .take_while(|b| is_word(**b) || **b == b'.')
        .count()
}

fn starts(bytes: &[u8], at: usize, word: &[u8]) -> bool {
    super::starts(bytes, at, word)
}

/// Whether `bytes[..at]` ends with white space as JSON escapes it.
fn escapes(bytes: &[u8], at: usize) -> bool {
    bytes
        .get(..at)
        .is_some_and(|head| matches!(head, [.., b'\\', b't' | b'n' | b'r']))
}

/// A connective needs an operand that is no word of prose.
pub(super) fn connective(bytes: &[u8], at: usize, length: usize) -> bool {
    if let Some(before) = at.checked_sub(1).and_then(|i| bytes.get(i)) {
        let fits = is_white(*before)
            || veils(*before)
            || matches!(
                *before,
                b'\'' | b'"' | b'`' | b')' | b'/' | b'}' | b';' | b']' | 0
            )
            || before.is_ascii_digit()
            || escapes(bytes, at);
        if !fits {
            return false;
        }
    }
    operand(bytes, after_white(bytes, at + length))
}

fn operand(bytes: &[u8], at: usize) -> bool {
    let Some(first) = bytes.get(at) else {
        // Nothing is compared with the end; what a window cuts off comes again with the next.
        return false;
    };
    match *first {
        b'\\' if bytes.get(at + 1) == Some(&b'"') => quoted(bytes, at + 2),
        byte if veils(byte) => true,
        b'\'' | b'"' | b'`' | b'(' | b'@' | b'!' | b'~' | b'-' | b'{' | b'/' | b':' | b'#' => true,
        b'0'..=b'9' | b'.' => {
            let end = after_word(bytes, at);
            let next = after_white(bytes, end);
            bytes.get(end) == Some(&b'+')
                || bytes.get(next).is_none_or(|b| {
                    veils(*b)
                        || matches!(
                            *b,
                            b'=' | b'<' | b'>' | b'!' | b'*' | b'/' | b'|' | b'^' | b'"'
                        )
                        || matches!(*b, b'#' | b'-' | b')' | b'\'' | b';' | b'+' | b'~' | 0)
                        || worded(bytes, next)
                })
        }
        byte if is_word(byte) => word(bytes, at),
        _ => false,
    }
}

/// Whether a literal may begin at `at`, behind a quote that JSON escapes. If it is the quote that
/// ends a string of JSON in a string, nothing is compared; if it opens a literal, an operator
/// follows its end, and no other word does. Both are so where the next quote opens the next key.
fn quoted(bytes: &[u8], at: usize) -> bool {
    let rest = bytes.get(at..).unwrap_or_default();
    let Some(end) = rest.iter().take(48).position(|b| *b == b'\\') else {
        return true;
    };
    let closed = rest.get(end + 1) == Some(&b'"');
    let begin = at + end + 2;
    let end = after_word(bytes, begin);
    let word = bytes.get(begin..end).unwrap_or_default();
    let hidden = match bytes.get(end..) {
        Some([b'\\', next, ..]) => *next != b'"',
        Some([next, ..]) => veils(*next),
        _ => true,
    };
    let names = matches!(classify(word), Word::Plain | Word::Function) && !word.is_empty();
    !(closed && names) || hidden
}

fn is_function(name: &[u8]) -> bool {
    matches!(classify(name), Word::Function | Word::Hostile)
}

fn worded(bytes: &[u8], at: usize) -> bool {
    let Some(first) = bytes.get(at) else {
        return false;
    };
    let words: &[&[u8]] = match first | 0x20 {
        b'b' => &[b"between"],
        b'd' => &[b"div"],
        b'g' => &[b"group", b"glob"],
        b'h' => &[b"having"],
        b'i' => &[b"in(", b"in (", b"is n", b"is t"],
        b'l' => &[b"limit", b"like"],
        b'n' => &[b"not "],
        b'o' => &[b"order"],
        b'r' => &[b"rlike", b"regexp"],
        b's' => &[b"sounds", b"similar"],
        b'u' => &[b"union"],
        _ => return false,
    };
    words.iter().any(|w| starts(bytes, at, w))
}

fn word(bytes: &[u8], at: usize) -> bool {
    let end = after_word(bytes, at);
    let name = bytes.get(at..end).unwrap_or_default();
    let is = |word: &[u8]| name.eq_ignore_ascii_case(word);
    let value = match name.first().map(|b| b | 0x20) {
        Some(b't') => is(b"true"),
        Some(b'f') => is(b"false"),
        Some(b'n') => is(b"null") || is(b"not"),
        Some(b'e') => is(b"exists"),
        Some(b'c') => is(b"case"),
        Some(b's') => is(b"select"),
        Some(b'b') => is(b"binary"),
        Some(b'u') => starts(name, 0, b"utl_"),
        Some(b'd') => starts(name, 0, b"dbms"),
        _ => false,
    };
    if value {
        return true;
    }
    let next = after_white(bytes, end);
    match bytes.get(next) {
        None => false,
        Some(byte) if veils(*byte) => true,
        Some(b'=' | b'<' | b'>' | b'!' | b'~') => true,
        // PostgreSQL's and MySQL's operators on documents.
        Some(b'@' | b'?' | b'-') => operator(bytes.get(next..).unwrap_or_default()),
        Some(b'(' | b'\'') if next == end => true,
        Some(b'(') => is_function(name),
        Some(b'/') => bytes.get(next + 1) == Some(&b'*'),
        Some(_) => worded(bytes, next),
    }
}

/// `@>`, `@@`, `?|`, `->` and their kin, or what may be one once it is decoded.
fn operator(rest: &[u8]) -> bool {
    match rest {
        [b'@', next, ..] => matches!(next, b'>' | b'@' | b'?') || veils(*next),
        [b'?', next, ..] => matches!(next, b'|' | b'&') || veils(*next),
        [b'-', next, ..] => *next == b'>' || veils(*next),
        _ => false,
    }
}

/// `union` needs white space or a parenthesis after it, and `select` soon.
pub(super) fn union(bytes: &[u8], at: usize) -> bool {
    let rest = bytes.get(at + 4..).unwrap_or_default();
    match rest {
        [b'n' | b'N', next, ..] if is_word(*next) && at > 0 => {
            super::query::nested(bytes, at, b"union")
        }
        [b'n' | b'N', next, tail @ ..] => {
            !is_word(*next) && queries(tail) || veils(*next) || next.eq_ignore_ascii_case(&b'u')
        }
        _ => true,
    }
}

/// Whether what `union` is followed by holds the beginning of a query, or may hide one. In one pass:
/// what prose has behind the word is all looked through.
fn queries(tail: &[u8]) -> bool {
    let near = tail.get(..tail.len().min(40)).unwrap_or_default();
    near.iter().enumerate().any(|(at, byte)| match byte {
        b'(' | b'/' => true,
        b's' | b'S' => starts(near, at, b"sel"),
        b'v' | b'V' => starts(near, at, b"val"),
        b't' | b'T' => starts(near, at, b"table"),
        byte => veils(*byte),
    })
}

/// `select` outside a union needs a boundary before it and no letter after it.
pub(super) fn select(bytes: &[u8], at: usize) -> bool {
    if !starts(bytes, at, b"select") {
        return bytes
            .get(at + 4..at + 6)
            .is_none_or(|rest| rest.iter().any(|b| veils(*b)));
    }
    let before = at
        .checked_sub(1)
        .and_then(|i| bytes.get(i))
        .copied()
        .unwrap_or(b' ');
    let after = bytes.get(at + 6).copied().unwrap_or(b' ');
    !is_word(before)
        && !matches!(after, b'-' | b'\'' | b':' | b'=' | b'.' | b'>')
        && !is_word(after)
}

/// Where the verb of a statement stands that follows `;`, white space allowed.
pub(super) fn verb(bytes: &[u8], at: usize) -> Option<usize> {
    let begin = after_white(bytes, at);
    let end = after_word(bytes, begin);
    let word = bytes.get(begin..end)?;
    (classify(word) == Word::Verb || word.eq_ignore_ascii_case(b"if")).then_some(begin)
}

/// A verb needs a boundary before it.
pub(super) fn statement(bytes: &[u8], at: usize) -> bool {
    if starts(bytes, at, b"waitfor") || starts(bytes, at, b"declare") {
        return true;
    }
    if starts(bytes, at, b"drop") && !drops(bytes, at + 4) {
        return false;
    }
    // A procedure is named, then called; programs call functions of that name.
    if starts(bytes, at, b"ca") && !calls(bytes, at) {
        return false;
    }
    let mut i = at;
    for _ in 0..8 {
        let Some(before) = i.checked_sub(1).and_then(|i| bytes.get(i)) else {
            return true;
        };
        match *before {
            byte if is_white(byte) => i -= 1,
            b';' | b'\'' | b'"' | b')' | b'/' | b'}' | 0 => return true,
            b'n' | b't' | b'r' => return escapes(bytes, i),
            byte => return veils(byte) || (byte.is_ascii_digit() && i < at),
        }
    }
    true
}

/// `call`, white space and a name, unless something hides it.
fn calls(bytes: &[u8], at: usize) -> bool {
    let end = after_word(bytes, at);
    let start = after_white(bytes, end);
    let hidden = bytes.get(end).is_some_and(|b| veils(*b));
    let named = bytes.get(start).is_some_and(|b| is_word(*b) || veils(*b));
    hidden || starts(bytes, at, b"call") && end == at + 4 && start > end && named
}

/// What can be dropped has a name of its own, unless something hides it.
fn drops(bytes: &[u8], at: usize) -> bool {
    let start = after_white(bytes, at);
    let end = after_word(bytes, start);
    let name = bytes.get(start..end).unwrap_or_default();
    let rest = bytes.get(end..).unwrap_or_default();
    // A string of JSON in a string ends there, or a literal begins.
    if name.is_empty() && rest.starts_with(b"\\\"") {
        return false;
    }
    let hidden = rest.first().is_none_or(|b| veils(*b)) || name.is_empty();
    hidden
        || OBJECTS
            .iter()
            .any(|object| name.eq_ignore_ascii_case(object))
}

/// `order by` and `group by`, of whose first word the last two bytes are at `at`.
pub(super) fn by(bytes: &[u8], at: usize) -> bool {
    match bytes.get(at + 2..) {
        Some([white, b'b' | b'B', last, ..]) if is_white(*white) => {
            matches!(last, b'y' | b'Y') || veils(*last)
        }
        _ => true,
    }
}

/// A function needs its parenthesis, near the name.
pub(super) fn function(bytes: &[u8], at: usize) -> bool {
    let end = after_white(bytes, after_word(bytes, at));
    bytes
        .get(end)
        .is_none_or(|b| veils(*b) || matches!(*b, b'(' | b'/'))
}

/// A quote, then at most some closing, then a comment.
pub(super) fn tail(bytes: &[u8], at: usize) -> bool {
    // The quotes of a JSON document itself open a string behind these.
    let before = at.checked_sub(1).and_then(|i| bytes.get(i));
    if bytes.get(at) == Some(&b'"')
        && matches!(
            before,
            Some(b':' | b' ' | b',' | b'[' | b'{' | b'\n' | b'\t' | b'=')
        )
    {
        return false;
    }
    let mut i = at + 1;
    let mut ended = false;
    for _ in 0..12 {
        match bytes.get(i..).unwrap_or_default() {
            // A statement behind a literal, and a comment at its end.
            rest @ [byte, ..] if ended && byte.is_ascii_alphabetic() => {
                // No statement begins with an assignment: it is a parameter of a header's value, as
                // every Chromium tells its brands.
                let word = rest
                    .iter()
                    .take(32)
                    .take_while(|b| b.is_ascii_alphanumeric());
                if rest.get(word.count()) == Some(&b'=') {
                    return false;
                }
                let near = rest.get(..rest.len().min(96)).unwrap_or_default();
                return bytes.get(at) != Some(&b')') && (is_commented(near) || is_veiled(near));
            }
            [b'#', next, ..] => {
                return is_white(*next)
                    || veils(*next)
                    || matches!(*next, b'"' | b'0'..=b'9' | b'-');
            }
            [] | [b'#'] | [b'-', b'-', ..] | [b'/', b'*', ..] => return true,
            [
                b'=' | b'<' | b'>' | b'^' | b'*' | b'-' | b'~' | b'!' | b'|' | b'/' | b'&',
                ..,
            ] => {
                return true;
            }
            [b'+', b'\'' | b'"' | b'+' | b'0'..=b'9', ..] | [b'\'' | b'"' | 0, ..] => return true,
            [byte, ..] if is_white(*byte) || matches!(*byte, b')' | b';') => {
                ended |= *byte == b';';
                i += 1;
            }
            [byte, ..] => return veils(*byte),
        }
    }
    true
}

fn is_commented(bytes: &[u8]) -> bool {
    memchr::memchr_iter(b'-', bytes).any(|i| bytes.get(i + 1) == Some(&b'-'))
}

/// Whether something in it may be encoded.
fn is_veiled(bytes: &[u8]) -> bool {
    memchr::memchr3(b'\\', b'%', b'&', bytes).is_some()
}

/// A versioned comment has a version or a word of SQL right after its mark.
pub(super) fn versioned(bytes: &[u8], at: usize) -> bool {
    bytes
        .get(at + 3)
        .is_none_or(|b| b.is_ascii_alphanumeric() || veils(*b))
}

/// A comment inside a word has letters on both sides and ends soon.
pub(super) fn broken(bytes: &[u8], at: usize) -> bool {
    bytes.get(at).is_some_and(u8::is_ascii_alphabetic)
        && bytes.get(at + 4).is_none_or(|b| *b == b'/' || veils(*b))
        && bytes
            .get(at + 5)
            .is_none_or(|b| b.is_ascii_alphabetic() || veils(*b))
}
