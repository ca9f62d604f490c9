//! Where an encoding begins.

use core::ops::Range;

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
    // What `TOKENS` are.
    Trigger::new("[!eW][!y][!IJ]\\w"),
    Trigger::new("[!e][!y][!A][!i]"),
    Trigger::new("[!e][!w][!o0][!gJKi]"),
    Trigger::new("[!W]3[!s][!igK]"),
    // The padded end of base64 that is a whole string of JSON. How such a string begins costs every
    // string a look.
    Trigger::new("[!AEIMQUYcgkosw048]=\""),
    Trigger::new("[!AEIMQUYcgkosw048]=\\\\\""),
    Trigger::new("[!AQgw]==[\"\\\\]"),
];

/// Of the keys whose values a trigger encodes: `data`, `value`, `key`, `B`, `BS`, `binaryValue`,
/// `binaryListValues`, `password`, `headers`, `bytes`. Their closing quote follows in the third
/// byte or later.
pub(super) const KEYS: &[Trigger] = &[
    Trigger::new("[{,\\s]\"[!d][!a]"),
    Trigger::new("[{,\\s]\"[!v][!a]"),
    Trigger::new("[{,\\s]\"[!k][!e]"),
    Trigger::new("[{,\\s]\"[!B][!\"S]"),
    Trigger::new("[!y][!V][!a][!l]"),
    Trigger::new("[!y][!L][!i][!s]"),
    Trigger::new("[!s][!w][!o][!r]"),
    Trigger::new("[{,\\s]\"[!h][!e]"),
    Trigger::new("[{,\\s]\"[!b][!y]"),
];

/// Whether something decodes at `bytes[at..]`.
pub(super) fn introduces(bytes: &[u8], at: usize) -> bool {
    decode::unit(Layer::Loose, bytes, at).is_some()
        || token(bytes, at).is_some()
        || closes_text(bytes, at)
}

/// Whether one round of [`Layer::Loose`] undoes something at `bytes[at..]`.
pub(super) fn undoes(bytes: &[u8], at: usize) -> bool {
    decode::unit(Layer::Loose, bytes, at).is_some()
}

/// What JSON objects and arrays begin with in base64: `{"`, `["`, `[{"`, and with white space.
/// Where these stand in a text is no chance, and JSON Web Tokens (RFC 7519) begin with them.
const TOKENS: [&[u8]; 8] = [
    b"eyJ", b"eyI", b"eyA", b"ewo", b"ew0", b"WyJ", b"WyI", b"W3s",
];

/// Fewer digits hold no attack.
const SHORTEST: usize = 12;

/// The base64 of a JSON document that begins at `bytes[at]`, up to its end or that of `bytes`. A
/// token's header and payload are two.
pub(super) fn token(bytes: &[u8], at: usize) -> Option<Range<usize>> {
    let rest = bytes.get(at..)?;
    // Most that is asked about is a percent sign.
    if !matches!(rest.first(), Some(b'e' | b'W')) {
        return None;
    }
    let begins = TOKENS.iter().any(|token| rest.starts_with(token));
    let inside = at > 0 && bytes.get(at - 1).is_some_and(is_digit);
    if !begins || inside {
        return None;
    }
    let len = rest.iter().position(|byte| !is_digit(byte));
    let len = len.unwrap_or(rest.len());
    (len >= SHORTEST).then_some(at..at + len)
}

/// Bits that are not set in the digits of base64, by their place in a group of four, when the three
/// bytes of the group are ASCII. One group in eight of anything else is like that.
const SHAPE: [u8; 4] = [0b10_0000, 0b00_1000, 0b00_0010, 0];

/// Digits that must be of that shape, as far as there are any.
const SHAPED: usize = 64;

/// How many digits of base64 `bytes` begins with, if they are those of a text: of ASCII at first.
fn text_digits(bytes: &[u8]) -> Option<usize> {
    let shaped = |(at, byte): (usize, &u8)| {
        decode::base64_digit(*byte).is_some_and(|digit| digit & SHAPE[at % 4] == 0)
    };
    let head = bytes.get(..bytes.len().min(SHAPED)).unwrap_or(bytes);
    let shapely = head.iter().enumerate().take_while(|at| shaped(*at)).count();
    let rest = bytes.get(shapely..).unwrap_or_default();
    let more = match shapely {
        SHAPED => rest.iter().take_while(|byte| is_digit(byte)).count(),
        _ if rest.first().is_some_and(is_digit) => return None,
        _ => 0,
    };
    (shapely >= SHORTEST).then_some(shapely + more)
}

/// Whether the digit at `bytes[at]` is the last of a string that is the base64 of a text, padded.
fn closes_text(bytes: &[u8], at: usize) -> bool {
    let mut place = match bytes.get(at + 1..) {
        Some([b'=', b'='] | [b'=', b'=', b'"' | b'\\', ..]) => 1,
        Some([b'='] | [b'=', b'"' | b'\\', ..]) => 2,
        _ => return false,
    };
    let digits = bytes.get(..=at).unwrap_or_default();
    let mut shapely = 0;
    for byte in digits.iter().rev().take(SHAPED) {
        match decode::base64_digit(*byte) {
            Some(digit) if digit & SHAPE[place] == 0 => shapely += 1,
            Some(_) => return false,
            None => return shapely >= SHORTEST && place == 3 && *byte == b'"',
        }
        place = (place + 3) % 4;
    }
    shapely == SHAPED || shapely >= SHORTEST && place == 3
}

/// Whether the whole of a value is the base64 of a text or of JSON.
pub(super) fn is_base64(value: &[u8]) -> bool {
    token(value, 0)
        .map(|token| token.end)
        .or_else(|| text_digits(value))
        .is_some_and(|digits| matches!(value.get(digits..), Some(b"" | b"=" | b"==")))
}

/// Whether a value that begins like this may be base64 as a whole.
pub(super) fn may_be_base64(head: &[u8]) -> bool {
    head.iter().all(|byte| is_digit(byte) || *byte == b'=')
}

/// Whether `byte` is a digit of either base64 alphabet (RFC 4648, sections 4 and 5).
fn is_digit(byte: &u8) -> bool {
    decode::base64_digit(*byte).is_some()
}

/// Longest numeric character reference looked for, `&#x10ffff;`.
const REFERENCE: usize = 10;

/// Whether `bytes[at]` is the `;` that ends a numeric character reference. It means nothing by
/// itself: what it ends is undone in the next round, and a shell takes `#` for a comment.
#[inline]
pub(super) fn ends_reference(bytes: &[u8], at: usize) -> bool {
    bytes.get(at) == Some(&b';') && follows_reference(bytes, at)
}

fn follows_reference(bytes: &[u8], at: usize) -> bool {
    let behind = &bytes[at.saturating_sub(REFERENCE)..at];
    let digits = behind
        .iter()
        .rev()
        .take_while(|b| b.is_ascii_alphanumeric())
        .count();
    digits > 0 && behind[..behind.len() - digits].ends_with(b"&#")
}
