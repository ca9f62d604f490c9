//! Where a finding stands, as text, and whether the policy leaves that place out.

use core::fmt;
use core::str;

use crate::policy::Skip;

/// Most bytes of a pointer that are written. Keys are the caller's: without a bound, each of many
/// findings below one long key would cost its length.
const LENGTH: usize = 512;

/// A JSON Pointer, cut at a bound.
#[derive(Debug)]
pub(super) struct Source {
    text: [u8; LENGTH],
    length: usize,
}

impl Source {
    pub(super) const fn new() -> Self {
        Self {
            text: [0; LENGTH],
            length: 0,
        }
    }

    pub(super) fn as_str(&self) -> &str {
        // Cut between characters only, so always UTF-8.
        str::from_utf8(self.text.get(..self.length).unwrap_or_default()).unwrap_or_default()
    }

    /// Whether `skip` covers the value here, or the key if `is_key`: it names the value or one that
    /// holds it. A key is not part of its own member's value.
    pub(super) fn is_covered_by(&self, skip: &Skip, is_key: bool) -> bool {
        let mut tokens = self.as_str().split('/').skip(1);
        let covered = skip.tokens().iter().all(|wanted| {
            tokens
                .next()
                .is_some_and(|token| wanted == "*" || names(token, wanted))
        });
        covered && (!is_key || tokens.next().is_some())
    }
}

/// As much as there is room for; then an error, which ends the writing.
impl fmt::Write for Source {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = LENGTH - self.length;
        let fits = (0..=text.len().min(room))
            .rev()
            .find(|end| text.is_char_boundary(*end));
        let part = text.get(..fits.unwrap_or(0)).unwrap_or_default();
        let end = self.length + part.len();
        if let Some(place) = self.text.get_mut(self.length..end) {
            place.copy_from_slice(part.as_bytes());
            self.length = end;
        }
        if part.len() == text.len() {
            Ok(())
        } else {
            Err(fmt::Error)
        }
    }
}

/// Whether `token`, escaped as RFC 6901 has it, is the key `wanted`.
fn names(token: &str, wanted: &str) -> bool {
    let mut rest = wanted;
    let mut pieces = token.split('~');
    let Some(after) = rest.strip_prefix(pieces.next().unwrap_or_default()) else {
        return false;
    };
    rest = after;
    for piece in pieces {
        let (character, piece) = match piece.as_bytes().first() {
            Some(b'0') => ('~', piece.get(1..).unwrap_or_default()),
            Some(b'1') => ('/', piece.get(1..).unwrap_or_default()),
            _ => return false,
        };
        let Some(after) = rest
            .strip_prefix(character)
            .and_then(|r| r.strip_prefix(piece))
        else {
            return false;
        };
        rest = after;
    }
    rest.is_empty()
}

#[cfg(test)]
mod tests {
    use core::fmt::Write as _;

    use super::*;

    #[test]
    fn escaped_tokens_are_compared_with_keys() {
        let cases = [
            ("body", "body", true),
            ("body", "bod", false),
            ("bod", "body", false),
            ("a~1b", "a/b", true),
            ("a~0b", "a~b", true),
            ("~01", "~1", true),
            ("~1", "~1", false),
            ("~", "~", false),
            ("", "", true),
            ("~1~1", "//", true),
        ];
        for (token, wanted, is_named) in cases {
            assert_eq!(names(token, wanted), is_named, "{token} {wanted}");
        }
    }

    #[test]
    fn a_long_pointer_is_cut_between_characters() {
        let mut source = Source::new();
        assert!(source.write_str("/body/").is_ok());
        assert!(source.write_str(&"\u{e9}".repeat(300)).is_err());
        assert_eq!(source.as_str().len(), LENGTH);
        let mut source = Source::new();
        assert!(source.write_str("/a").is_ok());
        assert!(source.write_str(&"\u{20ac}".repeat(300)).is_err());
        assert_eq!(source.as_str().len(), LENGTH);
        assert!(source.write_str("b").is_err());
    }
}
