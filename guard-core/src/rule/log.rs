//! Rules of the `log` family: line breaks that forge a log entry or a header, and control sequences
//! for the terminal that shows the log.
//!
//! Text of many lines is ordinary. What differs in a forgery is that one short value, whose first
//! line is no line of the kind, goes on with a line that a logger or a protocol would have written.

use crate::inspect::{Effort, Match, Text, Trigger};
use crate::rule::{Family, RuleId, Rules};

mod entry;

use entry::Line;

pub(super) const RULES: Rules = Rules {
    family: Family::Log,
    triggers: TRIGGERS,
    glance: 12,
    context,
    hopeless: Some(hopeless),
    confirm,
};

const HEADER: RuleId = RuleId::new("log.header");
const ENTRY: RuleId = RuleId::new("log.forged_entry");
const COMMAND: RuleId = RuleId::new("log.protocol_command");
const ESCAPE: RuleId = RuleId::new("log.terminal_escape");
const OVERWRITE: RuleId = RuleId::new("log.overwrite");

const TRIGGERS: &[Trigger] = &[
    // A break while still escaped (or spelled out), then what may begin a forged line.
    Trigger::new("\\\\[nr][ \\[a-z\\d][a-z\\d-]"),
    Trigger::new("[\\n\\r\\x0b\\x0c] [a-z\\d-]"),
    Trigger::new("[\\n\\r\\x0b\\x0c]\\t[a-z\\d-]"),
    Trigger::new("[\\n\\r\\x0b\\x0c][\\[a-z\\d][a-z\\d-]"),
    Trigger::new("\\\\n\\\\[t\\\\]"),
    // A priority, as syslog writes it.
    Trigger::new("\\\\[nr]<\\d"),
    Trigger::new("[\\n\\r]<\\d[\\d>]"),
    // A line of JSON, as structured loggers write it.
    Trigger::new("\\\\[nr]\\{[\\\\\"]"),
    Trigger::new("[\\n\\r]\\{\"[a-z@]"),
    // U+0085, U+2028 and U+2029 break lines too; U+560A and U+560D end in LF and CR when cut to a
    // byte.
    Trigger::new("\\xc2\\x85[\\[a-z][a-z-]"),
    Trigger::new("\\xe2\\x80[\\xa8\\xa9][\\[a-z]"),
    Trigger::new("\\xe5\\x98[\\x8a\\x8d][\\[a-z\\r\\n\\xe5]"),
    Trigger::new("\\0\\[[a-z]"),
    // CSI, OSC
    Trigger::new("\\e\\[[\\d;?a-z]"),
    Trigger::new("\\e\\]\\d"),
    // DCS, SOS, PM, APC
    Trigger::new("\\e[PX^_]"),
    // CSI as one character, U+009B.
    Trigger::new("\\xc2\\x9b[\\d;?]"),
    Trigger::new("\\x08\\x08"),
    Trigger::new("\\\\b\\\\[b\\\\]"),
];

/// The longest first line of a forged value.
const FIRST_LINE: usize = 128;

/// What telling what lines are costs, besides the half of a unit for each of their bytes.
const GLANCED: usize = 24;

/// Only the first break of a value counts.
fn hopeless(text: &Text<'_>, at: usize) -> bool {
    let is_break = |byte: &u8| matches!(byte, b'\n' | b'\r' | 0x0b | 0x0c);
    (!text.starts || at > FIRST_LINE + 16) && text.bytes.get(at).is_some_and(is_break)
}

