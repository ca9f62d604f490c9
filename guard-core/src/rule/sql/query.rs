//! Queries of the attacker's own, joined by `union`, nested in parentheses or run after the
//! program's, and clauses that probe the program's query.

use super::before::Before;
use super::expr::{self, Stop};
use super::token::{Kind, Tokens, is_word, skip_white};
use super::words::{Word, classify};
use super::{Subject, rule};
use crate::inspect::Match;

/// Whether a word begins and ends at these offsets.
fn whole_word(bytes: &[u8], from: usize, to: usize) -> bool {
    let at = |i: usize| bytes.get(i).copied().unwrap_or(b' ');
    let before = if from == 0 { b' ' } else { at(from - 1) };
    let digit_ends = before.is_ascii_digit() || before == 0xa0;
    (!is_word(before) || digit_ends) && (!is_word(at(to)) || matches!(at(to), 0xa0 | 0xc2))
}

/// `union [all | distinct] select ..`.
pub(super) fn union(text: &Subject<'_>, at: usize) -> Option<Match> {
    let bytes = text.bytes;
    if !super::starts(bytes, at, b"union") {
        return None;
    }
    let doubled = nested(bytes, at, b"union");
    if !doubled && !whole_word(bytes, at, at + 5) {
        return None;
    }
    let mut tokens = text.tokens(if doubled { at + 8 } else { at + 5 }, 24);
    let mut next = tokens.next();
    // A `+` that stands for white space in a form is an operator to the tokenizer.
    while matches!(next.kind, Kind::Word(Word::Prefix) | Kind::Open) || tokens.bytes(next) == b"+" {
        next = tokens.next();
    }
    let found = |end: usize| {
        Some(Match {
            rule: rule("sql.union"),
            span: at..end.min(bytes.len()),
        })
    };
    match next.kind {
        Kind::Word(Word::Select) => {}
        Kind::Word(Word::Function) if tokens.bytes(next).eq_ignore_ascii_case(b"values") => {}
        Kind::Word(Word::Plain) if doubled => return found(tokens.at()),
        // `union table users`.
        Kind::Word(_) if tokens.bytes(next).eq_ignore_ascii_case(b"table") => {
            let named = matches!(tokens.next().kind, Kind::Word(Word::Plain));
            let end = expr::stop(tokens.peek());
            let injected = named && text.look(at).before.begins() && end != Stop::Other;
            return if injected { found(tokens.at()) } else { None };
        }
        _ => return None,
    }
    let before = text.look(at).before;
    let injected = match list(&mut tokens) {
        List::Telling => true,
        List::Empty => before.begins() || before == Before::Lead,
        List::Names { clear } => {
            let named = clear && (before == Before::Lead || catalogue(text, tokens.at()));
            before.begins() || named
        }
        List::Odd => before.escapes(),
        List::Prose => false,
    };
    if injected { found(tokens.at()) } else { None }
}

/// Whether a table of the database's own catalogue is named soon after `from`.
fn catalogue(text: &Subject<'_>, from: usize) -> bool {
    let bytes = text.bytes;
    text.note(512);
    const NAMES: [&[u8]; 7] = [
        b"information_schema",
        b"sqlite_master",
        b"mysql.user",
        b"sysobjects",
        b"pg_shadow",
        b"all_tables",
        b"pg_catalog",
    ];
    let begin = from.saturating_sub(24);
    let near = bytes
        .get(begin..bytes.len().min(from + 64))
        .unwrap_or_default();
    (0..near.len()).any(|at| {
        let rest = near.get(at..).unwrap_or_default();
        matches!(
            rest.first().map(|b| b | 0x20),
            Some(b'i' | b's' | b'm' | b'a' | b'p')
        ) && NAMES.iter().any(|name| super::starts(rest, 0, name))
    })
}

/// Whether `word` is wrapped in itself (`uniunionon`), to survive a filter that removes it once.
pub(super) fn nested(bytes: &[u8], at: usize, word: &[u8]) -> bool {
    (1..word.len()).any(|cut| {
        let (head, tail) = word.split_at(cut);
        at >= cut
            && super::starts(bytes, at - cut, head)
            && super::starts(bytes, at + word.len(), tail)
    })
}

