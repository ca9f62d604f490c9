//! Domain names on the wire (RFC 1035 sections 3.1 and 4.1.4).

use std::fmt;

/// Most octets of a name, lengths and root included (RFC 1035 section 2.3.4).
const LONGEST: usize = 255;
/// Most octets of a label.
const LONGEST_LABEL: u8 = 63;
/// The two bits that make an octet the first of a pointer.
const POINTER: u8 = 0b1100_0000;

/// A name in wire form, without compression.
#[derive(Clone, Copy)]
pub struct Name {
    len: u8,
    wire: [u8; LONGEST],
}

impl Name {
    /// The root: no labels.
    pub const ROOT: Self = Self {
        len: 1,
        wire: [0; LONGEST],
    };

    /// Reads a name that may use pointers. Answers it and where it ends. A pointer leads to before
    /// the name it stands in, or before the part that the last one led to: as compression writes
    /// them, and without a loop.
    pub(super) fn parse(message: &[u8], start: usize) -> Option<(Self, usize)> {
        let mut name = Self::ROOT;
        let (mut at, mut part, mut end, mut len) = (start, start, None, 0_usize);
        loop {
            let octet = *message.get(at)?;
            match octet {
                0 => {
                    *name.wire.get_mut(len)? = 0;
                    name.len = u8::try_from(len + 1).ok()?;
                    return Some((name, end.unwrap_or(at + 1)));
                }
                1..=LONGEST_LABEL => {
                    let label = message.get(at..at + 1 + usize::from(octet))?;
                    name.wire
                        .get_mut(len..len + label.len())?
                        .copy_from_slice(label);
                    len += label.len();
                    at += label.len();
                }
                POINTER.. => {
                    let low = *message.get(at + 1)?;
                    let to = usize::from(u16::from_be_bytes([octet & !POINTER, low]));
                    if to >= part {
                        return None;
                    }
                    end = end.or(Some(at + 2));
                    (at, part) = (to, to);
                }
                _ => return None,
            }
        }
    }

    /// Reads a name without pointers, as a query's question has it.
    pub(super) fn plain(message: &[u8], start: usize) -> Option<(Self, usize)> {
        let (name, end) = Self::parse(message, start)?;
        (end.checked_sub(start)? == usize::from(name.len)).then_some((name, end))
    }

    /// A name from its text; nothing when a label is empty or too long, or the whole is.
    #[must_use]
    pub fn from_host(text: &[u8]) -> Option<Self> {
        let text = text.strip_suffix(b".").unwrap_or(text);
        let mut wire = Vec::with_capacity(LONGEST);
        for label in text.split(|byte| *byte == b'.') {
            let length = u8::try_from(label.len()).ok()?;
            if length == 0 || length > LONGEST_LABEL {
                return None;
            }
            wire.push(length);
            wire.extend_from_slice(label);
        }
        wire.push(0);
        Self::plain(&wire, 0).map(|(name, _)| name)
    }

    /// The octets on the wire.
    #[must_use]
    pub fn wire(&self) -> &[u8] {
        self.wire.get(..usize::from(self.len)).unwrap_or_default()
    }

    /// The labels, from the left.
    pub fn labels(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = self.wire();
        std::iter::from_fn(move || {
            let (length, behind) = rest.split_first()?;
            let (label, behind) = behind.split_at_checked(usize::from(*length))?;
            rest = behind;
            (!label.is_empty()).then_some(label)
        })
    }

    /// The text of a host name in lower case, without a final dot. Nothing for the root, and for a
    /// name with an octet other than letters, digits, `-` and `_`: a dot inside a label would read
    /// as two labels.
    #[must_use]
    pub fn host(&self) -> Option<String> {
        let mut text = String::with_capacity(usize::from(self.len));
        for label in self.labels() {
            if !text.is_empty() {
                text.push('.');
            }
            for byte in label {
                match byte {
                    b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => {
                        text.push(char::from(byte.to_ascii_lowercase()));
                    }
                    _ => return None,
                }
            }
        }
        (!text.is_empty()).then_some(text)
    }

    /// The name in lower case.
    #[must_use]
    pub fn to_lower(&self) -> Self {
        // Lengths are below the letters.
        let mut name = *self;
        name.wire.make_ascii_lowercase();
        name
    }
}

impl PartialEq for Name {
    /// Names are the same whatever the case of their letters (RFC 4343).
    fn eq(&self, other: &Self) -> bool {
        self.wire().eq_ignore_ascii_case(other.wire())
    }
}

impl Eq for Name {}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

impl fmt::Display for Name {
    /// The text form, odd octets escaped (RFC 1035 section 5.1).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.len <= 1 {
            return f.write_str(".");
        }
        for (index, label) in self.labels().enumerate() {
            if index > 0 {
                f.write_str(".")?;
            }
            for byte in label {
                match byte {
                    b'.' | b'\\' | b'"' => write!(f, "\\{}", char::from(*byte))?,
                    b'!'..=b'~' => write!(f, "{}", char::from(*byte))?,
                    _ => write!(f, "\\{byte:03}")?,
                }
            }
        }
        Ok(())
    }
}
