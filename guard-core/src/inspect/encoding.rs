//! Where an encoding begins.

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

/// Of the keys whose values a trigger encodes: `data`, `value`, `key`, `B`, `BS`, `binaryValue`,
/// `binaryListValues`, `password`, `headers`, `bytes`. Their closing quote follows in the third byte or later.
pub(super) const KEYS: &[Trigger] = &[
    Trigger::new("[{,\\s]\"da"),
    Trigger::new("[{,\\s]\"va"),
    Trigger::new("[{,\\s]\"ke"),
    Trigger::new("[{,\\s]\"b[\"s]"),
    Trigger::new("yval"),
    Trigger::new("ylis"),
    Trigger::new("swor"),
    Trigger::new("[{,\\s]\"he"),
    Trigger::new("[{,\\s]\"by"),
];

/// Whether something decodes at `bytes[at..]`.
pub(super) fn introduces(bytes: &[u8], at: usize) -> bool {
    decode::unit(Layer::Loose, bytes, at).is_some()
}

/// Longest numeric character reference looked for, `&#x10ffff;`.
const REFERENCE: usize = 10;

/// Whether `bytes[at]` is the `;` that ends a numeric character reference. It means nothing by
/// itself: what it ends is undone in the next round, and a shell takes `#` for a comment.
pub(super) fn ends_reference(bytes: &[u8], at: usize) -> bool {
    if bytes.get(at) != Some(&b';') {
        return false;
    }
    let behind = &bytes[at.saturating_sub(REFERENCE)..at];
    let digits = behind
        .iter()
        .rev()
        .take_while(|b| b.is_ascii_alphanumeric())
        .count();
    digits > 0 && behind[..behind.len() - digits].ends_with(b"&#")
}
