//! Literals left with the rest of the statement commented out, hostile functions on their own, and
//! comments used to hide words.

use super::before::Before;
use super::expr::{self, Stop};
use super::token::{Kind, Tokens, is_word, skip_white};
use super::words::{Word, classify};
use super::{Subject, rule};
use crate::inspect::Match;

/// Longest text before the quote, and after the comment, that still looks like a login's name.
const NEAR: usize = 64;

/// A quote or parenthesis at `at`, closed parentheses, `;`, and a comment to the end of the text.
pub(super) fn comment(text: &Subject<'_>, at: usize) -> Option<Match> {
    let bytes = text.bytes;
    let mut i = at;
    let mut marks = 0usize;
    while let Some(byte) = bytes.get(i)
        && i - at < 16
        && matches!(
            *byte,
            b'\'' | b'"' | b'`' | b')' | b';' | b' ' | b'\t' | b'+'
        )
    {
        marks += usize::from(matches!(*byte, b'\'' | b'"' | b'`'));
        i += 1;
    }
    let rest = bytes.get(i..)?;
    let stacked =
        rest.first().is_some_and(u8::is_ascii_alphabetic) && bytes.get(at..i)?.contains(&b';');
    let quote = matches!(bytes.get(at), Some(b'\'' | b'"' | b'`'));
    if !quote && marks == 0 {
        let look = text.look(at);
        if look.before != Before::Quote || bytes.get(look.at).is_none() {
            return None;
        }
    }
    if quote && text.look(at + 1).before != Before::Quote || marks > 1 {
        return None;
    }
    if stacked {
        return quote.then(|| statement(text, at, i)).flatten();
    }
    // What follows is looked at up to where it cannot be filler any more.
    let rest = rest.get(..rest.len().min(NEAR)).unwrap_or_default();
    let ended = match rest {
        [0, ..] => true,
        [b'-', b'-', tail @ ..] => is_filler(tail),
        [b'#', tail @ ..] => {
            tail.trim_ascii().is_empty()
                || tail.first().is_some_and(u8::is_ascii_whitespace) && is_filler(tail)
        }
        [b'/', b'*', tail @ ..] => tail.trim_ascii().is_empty(),
        _ => false,
    };
    if !(ended && text.starts && text.ends) {
        return None;
    }
    let floor = at.saturating_sub(NEAR + 1);
    let head = bytes.get(floor..at)?;
    let head = match head.iter().rposition(|b| matches!(*b, b'=' | b':' | b'&')) {
        Some(field) => head.get(field + 1..)?,
        None if floor > 0 => return None,
        None => head,
    };
    let spare = rest.iter().any(u8::is_ascii_alphabetic) && head.contains(&b' ');
    (plain_head(head) && !spare).then(|| Match {
        rule: rule("sql.comment"),
        span: at..bytes.len(),
    })
}

/// A literal left, `;`, any statement, and an empty comment that hides what the program appends:
/// `'; use master --`. Nobody but an injected text has use for such a comment.
fn statement(text: &Subject<'_>, at: usize, from: usize) -> Option<Match> {
    let bytes = text.bytes;
    let head = bytes.get(..at)?;
    if !(text.starts && text.ends && head.len() <= NEAR && plain_head(head)) {
        return None;
    }
    let mut tokens = text.tokens(from, 48);
    loop {
        let token = tokens.next();
        match token.kind {
            Kind::Comment => {
                let comment = tokens.bytes(token);
                let marks = |b: &u8| matches!(b, b'-' | b'+') || b.is_ascii_whitespace();
                let empty = comment.starts_with(b"--") && comment.iter().all(marks);
                return empty.then(|| Match {
                    rule: rule("sql.stacked"),
                    span: at..bytes.len(),
                });
            }
            Kind::End | Kind::Other => return None,
            _ => {}
        }
    }
}

