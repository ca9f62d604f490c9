//! Rules of the `nosql` family: operators and script smuggled into queries of document databases,
//! and commands smuggled into line protocols.
//!
//! Knows the query operators of MongoDB and its kin, the JavaScript that `$where` evaluates, and the
//! framing of Redis. It has no notion of SQL: conditions such as `' || '1'=='1` are that family's.

use crate::inspect::{Effort, Match, Text, Trigger};
use crate::rule::{Family, RuleId, Rules};

mod command;
mod operator;
mod script;

pub(super) const RULES: Rules = Rules {
    family: Family::NoSql,
    triggers: TRIGGERS,
    glance: 13,
    context,
    hopeless: None,
    confirm,
};

const TRIGGERS: &[Trigger] = &[
    // `$ne`, `$gt`, `$in`, `$or`, `$where`, `$regex`, `$exists`, `$comment` and the like.
    Trigger::new("\\$[nglioareswcmfjt][eqtnriolhxsud]"),
    Trigger::new("\\$typ"),
    // `$accumulator`; the stages `$unionWith`, `$out`, `$merge`.
    Trigger::new("\\$acc"),
    Trigger::new("\\$[uom][nue][itr]"),
    // Script behind a literal.
    Trigger::new("is\\.[a-z_]"),
    Trigger::new(";\\bre"),
    Trigger::new(";ret"),
    Trigger::new(";sle"),
    Trigger::new("ew\\bD"),
    Trigger::new("ile\\("),
    Trigger::new("db\\.[a-z_]"),
    // Commands of Redis, Cassandra and Neo4j.
    Trigger::new("[\\nn]\\$\\d[\\d\\r\\\\]"),
    Trigger::new("usha"),
    Trigger::new("ig\\bs"),
    Trigger::new("aveo"),
    Trigger::new("w\\bfi"),
    Trigger::new("h\\bde"),
    Trigger::new("d\\bcs"),
    Trigger::new("ch\\b\\("),
    Trigger::new("l\\bdb"),
    Trigger::new("l\\bap"),
    // Of memcached.
    Trigger::new("[\\nn]set"),
    // A command of MongoDB as a document's first key.
    Trigger::new("mapr"),
];

#[cfg(test)]
mod tests;

const fn rule(id: &'static str) -> RuleId {
    RuleId::new(id)
}

fn starts(bytes: &[u8], at: usize, word: &[u8]) -> bool {
    bytes
        .get(at..at + word.len())
        .is_some_and(|b| b.eq_ignore_ascii_case(word))
}

/// Where `word` begins when its bytes from the `skip`th on are at `bytes[at..]`.
fn around(bytes: &[u8], at: usize, skip: usize, word: &[u8]) -> Option<usize> {
    let begin = at.checked_sub(skip)?;
    starts(bytes, begin, word).then_some(begin)
}

const fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Whether `byte` may begin an escape.
const fn veils(byte: u8) -> bool {
    matches!(byte, b'\\' | b'%' | b'&')
}

/// The position after white space from `at` on.
fn after_white(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    at + rest
        .iter()
        .take(32)
        .take_while(|b| b.is_ascii_whitespace() || **b == b'+')
        .count()
}

/// The position before white space that ends at `at`.
fn before_white(bytes: &[u8], at: usize) -> usize {
    let head = bytes.get(..at).unwrap_or_default();
    at - head
        .iter()
        .rev()
        .take(32)
        .take_while(|b| b.is_ascii_whitespace() || **b == b'+')
        .count()
}

fn context(bytes: &[u8], at: usize) -> bool {
    match bytes.get(at) {
        Some(b'$') => operator::hint(bytes, at),
        Some(b';') => script::hint_statement(bytes, at),
        Some(b'i' | b'I') if starts(bytes, at, b"ile(") => {
            around(bytes, at, 2, b"while(").is_some()
        }
        Some(b'i' | b'I') if starts(bytes, at, b"is.") => around(bytes, at, 2, b"this.").is_some(),
        Some(b'e' | b'E') => starts(bytes, at + 3, b"Date"),
        Some(b'd' | b'D') if bytes.get(at + 2) == Some(&b'.') => script::hint_shell(bytes, at),
        _ => command::hint(bytes, at),
    }
}

fn confirm(text: &Text<'_>, at: usize, effort: &mut Effort) -> Option<Match> {
    let bytes = text.bytes;
    if !effort.spend(bytes.len().min(256)) {
        return None;
    }
    match bytes.get(at)? {
        b'$' => operator::operator(text, at),
        b';' => script::statement(text, at),
        b'i' | b'I' if starts(bytes, at, b"ile(") => {
            script::waiting_loop(text, around(bytes, at, 2, b"while(")?)
        }
        b'i' | b'I' if starts(bytes, at, b"is.") => {
            script::member(text, around(bytes, at, 2, b"this.")?)
        }
        b'e' | b'E' => script::busy_loop(text, at),
        b'd' | b'D' if bytes.get(at + 2) == Some(&b'.') => script::shell(text, at),
        _ => command::command(text, at),
    }
}
