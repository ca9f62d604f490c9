//! Expansions that run commands or hide them: substitutions, arithmetic, braces, `$IFS`, escapes.

use crate::inspect::{Match, Text};
use crate::rule::{RuleId, found};

use super::anchor::{self, Anchor};
use super::command::{self, Name};
use super::line::Command;
use super::tail::{self, Tail};
use super::word;

const COMMAND: RuleId = RuleId::new("shell.command");
const SUBSTITUTION: RuleId = RuleId::new("shell.substitution");
const IFS: RuleId = RuleId::new("shell.ifs");
const ARITHMETIC: RuleId = RuleId::new("shell.arithmetic");

/// `$'\x69\x64'`: a word in escapes, which nothing but a shell reads.
pub(super) fn ansi_quoted(text: &Text<'_>, at: usize) -> Option<Match> {
    let rest = text.bytes.get(at + 2..)?;
    let escape = |i: usize| {
        let here = rest.get(i..).unwrap_or_default();
        let here = here.strip_prefix(b"\\")?;
        let here = here.strip_prefix(b"\\").unwrap_or(here);
        match here {
            [b'x', a, b, ..] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit() => Some(3),
            [a, b, c, ..] if [a, b, c].iter().all(|b| b.is_ascii_digit()) => Some(3),
            _ => None,
        }
    };
    escape(0)?;
    let close = rest.iter().take(200).position(|b| *b == b'\'')?;
    found(COMMAND, at, at + 2 + close + 1)
}

/// A command in backquotes.
pub(super) fn backquoted(text: &Text<'_>, at: usize) -> Option<Match> {
    let bytes = text.bytes;
    let blanks = bytes
        .get(at + 1..)?
        .iter()
        .take(4)
        .take_while(|b| matches!(b, b' ' | b'('))
        .count();
    let mut command = Command::read(text, at + 1 + blanks)?;
    if bytes.get(command.after) == Some(&b'`') {
        command.tail = Tail::End;
    }
    let inner = bytes.get(command.word.end..)?;
    let close = inner.iter().take(160).position(|b| *b == b'`')?;
    let close = command.word.end + close;
    let before = at.checked_sub(1).and_then(|i| bytes.get(i)).copied();
    let after = bytes.get(close + 1).copied();
    // A code fence or span of code, or the mark that closes one.
    let ticks = bytes
        .get(at.saturating_sub(160)..at)?
        .iter()
        .filter(|b| **b == b'`')
        .count();
    if before == Some(b'`') && after == Some(b'`') || blanks > 0 && ticks % 2 == 1 {
        return None;
    }
    let plausible = match command.tail {
        Tail::Foreign => false,
        Tail::Plain => command.strength == Name::Sure || command.name() == b"echo",
        Tail::Soft => command.takes_soft(),
        Tail::Hard => true,
        Tail::End | Tail::Separator => {
            command.strength != Name::Word || command::is_probe(command.name())
        }
    };
    if !plausible {
        return None;
    }
    let closed = match after {
        None => text.ends,
        Some(b'"' | b'\'' | b';' | b'|' | b'&' | b'#' | b'\\' | b'$' | b'`' | b'<') => true,
        Some(b'.' | b'-' | b'/') => bytes
            .get(close + 2)
            .is_some_and(|b| b.is_ascii_alphanumeric() || b"{'\"".contains(b)),
        Some(b) if b.is_ascii_alphanumeric() => command.tail == Tail::Hard,
        Some(b')') => before == Some(b'('),
        Some(b' ') => {
            matches!(bytes.get(close + 2), Some(b'#' | b'|' | b';' | b'&'))
        }
        Some(_) => false,
    };
    let tight = match before {
        None => text.starts,
        // `echo `id``: PHP runs it as well.
        Some(b' ') => bytes.get(..at)?.ends_with(b"echo ") || bytes.get(..at)?.ends_with(b"print "),
        Some(b) => b.is_ascii_alphanumeric() || b"=\"'|&;$/\\{(.>".contains(&b),
    };
    let anchor = anchor::read(bytes, at, text.starts);
    let accepted = match anchor {
        Anchor::Start => closed,
        Anchor::Value => closed && (tight || command.tail == Tail::Hard),
        Anchor::Word => closed && tight,
        Anchor::Prose => false,
    };
    accepted.then_some(())?;
    found(SUBSTITUTION, at, close + 1)
}

