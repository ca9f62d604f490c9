//! Conditions joined to the program's own: tautologies, contradictions, blind probes.

use super::before::{Before, Look};
use super::expr::{self, Condition, Stop};
use super::token::{Kind, is_word};
use super::words::Word;
use super::{Subject, rule};
use crate::inspect::Match;

/// Tokens a condition is read over.
const TOKENS: u8 = 60;

/// `or`, `and`, `xor`, `||` or `&&` at `at`, with a condition after it.
pub(super) fn connective(text: &Subject<'_>, at: usize, length: usize) -> Option<Match> {
    let bytes = text.bytes;
    let symbol = !bytes.get(at)?.is_ascii_alphabetic();
    let next = bytes.get(at + length).copied().unwrap_or(b' ');
    if !symbol {
        let previous = at
            .checked_sub(1)
            .and_then(|i| bytes.get(i))
            .copied()
            .unwrap_or(b' ');
        if is_word(next) && next != 0xa0 && next != 0xc2 {
            return None;
        }
        if is_word(previous) && !previous.is_ascii_digit() && previous != 0xa0 {
            return None;
        }
    }
    let look = text.look(at);
    if quoted_word(bytes, at, length, look) {
        return None;
    }
    let mut tokens = text.tokens(at + length, TOKENS);
    let condition = expr::condition(&mut tokens)?;
    let id = judge(bytes, look, &condition, symbol)?;
    let start = if look.before == Before::Other {
        at
    } else {
        look.at
    };
    Some(Match {
        rule: rule(id),
        span: start..condition.end.min(bytes.len()),
    })
}

/// `'or'` set in quotes as prose does: white space before the first quote, none inside.
fn quoted_word(bytes: &[u8], at: usize, length: usize, look: Look) -> bool {
    if at == 0 || look.at != at - 1 {
        return false;
    }
    let quote = bytes.get(at - 1).copied();
    let outside = at.checked_sub(2).and_then(|i| bytes.get(i)).copied();
    quote == bytes.get(at + length).copied()
        && matches!(quote, Some(b'\'' | b'"' | b'`'))
        && matches!(outside, Some(b' ' | b'(' | b',' | b'[' | b'\n'))
}

/// Which rule a condition behind `look` breaks, if any.
fn judge(bytes: &[u8], look: Look, it: &Condition, symbol: bool) -> Option<&'static str> {
    let before = look.before;
    let ended = matches!(it.stop, Stop::End | Stop::Cut | Stop::Clause);
    let cut = it.stop == Stop::Cut;
    // No dialect has both `&&` and `==`, and where `==` is, `||` joins texts: programs have them.
    if symbol && it.is_of_programs() {
        return None;
    }
    if it.left.compared && it.left.is_constant() {
        return Some("sql.tautology");
    }
    if it.is_telling() {
        let bare = it.left.query && !it.left.hostile && it.right.is_none();
        let spaced = bytes
            .get(it.left.start..it.left.end)?
            .windows(2)
            .any(|w| w == b" (");
        if matches!(before, Before::Lead | Before::Other) && spaced && !it.left.query {
            return None;
        }
        let sure = before.begins() || it.right.is_some_and(|r| r.is_constant() && ended);
        if sure || it.left.hostile || (!bare && ended) || cut {
            return Some(if it.left.hostile {
                "sql.function"
            } else {
                "sql.blind"
            });
        }
        return None;
    }
    if let Some(right) = it.right {
        if it.is_constant() {
            let sure =
                before != Before::Other && before != Before::Literal && before != Before::Lead;
            if it.angle && !(ended || before.escapes()) {
                return None;
            }
            // A comparison of literals has no use but this one; in a sentence, it has to end.
            let texts = it.left.text && right.text && !right.open && !equal(bytes, it);
            let weak = it.is_literal()
                && !it.double
                && (ended || before == Before::Lead)
                && (cut || !texts);
            if sure || weak {
                return Some("sql.tautology");
            }
        }
        if same(bytes, it) && !symbol {
            return Some("sql.tautology");
        }
        let column = it.left.name && (right.constant || right.function) && !right.name;
        if column || it.left.call {
            let strong = match before {
                Before::Quote => ended || right.open,
                Before::Number | Before::Start => right.open || cut || it.left.function && ended,
                _ => it.left.function && cut,
            };
            if strong && !(symbol && !it.left.function && !cut && !right.open) {
                return Some("sql.condition");
            }
        }
        return (before == Before::Quote && cut && !symbol).then_some("sql.condition");
    }
    let left = it.left;
    if left.open && (before == Before::Quote || before == Before::Start && symbol) {
        // `' or '`: the program's own quotes end both literals.
        let content = bytes.get(left.start..left.end)?;
        let last = content
            .iter()
            .rev()
            .take_while(|b| !matches!(**b, b'\'' | b'"' | b'`'))
            .count();
        let tail = content.get(content.len() - last..).unwrap_or_default();
        let short = last <= 16 && !tail.contains(&b' ') && it.stop == Stop::End;
        let head = bytes.get(..look.at)?;
        let login = head.len() <= 64 && head.iter().filter(|b| **b == b' ').count() <= 1;
        return (short && login).then_some("sql.tautology");
    }
    if left.name {
        return None;
    }
    if left.function && (before.escapes() || before == Before::Start && cut) && ended {
        return Some("sql.condition");
    }
    if left.constant {
        let sure = match before {
            Before::Quote => ended && !(left.text && it.stop != Stop::Cut),
            Before::Start if symbol && !left.text => ended,
            Before::Number | Before::Start => {
                cut || it.strong || left.word && ended || left.negated && left.joined && ended
            }
            _ => false,
        };
        return sure.then_some("sql.tautology");
    }
    None
}

