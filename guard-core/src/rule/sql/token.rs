//! Cuts text into the tokens of SQL, whatever the dialect.
//!
//! Where dialects differ it takes the reading that an attack makes use of: `#` and `--` without a
//! space begin comments, versioned comments (`/*!50000 .. */`) are opened, backslashes escape.
//! Knows lexical structure only.

use core::cell::Cell;

use super::words::{Word, classify};

/// A piece of SQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Word(Word),
    Number,
    /// A literal in quotes; `open` when its closing quote is not in sight.
    Text {
        open: bool,
    },
    /// `@name`, `@@name`, `:name`, `$1`.
    Variable,
    Compare,
    Arithmetic,
    /// `||`: a connective in MySQL and SQLite's siblings' concatenation.
    Bars,
    /// `&&`.
    Ampersands,
    /// `!`.
    Bang,
    /// `::`.
    Cast,
    Open,
    Close,
    Comma,
    Dot,
    Semicolon,
    /// A comment that hides what the program appends: `--`, `#`, `/*` without an end, or NUL.
    Comment,
    /// A byte SQL has no use for.
    Other,
    /// The end of the text, or of what may be looked at.
    End,
}

/// How far tokens reach past where they begin, in bytes.
const WINDOW: usize = 640;

/// Longest literal, comment or run of white space that is followed to its end, in bytes.
const SPAN: usize = 256;

/// What taking a token costs, in units of effort, beside one for each byte; and what looking for the
/// end of a name in brackets does.
const TOKEN: usize = 16;
const BRACKETS: usize = 32;

/// Tokens from a position on.
#[derive(Debug, Clone)]
pub(super) struct Tokens<'t> {
    bytes: &'t [u8],
    at: usize,
    left: u8,
    /// The token after those taken, once it was asked for, and what is left behind it.
    ahead: Cell<Option<(Token, u8)>>,
    /// What reading has cost so far.
    work: &'t Cell<usize>,
}

impl<'t> Tokens<'t> {
    /// At most `limit` tokens of `bytes[at..]`, and none that begins past a window of it. What they
    /// cost is added to `work`.
    pub(super) const fn new(bytes: &'t [u8], at: usize, limit: u8, work: &'t Cell<usize>) -> Self {
        let bytes = match bytes.split_at_checked(at.saturating_add(WINDOW)) {
            Some((near, _)) => near,
            None => bytes,
        };
        Self {
            bytes,
            at,
            left: limit,
            ahead: Cell::new(None),
            work,
        }
    }

    /// The bytes of `token`.
    pub(super) fn bytes(&self, token: Token) -> &'t [u8] {
        self.bytes.get(token.start..token.end).unwrap_or_default()
    }

    /// The bytes from `start` to the end of the tokens taken so far.
    pub(super) fn since(&self, start: usize) -> &'t [u8] {
        self.bytes.get(start..self.at).unwrap_or_default()
    }

    /// How far the tokens taken so far reach.
    pub(super) const fn at(&self) -> usize {
        self.at
    }

    /// The token after those taken, which stays.
    pub(super) fn peek(&self) -> Token {
        if let Some((token, _)) = self.ahead.get() {
            return token;
        }
        let read = self.read();
        self.ahead.set(Some(read));
        read.0
    }

    /// Takes a token.
    pub(super) fn next(&mut self) -> Token {
        let (token, left) = match self.ahead.take() {
            Some(read) => read,
            None => self.read(),
        };
        self.left = left;
        self.at = token.end;
        token
    }

    /// The next token, and how many may be taken after it.
    fn read(&self) -> (Token, u8) {
        let (mut at, mut left) = (self.at, self.left);
        let Some(after) = left.checked_sub(1) else {
            let end = Token {
                kind: Kind::End,
                start: at,
                end: at,
            };
            return (end, left);
        };
        left = after;
        loop {
            let start = skip_white(self.bytes, at);
            let rest = self.bytes.get(start..).unwrap_or_default();
            let (kind, length) = token(rest);
            let searched = if kind == Kind::Other { BRACKETS } else { TOKEN };
            let work = self.work.get() + (start - at) + length.min(SPAN) + searched;
            self.work.set(work);
            at = start + length;
            // A comment that ends with its line hides nothing.
            let line = kind == Kind::Comment && self.bytes.get(at) == Some(&b'\n');
            if line && left > 0 && at + 1 < self.bytes.len() {
                left -= 1;
                continue;
            }
            let token = Token {
                kind,
                start,
                end: at,
            };
            return (token, left);
        }
    }
}