/// Whether a comment holds nothing but what keeps white space from being trimmed, or ends with the
/// JSON string or form field that holds it.
fn is_filler(comment: &[u8]) -> bool {
    if let [b'"', b',' | b'}', ..] | [b'&', ..] | [b' ', b'"', b',' | b'}', ..] = comment {
        return true;
    }
    let rest = comment.trim_ascii();
    let plain = |b: &u8| b.is_ascii_alphanumeric() || b"+-;\0".contains(b);
    rest.len() <= 8 && rest.iter().all(plain)
}

/// Whether the text before a closing quote is what a user would type, without quotes or brackets.
fn plain_head(head: &[u8]) -> bool {
    head.iter().all(|b| {
        is_word(*b)
            || matches!(
                *b,
                b'.' | b'@' | b'-' | b' ' | b'%' | b'+' | b')' | b'(' | b',' | b'\'' | b'"' | b'\\'
            )
    }) && head.iter().filter(|b| **b == b' ').count() <= 3
}

/// A hostile function's call where an expression may stand.
pub(super) fn function(text: &Subject<'_>, at: usize) -> Option<Match> {
    let bytes = text.bytes;
    let run = |from: usize| {
        bytes
            .get(..from)
            .unwrap_or_default()
            .iter()
            .rev()
            .take(NEAR)
            .take_while(|b| is_word(**b) || **b == b'.')
            .count()
    };
    let begin = at - run(at).min(at);
    let mut tokens = text.tokens(begin, 32);
    let operand = expr::operand(&mut tokens)?;
    let iif = super::starts(bytes, at, b"iif(");
    let convert = super::starts(bytes, at, b"convert(int");
    if !operand.hostile && !((iif || convert) && operand.function) {
        return None;
    }
    let look = text.look(begin);
    let behind = bytes
        .get(skip_white(bytes, operand.end)..)
        .unwrap_or_default();
    let stop = match behind {
        [b'#', ..] | [b'-', b'-', ..] => Stop::Cut,
        _ => expr::stop(tokens.peek()),
    };
    let name = bytes.get(at..).unwrap_or_default();
    let package = bytes.get(begin..at).unwrap_or_default();
    if let Some(dot) = package.iter().position(|b| *b == b'.')
        && classify(package.get(..dot).unwrap_or_default()) != Word::Hostile
    {
        return None;
    }
    let arguments = bytes.get(at..operand.end).unwrap_or_default();
    if super::starts(name, 0, b"benchmark") && !arguments.contains(&b',') {
        return None;
    }
    let specific = !super::starts(name, 0, b"sleep") || begin != at;
    let sure = match look.before {
        before if convert => before != Before::Literal && before != Before::Other,
        before if iif => matches!(before, Before::Semicolon | Before::Comma | Before::Quote),
        Before::Start => {
            stop == Stop::Cut
                || stop == Stop::End
                || specific && stop != Stop::Other
                || next_is_compare(&tokens)
        }
        Before::Quote | Before::Number => true,
        Before::Semicolon => specific || stop == Stop::Cut,
        Before::Comma if text.look(look.at).before.escapes() => true,
        Before::Comma => specific || stop == Stop::Cut || argument(bytes, look.at),
        Before::Open => wrapped(text, look.at),
        Before::Operator if bytes.get(look.at) == Some(&b'=') => {
            let left = text.look(look.at).before;
            specific || matches!(left, Before::Quote | Before::Number)
        }
        Before::Operator => stop != Stop::Other || specific || next_is_compare(&tokens),
        Before::Lead | Before::Other => {
            let joined = !arguments.windows(2).any(|w| w == b" (");
            preceded(bytes, look.at, begin) && (specific || stop != Stop::Other && joined)
        }
        Before::Literal => specific,
    };
    sure.then(|| Match {
        rule: rule("sql.function"),
        span: begin..operand.end.min(bytes.len()),
    })
}

fn next_is_compare(tokens: &Tokens<'_>) -> bool {
    tokens.peek().kind == Kind::Compare
}

