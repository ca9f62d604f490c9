//! Reads what stands inside a template delimiter: a placeholder, a computation, or a way out of the
//! template into the language below it.
//!
//! One scanner serves every template language; they share names, numbers, texts, operators, calls
//! and filters. It does not know where the delimiter stood.

use super::name::{self, Use};

/// How much the content of a delimiter does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Evidence {
    /// A placeholder or anything else that templates say all day.
    Placeholder,
    /// A call of some function.
    Call,
    /// Arithmetic on literals, as a probe does.
    Computation,
    /// A method called on a literal, or a name that leads to the host's objects.
    Reach,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token {
    None,
    Name,
    Number,
    Text,
    Operator,
    /// `.`, `?.`
    Dot,
    Pipe,
    Open,
    Close,
    Other,
}

/// Reads `content`; `double` for the delimiters of Jinja, Twig and relatives.
pub(super) fn read(content: &[u8], double: bool) -> Evidence {
    let mut evidence = Evidence::Placeholder;
    let mut arithmetic = Arithmetic::default();
    let mut last = Token::None;
    let mut names = 0_u32;
    let mut i = 0;
    while let Some(&byte) = content.get(i) {
        let rest = content.get(i..).unwrap_or_default();
        let (token, length) = match byte {
            b' ' | b'\t' | b'\n' | b'\r' | b'+' if byte != b'+' => {
                i += 1;
                continue;
            }
            b'0'..=b'9' => (Token::Number, number(rest)),
            b'\'' | b'"' => (Token::Text, text(rest, byte)),
            b'\\' if matches!(rest.get(1), Some(b'\'' | b'"')) => (Token::Text, escaped_text(rest)),
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => (Token::Name, word(rest)),
            b'*' | b'/' | b'%' | b'^' | b'+' | b'-' | b'~' => (Token::Operator, 1),
            b'.' => (Token::Dot, 1),
            b'|' => (Token::Pipe, 1),
            b'(' | b'[' => (Token::Open, 1),
            b')' | b']' => (Token::Close, 1),
            _ => (Token::Other, 1),
        };
        let part = rest.get(..length).unwrap_or_default();
        arithmetic.take(token, part, last);
        match token {
            Token::Name => {
                names += 1;
                let after = Use::read(content.get(i + length..).unwrap_or_default());
                let first = last == Token::None;
                let filter = last == Token::Pipe;
                let member = last == Token::Dot;
                let place = name::Place {
                    first,
                    filter,
                    member,
                    double,
                    property: first && is_property(content),
                };
                if double && rest.starts_with(b"app.request") || name::reaches(part, after, place) {
                    return Evidence::Reach;
                }
                if after.is_call() && !name::is_harmless(part) {
                    evidence = evidence.max(Evidence::Call);
                }
            }
            // `''.x`, `[].x`, `().x`: a member of a literal.
            Token::Dot
                if (last == Token::Text || last == Token::Close && names == 0)
                    && member_of_literal(rest) =>
            {
                return Evidence::Reach;
            }
            Token::Text if name::is_internal_text(part) => return Evidence::Reach,
            // FreeMarker: `"x"?upper_case`, `7?c`.
            Token::Other
                if byte == b'?'
                    && names == 0
                    && matches!(last, Token::Text | Token::Number)
                    && rest.get(1).is_some_and(u8::is_ascii_lowercase)
                    && !rest.iter().take(24).any(|b| *b == b':') =>
            {
                evidence = evidence.max(Evidence::Computation);
            }
            Token::Other if rest.starts_with(b"?api") || rest.starts_with(b"?new") => {
                return Evidence::Reach;
            }
            // A literal through a filter of the language's own.
            Token::Pipe
                if double
                    && names == 0
                    && matches!(last, Token::Text | Token::Close)
                    && name::is_core_filter(rest.get(1..).unwrap_or_default().trim_ascii()) =>
            {
                evidence = Evidence::Computation;
            }
            Token::Open if last == Token::Close => evidence = evidence.max(Evidence::Call),
            _ => {}
        }
        last = token;
        i += length.max(1);
    }
    if arithmetic.is_probe() {
        evidence.max(Evidence::Computation)
    } else {
        evidence
    }
}