/// What a query selects.
enum List {
    /// What only SQL has: numbers, `null`, calls, variables, `*`, a query.
    Telling,
    /// Names; `clear` when a comma or `from` follows.
    Names { clear: bool },
    /// Nothing: the text ends.
    Empty,
    /// A constant, and then what does not go on in SQL.
    Odd,
    /// Words of a sentence.
    Prose,
}

fn list(tokens: &mut Tokens<'_>) -> List {
    while matches!(tokens.peek().kind, Kind::Word(Word::Prefix)) {
        let prefix = tokens.next();
        // `top 1`.
        if tokens.bytes(prefix).eq_ignore_ascii_case(b"top") {
            tokens.next();
            return List::Telling;
        }
    }
    let first = tokens.peek();
    match first.kind {
        Kind::End | Kind::Comment => return List::Empty,
        Kind::Arithmetic if tokens.bytes(first) == b"*" => {
            tokens.next();
            return match tokens.peek().kind {
                Kind::Other | Kind::Word(Word::Plain) => List::Prose,
                _ => List::Telling,
            };
        }
        _ => {}
    }
    let Some(operand) = expr::operand(tokens) else {
        return List::Prose;
    };
    let next = tokens.peek();
    let goes_on = matches!(next.kind, Kind::Comma | Kind::Word(Word::From | Word::Into));
    if operand.name || operand.call && !operand.function && !operand.hostile {
        if matches!(next.kind, Kind::Word(Word::From)) {
            tokens.next();
            // A table: one word, then what may follow it.
            tokens.next();
        }
        // `union select committee on`: no clause follows a column so.
        if matches!(next.kind, Kind::Word(Word::Clause)) {
            return List::Prose;
        }
        return List::Names { clear: goes_on };
    }
    let plausible = goes_on
        || matches!(expr::stop(next), Stop::End | Stop::Cut | Stop::Clause)
        || matches!(next.kind, Kind::Word(Word::As));
    if operand.function || operand.hostile || operand.query || plausible {
        List::Telling
    } else {
        List::Odd
    }
}

/// `select` in parentheses, after `;`, or behind a quote.
pub(super) fn select(text: &Subject<'_>, at: usize) -> Option<Match> {
    let bytes = text.bytes;
    if !super::starts(bytes, at, b"select") || !whole_word(bytes, at, at + 6) {
        return None;
    }
    let mut tokens = text.tokens(at + 6, 32);
    let list = list(&mut tokens);
    let telling = match list {
        List::Telling | List::Names { clear: true } => true,
        List::Names { clear: false } | List::Empty => false,
        List::Odd | List::Prose => return None,
    };
    if telling && let Some(operator) = set_operator(text, at) {
        return Some(Match {
            rule: rule("sql.union"),
            span: operator..tokens.at().min(bytes.len()),
        });
    }
    let look = text.look(at);
    let (id, injected) = match look.before {
        Before::Open => (
            "sql.subquery",
            (telling || matches!(list, List::Empty)) && leading(text, look.at),
        ),
        Before::Semicolon => {
            let lead = text.look(look.at).before;
            let names = matches!(list, List::Names { .. });
            (
                "sql.stacked",
                telling && (lead.begins() || !names || lead == Before::Lead),
            )
        }
        Before::Quote => ("sql.subquery", telling),
        Before::Start => (
            "sql.subquery",
            telling && (ends_commented(bytes, at) || probes(text, at)),
        ),
        _ => return None,
    };
    let span = look.at..tokens.at().min(bytes.len());
    injected.then(|| Match {
        rule: rule(id),
        span,
    })
}

/// Where `except`, `intersect` or Oracle's `minus` begins that joins the query at `at` to one that
/// the program began.
fn set_operator(text: &Subject<'_>, at: usize) -> Option<usize> {
    let word_before = |end: usize| {
        let head = text.bytes.get(..end)?.trim_ascii_end();
        let length = head
            .iter()
            .rev()
            .take(16)
            .take_while(|b| is_word(**b))
            .count();
        head.len()
            .checked_sub(length)
            .map(|start| start..head.len())
    };
    let is = |word: &core::ops::Range<usize>, names: &[&[u8]]| {
        let word = text.bytes.get(word.clone()).unwrap_or_default();
        names.iter().any(|name| name.eq_ignore_ascii_case(word))
    };
    let mut word = word_before(at)?;
    if is(&word, &[b"all", b"distinct"]) {
        word = word_before(word.start)?;
    }
    text.note(32);
    (is(&word, &[b"except", b"intersect", b"minus"]) && text.look(word.start).before.escapes())
        .then_some(word.start)
}

