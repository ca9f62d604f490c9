//! Commands after a separator: `;`, `|`, `&`, a line break.

use crate::inspect::{Effort, Match, Place, Text};
use crate::rule::{RuleId, found};

use super::anchor::{self, Anchor};
use super::command::{self, Name};
use super::line::{Command, goes_on_as_shell, skip_to_word};
use super::tail::{self, Tail};
use super::{WINDOW, WORD};

const COMMAND: RuleId = RuleId::new("shell.command");

/// Bytes after a line break in which further lines are counted, and how many there may be.
pub(super) const LISTED: usize = 199;
pub(super) const LINES: usize = 2;

/// A command after a separator.
pub(super) fn separated(
    text: &Text<'_>,
    at: usize,
    width: usize,
    effort: &mut Effort,
) -> Option<Match> {
    let bytes = text.bytes;
    let separator = *bytes.get(at)?;
    let start = skip_to_word(bytes, at + width);
    if !effort.spend(WORD) {
        return None;
    }
    let command = Command::read(text, start)?;
    if command.tail == Tail::Foreign || !effort.spend(WINDOW) {
        return None;
    }
    let tight = start == at + width;
    // `%0aid` and nothing else.
    let probe = separator == b'\n' && at == 0 && tight && text.starts && command.name() == b"id";
    let anchor = anchor::read(bytes, at, text.starts);
    let accepted = match separator {
        b'\n' | b'\\' => {
            is_single_line(text, at, width, start)
                && (after_line(&command, anchor) || probe && command.tail == Tail::End)
                && (command.strength == Name::Sure
                    || command.tail != Tail::Separator
                    || goes_on_as_shell(text, command.after))
                && (separator == b'\n' || at == 0 || command.tail >= Tail::Soft)
        }
        _ if start > at + width
            && bytes.get(start - 1) == Some(&b' ')
            && bytes
                .get(at + width..start)
                .is_some_and(|b| b.contains(&b'=')) =>
        {
            // Cookies and style rules are assignments too.
            anchor != Anchor::Prose && command.strength != Name::Word && command.tail == Tail::Hard
        }
        b'&' if tight && is_query(bytes, at) => {
            // `a=1&sort&type=x`: in a query string the ampersand separates fields.
            anchor != Anchor::Prose && command.tail == Tail::Hard
                || command.strength == Name::Sure && command.tail >= Tail::End
        }
        _ => after_separator(text, &command, anchor, separator, tight),
    };
    accepted.then_some(())?;
    if separator == b'|' && tight && is_alternative(bytes, at, command.word.end)
        || tight && is_operand(bytes, at)
    {
        return None;
    }
    // `?a=1&amp;cp=2`: an address out of a page, whose `&` is still a reference.
    if separator == b';' && matches!(text.place, Place::Key(_)) && bytes.get(..at) == Some(b"amp") {
        return None;
    }
    // `&copy;` and `&reg;` are characters.
    let entity = separator == b'&' && tight && bytes.get(command.word.end) == Some(&b';');
    if entity && matches!(command.name(), b"copy" | b"reg") {
        return None;
    }
    found(COMMAND, at, command.after.max(command.word.end))
}

/// Whether the line that ends at `at` is no code fence and the line after it is not one of many: a
/// script or listing is text.
fn is_single_line(text: &Text<'_>, at: usize, width: usize, start: usize) -> bool {
    let before = text
        .bytes
        .get(at.saturating_sub(96)..at)
        .unwrap_or_default();
    let line = before
        .rsplit(|b| *b == b'\n')
        .find(|line| !line.is_empty())
        .unwrap_or_default();
    let after = text
        .bytes
        .get(start..text.bytes.len().min(start + LISTED + 1))
        .unwrap_or_default();
    let lines = after
        .trim_ascii_end()
        .iter()
        .filter(|b| **b == b'\n')
        .count();
    let indented = text
        .bytes
        .get(at + width..start)
        .is_some_and(|b| b.contains(&b'\t') || b.len() > 2);
    let fence = line.trim_ascii_start().starts_with(b"```") || line.starts_with(b">");
    !fence && !indented && lines <= LINES
}