/// A command in `$(...)`.
pub(super) fn substituted(text: &Text<'_>, at: usize) -> Option<Match> {
    let bytes = text.bytes;
    let skip = |b: &u8| matches!(b, b' ' | b'`' | b'(' | b'{');
    let blanks = bytes
        .get(at + 2..)?
        .iter()
        .take(6)
        .take_while(|b| skip(b))
        .count();
    let start = at + 2 + blanks;
    let command = Command::read(text, start)?;
    let shouted = bytes
        .get(start..command.word.end)?
        .iter()
        .any(u8::is_ascii_uppercase);
    let closed = bytes
        .get(command.word.end)
        .is_some_and(|b| matches!(b, b')' | b'`'));
    let plausible = match command.tail {
        Tail::End if closed => !shouted,
        Tail::Foreign | Tail::End => false,
        Tail::Plain => command.strength == Name::Sure || command.name() == b"echo",
        Tail::Soft => command.takes_soft(),
        Tail::Separator | Tail::Hard => !shouted,
    };
    if !plausible {
        return None;
    }
    let anchor = anchor::read(bytes, at, text.starts);
    (anchor != Anchor::Prose).then_some(())?;
    let rest = bytes.get(command.word.end..)?;
    let close = rest
        .iter()
        .take(160)
        .position(|b| *b == b')')
        .map(|i| command.word.end + i + 1);
    found(SUBSTITUTION, at, close.unwrap_or(command.after))
}

/// `$(</etc/passwd)`: what a file holds (Bash manual, 3.5.4).
pub(super) fn file(text: &Text<'_>, at: usize) -> Option<Match> {
    let bytes = text.bytes;
    let path = bytes.get(at + 3..)?;
    let named = |b: &&u8| b.is_ascii_alphanumeric() || b"/._~-*?$".contains(b);
    let length = path.iter().take(80).take_while(named).count();
    let closed = length > 1 && path.get(length) == Some(&b')');
    (closed && anchor::read(bytes, at, text.starts) != Anchor::Prose).then_some(())?;
    found(SUBSTITUTION, at, at + 3 + length + 1)
}

/// `$((1234*5678))`: a probe that the shell computes.
pub(super) fn arithmetic(text: &Text<'_>, at: usize) -> Option<Match> {
    let inner = text.bytes.get(at + 3..)?;
    let length = inner.iter().take(40).position(|b| *b == b')')?;
    let inner_bytes = inner.get(..length)?;
    let plain = inner_bytes
        .iter()
        .all(|b| b.is_ascii_digit() || b" +-*/%^".contains(b));
    let computes = inner_bytes.iter().any(|b| b"+-*/%^".contains(b));
    (plain && computes && inner.get(length + 1) == Some(&b')')).then_some(())?;
    found(ARITHMETIC, at, at + 3 + length + 2)
}

/// `<(id)`, `>(id)`: a command whose output or input is a file.
pub(super) fn process(text: &Text<'_>, at: usize) -> Option<Match> {
    let command = Command::read(text, at + 2)?;
    let closed = text.bytes.get(command.word.end) == Some(&b')');
    let suits = match command.strength {
        Name::Sure | Name::Term => closed || command.tail >= Tail::Soft,
        Name::Word => command.tail == Tail::Hard || closed && command.name() == b"id",
    };
    let anchor = anchor::read(text.bytes, at, text.starts);
    (suits && !matches!(anchor, Anchor::Prose | Anchor::Word)).then_some(())?;
    found(SUBSTITUTION, at, command.after)
}

/// `{cat,/etc/passwd}`: a command line without blanks.
pub(super) fn braces(text: &Text<'_>, at: usize) -> Option<Match> {
    let bytes = text.bytes;
    let command = Command::read(text, at + 1)?;
    let arguments = bytes.get(command.word.end..)?.strip_prefix(b",")?;
    let length = arguments
        .iter()
        .take(96)
        .position(|b| matches!(b, b'}' | b' ' | b'"' | b'\n'))?;
    (arguments.get(length) == Some(&b'}')).then_some(())?;
    let shaped = matches!(arguments.first(), Some(b'-' | b'/' | b'$'))
        || command.strength == Name::Sure && arguments.first() != Some(&b'}');
    (shaped && anchor::read(bytes, at, text.starts) != Anchor::Prose).then_some(())?;
    found(COMMAND, at, command.word.end + 1 + length + 1)
}

