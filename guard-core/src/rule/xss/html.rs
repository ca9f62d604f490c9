//! HTML as a browser's tokenizer reads it: where tags begin, what attributes they hold.
//!
//! Follows the states of the WHATWG HTML standard, section 13.2.5, with two liberties that filters
//! and old browsers take: every byte up to 0x20 separates (NUL and controls as well), and a tag
//! whose name ends in `+` is read as form-encoded, where `+` separates. Knows nothing of which
//! elements or attributes matter.

use core::ops::Range;

use crate::inspect::Effort;

/// Whether `byte` separates attributes.
pub(super) const fn is_space(byte: u8) -> bool {
    byte <= b' '
}

/// The offset of the first byte at or after `at` that does not separate.
pub(super) fn skip_space(bytes: &[u8], mut at: usize) -> usize {
    while bytes.get(at).is_some_and(|b| is_space(*b)) {
        at += 1;
    }
    at
}

/// One attribute of a tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Attribute {
    pub(super) name: Range<usize>,
    /// Without its quotes; empty where there is none.
    pub(super) value: Range<usize>,
}

/// Reads attributes from a place where one may begin, up to the tag's `>`, the end of the bytes or
/// `end`, whichever is first.
#[derive(Debug, Clone)]
pub(super) struct Attributes<'t> {
    bytes: &'t [u8],
    at: usize,
    plus: bool,
}

impl<'t> Attributes<'t> {
    pub(super) fn new(bytes: &'t [u8], at: usize, end: usize) -> Self {
        let bytes = bytes.get(..end).unwrap_or(bytes);
        Self {
            bytes,
            at,
            plus: bytes.get(at) == Some(&b'+'),
        }
    }

    /// The offset behind what was read; on the tag's `>` if that was reached.
    pub(super) const fn offset(&self) -> usize {
        self.at
    }

    fn separates(&self, byte: u8) -> bool {
        is_space(byte) || self.plus && byte == b'+'
    }

    fn until(&self, mut at: usize, stop: impl Fn(u8) -> bool) -> usize {
        while self.bytes.get(at).is_some_and(|b| !stop(*b)) {
            at += 1;
        }
        at
    }
}

impl Iterator for Attributes<'_> {
    type Item = Attribute;

    fn next(&mut self) -> Option<Attribute> {
        let start = self.until(self.at, |b| !self.separates(b) && b != b'/');
        self.at = start;
        if matches!(self.bytes.get(start), None | Some(b'>')) {
            return None;
        }
        // A `=` that begins a name belongs to it.
        let name_end = self.until(start + 1, |b| {
            self.separates(b) || matches!(b, b'/' | b'>' | b'=')
        });
        let equals = self.until(name_end, |b| !self.separates(b));
        if self.bytes.get(equals) != Some(&b'=') {
            self.at = name_end;
            return Some(Attribute {
                name: start..name_end,
                value: name_end..name_end,
            });
        }
        let open = self.until(equals + 1, |b| !self.separates(b));
        let value = match self.bytes.get(open) {
            Some(quote @ (b'"' | b'\'')) => {
                let end = self.until(open + 1, |b| b == *quote);
                self.at = end + usize::from(end < self.bytes.len());
                open + 1..end
            }
            _ => {
                let end = self.until(open, |b| self.separates(b) || b == b'>');
                self.at = end;
                open..end
            }
        };
        Some(Attribute {
            name: start..name_end,
            value,
        })
    }
}

/// The name of the tag whose `<` is at `at`, if a tag begins there; NULs in it are kept.
pub(super) fn tag_name(bytes: &[u8], at: usize) -> Option<Range<usize>> {
    if bytes.get(at) != Some(&b'<') || !bytes.get(at + 1)?.is_ascii_alphabetic() {
        return None;
    }
    let ends = |b: &u8| *b != 0 && is_space(*b) || matches!(*b, b'/' | b'>' | b'<' | b'+');
    let length = bytes.get(at + 1..)?.iter().take(48).position(ends);
    Some(at + 1..length.map_or_else(|| bytes.len().min(at + 49), |n| at + 1 + n))
}

/// Tags and quotes tried before an offset. Attacks stack several (`"><a <b x='`), each of them
/// costs one walk over the window.
const OPENINGS: usize = 4;

/// How far behind an offset an attribute's value is read.
const AHEAD: usize = 192;

/// Walks the attributes from `start` on to the one that holds `at`, as long as `goes_on`.
fn walk(
    bytes: &[u8],
    start: usize,
    at: usize,
    goes_on: impl Fn(&Attribute) -> bool,
) -> Option<Attribute> {
    Attributes::new(bytes, start, bytes.len().min(at + AHEAD))
        .take_while(|a| a.name.start <= at && goes_on(a))
        .find(|a| a.name.start == at || a.value.contains(&at))
}

/// Whether an attribute only says something: named by letters alone, none that the browser follows,
/// styles or runs (WHATWG HTML; SVG 2 for what is animated), and no markup in its value.
pub(super) fn is_inert(bytes: &[u8], attribute: &Attribute) -> bool {
    const FOLLOWED: &[&[u8]] = &[
        b"action",
        b"archive",
        b"attributename",
        b"background",
        b"by",
        b"classid",
        b"code",
        b"codebase",
        b"content",
        b"data",
        b"dynsrc",
        b"event",
        b"folder",
        b"for",
        b"formaction",
        b"from",
        b"href",
        b"language",
        b"lowsrc",
        b"manifest",
        b"ping",
        b"poster",
        b"src",
        b"srcdoc",
        b"srcset",
        b"style",
        b"to",
        b"values",
    ];
    let name = bytes.get(attribute.name.clone()).unwrap_or_default();
    let value = bytes.get(attribute.value.clone()).unwrap_or_default();
    let handler = matches!(name, [b'o' | b'O', b'n' | b'N', ..]);
    !name.is_empty()
        && !handler
        && name.iter().all(u8::is_ascii_alphabetic)
        && !FOLLOWED.iter().any(|f| f.eq_ignore_ascii_case(name))
        && memchr::memchr3(b'<', b'>', b'\'', value).is_none()
}