/// Whether the query at `at` asks what an attacker asks first, or selects a literal and more.
fn probes(text: &Subject<'_>, at: usize) -> bool {
    const FIRST: [&[u8]; 5] = [b"version", b"user", b"database", b"sqlite_version", b"char"];
    let mut tokens = text.tokens(at + 6, 32);
    let first = tokens.peek().kind;
    let name = tokens.bytes(tokens.peek());
    let mut only = tokens.clone();
    if let Some(operand) = expr::operand(&mut only)
        && !operand.name
        && (operand.hostile
            || first == Kind::Variable
            || FIRST.iter().any(|f| f.eq_ignore_ascii_case(name)))
        && expr::stop(only.peek()) != Stop::Other
    {
        return true;
    }
    let literal = matches!(first, Kind::Text { .. } | Kind::Variable | Kind::Number);
    literal
        && expr::operand(&mut tokens).is_some_and(|operand| !operand.name)
        && tokens.next().kind == Kind::Comma
        && matches!(
            tokens.next().kind,
            Kind::Number
                | Kind::Text { .. }
                | Kind::Variable
                | Kind::Word(Word::Function | Word::Hostile)
                | Kind::Open
        )
}

/// Whether the query that starts at `at` runs to the end of a short text and ends in a comment.
fn ends_commented(bytes: &[u8], at: usize) -> bool {
    let tail = bytes.get(at..).unwrap_or_default().trim_ascii_end();
    tail.len() <= 256 && (tail.ends_with(b"--") || tail.ends_with(b"#") || tail.ends_with(b"/*"))
}

/// Whether the value that holds `bytes[at]` begins as an injected one does and goes on in SQL at
/// once: a short word or number, quotes and parentheses, then an operator or clause.
fn leading(text: &Subject<'_>, at: usize) -> bool {
    let bytes = text.bytes;
    if at > 256 {
        return false;
    }
    let begin = value_start(text, at);
    let Some(begin) = begin else { return false };
    let head = bytes.get(begin..at + 1).unwrap_or_default();
    let mut i = head.iter().take_while(|b| b.is_ascii_whitespace()).count();
    let sign = head.get(i..).unwrap_or_default().iter();
    i += sign
        .take_while(|b| matches!(**b, b'-' | b'+' | b'('))
        .count();
    let word = head.get(i..).unwrap_or_default();
    let length = word
        .iter()
        .take(32)
        .take_while(|b| is_word(**b) || **b == b'.')
        .count();
    let number = word
        .get(..length)
        .unwrap_or_default()
        .iter()
        .all(|b| b.is_ascii_digit() || *b == b'.');
    let reserved = classify(word.get(..length).unwrap_or_default());
    if matches!(
        reserved,
        Word::Select | Word::Verb | Word::Clause | Word::Case
    ) {
        return false;
    }
    i += length;
    let closers = head.get(i..).unwrap_or_default();
    let close = closers
        .iter()
        .take_while(|b| matches!(**b, b'%' | b'\'' | b'"' | b')' | b'`'))
        .count();
    let quoted = closers
        .iter()
        .take(close)
        .any(|b| matches!(*b, b'\'' | b'"' | b'`'));
    i += close;
    if quoted || begin + i >= at {
        return quoted || length == 0 || number;
    }
    let mut tokens = text.tokens(begin + i, 4);
    let mut next = tokens.next();
    // A sort key's direction, where a further key follows: `id desc, (select ..`.
    let direction = tokens.bytes(next);
    if (direction.eq_ignore_ascii_case(b"asc") || direction.eq_ignore_ascii_case(b"desc"))
        && tokens.peek().kind == Kind::Comma
    {
        next = tokens.next();
    }
    match next.kind {
        Kind::Bars | Kind::Comma | Kind::Semicolon | Kind::Ampersands => true,
        Kind::Bang => length == 0,
        Kind::Arithmetic | Kind::Compare => number || length == 0,
        Kind::Word(
            Word::Connective
            | Word::Where
            | Word::Order
            | Word::Group
            | Word::Having
            | Word::Like
            | Word::Procedure
            | Word::Limit
            | Word::As
            | Word::In
            | Word::Between
            | Word::Union
            | Word::Into
            | Word::Hostile,
        ) => number || length == 0,
        Kind::Word(Word::Function) => length == 0,
        Kind::Open => {
            length == 0 || number || reserved == Word::Hostile || reserved == Word::Function
        }
        _ => false,
    }
}

