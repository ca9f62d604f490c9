//! What stands before a piece of SQL: how an injected text got out of the program's own.
//!
//! Looks back over a bounded number of bytes. Knows how literals, numbers and parentheses are left;
//! nothing of what follows.

use super::token::is_word;

/// How the text before a position ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Before {
    /// Nothing but white space and closing parentheses before it.
    Start,
    /// A quote that ends a literal which the text did not begin.
    Quote,
    /// A number that begins the value.
    Number,
    /// A word that begins the value.
    Lead,
    /// `;`.
    Semicolon,
    /// `(`.
    Open,
    /// `,`.
    Comma,
    /// Another operator.
    Operator,
    /// A literal that the text began itself.
    Literal,
    /// Anything else: words of prose, numbers in a sentence.
    Other,
}

impl Before {
    /// Whether the program's own text has plainly been left.
    pub(super) const fn escapes(self) -> bool {
        matches!(self, Self::Quote | Self::Number)
    }

    /// Whether the position is where an injected text would begin.
    pub(super) const fn begins(self) -> bool {
        matches!(self, Self::Quote | Self::Number | Self::Start)
    }
}

/// How far back is looked, in bytes.
const REACH: usize = 256;

/// What a look costs, in units of effort, and each byte it passes over.
pub(super) const COST: usize = 24;
pub(super) const STEP: usize = 3;

/// A position and how the text before it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Look {
    pub(super) before: Before,
    /// Where the token begins that was found.
    pub(super) at: usize,
    /// Whether parentheses are closed between.
    pub(super) closes: bool,
}

/// What precedes `bytes[at]`; `starts` whether `bytes` begins where the value does.
pub(super) fn look(bytes: &[u8], at: usize, starts: bool) -> Look {
    let floor = at.saturating_sub(REACH);
    let (mut i, mut closes) = (at, false);
    loop {
        i = skip_white_back(bytes, i, floor);
        if i > floor && bytes[i - 1] == b')' {
            i -= 1;
            closes = true;
        } else {
            break;
        }
    }
    if i <= floor {
        let before = if floor == 0 && starts {
            Before::Start
        } else {
            Before::Other
        };
        return Look {
            before,
            at: i,
            closes,
        };
    }
    let last = bytes[i - 1];
    let found = |before, at| Look { before, at, closes };
    match last {
        b'\'' | b'"' | b'`' => found(quote(bytes, i - 1, floor, starts), i - 1),
        b';' => found(Before::Semicolon, i - 1),
        b'(' => found(Before::Open, i - 1),
        b',' => found(Before::Comma, i - 1),
        b'=' | b'<' | b'>' | b'+' | b'-' | b'*' | b'/' | b'|' | b'&' | b'^' | b'!' | b'~'
        | b'%' => found(Before::Operator, i - 1),
        byte if is_word(byte) || byte == b'.' => word(bytes, i, floor, starts, closes),
        _ => found(Before::Other, i - 1),
    }
}

/// Where the white space that ends at `end` begins; `+` and closed comments count as white space.
fn skip_white_back(bytes: &[u8], end: usize, floor: usize) -> usize {
    let mut i = end;
    while i > floor {
        match &bytes[floor..i] {
            [before @ .., b'\n'] => i = floor + line_comment(before),
            [.., b' ' | b'\t' | b'\r' | 0x0b | 0x0c | 0] => i -= 1,
            [.., 0xc2, 0xa0] => i -= 2,
            [.., 0xa0] => i -= 1,
            [before @ .., b'*', b'/'] => match before.windows(2).rposition(|w| w == b"/*") {
                Some(p) => i = floor + p,
                None => break,
            },
            [before @ .., b'+'] if before.last().is_some_and(|b| is_word(*b)) => i -= 1,
            // `/*!50000`: the bracket of a versioned comment.
            [before @ .., _] => {
                let digits = before.len() + 1
                    - bytes[floor..i]
                        .iter()
                        .rev()
                        .take(6)
                        .take_while(|b| b.is_ascii_digit())
                        .count();
                match bytes[floor..i].get(..digits) {
                    Some([.., b'/', b'*', b'!']) => i = floor + digits - 3,
                    _ => break,
                }
            }
            [] => break,
        }
    }
    i
}

/// Where the comment that the line at the end of `before` holds begins, or else its end.
fn line_comment(before: &[u8]) -> usize {
    let line = before
        .iter()
        .rev()
        .take(64)
        .take_while(|b| **b != b'\n')
        .count();
    let begin = before.len() - line;
    let text = before.get(begin..).unwrap_or_default();
    let dashes = text.windows(2).position(|w| w == b"--");
    text.iter()
        .position(|b| *b == b'#')
        .or(dashes)
        .map_or(before.len(), |p| begin + p)
}

/// A quote ends a foreign literal when the text before holds an even number of its kind, and the
/// text does not set it as one that opens: white space before, a letter after.
fn quote(bytes: &[u8], at: usize, floor: usize, starts: bool) -> Before {
    let mark = bytes[at];
    let before = &bytes[floor..at];
    let opens = matches!(before.last(), Some(b' ' | b'(' | b',' | b'\n'))
        && bytes.get(at + 1).is_some_and(u8::is_ascii_alphabetic);
    if opens {
        return Before::Other;
    }
    let odd = || before.iter().filter(|b| **b == mark).count() % 2 == 1;
    if floor == 0 && starts && odd() {
        Before::Literal
    } else {
        Before::Quote
    }
}

fn word(bytes: &[u8], end: usize, floor: usize, starts: bool, closes: bool) -> Look {
    let run = bytes[floor..end]
        .iter()
        .rev()
        .take(64)
        .take_while(|b| is_word(**b) || matches!(**b, b'.' | b'@'))
        .count();
    let begin = end - run;
    let text = &bytes[begin..end];
    let skip = |skipped: &[u8]| {
        bytes[floor..begin]
            .iter()
            .rev()
            .take_while(|b| skipped.contains(b))
            .count()
    };
    let start = begin - skip(b"-+ (\t\n");
    let field = begin - skip(b"-+(");
    let first = (start == 0 && starts)
        || field > floor && (bytes[field - 1] == b'=' || quoted_key(&bytes[floor..field]));
    let hex = text.starts_with(b"0x") || text.starts_with(b"0X");
    let number = text.first().is_some_and(u8::is_ascii_digit)
        && (hex
            || text
                .iter()
                .all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E')));
    let before = match (first, number) {
        (true, true) => Before::Number,
        (true, false) => Before::Lead,
        (false, _) => Before::Other,
    };
    Look {
        before,
        at: begin,
        closes,
    }
}

/// Whether the text ends with the quote that opens a JSON value.
fn quoted_key(bytes: &[u8]) -> bool {
    let Some((b'"', rest)) = bytes.split_last() else {
        return false;
    };
    let rest = rest.trim_ascii_end();
    rest.ends_with(b":")
}
