//! One round of every character-level encoding that a receiver may undo.

use super::Unit;

/// Bytes that may introduce a unit.
pub(super) const fn introduces(byte: u8) -> bool {
    matches!(byte, b'%' | b'&' | b'\\' | 0xc0 | 0xc1 | 0xe0 | 0xef)
}

pub(super) fn unit(rest: &[u8]) -> Option<Unit> {
    match rest {
        [b'%', b'u' | b'U', ..] => {
            let scalar = hex(rest.get(2..6)?)?;
            Some(Unit::scalar(6, folded(scalar)))
        }
        [b'%', ..] => percent(rest),
        [b'&', ..] => reference(rest),
        [b'\\', b'u', b'{', digits @ ..] => {
            let end = digits.iter().take(7).position(|byte| *byte == b'}')?;
            Some(Unit::scalar(end + 4, hex(&digits[..end])?))
        }
        [b'\\', b'u', ..] => utf16_escape(rest),
        [b'\\', b'x', high, low, ..] => Some(Unit::byte(4, digit(*high)? << 4 | digit(*low)?)),
        // Full-width forms U+FF01 to U+FF5E stand for U+0021 to U+007E.
        [0xef, 0xbc, low @ 0x81..=0xbf, ..] => Some(Unit::byte(3, low - 0x81 + 0x21)),
        [0xef, 0xbd, low @ 0x80..=0x9e, ..] => Some(Unit::byte(3, low - 0x80 + 0x60)),
        // Overlong forms of ASCII (RFC 3629, section 10).
        [high @ 0xc0..=0xc1, low @ 0x80..=0xbf, ..] => {
            Some(Unit::byte(2, (high & 1) << 6 | low & 0x3f))
        }
        [0xe0, high @ 0x80..=0x81, low @ 0x80..=0xbf, ..] => {
            Some(Unit::byte(3, (high & 1) << 6 | low & 0x3f))
        }
        _ => None,
    }
}

pub(super) fn percent(rest: &[u8]) -> Option<Unit> {
    match rest {
        [b'%', high, low, ..] => Some(Unit::byte(3, hex_byte(*high, *low)?)),
        _ => None,
    }
}

/// The value of each hexadecimal digit; `NONE` for what is none.
static DIGITS: [u8; 256] = {
    let mut values = [NONE; 256];
    let mut byte = 0;
    while byte < values.len() {
        if let Some(value) = digit(byte.to_le_bytes()[0]) {
            values[byte] = value;
        }
        byte += 1;
    }
    values
};

const NONE: u8 = 0xf0;

/// The byte that two hexadecimal digits stand for.
pub(super) fn hex_byte(high: u8, low: u8) -> Option<u8> {
    let (high, low) = (DIGITS[usize::from(high)], DIGITS[usize::from(low)]);
    ((high | low) & NONE == 0).then_some(high << 4 | low)
}

/// `\uXXXX`, two of them when they are a surrogate pair.
pub(super) fn utf16_escape(rest: &[u8]) -> Option<Unit> {
    let first = hex(rest.get(2..6)?)?;
    if (0xd800..0xdc00).contains(&first)
        && rest.get(6..8) == Some(b"\\u")
        && let Some(second) = rest.get(8..12).and_then(hex)
        && (0xdc00..0xe000).contains(&second)
    {
        return Some(Unit::scalar(
            12,
            0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00),
        ));
    }
    Some(Unit::scalar(6, first))
}

/// IIS folds some code points of `%u` escapes to ASCII; full-width forms are those that matter.
const fn folded(scalar: u32) -> u32 {
    match scalar {
        0xff01..=0xff5e => scalar - 0xff01 + 0x21,
        _ => scalar,
    }
}

/// Longest reference looked at: `&#x` with leading zeros, as browsers allow.
const REFERENCE: usize = 16;

/// An HTML character reference (HTML standard, 13.2.5.72): numeric ones with or without `;`, the
/// named ones that stand for ASCII.
fn reference(rest: &[u8]) -> Option<Unit> {
    let body = &rest[1..rest.len().min(REFERENCE)];
    if let Some(digits) = body.strip_prefix(b"#") {
        let (hexadecimal, digits) = match digits {
            [b'x' | b'X', digits @ ..] => (true, digits),
            digits => (false, digits),
        };
        let is_digit = |byte: &u8| {
            if hexadecimal {
                byte.is_ascii_hexdigit()
            } else {
                byte.is_ascii_digit()
            }
        };
        let len = digits
            .iter()
            .position(|byte| !is_digit(byte))
            .unwrap_or(digits.len());
        let radix = if hexadecimal { 16 } else { 10 };
        let scalar = digits[..len].iter().try_fold(0u32, |n, byte| {
            n.checked_mul(radix)?.checked_add(digit(*byte)?.into())
        })?;
        let source = 2 + usize::from(hexadecimal) + len;
        let semicolon = usize::from(digits.get(len) == Some(&b';'));
        return (len > 0).then(|| Unit::scalar(source + semicolon, scalar));
    }
    let len = body
        .iter()
        .position(|byte| !byte.is_ascii_alphanumeric())
        .unwrap_or(body.len());
    let name = &body[..len];
    let ends = body.get(len) == Some(&b';');
    let byte = named(name, ends)?;
    Some(Unit::byte(1 + len + usize::from(ends), byte))
}

/// The byte that a named reference stands for: of the standard's 2231 names those for ASCII
/// punctuation or white space. A few count without the `;` that `ends` says is there.
fn named(name: &[u8], ends: bool) -> Option<u8> {
    let byte = match name {
        b"lt" | b"LT" => b'<',
        b"gt" | b"GT" => b'>',
        b"amp" | b"AMP" => b'&',
        b"quot" | b"QUOT" => b'"',
        b"nbsp" => b' ',
        _ if !ends => return None,
        b"apos" => b'\'',
        b"Tab" => b'\t',
        b"NewLine" => b'\n',
        b"colon" => b':',
        b"semi" => b';',
        b"lpar" => b'(',
        b"rpar" => b')',
        b"lsqb" | b"lbrack" => b'[',
        b"rsqb" | b"rbrack" => b']',
        b"lcub" | b"lbrace" => b'{',
        b"rcub" | b"rbrace" => b'}',
        b"sol" => b'/',
        b"bsol" => b'\\',
        b"equals" => b'=',
        b"dollar" => b'$',
        b"period" => b'.',
        b"comma" => b',',
        b"grave" | b"DiacriticalGrave" => b'`',
        b"lowbar" => b'_',
        b"num" => b'#',
        b"percnt" => b'%',
        b"excl" => b'!',
        b"verbar" | b"vert" | b"VerticalLine" => b'|',
        b"plus" => b'+',
        b"ast" | b"midast" => b'*',
        _ => return None,
    };
    Some(byte)
}

const fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

fn hex(digits: &[u8]) -> Option<u32> {
    if digits.is_empty() {
        return None;
    }
    digits
        .iter()
        .try_fold(0, |n, byte| Some(n << 4 | u32::from(digit(*byte)?)))
}