/// Whether no brace in `content` closes but one that it opens; those in texts do not count.
pub(super) fn closes_braces(content: &[u8]) -> bool {
    let mut depth = 0_u32;
    let mut i = 0;
    while let Some(&byte) = content.get(i) {
        i += match byte {
            b'\'' | b'"' => text(content.get(i..).unwrap_or_default(), byte).max(1),
            b'{' => {
                depth += 1;
                1
            }
            b'}' if depth == 0 => return false,
            b'}' => {
                depth -= 1;
                1
            }
            _ => 1,
        };
    }
    true
}

/// Whether `content` is two numbers or texts, and `==` or `!=` between them.
pub(super) fn compares_literals(content: &[u8]) -> bool {
    let content = content.strip_suffix(b"-").unwrap_or(content);
    let Some(at) = memchr::memchr(b'=', content) else {
        return false;
    };
    let (left, right) = content.split_at(at);
    let left = left.strip_suffix(b"!").unwrap_or(left).trim_ascii();
    let equals = right.iter().take_while(|b| **b == b'=').count();
    let right = right.get(equals..).unwrap_or_default().trim_ascii();
    let literal = |side: &[u8]| match side {
        [quote @ (b'\'' | b'"'), ..] => text(side, *quote) == side.len() && side.len() > 1,
        _ => !side.is_empty() && number(side) == side.len(),
    };
    literal(left) && literal(right)
}

/// Whether `content` is two lower case names and a dot between them.
fn is_property(content: &[u8]) -> bool {
    let mut names = content.trim_ascii().split(|b| *b == b'.');
    let named = |name: Option<&[u8]>| {
        name.is_some_and(|n| !n.is_empty() && n.iter().all(u8::is_ascii_lowercase))
    };
    named(names.next()) && named(names.next()) && names.next().is_none()
}

/// Whether `content` is nothing but a short expression with its brackets and quotes closed.
pub(super) fn is_well_formed(content: &[u8]) -> bool {
    let mut depth = 0_i32;
    let mut i = 0;
    while let Some(&byte) = content.get(i) {
        let rest = content.get(i..).unwrap_or_default();
        i += match byte {
            b'\'' | b'"' => {
                let length = text(rest, byte);
                if length < 2 || rest.get(length - 1) != Some(&byte) {
                    return false;
                }
                length
            }
            b'(' | b'[' if !begins_operand(rest.get(1..).unwrap_or_default()) => return false,
            b'(' | b'[' => {
                depth += 1;
                1
            }
            b')' | b']' => {
                depth -= 1;
                if depth < 0 {
                    return false;
                }
                1
            }
            b'`' | b';' | b'^' | b'<' | b'>' | b'#' | b'?' | b'\n' | 0x7f.. | 0..=8 => {
                return false;
            }
            _ => 1,
        };
    }
    depth == 0 && content.len() <= 200
}

/// Whether an operand, or the end of an empty list, may stand at the start of `rest`: a path
/// (`file(./name)`) is none in any of these languages.
fn begins_operand(rest: &[u8]) -> bool {
    !matches!(
        rest.trim_ascii_start(),
        [
            b'.' | b'/' | b',' | b'*' | b':' | b'=' | b'|' | b'&' | b'%',
            ..
        ]
    )
}

/// Whether `.` at the start of `rest` is followed by a member's name.
fn member_of_literal(rest: &[u8]) -> bool {
    let rest = rest.get(1..).unwrap_or_default().trim_ascii_start();
    rest.first()
        .is_some_and(|b| b.is_ascii_alphabetic() || *b == b'_')
}

/// Whether the content is arithmetic on literals and nothing else.
#[derive(Debug, Default)]
struct Arithmetic {
    numbers: u32,
    operands: u32,
    operators: u32,
    /// Operators other than minus, which dates have too.
    telling: u32,
    /// Operators that join texts too.
    joins: u32,
    other: u32,
}