fn context(bytes: &[u8], at: usize) -> bool {
    let rest = bytes.get(at..).unwrap_or_default();
    let (broken, after) = match rest {
        [b'\\', b'b', after @ ..] => {
            return after
                .iter()
                .take(5)
                .find(|b| **b != b'\\')
                .is_none_or(|b| *b == b'b');
        }
        [b'\\', kind, after @ ..] => (*kind == b'r', after),
        [kind @ (b'\n' | b'\r' | 0x0b | 0x0c), after @ ..] => (*kind == b'\r', after),
        _ => return true,
    };
    // A carriage return alone moves back to the line's beginning.
    if broken {
        return true;
    }
    let after = match after {
        [b' ' | b'\t', after @ ..] => after,
        // A tab, escaped once or more.
        [b'\\', ..] => {
            let escapes = after.iter().take(4).take_while(|b| **b == b'\\').count();
            match after.get(escapes..) {
                Some([b't', after @ ..]) => after,
                _ => return false,
            }
        }
        after => after,
    };
    let token = after
        .iter()
        .take(40)
        .take_while(|b| b.is_ascii_alphanumeric() || **b == b'-')
        .count();
    let word = after.get(..token).unwrap_or_default();
    let upper = !word.is_empty() && !word.iter().any(u8::is_ascii_lowercase);
    match (after.first(), after.get(token)) {
        (Some(b'['), _) => after
            .iter()
            .take(24)
            .skip(1)
            .any(|b| matches!(b, b']' | b'\\' | b'%' | b':')),
        (Some(b'{' | b'<'), _) => true,
        // `04-Mar-2026 `
        (Some(b'0'..=b'9'), Some(b' ')) if token == 11 => true,
        (_, Some(b':')) => {
            word.contains(&b'-') || upper || entry::is_plain_name(word) || returned(bytes, at)
        }
        (_, None | Some(b'%' | b'&' | b'=')) => true,
        (_, Some(b'\\')) => upper || after.get(token + 1) == Some(&b'u'),
        // An address; a date.
        (Some(b'0'..=b'9'), Some(b'.' | b'/')) => token <= 4,
        (Some(b'0'..=b'9'), Some(b' ')) => token == 10,
        (_, Some(b'\r' | b'\n')) => upper,
        // A command or level; a month and its day.
        (_, Some(b' ' | b'/')) => {
            let day = matches!(after.get(token + 1), Some(b' ' | b'0'..=b'9'));
            (upper && (token > 2 || word.last().is_some_and(u8::is_ascii_digit)))
                || (token == 3 && day)
        }
        _ => false,
    }
}

/// Whether a carriage return stands before the line feed at `bytes[at]`.
fn returned(bytes: &[u8], at: usize) -> bool {
    let head = bytes.get(..at).unwrap_or_default();
    let escapes = head
        .iter()
        .rev()
        .take(4)
        .take_while(|b| **b == b'\\')
        .count();
    matches!(
        head.get(..at - escapes),
        Some([.., b'\r'] | [.., b'\\', b'r'])
    )
}

fn confirm(text: &Text<'_>, at: usize, effort: &mut Effort) -> Option<Match> {
    let bytes = text.bytes;
    match bytes.get(at..)? {
        [0x1b, rest @ ..] => escape(at, rest, effort),
        [0xc2, 0x9b, rest @ ..] => control(at + 1, rest, effort),
        [0x08, ..] => backspaces(text, at, effort),
        [b'\\', b'b', ..] => None,
        [0 | 0xc2 | 0xe2 | 0xe5, ..] => forged(text, at, true, effort),
        _ => forged(text, at, false, effort),
    }
}

/// The length of one line break at the head of `bytes`, spelled out ones included.
const fn line_break(bytes: &[u8]) -> usize {
    match bytes {
        [b'\n' | b'\r' | 0x0b | 0x0c | 0, ..] => 1,
        [b'\\', b'n' | b'r', ..] | [0xc2, 0x85, ..] => 2,
        [0xe2, 0x80, 0xa8 | 0xa9, ..] | [0xe5, 0x98, 0x8a | 0x8d, ..] => 3,
        _ => 0,
    }
}

fn breaks_at_end(bytes: &[u8]) -> usize {
    match bytes {
        [.., b'\n' | b'\r' | 0x0b | 0x0c | 0] => 1,
        [.., b'\\', b'n' | b'r'] | [.., 0xc2, 0x85] => 2,
        [.., 0xe2, 0x80, 0xa8 | 0xa9] | [.., 0xe5, 0x98, 0x8a | 0x8d] => 3,
        _ => 0,
    }
}

