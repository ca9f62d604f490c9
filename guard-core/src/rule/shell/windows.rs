//! What only `cmd.exe` and PowerShell read.

use crate::inspect::{Match, Text};
use crate::rule::{RuleId, found};

use super::anchor::{self, Anchor};

const COMMAND: RuleId = RuleId::new("shell.command");
const POWERSHELL: RuleId = RuleId::new("shell.powershell");
const LOOP: RuleId = RuleId::new("shell.for_loop");

/// `cmd /c dir`, `cmd.exe /k ...`
pub(super) fn command_interpreter(text: &Text<'_>, at: usize) -> Option<Match> {
    let bytes = text.bytes;
    let before = bytes.get(at.saturating_sub(6)..=at)?;
    let width = [&b"cmd"[..], b"cmd.exe"]
        .iter()
        .map(|name| name.len())
        .find(|width| {
            before.len() >= *width
                && before.get(before.len() - width..).is_some_and(|found| {
                    found.eq_ignore_ascii_case(b"cmd") || found.eq_ignore_ascii_case(b"cmd.exe")
                })
        })?;
    let start = (at + 1).checked_sub(width)?;
    let rest = bytes.get(at + 4..)?;
    let goes_on = matches!(rest.first(), Some(b' ' | b'+' | b'"'));
    let apart = start
        .checked_sub(1)
        .and_then(|i| bytes.get(i))
        .is_none_or(|b| !b.is_ascii_alphanumeric());
    (goes_on && apart && anchor::read(bytes, start, text.starts) != Anchor::Prose).then_some(())?;
    found(COMMAND, start, at + 4)
}

/// `powershell` with a flag that hides what it runs.
pub(super) fn power_shell(text: &Text<'_>, at: usize) -> Option<Match> {
    let bytes = text.bytes;
    let start = at.checked_sub(4)?;
    let rest = bytes.get(start..)?;
    let rest = rest.get(..rest.len().min(160))?;
    rest.get(..10)?
        .eq_ignore_ascii_case(b"powershell")
        .then_some(())?;
    let body = rest.get(10..)?;
    let name = if body.get(..4)?.eq_ignore_ascii_case(b".exe") {
        4
    } else {
        0
    };
    let body = body.get(name..)?;
    let blanks = body
        .iter()
        .take(8)
        .take_while(|b| matches!(b, b' ' | b'+' | b'"'))
        .count();
    (body.get(blanks) == Some(&b'-')).then_some(())?;
    let flags: [&[u8]; 8] = [
        b"-enc ",
        b"-encode",
        b"-windowstyle",
        b"-w hidden",
        b"-nop",
        b"-ec ",
        b"-exec bypass",
        b"-ep bypass",
    ];
    let hidden = memchr::memchr_iter(b'-', body).any(|i| {
        let here = body.get(i..).unwrap_or_default();
        flags.iter().any(|flag| {
            here.get(..flag.len())
                .is_some_and(|found| found.eq_ignore_ascii_case(flag))
        })
    });
    (hidden && anchor::read(bytes, start, text.starts) != Anchor::Prose).then_some(())?;
    found(POWERSHELL, start, start + 10)
}

/// `New-Object Net.WebClient`, `New-Object System.Net.Sockets.TCPClient`
pub(super) fn web_client(text: &Text<'_>, at: usize) -> Option<Match> {
    let start = at.checked_sub(2)?;
    let rest = text.bytes.get(start..)?;
    rest.get(..10)?
        .eq_ignore_ascii_case(b"new-object")
        .then_some(())?;
    let class = rest.get(10..rest.len().min(24))?;
    let class = class.get(1..)?;
    let class = if class.get(..7)?.eq_ignore_ascii_case(b"system.") {
        class.get(7..)?
    } else {
        class
    };
    class
        .get(..4)?
        .eq_ignore_ascii_case(b"net.")
        .then_some(())?;
    found(POWERSHELL, start, start + 15)
}

/// `for /f "tokens=*" %i in ('cmd') do`, `for %i in (`
pub(super) fn for_loop(text: &Text<'_>, at: usize) -> Option<Match> {
    let bytes = text.bytes;
    let before = at.checked_sub(1).and_then(|i| bytes.get(i));
    before
        .is_none_or(|b| !b.is_ascii_alphanumeric())
        .then_some(())?;
    let rest = bytes.get(at..)?;
    rest.get(..4)?.eq_ignore_ascii_case(b"for ").then_some(())?;
    let rest = rest.get(4..rest.len().min(68))?;
    let flagged = matches!(
        rest,
        [
            b'/',
            b'f' | b'l' | b'd' | b'r' | b'F' | b'L' | b'D' | b'R',
            b' ',
            ..
        ]
    );
    let percent = rest.iter().position(|b| *b == b'%')?;
    (flagged || percent == 0).then_some(())?;
    let name = rest.get(percent..)?;
    let name = name.get(name.iter().take_while(|b| **b == b'%').count()..)?;
    let [letter, b' ', b'i' | b'I', b'n' | b'N', b' ', b'(', ..] = name else {
        return None;
    };
    letter.is_ascii_alphabetic().then_some(())?;
    found(LOOP, at, at + 4 + percent + 1)
}