impl Arithmetic {
    fn take(&mut self, token: Token, part: &[u8], last: Token) {
        match token {
            Token::Number => {
                self.numbers += 1;
                self.operands += 1;
            }
            Token::Text => self.operands += 1,
            Token::Operator => {
                self.operators += 1;
                let doubled = last == Token::Operator && part != b"*";
                self.telling += u32::from(part != b"-");
                self.joins += u32::from(matches!(part, b"~" | b"+"));
                self.other += u32::from(doubled);
            }
            Token::Open | Token::Close => {}
            Token::Other if matches!(part, b"=" | b"#" | b"@" | b"{" | b"}") => {}
            _ => self.other += 1,
        }
    }

    fn is_probe(&self) -> bool {
        self.other == 0
            && (self.numbers > 0 || self.joins > 0)
            && self.operands >= 2
            && self.operators > 0
            && (self.telling > 0 || self.numbers == 2)
    }
}

fn number(rest: &[u8]) -> usize {
    let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
    // A fraction; a letter right after makes it no number, but no reader needs that.
    match rest.get(digits..) {
        Some([b'.', b'0'..=b'9', ..]) => {
            let more = rest.get(digits + 1..).unwrap_or_default();
            digits + 1 + more.iter().take_while(|b| b.is_ascii_digit()).count()
        }
        _ => digits,
    }
}

fn word(rest: &[u8]) -> usize {
    rest.iter()
        .take_while(|b| b.is_ascii_alphanumeric() || **b == b'_' || **b == b'$')
        .count()
}

/// Length of a text in quotes, to the end of the content if it does not close.
fn text(rest: &[u8], quote: u8) -> usize {
    let mut escaped = false;
    for (i, &byte) in rest.iter().enumerate().skip(1) {
        if escaped {
            escaped = false;
        } else if byte == b'\\' {
            escaped = true;
        } else if byte == quote {
            return i + 1;
        }
    }
    rest.len()
}

/// The same where the quotes are escaped themselves.
fn escaped_text(rest: &[u8]) -> usize {
    let quote = rest.get(1).copied().unwrap_or(b'"');
    let body = rest.get(2..).unwrap_or_default();
    let close = body.windows(2).position(|pair| pair == [b'\\', quote]);
    close.map_or(rest.len(), |close| close + 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contents_are_told_apart() {
        let cases: [(&[u8], Evidence); 26] = [
            (b"name", Evidence::Placeholder),
            (b" user.first_name ", Evidence::Placeholder),
            (b" name | upper ", Evidence::Placeholder),
            (b"HOME", Evidence::Placeholder),
            (b"0", Evidence::Placeholder),
            (b"2024-01-31", Evidence::Placeholder),
            (b"total + tax", Evidence::Placeholder),
            (b"'text'", Evidence::Placeholder),
            (b"7*7", Evidence::Computation),
            (b" 7 * 7 ", Evidence::Computation),
            (b"'7'*7", Evidence::Computation),
            (b"(1+1)", Evidence::Computation),
            (b"1-1", Evidence::Computation),
            (b"render(x)", Evidence::Call),
            (b"a.b.c()", Evidence::Call),
            (b"''.__class__", Evidence::Reach),
            (b"'a'.toUpperCase()", Evidence::Reach),
            (b"[].x", Evidence::Reach),
            (b"config", Evidence::Reach),
            (b"config.items()", Evidence::Reach),
            (b"['id']|filter('system')", Evidence::Reach),
            (b"request|attr('x')", Evidence::Reach),
            (b"constructor.constructor('x')()", Evidence::Reach),
            (b"x.getClass().forName('y')", Evidence::Reach),
            (b"T(java.lang.Runtime)", Evidence::Reach),
            (b"request.user", Evidence::Placeholder),
        ];
        for (content, evidence) in cases {
            assert_eq!(read(content, true), evidence, "{}", content.escape_ascii());
        }
    }
}