/// Where the value that holds `at` begins: the text itself, or a form field or JSON string in it.
fn value_start(text: &Subject<'_>, at: usize) -> Option<usize> {
    let head = text.bytes.get(..at)?;
    let field = head.iter().rposition(|b| matches!(*b, b'&' | b'?'));
    if let Some(field) = field
        && let Some(equals) = head.get(field..)?.iter().position(|b| *b == b'=')
        && head
            .get(field + 1..field + equals)?
            .iter()
            .all(|b| is_word(*b) || *b == b'.')
        && equals > 1
    {
        return Some(field + equals + 1);
    }
    if text.starts { Some(0) } else { None }
}

/// `order by 5` behind a literal that it leaves.
pub(super) fn order_by(text: &Subject<'_>, at: usize) -> Option<Match> {
    let bytes = text.bytes;
    if !whole_word(bytes, at, at + 5) {
        return None;
    }
    let mut tokens = text.tokens(at + 5, 24);
    if tokens.bytes(tokens.peek()) == b"+" {
        tokens.next();
    }
    if !tokens.bytes(tokens.peek()).eq_ignore_ascii_case(b"by") {
        return None;
    }
    tokens.next();
    let before = text.look(at).before;
    let first = tokens.peek().kind;
    let mut operand = expr::operand(&mut tokens)?;
    while tokens.peek().kind == Kind::Comma {
        tokens.next();
        operand = expr::operand(&mut tokens).unwrap_or(operand);
    }
    let stop = expr::stop(tokens.peek());
    let sure = match before {
        Before::Quote => operand.is_constant() && stop != Stop::Other || stop == Stop::Cut,
        Before::Number => operand.is_constant() && stop != Stop::Other || stop == Stop::Cut,
        _ => {
            let comment = tokens.bytes(tokens.peek());
            first == Kind::Number && stop == Stop::Cut && comment.trim_ascii().len() <= 4
        }
    };
    sure.then(|| Match {
        rule: rule("sql.order"),
        span: at..tokens.at().min(bytes.len()),
    })
}

/// `case when` with a comparison of constants, where an expression may stand.
pub(super) fn case(text: &Subject<'_>, at: usize) -> Option<Match> {
    let bytes = text.bytes;
    let before = text.look(at).before;
    let mut tokens = text.tokens(at, 32);
    if tokens.next().kind != Kind::Word(Word::Case) || before == Before::Other {
        return None;
    }
    if !tokens.bytes(tokens.peek()).eq_ignore_ascii_case(b"when") {
        return None;
    }
    tokens.next();
    let condition = expr::condition(&mut tokens)?;
    (condition.is_constant() || condition.left.compared || condition.is_telling()).then(|| Match {
        rule: rule("sql.blind"),
        span: at..condition.end.min(bytes.len()),
    })
}

/// `procedure analyse(`.
pub(super) fn analyse(text: &Subject<'_>, at: usize) -> Option<Match> {
    let bytes = text.bytes;
    let name = at.checked_sub(4)?;
    let floor = name.saturating_sub(48);
    text.note(64);
    let head = bytes.get(floor..name)?;
    let start = floor
        + head
            .windows(9)
            .rposition(|w| w.eq_ignore_ascii_case(b"procedure"))?;
    (skip_white(bytes, start + 9) == name).then(|| Match {
        rule: rule("sql.procedure"),
        span: start..(at + 4).min(bytes.len()),
    })
}

/// `into outfile '..'`.
pub(super) fn out_file(text: &Subject<'_>, at: usize) -> Option<Match> {
    let bytes = text.bytes;
    let floor = at.saturating_sub(48);
    text.note(64);
    let head = bytes.get(floor..at)?;
    let start = floor
        + head
            .windows(4)
            .rposition(|w| w.eq_ignore_ascii_case(b"into"))?;
    let mut tokens = text.tokens(start, 3);
    tokens.next();
    if tokens.next().end <= at {
        return None;
    }
    let path = tokens.next();
    matches!(path.kind, Kind::Text { .. } | Kind::Number | Kind::Variable).then(|| Match {
        rule: rule("sql.outfile"),
        span: start..path.end.min(bytes.len()),
    })
}
