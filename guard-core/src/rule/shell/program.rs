//! Programs named outside a command line: paths, wildcards for paths, options that run a program,
//! imported functions, sockets, commands of a mail server.

use crate::inspect::{Match, Text};
use crate::rule::{RuleId, found};

use super::anchor::{self, Anchor};
use super::line::{Command, goes_on_as_shell};
use super::tail::{self, Tail};
use super::word::Word;

const PROGRAM: RuleId = RuleId::new("shell.program");
const WILDCARD: RuleId = RuleId::new("shell.wildcard_path");
const FUNCTION: RuleId = RuleId::new("shell.function_import");
const SOCKET: RuleId = RuleId::new("shell.socket");
const OPTION: RuleId = RuleId::new("shell.option");
const MAIL: RuleId = RuleId::new("shell.mail_command");

/// A command of SMTP on a line of its own, after what a mail header should have held.
pub(super) fn recipient(text: &Text<'_>, at: usize) -> Option<Match> {
    let bytes = text.bytes;
    let rest = bytes.get(at + 4..)?;
    let command = rest.get(..4)?.eq_ignore_ascii_case(b" to:");
    let before = at.checked_sub(1).and_then(|i| bytes.get(i))?;
    (command && matches!(before, b'\n' | b'\r' | b'n')).then_some(())?;
    let from = bytes.get(at.saturating_sub(96)..at)?;
    let sender = from
        .windows(10)
        .any(|w| w.eq_ignore_ascii_case(b"mail from:"));
    sender.then_some(())?;
    found(MAIL, at, at + 8)
}

/// `() { ...; };` at the start of a value.
pub(super) fn imported(text: &Text<'_>, at: usize) -> Option<Match> {
    let bytes = text.bytes;
    (anchor::read(bytes, at, text.starts) == Anchor::Start).then_some(())?;
    let body = bytes.get(at + 2..)?;
    let blanks = body.iter().take(4).take_while(|b| **b == b' ').count();
    let body = body.get(blanks..)?;
    (body.first() == Some(&b'{')).then_some(())?;
    let close = body.iter().take(64).position(|b| *b == b'}')?;
    let after = body.get(close + 1..).unwrap_or_default();
    let blanks = after.iter().take(4).take_while(|b| **b == b' ').count();
    matches!(after.get(blanks), Some(b';' | b'>')).then_some(())?;
    found(FUNCTION, at, at + 2 + close)
}

/// The path of a program where a command or a program to run is expected.
pub(super) fn program(text: &Text<'_>, at: usize) -> Option<Match> {
    let bytes = text.bytes;
    bytes.get(at..)?.get(4).filter(|b| **b == b'/')?;
    let path = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'.' | b'_' | b'-');
    let back = bytes
        .get(..at)?
        .iter()
        .rev()
        .take(80)
        .take_while(|b| path(b))
        .count();
    let start = at - back;
    let command = Command::read(text, start)?;
    let before = bytes.get(start.saturating_sub(24)..start)?;
    // `nc -e /bin/sh`, `--exec /bin/sh`.
    let shell = matches!(
        command.name(),
        b"sh" | b"bash" | b"zsh" | b"ksh" | b"csh" | b"dash" | b"cmd" | b"ash"
    );
    let run = before.strip_suffix(b" ").is_some_and(|b| {
        b.ends_with(b" -e") || b.ends_with(b" -c") || b.ends_with(b"-exec") || b.ends_with(b"|")
    });
    if shell && run && command.tail != Tail::Plain && command.tail != Tail::Foreign {
        return found(PROGRAM, start, command.after);
    }
    // `/usr/bin/id|`: the whole value is a program and a separator.
    let whole = start == 0 && text.starts;
    let last = bytes
        .get(command.after)
        .is_some_and(|b| matches!(b, b'|' | b';'));
    (whole && command.tail == Tail::Separator && last && goes_on_as_shell(text, command.after))
        .then_some(())?;
    found(PROGRAM, start, command.after + 1)
}

