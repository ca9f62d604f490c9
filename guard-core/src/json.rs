//! Where the tokens of a JSON text lie. Knows nothing of what they mean, and checks no grammar:
//! any bytes are some sequence of tokens.

use core::ops::ControlFlow;

mod write;

pub(crate) use write::{write_char, write_string, written_len};

/// A token and the bytes it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Token {
    /// `{` or `[`.
    Open { at: usize, array: bool },
    /// `}` or `]`.
    Close { at: usize },
    /// The content of a string, quotes excluded. One that is not closed ends with the text.
    String { start: usize, end: usize },
    /// A number, a literal, or any run of bytes that cannot start something else.
    Scalar { start: usize, end: usize },
    /// A comma.
    Comma,
    /// A colon.
    Colon,
    /// No more bytes.
    End,
}

/// Cuts a text into tokens.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lexer<'e> {
    bytes: &'e [u8],
    at: usize,
}

impl<'e> Lexer<'e> {
    pub(crate) const fn new(bytes: &'e [u8]) -> Self {
        Self::from(bytes, 0)
    }

    /// From `at` on, which is in no string.
    pub(crate) const fn from(bytes: &'e [u8], at: usize) -> Self {
        Self { bytes, at }
    }

    pub(crate) const fn bytes(&self) -> &'e [u8] {
        self.bytes
    }

    /// The offset just past the last token.
    pub(crate) const fn position(&self) -> usize {
        self.at
    }

    /// The next byte that is not white space.
    fn peek(&mut self) -> Option<u8> {
        while let Some(&byte) = self.bytes.get(self.at) {
            if !is_space(byte) {
                return Some(byte);
            }
            self.at += 1;
        }
        None
    }

    /// Whether a colon follows, that is, whether the string just read is a key.
    #[inline]
    pub(crate) fn colon_follows(&mut self) -> bool {
        self.peek() == Some(b':')
    }

    #[inline]
    pub(crate) fn next(&mut self) -> Token {
        let Some(byte) = self.peek() else {
            return Token::End;
        };
        let at = self.at;
        self.at = at + 1;
        match byte {
            b'{' | b'[' => Token::Open {
                at,
                array: byte == b'[',
            },
            b'}' | b']' => Token::Close { at },
            b',' => Token::Comma,
            b':' => Token::Colon,
            b'"' => {
                let end = string_end(self.bytes, at + 1);
                self.at = (end + 1).min(self.bytes.len());
                Token::String { start: at + 1, end }
            }
            _ => {
                let rest = self.bytes.get(at..).unwrap_or_default();
                let len = rest
                    .iter()
                    .position(|b| ends_scalar(*b))
                    .unwrap_or(rest.len());
                self.at = at + len;
                Token::Scalar {
                    start: at,
                    end: self.at,
                }
            }
        }
    }

    /// Reads one whole value; answers its bytes, none if there is no value here.
    pub(crate) fn value(&mut self) -> Option<(usize, usize)> {
        match self.next() {
            Token::Open { at, .. } => {
                self.leave(1);
                Some((at, self.at))
            }
            Token::String { start, .. } => Some((start - 1, self.at)),
            Token::Scalar { start, end } => Some((start, end)),
            Token::Close { .. } | Token::Comma | Token::Colon | Token::End => None,
        }
    }

    /// Goes to just past the end of the `depth` innermost containers.
    fn leave(&mut self, mut depth: usize) {
        while let Some(&byte) = self.bytes.get(self.at) {
            self.at += 1;
            match byte {
                b'"' => self.at = (string_end(self.bytes, self.at) + 1).min(self.bytes.len()),
                b'{' | b'[' => depth += 1,
                b'}' | b']' => {
                    depth -= 1;
                    if depth == 0 {
                        return;
                    }
                }
                _ => {}
            }
        }
    }
}

/// A member of an object: the bytes of its key, quotes excluded, and those from its value on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Member<'e> {
    pub(crate) key: &'e [u8],
    /// Where the value starts, quote included.
    pub(crate) start: usize,
    /// The text from there on, to its end.
    pub(crate) rest: &'e [u8],
}

