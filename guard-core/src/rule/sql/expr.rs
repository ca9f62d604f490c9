//! Reads operands and conditions, flat: parentheses are counted, not descended into.
//!
//! Knows the grammar of SQL expressions; nothing of where in the text they stand.

use super::token::{Kind, Token, Tokens};
use super::words::Word;

/// An operand with the arithmetic that continues it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Operand {
    /// Literals, variables and value words were seen.
    pub(super) constant: bool,
    /// A string literal was seen.
    pub(super) text: bool,
    /// The operand runs into a literal without an end: the program's own quote ends it.
    pub(super) open: bool,
    /// A column's name was seen.
    pub(super) name: bool,
    /// A value word (`true`, `null`, `current_user`) was seen.
    pub(super) word: bool,
    /// A call of any function was seen.
    pub(super) call: bool,
    /// A call of a function that SQL has was seen.
    pub(super) function: bool,
    /// A call that waits, fails on purpose or leaves the database was seen.
    pub(super) hostile: bool,
    /// `(select`, `exists (`, `case when` was seen.
    pub(super) query: bool,
    /// `not`, `!`, `~` or `-` was applied.
    pub(super) negated: bool,
    /// Constants were compared inside parentheses.
    pub(super) compared: bool,
    /// A comparison inside parentheses is spelled `==`.
    pub(super) double: bool,
    /// Operators joined several parts.
    pub(super) joined: bool,
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Operand {
    /// Whether the value does not depend on the row.
    pub(super) const fn is_constant(&self) -> bool {
        !self.name && (self.constant || self.function || self.hostile || self.query)
    }

    const fn inside(&mut self, inside: Inside) {
        self.query |= inside.query;
        self.hostile |= inside.hostile;
    }

    /// Whether it is made of literals alone.
    pub(super) const fn is_literal(&self) -> bool {
        self.constant && !(self.name || self.call || self.query)
    }

    /// Whether it can be nothing but SQL.
    pub(super) const fn is_telling(&self) -> bool {
        self.query || self.hostile
    }
}

/// Takes an operand and what arithmetic joins to it.
pub(super) fn operand(tokens: &mut Tokens<'_>) -> Option<Operand> {
    let mut it = Operand {
        start: tokens.peek().start,
        ..Operand::default()
    };
    let mut depth = 0u8;
    primary(tokens, &mut it, &mut depth)?;
    it.end = tokens.at();
    loop {
        // Inside parentheses a comparison belongs to the operand: `(1=1)`; so does a list.
        let compares = match tokens.peek().kind {
            Kind::Close if depth > 0 => {
                depth -= 1;
                tokens.next();
                it.end = tokens.at();
                continue;
            }
            Kind::Cast => {
                tokens.next();
                tokens.next();
                it.end = tokens.at();
                continue;
            }
            Kind::Arithmetic | Kind::Bars | Kind::Word(Word::Arithmetic) => false,
            Kind::Comma if depth > 0 => false,
            Kind::Compare if depth > 0 => true,
            _ => return Some(it),
        };
        let ahead = tokens.clone();
        let (mut rest, mut inner) = (it, depth);
        let operator = tokens.next();
        if primary(tokens, &mut rest, &mut inner).is_none() {
            *tokens = ahead;
            return Some(it);
        }
        (it, depth) = (rest, inner);
        it.joined = true;
        it.compared |= compares && it.is_constant();
        it.double |= compares && tokens.bytes(operator) == b"==";
        it.end = tokens.at();
    }
}

fn primary(tokens: &mut Tokens<'_>, it: &mut Operand, depth: &mut u8) -> Option<()> {
    for _ in 0..12 {
        let token = tokens.next();
        match token.kind {
            Kind::Open => *depth = depth.saturating_add(1),
            Kind::Bang | Kind::Word(Word::Not) => it.negated = true,
            Kind::Arithmetic if matches!(tokens.bytes(token), b"-" | b"+") => it.negated = true,
            Kind::Compare if tokens.bytes(token) == b"~" => it.negated = true,
            Kind::Word(Word::Prefix) => {}
            Kind::Number | Kind::Variable => {
                it.constant = true;
                return Some(());
            }
            Kind::Text { open } => {
                it.constant = true;
                it.text = true;
                it.open |= open;
                // Adjacent literals join: `'a' 'b'`.
                while !open && let Kind::Text { open } = tokens.peek().kind {
                    tokens.next();
                    it.open |= open;
                    if open {
                        break;
                    }
                }
                return Some(());
            }
            Kind::Word(word) => return named(tokens, it, word),
            _ => return None,
        }
    }
    None
}

