//! What stands at a finding, with everything masked that could be somebody's data.
//!
//! Punctuation and white space stay as they are, around the finding as in it: they show how an
//! input is built. Of words, only short ones of plain letters within the finding stay (`OR`,
//! `SELECT`, `script`); every other letter becomes `x`, every digit `0`.

use core::ops::Range;

use crate::json::decode_char;

/// How many bytes are shown on each side of the finding, and of a long one at each of its ends.
const AROUND: usize = 64;

/// The longest word within a finding that is shown. Longer than the words of the languages under
/// attack, shorter than keys and tokens.
const WORD: usize = 12;

/// The bytes at and around a finding, to be masked when they are written.
#[derive(Debug, Clone)]
pub struct Excerpt<'a> {
    bytes: &'a [u8],
    span: Range<usize>,
}

impl<'a> Excerpt<'a> {
    /// The finding at `span` of `bytes`.
    #[must_use]
    pub const fn new(bytes: &'a [u8], span: Range<usize>) -> Self {
        Self { bytes, span }
    }

    /// The excerpt's characters.
    pub(super) fn chars(&self) -> impl Iterator<Item = char> {
        let end = self.span.end.min(self.bytes.len());
        let start = self.span.start.min(end);
        let (head, tail) = if end - start > 2 * AROUND {
            (start..start + AROUND, end - AROUND..end)
        } else {
            (start..end, end..end)
        };
        let cut = if tail.is_empty() {
            None
        } else {
            Some('\u{2026}')
        };
        let after = end..self.bytes.len().min(end + AROUND);
        self.masked(start.saturating_sub(AROUND)..start, 0)
            .chain(self.masked(head, WORD))
            .chain(cut)
            .chain(self.masked(tail, WORD))
            .chain(self.masked(after, 0))
    }

    /// The characters of `range`, of whose words those of up to `longest` plain letters stay.
    fn masked(&self, range: Range<usize>, longest: usize) -> impl Iterator<Item = char> {
        let mut rest = self.bytes.get(range).unwrap_or_default();
        // How many bytes of a word that stays are left.
        let mut stays = 0;
        let mut in_word = false;
        core::iter::from_fn(move || {
            let first = *rest.first()?;
            if !is_word(first) {
                in_word = false;
                rest = rest.get(1..).unwrap_or_default();
                return Some(char::from(first));
            }
            if !in_word {
                in_word = true;
                let len = rest
                    .iter()
                    .take_while(|b| is_word(**b))
                    .take(longest + 1)
                    .count();
                let word = rest.get(..len).unwrap_or_default();
                let plain = word.iter().all(|b| b.is_ascii_alphabetic() || *b == b'_');
                stays = if plain && len <= longest { len } else { 0 };
            }
            let (c, len) = decode_char(rest);
            rest = rest.get(len..).unwrap_or_default();
            if stays > 0 {
                stays -= 1;
                return Some(c);
            }
            Some(if c.is_ascii_digit() { '0' } else { 'x' })
        })
    }
}

/// Whether `byte` is part of a word. All that is not ASCII is.
const fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(text: &str, part: &str) -> String {
        let start = text.find(part).unwrap();
        Excerpt::new(text.as_bytes(), start..start + part.len())
            .chars()
            .collect()
    }

    #[test]
    fn data_is_masked_structure_is_not() {
        for (text, part, wanted) in [
            (
                r#"{"user":"miriam7","q":"x' OR 1=1 -- "}"#,
                "' OR 1=1 --",
                r#"{"xxxx":"xxxxxx0","x":"x' OR 0=0 -- "}"#,
            ),
            (
                "id=1 UNION SELECT card, cvv FROM cards LIMIT 5",
                "UNION SELECT card, cvv FROM cards",
                "xx=0 UNION SELECT card, cvv FROM cards xxxxx 0",
            ),
            (
                "a' OR token='AKIAIOSFODNN7EXAMPLE",
                "' OR token='AKIAIOSFODNN7EXAMPLE",
                "x' OR token='xxxxxxxxxxxx0xxxxxxx",
            ),
            (
                "é<script>ünter</script>",
                "<script>ünter</script>",
                "x<script>xxxxx</script>",
            ),
        ] {
            assert_eq!(masked(text, part), wanted);
        }
    }

    #[test]
    fn excerpts_are_bounded() {
        let text = "a ".repeat(10_000);
        let all: String = Excerpt::new(text.as_bytes(), 5000..15_000)
            .chars()
            .collect();
        assert_eq!(all.chars().count(), 4 * AROUND + 1);
        let out: String = Excerpt::new(b"abc", 7..2).chars().collect();
        assert_eq!(out, "xxx");
    }
}