/// Whether the word before a call is one that an expression follows.
fn preceded(bytes: &[u8], from: usize, to: usize) -> bool {
    let word = bytes.get(from..to).unwrap_or_default().trim_ascii();
    matches!(
        classify(word),
        Word::Select
            | Word::Connective
            | Word::Like
            | Word::Where
            | Word::Clause
            | Word::Verb
            | Word::Not
            | Word::Having
    )
}

/// Whether the argument list that `at` stands in is a function's that SQL has: `if(1=1,`.
fn argument(bytes: &[u8], at: usize) -> bool {
    let floor = at.saturating_sub(96);
    let head = bytes.get(floor..at).unwrap_or_default();
    let mut depth = 0u8;
    for (i, byte) in head.iter().enumerate().rev() {
        match byte {
            b')' => depth = depth.saturating_add(1),
            b'(' if depth == 0 => {
                let name = head.get(..i).unwrap_or_default();
                let length = name
                    .iter()
                    .rev()
                    .take(24)
                    .take_while(|b| is_word(**b))
                    .count();
                let word = name.get(i - length..).unwrap_or_default();
                return matches!(classify(word), Word::Function | Word::Hostile);
            }
            b'(' => depth -= 1,
            _ => {}
        }
    }
    false
}

/// Whether parentheses before `at` follow `select`, an operator or the start of the text.
fn wrapped(text: &Subject<'_>, at: usize) -> bool {
    let mut at = at;
    for _ in 0..4 {
        let look = text.look(at);
        match look.before {
            Before::Open => at = look.at,
            Before::Start
            | Before::Quote
            | Before::Number
            | Before::Comma
            | Before::Semicolon
            | Before::Operator => return true,
            _ => return preceded(text.bytes, look.at, at),
        }
    }
    true
}

/// A versioned comment around SQL: `/*!50000union*/`, `/*!select*/`.
pub(super) fn versioned(text: &Subject<'_>, at: usize) -> Option<Match> {
    let bytes = text.bytes;
    let inside = skip_white(bytes, at);
    let digits = bytes.get(at + 3).is_some_and(u8::is_ascii_digit);
    let mut tokens = text.tokens(inside, 4);
    let token = tokens.next();
    let Kind::Word(word) = token.kind else {
        return None;
    };
    let close = bytes
        .get(token.end..)?
        .iter()
        .take(NEAR * 4)
        .position(|b| *b == b'*')?;
    let sql = matches!(
        word,
        Word::Union
            | Word::Select
            | Word::Connective
            | Word::From
            | Word::Verb
            | Word::Where
            | Word::Hostile
            | Word::Function
            | Word::Having
            | Word::Like
            | Word::Order
    );
    (sql || digits && word != Word::Plain).then(|| Match {
        rule: rule("sql.comment"),
        span: at..(token.end + close).min(bytes.len()),
    })
}

/// A keyword cut by an empty comment: `uni/**/on`.
pub(super) fn broken(text: &Subject<'_>, at: usize) -> Option<Match> {
    let bytes = text.bytes;
    let letters = |b: &&u8| b.is_ascii_alphabetic();
    let head = bytes.get(..at + 1)?;
    let before = head.iter().rev().take(10).take_while(letters).count();
    let comment = skip_white(bytes, at + 1);
    let after = bytes
        .get(comment..)?
        .iter()
        .take(10)
        .take_while(letters)
        .count();
    let mut word = [0u8; 20];
    let start = at + 1 - before;
    word.get_mut(..before)?
        .copy_from_slice(bytes.get(start..=at)?);
    word.get_mut(before..before + after)?
        .copy_from_slice(bytes.get(comment..comment + after)?);
    let whole = classify(word.get(..before + after)?);
    (matches!(
        whole,
        Word::Union | Word::Select | Word::Hostile | Word::Having | Word::Where
    ) && comment > at + 4)
        .then(|| Match {
            rule: rule("sql.comment"),
            span: start..(comment + after).min(bytes.len()),
        })
}