/// A word as an operand: a value, a call, a query, a column.
fn named(tokens: &mut Tokens<'_>, it: &mut Operand, mut word: Word) -> Option<()> {
    match word {
        Word::Value => {
            it.constant = true;
            it.word = true;
            skip_call(tokens);
            return Some(());
        }
        Word::Select | Word::Case => {
            it.query = true;
            skip_query(tokens);
            return Some(());
        }
        Word::Exists if tokens.peek().kind == Kind::Open => {
            it.query = true;
            it.inside(skip_call(tokens));
            return Some(());
        }
        Word::Plain | Word::Function | Word::Hostile | Word::Exists => {}
        // SQLite and MySQL also have `like(` and `regexp(` as functions, MySQL `insert(`.
        Word::Like if tokens.peek().kind == Kind::Open => {
            it.call = true;
            it.function = true;
            it.inside(skip_call(tokens));
            return Some(());
        }
        _ => return None,
    }
    let mut package = word == Word::Hostile;
    for _ in 0..4 {
        if tokens.peek().kind != Kind::Dot {
            break;
        }
        tokens.next();
        let Kind::Word(member) = tokens.peek().kind else {
            break;
        };
        tokens.next();
        word = member;
        package |= word == Word::Hostile;
    }
    if tokens.peek().kind == Kind::Open {
        it.call = true;
        it.function |= word == Word::Function;
        it.hostile |= package;
        it.inside(skip_call(tokens));
    } else if package && word != Word::Hostile {
        it.hostile = true;
    } else {
        it.name = true;
    }
    Some(())
}

/// What an argument list holds.
#[derive(Debug, Clone, Copy, Default)]
struct Inside {
    query: bool,
    hostile: bool,
}

/// Takes an argument list, if one follows.
fn skip_call(tokens: &mut Tokens<'_>) -> Inside {
    let mut inside = Inside::default();
    if tokens.peek().kind != Kind::Open {
        return inside;
    }
    let mut depth = 0u8;
    loop {
        match tokens.next().kind {
            Kind::Open => depth = depth.saturating_add(1),
            Kind::Close => {
                depth -= 1;
                if depth == 0 {
                    return inside;
                }
            }
            Kind::Word(Word::Select) => inside.query = true,
            Kind::Word(Word::Hostile) => inside.hostile = true,
            Kind::End | Kind::Comment => return inside,
            _ => {}
        }
    }
}

/// Takes the rest of a query up to the parenthesis that closes it, which stays.
fn skip_query(tokens: &mut Tokens<'_>) {
    let mut depth = 0u8;
    loop {
        match tokens.peek().kind {
            Kind::Open => depth = depth.saturating_add(1),
            Kind::Close if depth == 0 => return,
            Kind::Close => depth -= 1,
            Kind::End | Kind::Comment | Kind::Semicolon => return,
            _ => {}
        }
        tokens.next();
    }
}

/// How a condition ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// The text ends.
    End,
    /// A comment or `;` hides the rest of the program's statement.
    Cut,
    /// A connective, closing parenthesis, or clause goes on.
    Clause,
    /// Something that does not continue SQL.
    Other,
}

/// An operand, or two compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Condition {
    pub(super) left: Operand,
    pub(super) right: Option<Operand>,
    /// Whether the comparison is spelled with `<` or `>` alone, which prose also uses.
    pub(super) angle: bool,
    /// Whether it is spelled `==`, which SQLite and programs use.
    pub(super) double: bool,
    /// Whether it is spelled in words: `like`, `in`, `is`, `between`.
    pub(super) worded: bool,
    pub(super) stop: Stop,
    /// Whether a clause of a query follows: `union`, `group by`.
    pub(super) strong: bool,
    pub(super) end: usize,
}

impl Condition {
    /// Whether both sides are compared and neither depends on the row.
    pub(super) fn is_constant(&self) -> bool {
        self.left.is_constant() && self.right.is_some_and(|right| right.is_constant())
    }