/// `/???/c?t`: a path that a shell completes to a program's.
pub(super) fn wildcard(text: &Text<'_>, at: usize) -> Option<Match> {
    let bytes = text.bytes;
    let path = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'?' | b'*' | b'[' | b']');
    let back = bytes
        .get(..at)?
        .iter()
        .rev()
        .take(40)
        .take_while(|b| path(b))
        .count();
    let start = at - back;
    let word = Word::read(bytes, start)?;
    let written = bytes.get(start..word.end)?;
    let slashes = written.iter().filter(|b| **b == b'/').count();
    let questions = written.iter().filter(|b| **b == b'?').count();
    let doubled = written.windows(2).any(|pair| pair == b"??");
    let names = written
        .split(|b| *b == b'/')
        .filter(|part| !part.is_empty())
        .count();
    let shaped = written.first() == Some(&b'/') && slashes == 2 && names == 2 && questions >= 2;
    let (tail, after) = tail::read(bytes, word.end, text.ends);
    let last = written.rsplit(|b| *b == b'/').next().unwrap_or_default();
    let open_ended = last.iter().any(|b| matches!(b, b'?' | b'*'));
    let shaped = shaped && (open_ended && (doubled || questions >= 3) || tail == Tail::Hard);
    (shaped && !matches!(tail, Tail::Foreign | Tail::Plain)).then_some(())?;
    (anchor::read(bytes, start, text.starts) != Anchor::Prose).then_some(())?;
    found(WILDCARD, start, after)
}

/// `/dev/tcp/10.0.0.1/443`, which bash opens as a connection.
pub(super) fn socket(text: &Text<'_>, at: usize) -> Option<Match> {
    let bytes = text.bytes;
    let start = at.checked_sub(4)?;
    let rest = bytes.get(start..)?;
    (rest.starts_with(b"/dev/tcp/") || rest.starts_with(b"/dev/udp/")).then_some(())?;
    let rest = rest.get(9..)?;
    let host = rest.iter().take(80).position(|b| *b == b'/')?;
    let port = rest.get(host + 1)?;
    let plain = rest
        .get(..host)?
        .iter()
        .all(|b| !matches!(b, b' ' | b'\n' | b'<' | b'>'));
    (host > 0 && plain && (port.is_ascii_digit() || *port == b'$')).then_some(())?;
    found(SOCKET, start, start + 10 + host)
}

/// Options by which a program runs another.
pub(super) fn option(text: &Text<'_>, at: usize) -> Option<Match> {
    const OPTIONS: [&[u8]; 3] = [
        b"-oproxycommand=",
        b"--upload-pack=",
        b"--checkpoint-action=exec",
    ];
    const EXEC: &[u8] = b"--exec=";
    let bytes = text.bytes;
    // The trigger stands inside the option.
    let start_of = |option: &[u8]| {
        (0..option.len()).find_map(|inside| {
            let start = at.checked_sub(inside)?;
            let found = bytes.get(start..start + option.len())?;
            found.eq_ignore_ascii_case(option).then_some(start)
        })
    };
    let (start, end) = if let Some(start) = start_of(EXEC) {
        // Harmless options are called so too: what is run must be a substitution.
        let end = start + EXEC.len();
        matches!(bytes.get(end), Some(b'`' | b'$')).then_some(())?;
        (start, end)
    } else {
        OPTIONS
            .iter()
            .find_map(|option| Some((start_of(option)?, option.len())))
            .map(|(start, length)| (start, start + length))?
    };
    let quoted = start.checked_sub(1).and_then(|i| bytes.get(i)) == Some(&b'`');
    let valued = bytes.get(end).is_some_and(|b| !b.is_ascii_whitespace()) || !text.ends;
    let valued = valued || end == bytes.len() && bytes.get(end - 1) != Some(&b'=');
    (valued && !quoted).then_some(())?;
    found(OPTION, start, end)
}