/// `;${IFS}id`: a separator, and `$IFS` for the blank before a command.
fn separated_field(text: &Text<'_>, at: usize) -> Option<Match> {
    let width = match text.bytes.get(at + 1) {
        Some(b'{') => b"${IFS}".len(),
        _ => b"$IFS$9".len(),
    };
    let command = Command::read(text, at + width)?;
    let ends = matches!(command.tail, Tail::End | Tail::Separator);
    (ends || command.tail >= Tail::Soft).then_some(())?;
    found(IFS, at - 1, command.after)
}

/// `|$SHELL`, `;$0<<<'id'`: the shell itself by its parameters (POSIX.1-2024 Shell Command Language
/// 2.5); `;${PATH:0:1}bin`: a command's path from pieces of variables.
pub(super) fn interpreter(text: &Text<'_>, at: usize) -> Option<Match> {
    let bytes = text.bytes;
    let rest = bytes.get(at + 1..)?;
    let length = if let Some(name) = rest.strip_prefix(b"$") {
        let names = [b"SHELL".as_slice(), b"BASH", b"0"];
        let after = names.iter().find_map(|n| name.strip_prefix(*n));
        after.map(|after| rest.len() - after.len())
    } else {
        None
    };
    let end = if let Some(length) = length {
        // The script comes from a pipe, a here-string or a file.
        let (tail, after) = tail::read(bytes, at + 1 + length, text.ends);
        let piped = bytes.get(at) == Some(&b'|') && matches!(tail, Tail::End | Tail::Separator);
        (piped || tail == Tail::Hard).then_some(after)?
    } else {
        let piece = piece(rest)?;
        let next = rest.get(piece)?;
        (next.is_ascii_alphanumeric() || matches!(next, b'$' | b'/')).then_some(at + 1 + piece)?
    };
    (anchor::read(bytes, at, text.starts) != Anchor::Prose).then_some(())?;
    found(COMMAND, at, end)
}

/// The length of `${NAME:2:1}` or `${NAME:2}` (Bash manual, 3.5.3).
fn piece(rest: &[u8]) -> Option<usize> {
    let inner = rest.strip_prefix(b"${")?;
    let close = inner.iter().take(40).position(|b| *b == b'}')?;
    let (name, cut) = inner.split_at(inner.iter().position(|b| *b == b':')?);
    let numbers = cut.get(1..close.checked_sub(name.len())?)?;
    let named = name.first().is_some_and(u8::is_ascii_alphabetic)
        && name.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'_');
    let number = |n: &[u8]| !n.is_empty() && n.iter().all(u8::is_ascii_digit);
    let parts = numbers.split(|b| *b == b':');
    (named && parts.clone().count() <= 2 && parts.clone().all(number)).then_some(close + 3)
}

/// `$IFS` between a word and its argument.
pub(super) fn field_separator(text: &Text<'_>, at: usize) -> Option<Match> {
    let bytes = text.bytes;
    word::is_ifs(bytes, at).then_some(())?;
    let before = *bytes.get(at.checked_sub(1)?)?;
    if matches!(before, b';' | b'|' | b'&') {
        return separated_field(text, at);
    }
    before.is_ascii_alphanumeric().then_some(())?;
    let rest = bytes.get(at + 4..)?;
    let glued = match rest {
        [b'$', b'1'..=b'9', ..] => true,
        [
            b'/' | b'-' | b'\'' | b'"' | b'.' | b'`' | b'\\' | b'?' | b'*',
            ..,
        ] => true,
        // `${IFS}x`, `${IFS%??}x`
        [b'}' | b'%', after, ..] | [b'F' | b'S', b'}' | b'%', after, ..] => {
            !matches!(after, b' ' | b'"' | b'`' | b'\'')
        }
        _ => false,
    };
    glued.then_some(())?;
    let length = match bytes.get(at + 1) {
        Some(b'{') => bytes
            .get(at..)?
            .iter()
            .take(16)
            .position(|b| *b == b'}')
            .map_or(5, |i| i + 1),
        _ => 4,
    };
    found(IFS, at, at + length)
}