/// The first break of a short value, and a line behind it that the value had no right to write.
fn forged(text: &Text<'_>, at: usize, unusual: bool, effort: &mut Effort) -> Option<Match> {
    let bytes = text.bytes;
    // The first line, and as much of the next.
    let looked = bytes.len().min(at + FIRST_LINE);
    if !text.starts || at > FIRST_LINE + 16 || !effort.spend(GLANCED + looked / 2) {
        return None;
    }
    let mut first = bytes.get(..at)?;
    for _ in 0..8 {
        match breaks_at_end(first) {
            0 => break,
            n => first = first.get(..first.len() - n)?,
        }
    }
    let mut next = at;
    for _ in 0..8 {
        match bytes.get(next..).map_or(0, line_break) {
            0 => break,
            n => next += n,
        }
    }
    let real_return = bytes.get(at) == Some(&b'\r');
    // Folded header lines begin with white space.
    let indent = bytes
        .get(next..)?
        .iter()
        .take(4)
        .take_while(|b| matches!(b, b' ' | b'\t'))
        .count();
    let line = bytes.get(next + indent..)?;
    let spaces = first_line(first)?;
    let Some((kind, length)) = entry::classify(line) else {
        let rest = bytes.get(at + 1..)?;
        let lone = real_return
            && next == at + 1
            && first.len() + 1 > at
            && spaces == 0
            && !first.is_empty()
            && line.len() <= FIRST_LINE
            && effort.spend(rest.len())
            && !rest.iter().any(|b| matches!(b, b'\n' | b'\r'));
        let tagged = unusual && tag(line);
        return match (tagged, lone) {
            (true, _) => Some(Match {
                rule: ENTRY,
                span: first.len()..next + indent + 1,
            }),
            (_, true) => Some(Match {
                rule: OVERWRITE,
                span: at..bytes.len(),
            }),
            _ => None,
        };
    };
    let short = bytes.len() <= 1024;
    let rule = match kind {
        Line::Header => (spaces <= 2 && is_value(first)).then_some(HEADER),
        Line::Named => (spaces == 0 && is_value(first) && short).then_some(HEADER),
        Line::Mail => is_address(first).then_some(HEADER),
        Line::Pair => {
            let bare = bytes.len() <= 96 && !bytes.contains(&b' ') && !first.contains(&b'=');
            let broken = bytes.get(first.len()..next)?;
            let returned = broken.contains(&b'\r') || broken.starts_with(b"\\r");
            let colons = first.iter().filter(|b| **b == b':').count();
            let url = first.windows(3).any(|w| w == b"://");
            (bare && returned && colons == usize::from(url)).then_some(HEADER)
        }
        Line::Entry => (spaces <= 3 && indent == 0).then_some(ENTRY),
        // Two lines: one is a bare value, the other all of what a logger would have written.
        Line::Message => {
            let bare = spaces == 0 && is_value(first) && !first.is_empty();
            let last = bytes.len() <= 2 * FIRST_LINE
                && !line
                    .trim_ascii_end()
                    .iter()
                    .any(|b| matches!(b, b'\n' | b'\r'));
            (bare && last && indent == 0).then_some(ENTRY)
        }
        Line::Command => (spaces <= 2 && is_value(first)).then_some(COMMAND),
    }?;
    Some(Match {
        rule,
        span: first.len()..next + indent + length,
    })
}

/// Spaces in the first line, unless it holds a break itself or is a line of a log already.
fn first_line(first: &[u8]) -> Option<usize> {
    let broken = |w: &[u8]| w.first().is_some_and(|b| matches!(b, b'\n' | b'\r'));
    if first.len() > FIRST_LINE || first.windows(1).any(broken) {
        return None;
    }
    let listed = matches!(entry::classify(first), Some((Line::Entry, _)));
    if (first.len() > 4 && listed) || first.first() == Some(&b'{') {
        return None;
    }
    Some(first.trim_ascii().iter().filter(|b| **b == b' ').count())
}

/// Whether a first line is a bare value: no header or property, no start line of a message or a
/// frame (STOMP's is a command alone), no boundary of a multipart body or item of a list, no opening
/// of a block that goes on.
fn is_value(first: &[u8]) -> bool {
    let name = first
        .iter()
        .take_while(|b| b.is_ascii_alphanumeric() || **b == b'-')
        .count();
    let verb = first.iter().take_while(|b| b.is_ascii_uppercase()).count();
    let headed = name > 0
        && first.get(name) == Some(&b':')
        && (verb == name || matches!(first.get(name + 1), None | Some(b' ')));
    let message = verb > 2
        && match first.get(verb) {
            None => true,
            Some(b' ' | b'/') => first.windows(5).any(|w| w == b"HTTP/"),
            Some(_) => false,
        };
    let opens = matches!(
        first.trim_ascii_end().last(),
        Some(b'{' | b'(' | b'[' | b';' | b',' | b'>')
    );
    !headed && !message && !opens && !first.starts_with(b"--") && first != b"-"
}

