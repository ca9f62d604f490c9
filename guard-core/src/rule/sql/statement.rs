//! Statements run after the program's own, or in its place.

use super::before::{Before, Look};
use super::expr;
use super::token::{Kind, Tokens, is_word};
use super::words::{Word, classify};
use super::{Subject, rule};
use crate::inspect::Match;

/// What is created, altered and dropped.
pub(super) const OBJECTS: [&[u8]; 14] = [
    b"table",
    b"tablespace",
    b"database",
    b"schema",
    b"view",
    b"index",
    b"user",
    b"login",
    b"role",
    b"function",
    b"procedure",
    b"trigger",
    b"or",
    b"column",
];

/// Where `update` begins, when `set` after white space at `at` belongs to one.
pub(super) fn update(bytes: &[u8], at: usize) -> Option<usize> {
    let floor = at.saturating_sub(64);
    let head = bytes.get(floor..at)?;
    let begins = |from: &usize| super::starts(head, *from, b"update");
    memchr::memrchr2_iter(b'u', b'U', head)
        .find(begins)
        .map(|p| floor + p)
}

/// The statement whose verb is at `at`.
pub(super) fn statement(text: &Subject<'_>, at: usize) -> Option<Match> {
    let bytes = text.bytes;
    let previous = at
        .checked_sub(1)
        .and_then(|i| bytes.get(i))
        .copied()
        .unwrap_or(b' ');
    if is_word(previous) {
        return None;
    }
    let mut tokens = text.tokens(at, 32);
    let verb = tokens.next();
    let look = text.look(at);
    let name = tokens.bytes(verb);
    let id = match form(&mut tokens, verb.kind, name) {
        Form::Sure => "sql.stacked",
        Form::Likely => {
            let inner = text.look(look.at);
            let stacked = look.before == Before::Semicolon;
            let sure = stacked && (inner.before.begins() || is_value(text, inner, look.at))
                || look.before.escapes();
            let shielded = stacked && ends_in_comment(&mut tokens);
            if !sure && !shielded {
                return None;
            }
            "sql.stacked"
        }
        Form::No => return None,
    };
    let start = if look.before == Before::Semicolon {
        look.at
    } else {
        at
    };
    Some(Match {
        rule: rule(id),
        span: start..tokens.at().min(bytes.len()),
    })
}

/// Whether what begins at `look` and ends at the semicolon at `end` is a word that the program's
/// own statement takes, a sort key for one, and not a statement of a script (`begin;`).
fn is_value(text: &Subject<'_>, look: Look, end: usize) -> bool {
    const SCRIPT: [&[u8]; 5] = [b"begin", b"commit", b"go", b"rollback", b"end"];
    let word = text.bytes.get(look.at..end).unwrap_or_default();
    look.before == Before::Lead
        && word.iter().all(|b| is_word(*b) || *b == b'.')
        && classify(word) == Word::Plain
        && !SCRIPT.iter().any(|s| s.eq_ignore_ascii_case(word))
}

fn ends_in_comment(tokens: &mut Tokens<'_>) -> bool {
    loop {
        match tokens.next().kind {
            Kind::Comment => return true,
            Kind::End => return false,
            _ => {}
        }
    }
}

/// Whether words make a statement.
enum Form {
    /// No text that means anything else has this.
    Sure,
    /// A statement, which prose and code about SQL also hold.
    Likely,
    No,
}

fn form(tokens: &mut Tokens<'_>, kind: Kind, verb: &[u8]) -> Form {
    let conditional = verb.eq_ignore_ascii_case(b"if");
    if !(matches!(kind, Kind::Word(Word::Verb)) || conditional) {
        return Form::No;
    }
    let next = tokens.next();
    let word = tokens.bytes(next);
    let is = |names: &[&[u8]]| names.iter().any(|name| word.eq_ignore_ascii_case(name));
    let verb = |name: &[u8]| verb.eq_ignore_ascii_case(name);
    let likely = |yes: bool| if yes { Form::Likely } else { Form::No };
    if verb(b"waitfor") {
        let time = tokens.peek();
        let literal = matches!(time.kind, Kind::Text { .. } | Kind::Variable);
        return if is(&[b"delay", b"time"]) && literal {
            Form::Sure
        } else {
            Form::No
        };
    }
    if verb(b"exec") || verb(b"execute") {
        return execute(tokens, next.kind, word);
    }
    if verb(b"declare") {
        let typed = matches!(tokens.peek().kind, Kind::Word(_)) && word.starts_with(b"@");
        return if typed && hex_or_exec(tokens) {
            Form::Sure
        } else {
            likely(typed)
        };
    }
    if verb(b"shutdown") {
        return likely(
            matches!(next.kind, Kind::End | Kind::Comment | Kind::Semicolon) || is(&[b"with"]),
        );
    }
    if verb(b"drop") || verb(b"alter") || verb(b"create") || verb(b"truncate") {
        let object = is(&OBJECTS);
        let open_ended = verb(b"create") || verb(b"alter");
        return likely(object && target(tokens, open_ended));
    }
    if verb(b"delete") {
        return likely(is(&[b"from"]) && target(tokens, false));
    }
    if verb(b"insert") {
        return likely(is(&[b"into"]) && target(tokens, false));
    }
    if verb(b"call") {
        while tokens.peek().kind == Kind::Dot {
            tokens.next();
            tokens.next();
        }
        let called = tokens.peek().kind == Kind::Open;
        return likely(matches!(next.kind, Kind::Word(_)) && called);
    }
    if verb(b"update") {
        for _ in 0..4 {
            if tokens.bytes(tokens.peek()).eq_ignore_ascii_case(b"set") {
                tokens.next();
                let condition = expr::condition(tokens);
                return likely(condition.is_some_and(|c| c.left.name && c.right.is_some()));
            }
            tokens.next();
        }
        return Form::No;
    }
    // Other verbs say something only in front of a comment.
    let clear = matches!(next.kind, Kind::Word(_) | Kind::Open | Kind::Variable);
    if clear && ends_in_comment(tokens) {
        Form::Likely
    } else {
        Form::No
    }
}

