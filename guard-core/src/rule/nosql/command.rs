//! Commands for line protocols and other query languages, behind the value they were put into.

use super::{after_white, around, before_white, rule, starts, veils};
use crate::inspect::{Match, Place, Text};

/// What a trigger's occurrence may be, with where its command begins and ends.
#[derive(Debug, Clone, Copy)]
enum Command {
    /// A line of Redis's inline protocol.
    Line(usize, usize),
    /// Redis's framed protocol; the `$` of a length.
    Framed(usize),
    /// A clause that ends a query of Cassandra or Neo4j.
    Clause(usize, usize),
    /// A line of memcached's protocol; its `set`.
    Stored(usize),
    /// `mapReduce`, which runs the script it is given.
    MapReduce,
}

fn find(bytes: &[u8], at: usize) -> Option<Command> {
    let line = |skip, word: &[u8]| {
        around(bytes, at, skip, word).map(|from| Command::Line(from, from + word.len()))
    };
    let clause = |skip, word: &[u8]| {
        around(bytes, at, skip, word).map(|from| Command::Clause(from, from + word.len()))
    };
    if bytes.get(at + 1) == Some(&b'$') {
        let rest = bytes.get(at + 2..).unwrap_or_default();
        let behind = rest.iter().take(8).find(|b| !b.is_ascii_digit());
        // A price goes on otherwise.
        let framed = behind.is_none_or(|b| *b == b'\r' || veils(*b));
        return framed.then_some(Command::Framed(at + 1));
    }
    if starts(bytes, at + 1, b"set") {
        let digits = |part: &[u8]| !part.is_empty() && part.iter().all(u8::is_ascii_digit);
        let rest = bytes
            .get(at + 4..bytes.len().min(at + 300))
            .unwrap_or_default();
        let rest = rest
            .split(|b| matches!(b, b'\r' | b'\\'))
            .next()
            .unwrap_or_default();
        let mut words = rest.split(|b| *b == b' ');
        // `set <key> <flags> <exptime> <bytes>`
        let framed = words.next() == Some(b"")
            && words.next().is_some_and(|key| !key.is_empty())
            && words.by_ref().take(3).filter(|part| digits(part)).count() == 3;
        return framed.then_some(Command::Stored(at + 1));
    }
    if starts(bytes, at, b"mapreduce") {
        return Some(Command::MapReduce);
    }
    line(2, b"flushall")
        .or_else(|| line(4, b"config set "))
        .or_else(|| line(2, b"slaveof "))
        .or_else(|| clause(4, b"allow filtering"))
        .or_else(|| clause(5, b"detach delete "))
        .or_else(|| clause(3, b"match ("))
        .or_else(|| clause(3, b"call db."))
        .or_else(|| clause(3, b"call dbms."))
        .or_else(|| clause(3, b"call apoc."))
        .or_else(|| clause(3, b"load csv from "))
        .or_else(|| clause(3, b"load csv with headers from "))
}

/// Whether one of the commands is there in full, or an escape may hide that it is.
pub(super) fn hint(bytes: &[u8], at: usize) -> bool {
    if find(bytes, at).is_some() {
        return true;
    }
    let near = bytes.get(at..bytes.len().min(at + 8)).unwrap_or_default();
    near.iter().any(|b| veils(*b))
}

/// The command at `at`.
pub(super) fn command(text: &Text<'_>, at: usize) -> Option<Match> {
    let bytes = text.bytes;
    let found = |id, from: usize, to: usize| {
        Some(Match {
            rule: rule(id),
            span: from..to.min(bytes.len()),
        })
    };
    match find(bytes, at)? {
        Command::Line(from, to) => {
            let line = from.checked_sub(1).and_then(|i| bytes.get(i)) == Some(&b'\n');
            let carriage = from.checked_sub(2).and_then(|i| bytes.get(i)) == Some(&b'\r');
            if line && carriage {
                found("nosql.redis", from, to)
            } else {
                None
            }
        }
        Command::Framed(from) => {
            let rest = bytes.get(from + 1..)?;
            let digits = rest
                .iter()
                .take(8)
                .take_while(|b| b.is_ascii_digit())
                .count();
            let framed = rest.get(digits..)?.starts_with(b"\r\n");
            let carriage = from.checked_sub(2).and_then(|i| bytes.get(i)) == Some(&b'\r');
            if framed && carriage && digits > 0 {
                found("nosql.redis", from, from + 1 + digits)
            } else {
                None
            }
        }
        Command::Stored(from) => {
            let returned = bytes.get(..from)?.ends_with(b"\r\n");
            if returned {
                found("nosql.memcached", from, from + 3)
            } else {
                None
            }
        }
        Command::MapReduce => {
            // A key that names a collection: `{"mapReduce": "users", "map": "function..`.
            let end = at + 9;
            let quote =
                |i: Option<usize>| matches!(i.and_then(|i| bytes.get(i)), Some(b'"' | b'\''));
            let follows = match text.place {
                Place::Key(follows) if at == 0 && end == bytes.len() => follows,
                _ if quote(at.checked_sub(1)) && quote(Some(end)) => bytes.get(end + 1..)?,
                _ => return None,
            };
            let mut value = follows
                .iter()
                .take(12)
                .filter(|b| !b.is_ascii_whitespace() && **b != b'\\');
            let named = value.next() == Some(&b':') && matches!(value.next(), Some(b'"' | b'\''));
            if named {
                found("nosql.script", at, end)
            } else {
                None
            }
        }
        Command::Clause(from, to) => {
            let behind = before_white(bytes, from);
            let quote = behind.checked_sub(1).and_then(|i| bytes.get(i));
            let left = matches!(quote, Some(b'\'' | b'"' | b')' | b';' | b'}'));
            let argument = bytes.get(after_white(bytes, to));
            let csv = starts(bytes, from, b"load")
                && matches!(argument, Some(b'\'' | b'"'))
                && (left || text.starts && from == 0);
            let tail = bytes.get(to..bytes.len().min(to + 64))?;
            let cut = tail.windows(2).any(|w| w == b"//" || w == b"--")
                || tail.iter().any(|b| matches!(b, b';' | 0));
            if csv || left && cut {
                found("nosql.clause", from, to)
            } else {
                None
            }
        }
    }
}