/// Whether a first line is the address of a mailbox and nothing else (RFC 5321, 4.1.2).
fn is_address(first: &[u8]) -> bool {
    let at = memchr::memrchr(b'@', first);
    let part = |part: &[u8]| !part.is_empty() && part.iter().all(|b| b.is_ascii_graphic());
    at.is_some_and(|at| {
        let (mailbox, domain) = first.split_at(at);
        part(mailbox) && part(domain) && domain.contains(&b'.') && !mailbox.contains(&b'/')
    })
}

/// `[ANYTHING]`, where the break before it is one that nobody types.
fn tag(line: &[u8]) -> bool {
    let inner = line
        .iter()
        .skip(1)
        .take(24)
        .take_while(|b| b.is_ascii_uppercase() || **b == b'_')
        .count();
    line.first() == Some(&b'[') && inner > 1 && line.get(inner + 1) == Some(&b']')
}

/// A control sequence (ECMA-48, 5.4), a control string or an operating system command.
fn escape(at: usize, rest: &[u8], effort: &mut Effort) -> Option<Match> {
    let rest = rest.get(..rest.len().min(64))?;
    if !effort.spend(rest.len()) {
        return None;
    }
    let length = match rest {
        [b'[', parameters @ ..] => return control(at + 1, parameters, effort),
        [b']', command @ ..] => {
            let n = command.iter().take_while(|b| b.is_ascii_digit()).count();
            command.get(n).filter(|b| **b == b';')?;
            n + 2
        }
        // A control string, up to what ends it: ST, or BEL, which terminals take too (5.6).
        [b'P' | b'X' | b'^' | b'_', content @ ..] => {
            let n = content.iter().position(|b| matches!(b, 0x1b | 7))?;
            let content = content.get(n..)?;
            matches!(content, [7, ..] | [0x1b, b'\\', ..]).then_some(n + 2)?
        }
        _ => return None,
    };
    Some(Match {
        rule: ESCAPE,
        span: at..at + 1 + length,
    })
}

/// The parameters and the final byte of a control sequence whose introducer ends at `bytes[at]`.
fn control(at: usize, rest: &[u8], effort: &mut Effort) -> Option<Match> {
    let rest = rest.get(..rest.len().min(64))?;
    let n = rest.iter().take_while(|b| matches!(b, 0x20..=0x3f)).count();
    rest.get(n).filter(|b| matches!(b, 0x40..=0x7e))?;
    effort.spend(n).then(|| Match {
        rule: ESCAPE,
        span: at - 1..at + 2 + n,
    })
}

/// Backspaces between letters rub out what was logged.
fn backspaces(text: &Text<'_>, at: usize, effort: &mut Effort) -> Option<Match> {
    let rest = text.bytes.get(at..)?;
    let n = rest.iter().take(64).take_while(|b| **b == 0x08).count();
    let before = at.checked_sub(1).and_then(|i| text.bytes.get(i));
    (effort.spend(n) && before.is_some_and(u8::is_ascii_graphic)).then(|| Match {
        rule: OVERWRITE,
        span: at..at + n,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::exercise::{exercise, rule_of};

    #[test]
    fn attacks_differ_from_their_siblings() {
        for (input, rule) in [
            ("bob\n[ERROR] down", "log.forged_entry"),
            ("bob\n[link] down", ""),
            ("x\r\nSet-Cookie: a=b", "log.header"),
            ("fix\n\nSigned-off-by: A <a@b>", ""),
            ("a\u{1b}[31m", "log.terminal_escape"),
            ("a\rbc", "log.overwrite"),
            ("a\r\nbc", ""),
            ("x\r\nQUIT\r\n", "log.protocol_command"),
        ] {
            let found = rule_of(&RULES, input.as_bytes());
            assert_eq!(found.unwrap_or_default(), rule, "{input}");
        }
    }

    #[test]
    fn any_bytes_are_survived() {
        let pieces: &[&[u8]] = &[
            b"\n",
            b"\r",
            b"\\n",
            b"\\r",
            b"Set-Cookie: a",
            b"X-A:",
            b"[ERROR] x",
            b"INFO: ",
            b"2024-01-31 12:00:00 ",
            b"a",
            b" ",
            b"\x1b[",
            b"31m",
            b"\x1b]0;",
            b"\x08\x08",
            b"QUIT",
            b"GET / HTTP/1.1",
            b"\xe2\x80\xa8",
            b"\xc2\x85",
            b"\xe5\x98\x8a",
            b"\0",
            b"Signed-off-by: x",
            b"A1 LOGIN ",
            b"127.0.0.1 - - [",
            b"Jan 31 12:00:00",
        ];
        exercise(&RULES, pieces);
    }
}
