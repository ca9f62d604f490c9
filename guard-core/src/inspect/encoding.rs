//! Where an encoding begins, and the keys whose values are encoded as a whole.

use super::Trigger;
use super::decode::{self, Layer};

/// What introduces an encoded character in a text or in raw JSON.
///
/// Of JSON's `\uXXXX` only what can stand for ASCII: Latin-1, the general punctuation block and the
/// full-width forms. Other scripts escaped by an encoder are left as they are.
pub(super) const TRIGGERS: &[Trigger] = &[
    Trigger::new("%[0-9a-f][0-9a-f]"),
    Trigger::new("%u[0-9a-f][0-9a-f]"),
    Trigger::new("\\\\u00"),
    Trigger::new("\\\\u2[0-2]"),
    Trigger::new("\\\\uff"),
    Trigger::new("\\\\u{[0-9a-f]"),
    Trigger::new("\\\\x[0-9a-f][0-9a-f]"),
    Trigger::new("&#[0-9x][0-9a-f]"),
    Trigger::new("&[lg]t"),
    Trigger::new("&[qan][umpb][opsi]"),
    Trigger::new("&[tnclrsbdepgva][aeopqrsucxl][abcdelmnopqrstuvw]"),
    Trigger::new("\\xef[\\xbc\\xbd][\\x80-\\xbf]"),
    Trigger::new("[\\xc0\\xc1][\\x80-\\xbf]"),
    Trigger::new("\\xe0[\\x80-\\x9f][\\x80-\\xbf]"),
];

/// The keys of [`encoded_value`], and of the flag that an HTTP body is base64.
pub(super) const KEYS: &[Trigger] = &[
    Trigger::new("\"dat"),
    Trigger::new("\"val"),
    Trigger::new("\"key"),
    Trigger::new("64En"),
];

/// Whether something decodes at `bytes[at..]`.
pub(super) fn introduces(bytes: &[u8], at: usize) -> bool {
    decode::unit(Layer::Loose, bytes, at).is_some()
}

/// For a key of a record at `bytes[at..]`: where its value's content begins, when it is a string
/// whose first bytes look like base64.
///
/// Kinesis, Firehose, ActiveMQ, RabbitMQ and CloudWatch Logs hold theirs in `data`, Kafka in `key`
/// and `value`. Any trigger's event may: a wrong guess costs a look and finds nothing.
pub(super) fn encoded_value(bytes: &[u8], at: usize) -> Option<usize> {
    let rest = bytes.get(at..)?;
    let key: &[u8] = [&b"\"data\""[..], b"\"value\"", b"\"key\""]
        .into_iter()
        .find(|key| rest.starts_with(key))?;
    let start = string_after(bytes, at + key.len())?;
    looks_like_base64(bytes.get(start..)?).then_some(start)
}

/// For `isBase64Encoded` at `bytes[at..]` (its `64En`): whether it is true.
pub(super) fn body_is_encoded(bytes: &[u8], at: usize) -> bool {
    let Some(rest) = bytes
        .get(at..)
        .and_then(|rest| rest.strip_prefix(b"64Encoded\""))
    else {
        return false;
    };
    let mut rest = rest.iter().filter(|byte| !byte.is_ascii_whitespace());
    rest.next() == Some(&b':') && rest.by_ref().take(4).eq(b"true")
}

/// Where the content of the first string under the key `body` begins.
pub(super) fn body(event: &[u8]) -> Option<usize> {
    memchr::memmem::find_iter(event, b"\"body\"")
        .find_map(|at| string_after(event, at + b"\"body\"".len()))
        .filter(|start| event.get(*start..).is_some_and(looks_like_base64))
}

/// Where the content of the string begins that follows a key's closing quote.
fn string_after(bytes: &[u8], end: usize) -> Option<usize> {
    let space = |at: usize| {
        bytes
            .get(at..)?
            .iter()
            .position(|byte| !byte.is_ascii_whitespace())
            .map(|n| at + n)
    };
    let colon = space(end).filter(|at| bytes[*at] == b':')?;
    space(colon + 1)
        .filter(|at| bytes[*at] == b'"')
        .map(|at| at + 1)
}

/// Looks at no more than 64 bytes.
fn looks_like_base64(rest: &[u8]) -> bool {
    let shown = &rest[..rest.len().min(64)];
    let content = shown
        .iter()
        .position(|byte| *byte == b'"')
        .map_or(shown, |end| &shown[..end]);
    let padding = content
        .iter()
        .rev()
        .take_while(|byte| **byte == b'=')
        .count();
    content.len() >= 8
        && padding <= 2
        && content[..content.len() - padding]
            .iter()
            .all(|byte| decode::is_base64(*byte))
}