/// White space as some dialect has it: ASCII white space, U+00A0, closed comments and the brackets
/// of versioned ones.
pub(super) fn skip_white(bytes: &[u8], from: usize) -> usize {
    let limit = bytes.len().min(from.saturating_add(SPAN));
    let mut at = from;
    while at < limit {
        match &bytes[at..] {
            [b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c | 0xa0, ..] => at += 1,
            [0xc2, 0xa0, ..] | [b'*', b'/', ..] => at += 2,
            [b'/', b'*', b'!', rest @ ..] => {
                at += 3 + rest
                    .iter()
                    .take(6)
                    .take_while(|b| b.is_ascii_digit())
                    .count();
            }
            [b'/', b'*', rest @ ..] => match end_of_comment(rest) {
                Some(end) => at += 2 + end,
                None => break,
            },
            _ => break,
        }
    }
    at
}

fn end_of_comment(rest: &[u8]) -> Option<usize> {
    rest.windows(2)
        .take(SPAN)
        .position(|w| w == b"*/")
        .map(|p| p + 2)
}

pub(super) const fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

fn run(bytes: &[u8], accept: impl Fn(u8) -> bool) -> usize {
    bytes.iter().take(SPAN).take_while(|b| accept(**b)).count()
}

/// The token that `bytes` begin with and its length.
fn token(bytes: &[u8]) -> (Kind, usize) {
    let Some(first) = bytes.first() else {
        return (Kind::End, 0);
    };
    match (*first, bytes.get(1).copied().unwrap_or(0)) {
        (b'\'' | b'"', _) => literal(bytes, 0),
        (b'`', _) => match bytes.iter().take(64).skip(1).position(|b| *b == b'`') {
            Some(end) => (Kind::Word(Word::Plain), end + 2),
            None => (Kind::Text { open: true }, bytes.len().min(SPAN)),
        },
        (b'[', next) if is_word(next) => match bytes.iter().take(64).position(|b| *b == b']') {
            Some(end) => (Kind::Word(Word::Plain), end + 1),
            None => (Kind::Other, 1),
        },
        (b'0'..=b'9', _) | (b'.', b'0'..=b'9') => (Kind::Number, number(bytes)),
        (b'-', b'-') | (b'#', _) => (Kind::Comment, line(bytes)),
        (b'/', b'*') => (Kind::Comment, bytes.len()),
        (0, _) => (Kind::Comment, bytes.len()),
        // PostgreSQL: containment, and the searches of text and of JSON paths.
        (b'@', b'>' | b'@' | b'?') if !names_global(bytes) => (Kind::Compare, 2),
        (b'<', b'@') | (b'?', b'|' | b'&') => (Kind::Compare, 2),
        // Members of documents.
        (b'-', b'>') => (
            Kind::Arithmetic,
            2 + usize::from(bytes.get(2) == Some(&b'>')),
        ),
        (b'@', _) | (b':' | b'$', b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_') => {
            let name = run(&bytes[1..], |b| {
                is_word(b) || b == b'@' || b == b'.' || b == b'$'
            });
            (Kind::Variable, 1 + name)
        }
        (b'$', b'$') => dollars(bytes),
        (b'|', b'|') => (Kind::Bars, 2),
        (b'&', b'&') => (Kind::Ampersands, 2),
        (b':', b':') => (Kind::Cast, 2),
        (b'<', b'<') | (b'>', b'>') | (b'^', b'-') => (Kind::Arithmetic, 2),
        (b'<' | b'>' | b'=' | b'~', _)
        | (b'!' | b'^' | b':', b'=')
        | (b'!', b'<' | b'>' | b'~') => (
            Kind::Compare,
            run(bytes, |b| matches!(b, b'<' | b'>' | b'=' | b'!' | b':')).max(1),
        ),
        (b'!', _) => (Kind::Bang, 1),
        (b'+' | b'-' | b'*' | b'/' | b'%' | b'^' | b'|' | b'&', _) => (Kind::Arithmetic, 1),
        (b'(', _) => (Kind::Open, 1),
        (b')', _) => (Kind::Close, 1),
        (b',', _) => (Kind::Comma, 1),
        (b';', _) => (Kind::Semicolon, 1),
        (b'.', _) => (Kind::Dot, 1),
        (byte, _) if is_word(byte) => word(bytes),
        _ => (Kind::Other, 1),
    }
}