/// The object a statement names, and what may follow it; anything if `open_ended`.
fn target(tokens: &mut Tokens<'_>, open_ended: bool) -> bool {
    // `if exists`.
    for _ in 0..3 {
        let word = tokens.bytes(tokens.peek());
        if !(word.eq_ignore_ascii_case(b"if")
            || matches!(tokens.peek().kind, Kind::Word(Word::Exists | Word::Not)))
        {
            break;
        }
        tokens.next();
    }
    if !matches!(tokens.next().kind, Kind::Word(_) | Kind::Text { .. }) {
        return false;
    }
    while tokens.peek().kind == Kind::Dot {
        tokens.next();
        tokens.next();
    }
    let next = tokens.peek();
    open_ended
        || matches!(
            next.kind,
            Kind::End | Kind::Comment | Kind::Semicolon | Kind::Comma | Kind::Open
        )
        || matches!(next.kind, Kind::Word(word) if word != Word::Plain)
        || tokens.bytes(next).eq_ignore_ascii_case(b"cascade")
}

/// `exec xp_..`, `exec master..xp_..`, `exec(@s)`, `exec sp_..`.
fn execute(tokens: &mut Tokens<'_>, kind: Kind, word: &[u8]) -> Form {
    match kind {
        Kind::Open => match tokens.peek().kind {
            Kind::Variable => Form::Sure,
            Kind::Text { .. } => Form::Likely,
            _ => Form::No,
        },
        Kind::Variable => Form::Likely,
        Kind::Word(Word::Hostile) => {
            let system = word
                .get(..3)
                .is_some_and(|w| w.eq_ignore_ascii_case(b"xp_"));
            if system { Form::Sure } else { Form::Likely }
        }
        Kind::Word(_) => {
            for _ in 0..4 {
                match tokens.next().kind {
                    Kind::Dot => {}
                    Kind::Word(Word::Hostile) => return Form::Sure,
                    Kind::Word(_) => {
                        if tokens.peek().kind != Kind::Dot {
                            return if word.eq_ignore_ascii_case(b"immediate") {
                                Form::Sure
                            } else {
                                Form::No
                            };
                        }
                    }
                    Kind::Text { .. } if word.eq_ignore_ascii_case(b"immediate") => {
                        return Form::Sure;
                    }
                    _ => return Form::No,
                }
            }
            Form::No
        }
        _ => Form::No,
    }
}

/// `xp_..` as a statement or with its database: `; xp_cmdshell`, `master..xp_cmdshell`.
pub(super) fn extended(text: &Subject<'_>, at: usize) -> Option<Match> {
    let bytes = text.bytes;
    let head = bytes.get(..at)?;
    let owned = head.ends_with(b"..")
        || at
            .checked_sub(4)
            .is_some_and(|i| super::starts(bytes, i, b"dbo."));
    let before = text.look(at).before;
    let mut tokens = text.tokens(at, 2);
    let name = tokens.next();
    let stands = matches!(before, Before::Semicolon | Before::Quote) || owned;
    (stands && name.end > at + 5).then(|| Match {
        rule: rule("sql.stacked"),
        span: at..name.end,
    })
}

/// Whether a declaration goes on to build or run a statement. One of text is filled for nothing
/// else when it stands alone.
fn hex_or_exec(tokens: &mut Tokens<'_>) -> bool {
    const RUNS: [&[u8]; 3] = [b"exec", b"execute", b"waitfor"];
    let kind = tokens.bytes(tokens.peek());
    let text = kind.eq_ignore_ascii_case(b"varchar") || kind.eq_ignore_ascii_case(b"nvarchar");
    for _ in 0..24 {
        let token = tokens.next();
        let bytes = tokens.bytes(token);
        match token.kind {
            Kind::Number if bytes.starts_with(b"0x") || bytes.starts_with(b"0X") => return true,
            Kind::Word(Word::Hostile) => return true,
            Kind::Word(Word::Verb | Word::Select) if text => return true,
            Kind::Word(Word::Verb) if RUNS.iter().any(|v| bytes.eq_ignore_ascii_case(v)) => {
                return true;
            }
            Kind::End => return false,
            _ => {}
        }
    }
    false
}