    /// Whether both sides are compared and made of literals alone.
    pub(super) fn is_literal(&self) -> bool {
        self.left.is_literal() && self.right.is_some_and(|right| right.is_literal())
    }

    /// Whether something that is no literal is compared by `==`.
    pub(super) fn is_of_programs(&self) -> bool {
        let sides = || core::iter::once(self.left).chain(self.right);
        (self.double || sides().any(|side| side.double)) && !sides().all(|side| side.is_literal())
    }

    /// Whether either side can be nothing but SQL.
    pub(super) fn is_telling(&self) -> bool {
        self.left.is_telling() || self.right.is_some_and(|right| right.is_telling())
    }
}

/// Takes a condition.
pub(super) fn condition(tokens: &mut Tokens<'_>) -> Option<Condition> {
    let left = operand(tokens)?;
    let mut it = Condition {
        left,
        right: None,
        angle: false,
        double: false,
        worded: false,
        stop: Stop::Other,
        strong: false,
        end: left.end,
    };
    let ahead = tokens.clone();
    it.right = comparison(tokens, &mut it);
    match it.right {
        Some(right) => it.end = right.end,
        None => *tokens = ahead,
    }
    let next = tokens.peek();
    it.stop = stop(next);
    if next.kind == Kind::Comment && is_prose(tokens.bytes(next)) {
        it.stop = Stop::Other;
    }
    it.strong = it.stop == Stop::Clause
        && matches!(
            next.kind,
            Kind::Word(Word::Union | Word::Order | Word::Group | Word::Having | Word::Procedure)
        );
    Some(it)
}

fn comparison(tokens: &mut Tokens<'_>, it: &mut Condition) -> Option<Operand> {
    let mut token = tokens.next();
    if token.kind == Kind::Word(Word::Not) {
        token = tokens.next();
    }
    match token.kind {
        Kind::Compare => {
            it.angle = matches!(tokens.bytes(token), b"<" | b">");
            it.double = tokens.bytes(token) == b"==";
            // `= = `, `= not`, `= any (`.
            while tokens.peek().kind == Kind::Compare && tokens.bytes(tokens.peek()) != b"~" {
                tokens.next();
            }
            operand(tokens)
        }
        Kind::Word(Word::Like) => {
            it.worded = true;
            // `sounds like`, `similar to`.
            let ahead = tokens.clone();
            let next = tokens.next();
            let known = next.kind == Kind::Word(Word::Like)
                || tokens.bytes(next).eq_ignore_ascii_case(b"to");
            if !known {
                *tokens = ahead;
            }
            operand(tokens).filter(|right| !right.name || right.joined)
        }
        Kind::Word(Word::In) => {
            it.worded = true;
            if tokens.peek().kind != Kind::Open {
                return None;
            }
            operand(tokens).filter(|right| right.is_constant())
        }
        Kind::Word(Word::Between) => {
            it.worded = true;
            let low = operand(tokens)?;
            let and = tokens.next();
            if and.kind != Kind::Word(Word::Connective) {
                return None;
            }
            let high = operand(tokens)?;
            (low.is_constant() && high.is_constant()).then_some(high)
        }
        Kind::Word(Word::Is) => {
            it.worded = true;
            operand(tokens).filter(|right| {
                // PartiQL's other kind of nothing.
                let end = right.end.saturating_sub(b"missing".len());
                right.word || tokens.since(end).eq_ignore_ascii_case(b"missing")
            })
        }
        _ => None,
    }
}

/// Whether a comment holds a sentence rather than the filler of an attack.
fn is_prose(comment: &[u8]) -> bool {
    let words = comment
        .split(|b| *b == b' ')
        .filter(|w| w.iter().any(u8::is_ascii_alphabetic));
    !comment.starts_with(b"/*") && words.take(3).count() > 2
}

/// How a condition that `token` follows ends.
pub(super) fn stop(token: Token) -> Stop {
    match token.kind {
        Kind::End => Stop::End,
        Kind::Comment | Kind::Semicolon => Stop::Cut,
        Kind::Close | Kind::Bars | Kind::Ampersands => Stop::Clause,
        Kind::Word(
            Word::Connective
            | Word::Union
            | Word::Order
            | Word::Group
            | Word::Having
            | Word::Limit
            | Word::Into
            | Word::Procedure
            | Word::Like
            | Word::Where,
        ) => Stop::Clause,
        _ => Stop::Other,
    }
}