impl<'e> Member<'e> {
    /// The value's bytes, quotes included.
    pub(crate) fn value(&self) -> &'e [u8] {
        let end = Lexer::new(self.rest).value().map_or(0, |(_, end)| end);
        self.rest.get(..end).unwrap_or_default()
    }

    /// The content of the value if it is a string.
    pub(crate) fn text(&self) -> Option<&'e [u8]> {
        let content = self.rest.strip_prefix(b"\"")?;
        content.get(..string_end(content, 0))
    }

    pub(crate) fn is_object(&self) -> bool {
        self.rest.first() == Some(&b'{')
    }

    pub(crate) fn is_array(&self) -> bool {
        self.rest.first() == Some(&b'[')
    }
}

/// The members of an object. A value is skipped only when the next member is asked for.
#[derive(Debug, Clone)]
pub(crate) struct Members<'e> {
    lexer: Lexer<'e>,
    /// Whether the last member's value is still to be skipped.
    at_value: bool,
}

/// The members of the object that `text` starts with; none if it starts with something else.
pub(crate) fn members(text: &[u8]) -> Members<'_> {
    let mut lexer = Lexer::new(text);
    if !matches!(lexer.next(), Token::Open { array: false, .. }) {
        lexer = Lexer::new(&[]);
    }
    Members {
        lexer,
        at_value: false,
    }
}

impl<'e> Iterator for Members<'e> {
    type Item = Member<'e>;

    fn next(&mut self) -> Option<Member<'e>> {
        if self.at_value {
            self.at_value = false;
            self.lexer.value()?;
        }
        loop {
            match self.lexer.next() {
                Token::String { start, end } => {
                    if !self.lexer.colon_follows() {
                        continue;
                    }
                    self.lexer.next();
                    let key = self.lexer.bytes.get(start..end)?;
                    self.lexer.peek()?;
                    self.at_value = true;
                    let start = self.lexer.at;
                    return Some(Member {
                        key,
                        start,
                        rest: self.lexer.bytes.get(start..)?,
                    });
                }
                Token::Comma | Token::Colon | Token::Scalar { .. } => {}
                Token::Open { .. } => self.lexer.leave(1),
                Token::Close { .. } | Token::End => return None,
            }
        }
    }
}

/// The elements of an array, those nested in them skipped over.
#[derive(Debug, Clone)]
pub(crate) struct Elements<'e> {
    lexer: Lexer<'e>,
}

/// The elements of the array that `text` starts with; none if it starts with something else.
pub(crate) fn elements(text: &[u8]) -> Elements<'_> {
    let mut lexer = Lexer::new(text);
    if !matches!(lexer.next(), Token::Open { array: true, .. }) {
        lexer = Lexer::new(&[]);
    }
    Elements { lexer }
}

impl<'e> Iterator for Elements<'e> {
    type Item = &'e [u8];

    fn next(&mut self) -> Option<&'e [u8]> {
        loop {
            match self.lexer.peek()? {
                b']' | b'}' => return None,
                b',' | b':' => {
                    self.lexer.next();
                }
                _ => {
                    let (start, end) = self.lexer.value()?;
                    return self.lexer.bytes.get(start..end);
                }
            }
        }
    }
}

/// Whether `text` is one object that ends where the text does.
pub(crate) fn is_whole_object(text: &[u8]) -> bool {
    let mut lexer = Lexer::new(text);
    matches!(lexer.value(), Some((0, end)) if end == text.len())
        && text.first() == Some(&b'{')
        && text.last() == Some(&b'}')
}

/// The bytes from the first element of the array that `text` starts with on.
pub(crate) fn first_element(text: &[u8]) -> &[u8] {
    let mut lexer = Lexer::new(text);
    if !matches!(lexer.next(), Token::Open { array: true, .. }) || lexer.peek().is_none() {
        return &[];
    }
    text.get(lexer.at..).unwrap_or_default()
}

/// The characters of a JSON string's content, its escapes undone. What is not UTF-8, or no
/// character (lone surrogates, unknown escapes), is U+FFFD.
#[derive(Debug, Clone)]
pub(crate) struct Unescaped<'s> {
    rest: &'s [u8],
}

impl<'s> Unescaped<'s> {
    pub(crate) const fn new(raw: &'s [u8]) -> Self {
        Self { rest: raw }
    }

    fn escape(&mut self) -> char {
        let Some((&kind, rest)) = self.rest.split_first() else {
            return char::REPLACEMENT_CHARACTER;
        };
        self.rest = rest;
        match kind {
            b'"' | b'\\' | b'/' => char::from(kind),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let Some((high, rest)) = unit(self.rest) else {
                    return char::REPLACEMENT_CHARACTER;
                };
                self.rest = rest;
                if (0xd800..0xdc00).contains(&high)
                    && let Some((low, rest)) = rest.strip_prefix(b"\\u").and_then(unit)
                    && (0xdc00..0xe000).contains(&low)
                {
                    self.rest = rest;
                    let code = 0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00);
                    return char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
                }
                char::from_u32(high).unwrap_or(char::REPLACEMENT_CHARACTER)
            }
            _ => char::REPLACEMENT_CHARACTER,
        }
    }
}

