//! Query operators where a program expects a plain value: as keys of JSON and of forms, and in text
//! that reaches a query as source.

use super::{after_white, before_white, is_word, rule, starts, veils};
use crate::inspect::{Match, Place, Text};

/// Operators that widen a query or run script. Those that only name data types or update documents
/// (`$date`, `$oid`, `$set`) and JSON's own (`$ref`, `$schema`, `$id`) are not among them. Source:
/// MongoDB 7 reference, "Query and Projection Operators"; `$func`, which calls a function of PHP:
/// MongoLite.
const OPERATORS: [&[u8]; 32] = [
    b"ne",
    b"gt",
    b"gte",
    b"lt",
    b"lte",
    b"eq",
    b"in",
    b"nin",
    b"or",
    b"and",
    b"nor",
    b"not",
    b"regex",
    b"where",
    b"exists",
    b"mod",
    b"all",
    b"size",
    b"elemmatch",
    b"expr",
    b"jsonschema",
    b"function",
    b"accumulator",
    b"lookup",
    b"graphlookup",
    b"unionwith",
    b"out",
    b"merge",
    b"comment",
    b"regexp",
    b"like",
    b"func",
];

/// `$type` with a number: a type of BSON. With a text it is what .NET calls an object's class.
fn asks_for_type(bytes: &[u8], at: usize, place: Place<'_>) -> Option<usize> {
    let end = at + 5;
    starts(bytes, at, b"$type").then_some(())?;
    let follows = match place {
        Place::Key(follows) if end == bytes.len() => follows,
        _ => bytes.get(end..)?,
    };
    let mut value = follows
        .iter()
        .take(12)
        .filter(|b| !matches!(b, b' ' | b'"' | b'\'' | b'\\' | b']'));
    let assigned = matches!(value.next(), Some(b':' | b'='));
    let digits = value
        .next()
        .is_some_and(|b| b.is_ascii_digit() || *b == b'-');
    let closed = value.find(|b| !b.is_ascii_digit());
    (assigned && digits && closed.is_none_or(|b| matches!(b, b',' | b'}' | b'&'))).then_some(end)
}

/// The end of the operator's name at `bytes[at..]`, which is its `$`.
fn name_end(bytes: &[u8], at: usize) -> Option<usize> {
    let rest = bytes.get(at + 1..)?;
    let length = rest.iter().take(16).take_while(|b| is_word(**b)).count();
    let name = rest.get(..length)?;
    OPERATORS
        .iter()
        .any(|op| op.eq_ignore_ascii_case(name))
        .then_some(at + 1 + length)
}

/// Whether an operator's name stands where a key may.
pub(super) fn hint(bytes: &[u8], at: usize) -> bool {
    let named = name_end(bytes, at).or_else(|| starts(bytes, at, b"$type").then_some(at + 5));
    let Some(end) = named else {
        // A name that an escape cuts.
        let near = bytes
            .get(at + 1..bytes.len().min(at + 14))
            .unwrap_or_default();
        return near
            .iter()
            .find(|b| !is_word(**b))
            .is_some_and(|b| veils(*b) && *b != b'&');
    };
    let before = at
        .checked_sub(1)
        .and_then(|i| bytes.get(i))
        .copied()
        .unwrap_or(b'{');
    let fits = matches!(
        before,
        b'"' | b'\'' | b'[' | b'{' | b',' | b' ' | b'\t' | b'\n' | b'.'
    ) || veils(before);
    let after = bytes.get(after_white(bytes, end)).copied().unwrap_or(b':');
    fits && (matches!(after, b'"' | b'\'' | b':' | b']') || veils(after))
}

/// The operator whose `$` is at `at`.
pub(super) fn operator(text: &Text<'_>, at: usize) -> Option<Match> {
    let bytes = text.bytes;
    let end = name_end(bytes, at).or_else(|| asks_for_type(bytes, at, text.place))?;
    let found = |start: usize, end: usize| {
        Some(Match {
            rule: rule("nosql.operator"),
            span: start..end.min(bytes.len()),
        })
    };
    // The whole of a key.
    let comment = starts(bytes, at, b"$comment");
    let whole = text.starts && text.ends && at == 0 && end == bytes.len() && !comment;
    if matches!(text.place, Place::Key(_)) && whole {
        return found(at, end);
    }
    let before = at.checked_sub(1).and_then(|i| bytes.get(i)).copied();
    let after = bytes.get(end).copied();
    match (before, after) {
        // A form's `user[$ne]=`, alone as a key or inside the form.
        (Some(b'['), Some(b']')) => match bytes.get(end + 1) {
            None if !matches!(text.place, Place::Key(_)) && at > 1 => None,
            None | Some(b'=' | b'[') => found(at - 1, end + 1),
            _ => None,
        },
        // JSON inside the text: `{"$gt": ..`.
        (Some(quote @ (b'"' | b'\'')), Some(close)) if quote == close => {
            // JSON Schema has `$comment` too.
            if comment {
                return None;
            }
            let colon = after_white(bytes, end + 1);
            let open = before_white(bytes, at - 1)
                .checked_sub(1)
                .and_then(|i| bytes.get(i));
            let key = matches!(open, None | Some(b'{' | b','));
            if key && bytes.get(colon) == Some(&b':') {
                found(at - 1, colon)
            } else {
                None
            }
        }
        // Source text: `{$where: '..`, `', $or: [`.
        _ => {
            let colon = after_white(bytes, end);
            let open = before_white(bytes, at)
                .checked_sub(1)
                .and_then(|i| bytes.get(i));
            let key = matches!(open, None | Some(b'{' | b','));
            let value = after_white(bytes, colon + 1);
            if key && bytes.get(colon) == Some(&b':') && is_value(bytes, value) {
                found(at, value)
            } else {
                None
            }
        }
    }
}

/// Whether a literal begins at `at`, as opposed to the name of a type: GraphQL declares its
/// variables as `$in: [ID!]`.
fn is_value(bytes: &[u8], at: usize) -> bool {
    const WORDS: [&[u8]; 5] = [b"function", b"null", b"true", b"undefined", b"new "];
    match bytes.get(at) {
        Some(b'\'' | b'"' | b'{' | b'/' | b'-' | b'0'..=b'9') => true,
        Some(b'[') => {
            let item = bytes.get(after_white(bytes, at + 1));
            item.is_some_and(|b| matches!(b, b'{' | b'"' | b'\'' | b']') || b.is_ascii_digit())
        }
        _ => WORDS.iter().any(|word| starts(bytes, at, word)),
    }
}
