//! Byte patterns that the prefilter looks for.

/// Bytes a trigger spans. Four pass about a tenth of what three do on benign JSON (2026-11, 249 real
/// events), and a fifth would be a quarter more look-ups.
pub(crate) const WIDTH: usize = 4;

/// What stands for the bytes past the end of a text: a control character that no trigger names and
/// that look-ups do not take for a letter.
pub(crate) const PAST_END: u8 = 0x1f;

/// A set of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Class([u64; 4]);

impl Class {
    pub(super) const NONE: Self = Self([0; 4]);
    const ANY: Self = Self([u64::MAX; 4]);

    /// Whether `byte` is in the set.
    pub(crate) const fn contains(&self, byte: u8) -> bool {
        self.0[(byte >> 6) as usize] & (1 << (byte & 63)) != 0
    }

    const fn with(mut self, byte: u8) -> Self {
        self.0[(byte >> 6) as usize] |= 1 << (byte & 63);
        self
    }

    /// Both cases of a letter, any other byte alone.
    const fn with_folded(self, byte: u8) -> Self {
        self.with(byte.to_ascii_lowercase())
            .with(byte.to_ascii_uppercase())
    }

    const fn with_range(mut self, first: u8, last: u8) -> Self {
        assert!(first <= last, "range out of order in a trigger");
        let mut byte = first;
        loop {
            self = self.with_folded(byte);
            if byte == last {
                return self;
            }
            byte += 1;
        }
    }

    const fn with_exactly(mut self, first: u8, last: u8) -> Self {
        assert!(first <= last, "range out of order in a trigger");
        let mut byte = first;
        loop {
            self = self.with(byte);
            if byte == last {
                return self;
            }
            byte += 1;
        }
    }

    const fn with_all(mut self, bytes: &[u8]) -> Self {
        let mut i = 0;
        while i < bytes.len() {
            self = self.with_folded(bytes[i]);
            i += 1;
        }
        self
    }

    const fn union(self, other: Self) -> Self {
        let (a, b) = (self.0, other.0);
        Self([a[0] | b[0], a[1] | b[1], a[2] | b[2], a[3] | b[3]])
    }

    const fn complement(self) -> Self {
        let a = self.0;
        Self([!a[0], !a[1], !a[2], !a[3]])
    }
}

/// [`WIDTH`] classes that consecutive bytes must be in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Trigger {
    pub(crate) classes: [Class; WIDTH],
}

impl Trigger {
    /// A trigger from a pattern of at most [`WIDTH`] elements; those left out match any byte. Past
    /// the end of a text every byte counts as [`PAST_END`], so `\W` and `[^a-f]` match there and
    /// letters do not.
    ///
    /// A letter stands for both its cases, `.` for any byte, `[a-f]` and `[^a-f]` for a set, and
    /// `\` introduces `\d` digits, `\w` letters, digits and underscore, `\W` the rest, `\s` ASCII
    /// white space, `\b` what may stand for white space while still encoded (white space, `+`, `/`
    /// of a comment, `%`, `\`, `&` and the first byte of U+00A0), `\n`, `\r`, `\t`, `\0`, `\e` (escape) and
    /// `\xhh` a byte; any other byte after it is itself. In `[!a-f]` letters stand for themselves.
    pub(crate) const fn new(pattern: &str) -> Self {
        let p = pattern.as_bytes();
        let mut classes = [Class::ANY; WIDTH];
        let (mut i, mut n) = (0, 0);
        while i < p.len() {
            assert!(n < WIDTH, "a trigger has too many elements");
            let (class, next) = match p[i] {
                b'[' => set(p, i + 1),
                b'.' => (Class::ANY, i + 1),
                b'\\' => escape(p, i + 1),
                byte => (Class::NONE.with_folded(byte), i + 1),
            };
            classes[n] = class;
            i = next;
            n += 1;
        }
        assert!(n > 0, "a trigger needs an element");
        Self { classes }
    }