/// Whether `@@name` stands first.
fn names_global(bytes: &[u8]) -> bool {
    matches!(bytes, [b'@', b'@', next, ..] if is_word(*next))
}

fn word(bytes: &[u8]) -> (Kind, usize) {
    let length = run(bytes, |b| is_word(b) || b == b'$');
    // National, hexadecimal, bit and escape literals, and MySQL's `_charset'..'`.
    if let Some(b'\'') = bytes.get(length)
        && (length == 1 && matches!(bytes[0] | 0x20, b'n' | b'x' | b'b' | b'e' | b'q')
            || bytes[0] == b'_')
    {
        return literal(bytes, length);
    }
    (Kind::Word(classify(&bytes[..length])), length)
}

/// A literal whose quote is at `bytes[quote]`. A doubled quote goes on, a backslash escapes.
fn literal(bytes: &[u8], quote: usize) -> (Kind, usize) {
    let mark = bytes[quote];
    let limit = bytes.len().min(quote + SPAN);
    let mut at = quote + 1;
    while at < limit {
        match bytes[at] {
            b'\\' => at += 2,
            byte if byte == mark && bytes.get(at + 1) == Some(&mark) => at += 2,
            byte if byte == mark => return (Kind::Text { open: false }, at + 1),
            _ => at += 1,
        }
    }
    // `''` closed by the doubling rule's own pairs is an empty literal.
    if bytes.get(quote + 1) == Some(&mark) {
        return (Kind::Text { open: false }, quote + 2);
    }
    (Kind::Text { open: true }, limit)
}

/// PostgreSQL's `$$ .. $$`.
fn dollars(bytes: &[u8]) -> (Kind, usize) {
    match bytes.windows(2).take(SPAN).skip(2).position(|w| w == b"$$") {
        Some(end) => (Kind::Text { open: false }, end + 4),
        None => (Kind::Text { open: true }, bytes.len().min(SPAN)),
    }
}

/// Decimal, floating, hexadecimal and binary numbers. Letters after it begin a token of their own,
/// as most lexers have it (`1or`).
fn number(bytes: &[u8]) -> usize {
    if let [b'0', b'x' | b'X', rest @ ..] = bytes {
        return 2 + run(rest, |b| b.is_ascii_hexdigit());
    }
    let mut end = run(bytes, |b| b.is_ascii_digit() || b == b'.');
    if let Some([b'e' | b'E', rest @ ..]) = bytes.get(end..) {
        let sign = usize::from(matches!(rest.first(), Some(b'+' | b'-')));
        let digits = run(rest.get(sign..).unwrap_or_default(), |b| b.is_ascii_digit());
        if digits > 0 {
            end += 1 + sign + digits;
        }
    }
    end
}

fn line(bytes: &[u8]) -> usize {
    run(bytes, |b| b != b'\n')
}
