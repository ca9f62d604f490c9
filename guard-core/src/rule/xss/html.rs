//! HTML as a browser's tokenizer reads it: where tags begin, what attributes they hold.
//!
//! Follows the states of the WHATWG HTML standard, section 13.2.5, with two liberties that filters
//! and old browsers take: every byte up to 0x20 separates (NUL and controls as well), and a tag
//! whose name ends in `+` is read as form-encoded, where `+` separates. Knows nothing of which
//! elements or attributes matter.

use core::ops::Range;

/// Attributes of one tag that are looked at: more than any attack needs before its own, and what
/// keeps a tag of nothing but attributes linear.
const MOST: usize = 24;

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
    left: usize,
    plus: bool,
}

impl<'t> Attributes<'t> {
    pub(super) fn new(bytes: &'t [u8], at: usize, end: usize) -> Self {
        let bytes = bytes.get(..end).unwrap_or(bytes);
        Self {
            bytes,
            at,
            left: MOST,
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
        self.left = self.left.checked_sub(1)?;
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

/// What an attribute stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Opening {
    /// A tag whose `<` is at the offset.
    Tag(usize),
    /// A tag of the page that the text breaks into by the quote at the offset.
    Quote(usize),
}

/// Tags and quotes tried before an offset. Attacks stack several (`"><a <b x='`), each of them
/// costs one walk over the window.
const OPENINGS: usize = 4;

/// What opened the tag in which an attribute (its name or value) holds the offset `at`; with that
/// attribute. Looks back no further than `from`.
pub(super) fn attribute_at(bytes: &[u8], from: usize, at: usize) -> Option<(Opening, Attribute)> {
    let end = bytes.len().min(at + 512);
    let holds = |start: usize| {
        Attributes::new(bytes, start, end)
            .take_while(|a| a.name.start <= at)
            .find(|a| a.name.start == at || a.value.contains(&at))
    };
    let mut tries = OPENINGS;
    for open in (from..at).rev() {
        if bytes.get(open) != Some(&b'<') {
            continue;
        }
        let name = match tag_name(bytes, open) {
            Some(name) => name.end,
            // `<\0a`, `</a`, `<!a`, `<?a`: bogus or closing, kept by some filter that rewrites them.
            None if bytes
                .get(open + 1)
                .is_some_and(|b| matches!(b, 0 | b'/' | b'!' | b'?')) =>
            {
                open + 2
            }
            None => continue,
        };
        if let Some(attribute) = holds(name) {
            return Some((Opening::Tag(open), attribute));
        }
        tries -= 1;
        if tries == 0 {
            break;
        }
    }
    let window = bytes.get(from..at)?;
    for quote in [b'"', b'\'', b'`'] {
        let first = window.iter().position(|b| *b == quote);
        let last = window.iter().rposition(|b| *b == quote);
        for open in [first, last.filter(|_| first != last)]
            .into_iter()
            .flatten()
        {
            // What is no attribute's name shows that the quote belongs to a program or to prose.
            let odd = |b: &u8| matches!(b, b'(' | b')' | b'{' | b'}' | b';' | b',');
            let plain = |a: &Attribute| {
                !bytes
                    .get(a.name.clone())
                    .unwrap_or_default()
                    .iter()
                    .any(odd)
            };
            let start = from + open + 1;
            let found = Attributes::new(bytes, start, end)
                .take_while(|a| a.name.start <= at && plain(a))
                .find(|a| a.name.start == at || a.value.contains(&at));
            if let Some(attribute) = found {
                return Some((Opening::Quote(from + open), attribute));
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
            ("<a x=1 on=2>", "on", Some(Opening::Tag(0))),
            ("<a title='>' on=2>", "on", Some(Opening::Tag(0))),
            ("<a x=1> on=2", "on", None),
            ("x\" on=2", "on", Some(Opening::Quote(1))),
            ("x' a=1 on=2", "on", Some(Opening::Quote(1))),
            ("x on=2", "on", None),
            ("a < b on=2", "on", None),
        ];
        for (text, needle, expected) in cases {
            let at = text.find(needle).expect("a needle");
            let found = attribute_at(text.as_bytes(), 0, at).map(|(opening, _)| opening);
            assert_eq!(found, expected, "{text}");
        }
    }
}