    /// Whether the trigger occurs at `bytes[at..]`: the naive twin of the prefilter.
    #[cfg(test)]
    pub(crate) fn occurs(&self, bytes: &[u8], at: usize) -> bool {
        let byte = |i: usize| bytes.get(at + i).copied().unwrap_or(PAST_END);
        self.classes
            .iter()
            .enumerate()
            .all(|(i, class)| class.contains(byte(i)))
    }
}

const fn set(p: &[u8], mut i: usize) -> (Class, usize) {
    let negated = p[i] == b'^';
    let exact = p[i] == b'!';
    if negated || exact {
        i += 1;
    }
    let mut class = Class::NONE;
    while p[i] != b']' {
        let byte = p[i];
        if byte == b'\\' && p[i + 1] == b'x' && p[i + 4] == b'-' && p[i + 5] == b'\\' {
            let first = hex(p[i + 2]) << 4 | hex(p[i + 3]);
            let last = hex(p[i + 7]) << 4 | hex(p[i + 8]);
            class = class.with_range(first, last);
            i += 9;
        } else if byte == b'\\' {
            let (escaped, next) = escape(p, i + 1);
            class = class.union(escaped);
            i = next;
        } else if p[i + 1] == b'-' && p[i + 2] != b']' {
            class = if exact {
                class.with_exactly(byte, p[i + 2])
            } else {
                class.with_range(byte, p[i + 2])
            };
            i += 3;
        } else if exact {
            class = class.with(byte);
            i += 1;
        } else {
            class = class.with_folded(byte);
            i += 1;
        }
    }
    (if negated { class.complement() } else { class }, i + 1)
}

const fn escape(p: &[u8], i: usize) -> (Class, usize) {
    let word = Class::NONE
        .with_range(b'a', b'z')
        .with_range(b'0', b'9')
        .with(b'_');
    let class = match p[i] {
        b'd' => Class::NONE.with_range(b'0', b'9'),
        b'w' => word,
        b'W' => word.complement(),
        b's' => Class::NONE.with_all(b" \t\n\x0b\x0c\r"),
        b'b' => Class::NONE.with_all(b" \t\n\x0b\x0c\r+/%\\&\xc2"),
        b'n' => Class::NONE.with(b'\n'),
        b'r' => Class::NONE.with(b'\r'),
        b't' => Class::NONE.with(b'\t'),
        b'0' => Class::NONE.with(0),
        b'e' => Class::NONE.with(0x1b),
        b'x' => return (Class::NONE.with(hex(p[i + 1]) << 4 | hex(p[i + 2])), i + 3),
        byte => Class::NONE.with_folded(byte),
    };
    (class, i + 1)
}

const fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        _ => panic!("not a lower-case hexadecimal digit in a trigger"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_mean_what_they_say() {
        let cases: [(&str, &[u8], bool); 15] = [
            ("uni", b"UNIon", true),
            ("uni", b"uni", true),
            ("uni\\W", b"uni", true),
            ("'\\b[oa]", b"'/o", true),
            ("'\\b[oa]", b"' x", false),
            ("[^a-c]", b"B", false),
            ("[^a-c]", b"d", true),
            ("\\x1b\\[", b"\x1b[31m", true),
            ("\\e\\[", b"\x1b[31m", true),
            ("[-+]\\d", b"-1", true),
            ("[a-]\\d", b"-1", true),
            ("\\.\\./", b"..\\", false),
            ("[!A-Z]\\x61", b"Xa", true),
            ("[!A-Z][!a]", b"xa", false),
            ("[!A-Z][!ab]", b"XA", false),
        ];
        for (pattern, bytes, occurs) in cases {
            assert_eq!(
                Trigger::new(pattern).occurs(bytes, 0),
                occurs,
                "{pattern} {bytes:?}"
            );
        }
    }
}