/// A quote at `at` that ends the program's literal, operators, and an expression that the program's
/// own quote ends: `'='`, `x'-'1`, `' + 1 like '0`.
pub(super) fn operator(text: &Subject<'_>, at: usize) -> Option<Match> {
    let bytes = text.bytes;
    let head = bytes.get(..at)?;
    let login = head.len() <= 32
        && head
            .iter()
            .all(|b| is_word(*b) || matches!(*b, b' ' | b'.' | b'%' | b'-' | b'@'))
        && head.iter().filter(|b| **b == b' ').count() <= 1;
    if !(text.starts && text.ends && bytes.len() <= 96 && login) {
        return None;
    }
    let mark = *bytes.get(at)?;
    // A wildcard in quotes, as headers have it.
    if mark == b'"' && head.is_empty() && bytes.len() <= 3 {
        return None;
    }
    let mut tokens = text.tokens(at + 1, TOKENS);
    let mut operators = 0;
    while matches!(
        tokens.peek().kind,
        Kind::Compare
            | Kind::Arithmetic
            | Kind::Bang
            | Kind::Bars
            | Kind::Ampersands
            | Kind::Word(Word::Like | Word::Not | Word::Is | Word::Arithmetic)
    ) {
        tokens.next();
        operators += 1;
    }
    if operators == 0 {
        return None;
    }
    let condition = expr::condition(&mut tokens)?;
    let last = condition.right.unwrap_or(condition.left);
    let mut tail = bytes.iter().rev().take_while(|b| is_word(**b));
    let tail = tail.by_ref().count();
    let quoted = bytes.len().checked_sub(tail + 1).and_then(|i| bytes.get(i)) == Some(&mark);
    let closed = last.open && quoted && tail <= 16 && condition.stop == Stop::End;
    let cut = condition.stop == Stop::Cut && condition.left.is_constant();
    let columns = condition.left.name && condition.right.is_none();
    (!columns && (closed || cut)).then(|| Match {
        rule: rule("sql.operator"),
        span: at..condition.end.min(bytes.len()),
    })
}

/// Whether both sides are the same name: `a=a`.
fn same(bytes: &[u8], it: &Condition) -> bool {
    it.left.name && !it.worded && !it.left.joined && equal(bytes, it)
}

/// Whether both sides are spelled alike.
fn equal(bytes: &[u8], it: &Condition) -> bool {
    let Some(right) = it.right else { return false };
    let side = |from: usize, to: usize| bytes.get(from..to).unwrap_or_default();
    let (a, b) = (
        side(it.left.start, it.left.end),
        side(right.start, right.end),
    );
    !a.is_empty() && a.eq_ignore_ascii_case(b)
}

/// `having` at `at` with a condition of constants or of aggregates.
pub(super) fn having(text: &Subject<'_>, at: usize) -> Option<Match> {
    let mut tokens = text.tokens(at, TOKENS);
    if tokens.next().kind != Kind::Word(Word::Having) {
        return None;
    }
    let condition = expr::condition(&mut tokens)?;
    let bare = condition.right.is_none() && condition.left.function && condition.left.is_constant();
    let cut = bare && condition.stop == Stop::Cut;
    (condition.is_literal() && condition.stop != Stop::Other || cut).then(|| Match {
        rule: rule("sql.having"),
        span: at..condition.end.min(text.bytes.len()),
    })
}