impl Iterator for Unescaped<'_> {
    type Item = char;

    fn next(&mut self) -> Option<char> {
        let (&first, rest) = self.rest.split_first()?;
        if first == b'\\' {
            self.rest = rest;
            return Some(self.escape());
        }
        let (c, len) = decode_char(self.rest);
        self.rest = self.rest.get(len..).unwrap_or_default();
        Some(c)
    }
}

/// The four hexadecimal digits that `bytes` start with, and what follows.
fn unit(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (digits, rest) = bytes.split_at_checked(4)?;
    let mut value = 0;
    for digit in digits {
        value = value * 16 + char::from(*digit).to_digit(16)?;
    }
    Some((value, rest))
}

/// The character that `bytes` start with, and its length; U+FFFD for what is not UTF-8.
pub(crate) fn decode_char(bytes: &[u8]) -> (char, usize) {
    let bytes = bytes.get(..4).unwrap_or(bytes);
    let valid = match core::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let valid = bytes.get(..error.valid_up_to()).unwrap_or_default();
            if valid.is_empty() {
                return (
                    char::REPLACEMENT_CHARACTER,
                    error.error_len().unwrap_or(bytes.len()).max(1),
                );
            }
            core::str::from_utf8(valid).unwrap_or_default()
        }
    };
    valid
        .chars()
        .next()
        .map_or((char::REPLACEMENT_CHARACTER, 1), |c| (c, c.len_utf8()))
}

const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\r' | b'\t')
}

fn ends_scalar(byte: u8) -> bool {
    /// Indexed by byte.
    static ENDS: [bool; 256] = {
        let mut ends = [false; 256];
        let bytes = b",:{}[]\" \n\r\t";
        let mut i = 0;
        while i < bytes.len() {
            ends[bytes[i] as usize] = true;
            i += 1;
        }
        ends
    };
    ENDS.get(usize::from(byte)).is_some_and(|ends| *ends)
}

/// Whether a string is an array's first element, given what comes before it, its opening quote
/// included, which may be escaped as it is in JSON within JSON. Also true where that much white space
/// lies before it that nobody looks further.
pub(crate) fn begins_array(before: &[u8]) -> bool {
    const SPACE: usize = 64;
    let Some(before) = before.strip_suffix(b"\"") else {
        return false;
    };
    let last = before.iter().rev().take(SPACE);
    let mut last = last.skip_while(|byte| byte.is_ascii_whitespace() || **byte == b'\\');
    match last.next() {
        Some(byte) => *byte == b'[',
        None => before.len() >= SPACE,
    }
}

/// The offset of the quote that ends the string whose content starts at `at`, else the text's
/// length.
///
/// Eight bytes at a time, since JSON in a JSON string has an escape in every few; blocks where a
/// string turns out to be long and plain.
#[inline]
pub(crate) fn string_end(bytes: &[u8], mut at: usize) -> usize {
    let mut plain = 0;
    while let Some(word) = bytes.get(at..).and_then(<[u8]>::first_chunk::<WORD>) {
        let word = u64::from_le_bytes(*word);
        let quotes = equal(word, b'"');
        let mut marks = quotes | equal(word, b'\\');
        if marks == 0 {
            at += WORD;
            plain += 1;
            if plain == SHORT {
                match long_end(bytes, at) {
                    ControlFlow::Break(end) => return end,
                    ControlFlow::Continue(next) => at = next,
                }
                plain = 0;
            }
            continue;
        }
        plain = 0;
        let mut taken = WORD;
        while marks != 0 {
            let first = marks & marks.wrapping_neg();
            if first & quotes != 0 {
                return at + first.trailing_zeros() as usize / 8;
            }
            let escaped = first << 8;
            if escaped == 0 {
                taken += 1;
            }
            marks &= !(first | escaped);
        }
        at += taken;
    }
    last_end(bytes, at)
}

const WORD: usize = 8;

/// Words without a mark behind which a string is looked through in blocks: most strings of an event
/// are shorter.
const SHORT: usize = 6;