/// The tag (the offset of its `<`) of which an attribute, its name or value, holds the offset `at`;
/// with that attribute. Looks no further back than `behind` bytes.
pub(super) fn tag_at(
    bytes: &[u8],
    behind: usize,
    at: usize,
    effort: &mut Effort,
) -> Option<(usize, Attribute)> {
    let from = at.saturating_sub(behind);
    let window = bytes.get(from..at)?;
    let mut tries = OPENINGS;
    if !effort.spend(window.len()) {
        return None;
    }
    for (i, _) in window.iter().enumerate().rev().filter(|(_, b)| **b == b'<') {
        let open = from + i;
        let name = match (tag_name(bytes, open), bytes.get(open + 1)) {
            (Some(name), _) => name.end,
            // Bogus or closing tags, which some filter on the way rewrites.
            (None, Some(0 | b'/' | b'!' | b'?')) => open + 2,
            (None, _) => continue,
        };
        if tries == 0 || !effort.spend(at - open + AHEAD) {
            return None;
        }
        tries -= 1;
        if let Some(attribute) = walk(bytes, name, at, |_| true) {
            return Some((open, attribute));
        }
    }
    None
}

/// The quote by which a text breaks out of the attribute that it lands in, so that `at` is in an
/// attribute of the page's own tag; with that attribute.
pub(super) fn quote_at(
    bytes: &[u8],
    behind: usize,
    at: usize,
    effort: &mut Effort,
) -> Option<(usize, Attribute)> {
    // What is no attribute's name shows that the quote belongs to a program or to prose.
    let odd = |b: &u8| matches!(b, b'(' | b')' | b'{' | b'}' | b';' | b',');
    let plain = |a: &Attribute| {
        bytes
            .get(a.name.clone())
            .is_some_and(|n| !n.iter().any(odd))
    };
    let from = at.saturating_sub(behind);
    let window = bytes.get(from..at)?;
    for quote in [b'"', b'\'', b'`'] {
        let first = window.iter().position(|b| *b == quote);
        let last = window
            .iter()
            .rposition(|b| *b == quote)
            .filter(|last| Some(*last) != first);
        for open in [first, last].into_iter().flatten() {
            if !effort.spend(window.len() - open + AHEAD) {
                return None;
            }
            if let Some(attribute) = walk(bytes, from + open + 1, at, plain) {
                return Some((from + open, attribute));
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(tag: &str) -> Vec<(String, String)> {
        let bytes = tag.as_bytes();
        let name = tag_name(bytes, 0).expect("a tag");
        let text = |r: Range<usize>| String::from_utf8_lossy(&bytes[r]).into_owned();
        Attributes::new(bytes, name.end, bytes.len())
            .map(|a| (text(a.name), text(a.value)))
            .collect()
    }

    #[test]
    fn attributes_are_read_in_every_quoting_state() {
        let cases: [(&str, &[(&str, &str)]); 9] = [
            (
                "<a b=c d='e f' g=\"h>i\">j=k",
                &[("b", "c"), ("d", "e f"), ("g", "h>i")],
            ),
            ("<a/b/c=d/e>", &[("b", ""), ("c", "d/e")]),
            ("<a b=\"c\"d=e>", &[("b", "c"), ("d", "e")]),
            ("<a b = c>", &[("b", "c")]),
            ("<a\x0cb\0=\x01c>", &[("b", "c")]),
            ("<a =b=c>", &[("=b", "c")]),
            ("<a b='c d", &[("b", "c d")]),
            ("<a b=>", &[("b", "")]),
            ("<a+b=c+d=e>", &[("b", "c"), ("d", "e")]),
        ];
        for (tag, expected) in cases {
            let expected: Vec<_> = expected
                .iter()
                .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
                .collect();
            assert_eq!(pairs(tag), expected, "{tag:?}");
        }
    }

    #[test]
    fn an_attribute_knows_what_it_stands_in() {
        let cases = [
            ("<a x=1 on=2>", Some(0), None),
            ("<a title='>' on=2>", Some(0), Some(11)),
            ("<a x=1> on=2", None, None),
            ("x\" on=2", None, Some(1)),
            ("x' a=1 on=2", None, Some(1)),
            ("x'; f(1); on=2", None, None),
            ("x on=2", None, None),
            ("a < b on=2", None, None),
        ];
        for (text, tag, quote) in cases {
            let at = text.find("on").expect("a needle");
            let mut effort = Effort::new(1 << 16);
            let open = |found: Option<(usize, Attribute)>| found.map(|(open, _)| open);
            assert_eq!(
                open(tag_at(text.as_bytes(), 64, at, &mut effort)),
                tag,
                "{text}"
            );
            assert_eq!(
                open(quote_at(text.as_bytes(), 64, at, &mut effort)),
                quote,
                "{text}"
            );
        }
    }
}