fn after_line(command: &Command, anchor: Anchor) -> bool {
    match anchor {
        Anchor::Start | Anchor::Value => match command.strength {
            Name::Sure => command.tail >= Tail::End,
            Name::Term => {
                matches!(command.tail, Tail::Separator | Tail::Hard)
                    || command.tail == Tail::End && anchor == Anchor::Value
            }
            Name::Word => {
                matches!(command.tail, Tail::Separator | Tail::Hard)
                    || command.tail == Tail::Soft && command.takes_soft()
                    || command.tail == Tail::End
                        && anchor == Anchor::Value
                        && command.name() == b"id"
            }
        },
        Anchor::Word => {
            matches!(command.tail, Tail::Separator | Tail::Hard)
                || command.tail == Tail::Soft && matches!(command.name(), b"sleep" | b"timeout")
        }
        Anchor::Prose => false,
    }
}

fn after_separator(
    text: &Text<'_>,
    command: &Command,
    anchor: Anchor,
    separator: u8,
    tight: bool,
) -> bool {
    let alone = match command.tail {
        Tail::End => true,
        Tail::Separator => {
            goes_on_as_shell(text, command.after) && !is_table(text, command, separator)
        }
        _ => false,
    };
    match (anchor, command.strength) {
        (Anchor::Prose, _) => false,
        (Anchor::Start | Anchor::Value, Name::Sure) => true,
        (Anchor::Word, Name::Sure) => command.tail != Tail::Plain,
        (Anchor::Start | Anchor::Value, Name::Term) => {
            alone
                || command.tail >= Tail::Soft
                || tail::ends_soon(text.bytes, command.after, text.ends)
        }
        (Anchor::Word, Name::Term) => command.tail >= Tail::Soft || alone && tight,
        (Anchor::Start, Name::Word) => {
            alone && command::is_probe(command.name())
                || command.tail == Tail::Hard
                || command.tail == Tail::Soft && command.takes_soft()
                || command.tail == Tail::Plain && command.name() == b"echo"
        }
        (Anchor::Value, Name::Word) => {
            alone && command::is_probe(command.name()) && (tight || separator != b'&')
                || command.tail == Tail::Plain && command.name() == b"echo"
                || command.tail == Tail::Hard
                || command.tail == Tail::Soft && command.takes_soft()
        }
        (Anchor::Word, Name::Word) => command.tail == Tail::Hard,
    }
}

/// Whether ` | name | ` is a cell of a table in text.
fn is_table(text: &Text<'_>, command: &Command, separator: u8) -> bool {
    let spaced = text.bytes.get(command.word.end) == Some(&b' ');
    separator == b'|' && spaced && text.bytes.get(command.after) == Some(&b'|')
}

/// Whether `|name)` is the last alternative of a group in a regular expression: the group holds
/// words and the marks of expressions alone, and no shell opened it (`$(`, `<(`).
fn is_alternative(bytes: &[u8], at: usize, end: usize) -> bool {
    if bytes.get(end) != Some(&b')') {
        return false;
    }
    let before = bytes.get(at.saturating_sub(64)..at).unwrap_or_default();
    let marks = |b: &u8| b.is_ascii_alphanumeric() || b"_|?:!=^.+*\\[]-".contains(b);
    let group = before.iter().rev().take_while(|b| marks(b)).count();
    let Some((head, b'(')) = before
        .get(..before.len() - group)
        .and_then(<[u8]>::split_last)
        .map(|(last, head)| (head, *last))
    else {
        return false;
    };
    let marked = before
        .get(before.len() - group..)
        .is_some_and(|group| group.iter().any(|b| b"?^+*".contains(b)));
    if group == 0 || matches!(head.last(), Some(b'$' | b'<' | b'>')) {
        return false;
    }
    // A shell opens a group where a command may begin, and an operator or a blank has to follow
    // it (POSIX, 2.10.2): `^(a|b)` and `(a|b)/` are no command lines.
    let begins = |b: &u8| matches!(b, b'\n' | b';' | b'|' | b'&' | b'(' | b'{' | b'!' | b'`');
    let blank = |b: &u8| matches!(b, b' ' | b'\t' | b'+');
    let blanks = head.iter().rev().take_while(|b| blank(b)).count();
    let head = head.get(..head.len() - blanks).unwrap_or_default();
    let word = head.rsplit(|b| !b.is_ascii_alphabetic()).next();
    let reserved: [&[u8]; 8] = [
        b"do", b"elif", b"else", b"if", b"then", b"time", b"until", b"while",
    ];
    let glued = head.last().is_some_and(|b| !begins(b))
        && !word.is_some_and(|word| reserved.contains(&word));
    let next = bytes.get(end + 1);
    let goes_on = next.is_some_and(|b| b.is_ascii_alphanumeric() || b"/\\*?^[{.:-_".contains(b));
    marked || head.is_empty() && blanks == 0 || glued || goes_on
}