/// Bytes between escapes that are dense: a few words are read sooner than blocks are begun.
const DENSE: usize = 24;

/// The same behind a stretch that was long and plain, as those that follow are likely to be; or where
/// escapes are dense, and to be gone on from.
#[inline(never)]
fn long_end(bytes: &[u8], mut at: usize) -> ControlFlow<usize, usize> {
    let mut begin = at.saturating_sub(SHORT * WORD);
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        let Some(plain) = memchr::memchr2(b'"', b'\\', rest) else {
            return ControlFlow::Break(bytes.len());
        };
        at += plain;
        if bytes.get(at) == Some(&b'"') {
            return ControlFlow::Break(at);
        }
        let is_dense = at - begin < DENSE;
        at += 2;
        begin = at;
        if is_dense {
            return ControlFlow::Continue(at);
        }
    }
}

/// The same as [`string_end`] for the last bytes of a text.
fn last_end(bytes: &[u8], mut at: usize) -> usize {
    loop {
        match bytes.get(at) {
            Some(b'"') => return at,
            Some(b'\\') => at += 2,
            Some(_) => at += 1,
            None => return bytes.len(),
        }
    }
}

/// The high bit of each byte of a word that is `byte`.
#[inline]
const fn equal(word: u64, byte: u8) -> u64 {
    const ONES: u64 = u64::MAX / 255;
    const LOW: u64 = ONES * 0x7f;
    let differing = word ^ (ONES * byte as u64);
    // Adding carries into a byte's own high bit only, unlike subtracting: each bit is exact.
    !(((differing & LOW) + LOW) | differing | LOW)
}

/// The offset of the first `byte` in `bytes`.
pub(crate) fn position(bytes: &[u8], byte: u8) -> Option<usize> {
    let mut at = 0;
    while let Some(block) = bytes.get(at..).and_then(<[u8]>::first_chunk::<32>) {
        // No early exit, so that the compiler makes vector compares of it.
        if block.iter().fold(0, |hits, b| hits + u8::from(*b == byte)) != 0 {
            break;
        }
        at += 32;
    }
    let rest = bytes.get(at..).unwrap_or_default();
    rest.iter()
        .position(|b| *b == byte)
        .map(|offset| at + offset)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    fn naive_end(bytes: &[u8], mut at: usize) -> usize {
        while at < bytes.len() {
            match bytes[at] {
                b'"' => return at,
                b'\\' => at += 2,
                _ => at += 1,
            }
        }
        bytes.len()
    }

    #[test]
    fn string_end_is_that_of_the_naive_loop() {
        for length in 0..200 {
            for mark in 0..length {
                for byte in [b'"', b'\\', b'!', b'#', b'[', b']', 0x80, 0xa2, 0xdc] {
                    let mut text = vec![b'a'; length];
                    text[mark] = byte;
                    if mark + 3 < length {
                        text[mark + 3] = b'"';
                    }
                    for from in 0..4.min(length) {
                        assert_eq!(string_end(&text, from), naive_end(&text, from), "{text:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn string_end_is_that_of_the_naive_loop_where_escapes_are_dense() {
        let mut random = Random::new();
        for _ in 0..20_000 {
            // A quote now and then, so that strings end in any word.
            let plain = random.below(5);
            let text: Vec<u8> = (0..random.below(120))
                .map(|_| match random.below(12) {
                    0 => b'"',
                    n if n > plain => b'\\',
                    _ => *random.one_of(b"a#!]\xa2\xdc"),
                })
                .collect();
            for from in 0..=text.len().min(9) {
                let (end, naive) = (string_end(&text, from), naive_end(&text, from));
                assert_eq!(end, naive, "{} from {from}", text.escape_ascii());
            }
        }
    }

    #[test]
    fn members_skip_what_is_nested() {
        let text =
            br#" {"a":{"x":"}\"","y":[1,{}]}, "b" : [ ] ,"c":"d\"","e":-1.5e3,"f":null} tail"#;
        let seen: Vec<(&[u8], &[u8])> = members(text).map(|m| (m.key, m.value())).collect();
        let wanted: [(&[u8], &[u8]); 5] = [
            (b"a", br#"{"x":"}\"","y":[1,{}]}"#),
            (b"b", b"[ ]"),
            (b"c", br#""d\"""#),
            (b"e", b"-1.5e3"),
            (b"f", b"null"),
        ];
        assert_eq!(seen, wanted);
    }
}