/// Whether the operator at `at` is the first byte in the brackets of a call (`f(&x)`, `f(|x|`),
/// where no shell takes one.
fn is_operand(bytes: &[u8], at: usize) -> bool {
    let before = bytes.get(at.saturating_sub(2)..at).unwrap_or_default();
    matches!(before, [name, b'('] if name.is_ascii_alphanumeric() || *name == b'_')
}

/// `;x=id;$x`: a variable set before is run.
pub(super) fn assigned(text: &Text<'_>, at: usize) -> Option<Match> {
    let bytes = text.bytes;
    let rest = bytes.get(at + 2..)?;
    let length = rest
        .iter()
        .take(16)
        .take_while(|b| b.is_ascii_alphanumeric() || **b == b'_')
        .count();
    let name = rest.get(..length)?;
    let before = bytes.get(at.saturating_sub(96)..at)?;
    let set = (0..before.len()).any(|i| {
        let here = before.get(i..).unwrap_or_default();
        let apart = i
            .checked_sub(1)
            .and_then(|i| before.get(i))
            .is_none_or(|b| b" ;&|'\"".contains(b));
        apart
            && here
                .strip_prefix(name)
                .is_some_and(|rest| rest.starts_with(b"="))
    });
    let after = rest.get(length);
    let runs = after.is_none_or(|b| matches!(b, b' ' | b'$' | b';' | b'|' | b'"' | b'\''));
    (length > 0 && set && runs).then_some(())?;
    found(COMMAND, at, at + 2 + length)
}

/// `;. /tmp/x`: a file whose lines the shell runs itself (POSIX, 2.14, "dot").
pub(super) fn sourced(text: &Text<'_>, at: usize) -> Option<Match> {
    let bytes = text.bytes;
    let dot = skip_to_word(bytes, at + 1);
    let path = bytes.get(dot..)?.strip_prefix(b". ")?.trim_ascii_start();
    let start = bytes.len() - path.len();
    let rooted = matches!(path, [b'/', first, ..] if first.is_ascii_alphanumeric())
        || matches!(path, [b'~' | b'.', b'/', ..] | [b'.', b'.', b'/', ..]);
    let anchor = anchor::read(bytes, at, text.starts);
    (rooted && matches!(anchor, Anchor::Start | Anchor::Value)).then_some(())?;
    let length = path
        .iter()
        .take(64)
        .take_while(|b| !b.is_ascii_whitespace());
    found(COMMAND, at, start + length.count())
}

/// Whether the bytes before `at` are a query string or form.
fn is_query(bytes: &[u8], at: usize) -> bool {
    let double = at.checked_sub(1).and_then(|i| bytes.get(i)) == Some(&b'&')
        || bytes.get(at + 1) == Some(&b'&');
    if double {
        return false;
    }
    let before = bytes.get(at.saturating_sub(64)..at).unwrap_or_default();
    before.iter().rev().any(|b| matches!(b, b'=' | b'?' | b'&'))
        && !before
            .iter()
            .rev()
            .take(24)
            .any(|b| matches!(b, b' ' | b';' | b'|'))
}

/// `id;`, `id|`: the whole value is a command and a separator.
pub(super) fn terminated(text: &Text<'_>, at: usize) -> Option<Match> {
    let whole = at == 0 && text.starts && text.ends && text.bytes.len() == 3;
    whole.then_some(())?;
    found(COMMAND, 0, 3)
}
