//! Rules of the `shell` family: command lines for POSIX shells, `cmd.exe` and PowerShell.
//!
//! Injected commands stand where a shell begins a new one: after a separator, in a substitution, or
//! as a program's path. The family confirms that the word there names a command ([`command`]), that
//! what follows is an argument list or an end and not prose ([`tail`]), and that what comes before
//! could be the value a function expects ([`anchor`]).

use crate::inspect::{Effort, Match, Text, Trigger};
use crate::rule::{Family, RuleId, Rules};

mod anchor;
mod command;
mod tail;
mod word;

use anchor::Anchor;
use command::Name;
use tail::Tail;
use word::Word;

pub(super) const RULES: Rules =
    Rules { family: Family::Shell, triggers: TRIGGERS, context, confirm };

/// Bytes that one confirmation may look at: before the separator, the word, its first argument.
const WINDOW: usize = 256;

const COMMAND: RuleId = RuleId::new("shell.command");
const SUBSTITUTION: RuleId = RuleId::new("shell.substitution");
const PROGRAM: RuleId = RuleId::new("shell.program");
const WILDCARD: RuleId = RuleId::new("shell.wildcard_path");
const IFS: RuleId = RuleId::new("shell.ifs");
const FUNCTION: RuleId = RuleId::new("shell.function_import");
const SOCKET: RuleId = RuleId::new("shell.socket");
const OPTION: RuleId = RuleId::new("shell.option");
const ARITHMETIC: RuleId = RuleId::new("shell.arithmetic");
const POWERSHELL: RuleId = RuleId::new("shell.powershell");
const LOOP: RuleId = RuleId::new("shell.for_loop");
const MAIL: RuleId = RuleId::new("shell.mail_command");

const TRIGGERS: &[Trigger] = &[
    // A separator and a word right after it, or after one blank or a second separator.
    Trigger::new("[;|&`\\n][a-z/{'\"\\\\][a-z'\"?*^@\\\\,][a-z'\"?*;|&`/\\\\^$@ +)-]"),
    Trigger::new("[;|&`\\n][ +\\t|;&(`][a-z/{'\"\\\\$][a-z'\"?*\\\\^@]"),
    Trigger::new("[;|&`\\n][ +\\t|;&][ +\\t|;&(][a-z/{'\"\\\\$]"),
    // Names of two letters, which may end the text.
    Trigger::new("[;|&`\\n][ilpncdsw][dscpfhvm]"),
    // A line break that is still escaped in JSON.
    Trigger::new("\\\\n[a-z/;|&][a-z]"),
    // Substitutions: `$(id)`, `$( id )`, `$(`id`)`, `$({cat,/x})`.
    Trigger::new("\\x24\\([a-z/{'\"\\\\ `(][a-z/'\"?*\\\\ ]"),
    // `$IFS`, `${IFS}`.
    Trigger::new("\\x24ifs"),
    Trigger::new("\\x24\\{if"),
    // `/bin/id`, `/dev/tcp/`.
    Trigger::new("/bin"),
    Trigger::new("/tcp"),
    Trigger::new("/udp"),
    // `/???/c?t`.
    Trigger::new("/[?*a-z][?*][?*/a-z]"),
    // A function definition imported from a variable (CVE-2014-6271).
    Trigger::new("\\(\\)[ \\t{][ {:]"),
    // A command before a final separator.
    Trigger::new("id[;|]"),
    // `$((7*7))`, `<(id)`, `{cat,/etc/passwd}`.
    Trigger::new("\\x24\\(\\(\\d"),
    Trigger::new("[<>]\\([a-z/][a-z/]"),
    Trigger::new("\\{[a-z/][a-z,][a-z,/]"),
    // PowerShell: `powershell -enc`, `New-Object Net.WebClient`.
    Trigger::new("wers"),
    Trigger::new("w-ob"),
    // `for /f %i in (`, `for %i in (`
    Trigger::new("or [/%]"),
    // SMTP after a line break: `RCPT TO:`.
    Trigger::new("rcpt"),
    // Options that run a program.
    Trigger::new("xyco"),
    Trigger::new("-exe"),
    Trigger::new("d-pa"),
    Trigger::new("t-ac"),
];

/// On raw bytes: whether the word after the separator could be a command's name and is no key.
fn context(bytes: &[u8], at: usize) -> bool {
    let Some(rest) = bytes.get(at..bytes.len().min(at + 48)) else { return true };
    let Some((first, rest)) = rest.split_first() else { return true };
    match first {
        b';' | b'|' | b'&' | b'\n' | b'`' => may_command(rest),
        b'\\' => may_command(rest.get(1..).unwrap_or_default()),
        b'$' if rest.first() == Some(&b'(') => may_command(rest.get(1..).unwrap_or_default()),
        // What comes before decides, and `confirm` sees it decoded.
        _ => true,
    }
}

/// Whether what follows a separator may be a command, decided on bytes that may be encoded.
fn may_command(rest: &[u8]) -> bool {
    let blank = |b: &u8| matches!(b, b' ' | b'\t' | b'+' | b';' | b'|' | b'(' | b'`' | b'{' | b'$');
    let skipped = rest.iter().take_while(|b| blank(b)).count();
    let Some(rest) = rest.get(skipped..) else { return true };
    let length = rest
        .iter()
        .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
        .count();
    let mut name = [0; command::LONGEST];
    let after = rest.get(length);
    match after {
        // Encoded, quoted, or a path: only the parser can tell.
        None | Some(b'\\' | b'%' | b'&' | b'/' | b'\'' | b'"' | b'^' | b'?' | b'*' | b'$') => {
            return true;
        }
        // An assignment before the command is rare, a parameter is not.
        Some(b'=' | b':') => return false,
        Some(_) => {}
    }
    let (Some(slot), Some(word)) = (name.get_mut(..length), rest.get(..length)) else {
        return false;
    };
    slot.copy_from_slice(word);
    slot.make_ascii_lowercase();
    command::lookup(slot).is_some()
}

fn confirm(text: &Text<'_>, at: usize, effort: &mut Effort) -> Option<Match> {
    if !effort.spend(WINDOW) {
        return None;
    }
    let rest = text.bytes.get(at..)?;
    match rest {
        [b';' | b'|' | b'&' | b'\n', ..] => separated(text, at, 1),
        [b'\\', b'n', ..] => separated(text, at, 2),
        [b'`', ..] => backquoted(text, at),
        [b'$', b'(', b'(', b'0'..=b'9', ..] => arithmetic(text, at),
        [b'$', b'(', ..] => substituted(text, at),
        [b'<' | b'>', ..] => process(text, at),
        [b'{', ..] => braces(text, at),
        [b'w' | b'W', b'e' | b'E', ..] => power_shell(text, at),
        [b'w' | b'W', ..] => web_client(text, at),
        [b'o' | b'O', b'r' | b'R', ..] => for_loop(text, at.checked_sub(1)?),
        [b'r' | b'R', ..] => recipient(text, at),
        [b'$', ..] => field_separator(text, at),
        [b'(', ..] => imported(text, at),
        [b'/', b'b' | b'B', b'i' | b'I', ..] => program(text, at).or_else(|| wildcard(text, at)),
        [b'/', b't' | b'T' | b'u' | b'U', ..] => {
            socket(text, at).or_else(|| wildcard(text, at))
        }
        [b'/', ..] => wildcard(text, at),
        [b'i' | b'I', ..] => terminated(text, at),
        _ => option(text, at),
    }
}

fn found(rule: RuleId, start: usize, end: usize) -> Option<Match> {
    Some(Match { rule, span: start..end })
}

/// A command read where one is expected.
struct Command {
    strength: Name,
    word: Word,
    start: usize,
    tail: Tail,
    /// Where the tail begins.
    after: usize,
}

impl Command {
    fn read(text: &Text<'_>, at: usize) -> Option<Self> {
        let bytes = text.bytes;
        let word = Word::read(bytes, at)?;
        let written = bytes.get(at..word.end)?;
        let shouted = written.iter().any(u8::is_ascii_uppercase);
        let mut strength = match command::lookup(word.name()) {
            Some(_) if word.is_path && !word.in_bin => return None,
            Some(_) if word.in_bin => Name::Sure,
            // POSIX names are lower case; those of Windows are told by their arguments.
            Some(Name::Word) if shouted && !word.tricked => return None,
            Some(strength) => strength,
            None if word.in_bin && word.wildcards == 0 => Name::Sure,
            None => return None,
        };
        if word.tricked {
            strength = Name::Sure;
        }
        let (mut tail, after) = tail::read(bytes, word.end, text.ends);
        if shouted && strength == Name::Term && tail < Tail::Hard {
            return None;
        }
        if tail == Tail::Plain
            && (has_subcommand(bytes, &word, after)
                || strength != Name::Word && tail::has_hard_argument(bytes, after))
        {
            tail = Tail::Hard;
        }
        Some(Self { strength, word, start: at, tail, after })
    }

    fn name(&self) -> &[u8] {
        let name = self.word.name();
        name.strip_suffix(b".exe").unwrap_or(name)
    }

    /// Whether an argument of no special shape is what the command usually takes.
    fn takes_soft(&self) -> bool {
        match self.strength {
            Name::Sure | Name::Term => true,
            Name::Word => matches!(
                self.name(),
                b"sleep" | b"ping" | b"echo" | b"type" | b"cat" | b"timeout" | b"more" | b"host"
                    | b"dig" | b"id" | b"tail" | b"head" | b"kill" | b"touch" | b"tac" | b"which"
            ),
        }
    }
}

fn has_subcommand(bytes: &[u8], word: &Word, after: usize) -> bool {
    let Some(next) = Word::read(bytes, after) else { return false };
    let name = word.name();
    let name = name.strip_suffix(b".exe").unwrap_or(name);
    command::is_subcommand(name, next.name())
        || command::runs_another(name) && command::lookup(next.name()).is_some()
}

/// First byte past blanks, further separators and grouping.
fn skip_to_word(bytes: &[u8], at: usize) -> usize {
    let skip = |b: &u8| {
        matches!(b, b' ' | b'\t' | b'+' | b';' | b'|' | b'&' | b'\n' | b'\r' | b'(' | b'{' | b'@')
    };
    let rest = bytes.get(at..).unwrap_or_default();
    let mut at = at + rest.iter().take(12).take_while(|b| skip(b)).count();
    // `a=1;b=$x cmd`: assignments before the command.
    for _ in 0..4 {
        match assignment(bytes.get(at..).unwrap_or_default()) {
            Some(length) => at += length,
            None => break,
        }
    }
    at
}

/// Length of `name=value` and the blank or semicolon after it.
fn assignment(rest: &[u8]) -> Option<usize> {
    let name = rest.iter().take(16).take_while(|b| b.is_ascii_alphanumeric() || **b == b'_').count();
    rest.first().filter(|b| b.is_ascii_alphabetic() || **b == b'_')?;
    let value = rest.get(name..)?.strip_prefix(b"=")?;
    let length = value.iter().take(48).position(|b| matches!(b, b' ' | b';' | b'&' | b'|' | b'\n'))?;
    (value.get(length).is_some_and(|b| matches!(b, b' ' | b';'))).then_some(name + 1 + length + 1)
}

/// A command after a separator.
fn separated(text: &Text<'_>, at: usize, width: usize) -> Option<Match> {
    let bytes = text.bytes;
    let separator = *bytes.get(at)?;
    let start = skip_to_word(bytes, at + width);
    let command = Command::read(text, start)?;
    if command.tail == Tail::Foreign {
        return None;
    }
    let tight = start == at + width;
    let anchor = anchor::read(bytes, at, text.starts);
    let accepted = match separator {
        b'\n' | b'\\' => after_line(&command, anchor),
        _ if start > at + width && bytes.get(start - 1) == Some(&b' ') && bytes.get(at + width..start).is_some_and(|b| b.contains(&b'=')) => {
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
    // `&copy;` and `&reg;` are characters.
    let entity = separator == b'&' && tight && bytes.get(command.word.end) == Some(&b';');
    if entity && matches!(command.name(), b"copy" | b"reg") {
        return None;
    }
    found(COMMAND, at, command.after.max(command.word.end))
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
                    || command.tail == Tail::End && anchor == Anchor::Value && command.name() == b"id"
            }
        },
        Anchor::Word => matches!(command.tail, Tail::Separator | Tail::Hard),
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
        Tail::Separator => goes_on_as_shell(text, command.after),
        _ => false,
    };
    match (anchor, command.strength) {
        (Anchor::Prose, _) => false,
        (Anchor::Start | Anchor::Value, Name::Sure) => true,
        (Anchor::Word, Name::Sure) => command.tail != Tail::Plain,
        (Anchor::Start | Anchor::Value, Name::Term) => {
            alone || command.tail >= Tail::Soft
        }
        (Anchor::Word, Name::Term) => command.tail >= Tail::Soft || alone && tight,
        (Anchor::Start, Name::Word) => {
            alone && command::is_probe(command.name()) && !is_table(text, command, separator)
                || command.tail == Tail::Hard || command.tail == Tail::Soft && command.takes_soft()
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

/// Whether after a separator at `at` the text ends, or goes on with another command.
fn goes_on_as_shell(text: &Text<'_>, at: usize) -> bool {
    let start = skip_to_word(text.bytes, at);
    match text.bytes.get(start) {
        None => text.ends,
        Some(b'#' | b'"' | b'\'' | b')' | b'`' | b'\\' | b'$' | b'/') => true,
        Some(_) => Command::read(text, start).is_some_and(|next| next.tail != Tail::Foreign),
    }
}

/// Whether the bytes before `at` are a query string or form.
fn is_query(bytes: &[u8], at: usize) -> bool {
    let before = bytes.get(at.saturating_sub(64)..at).unwrap_or_default();
    before.iter().rev().any(|b| matches!(b, b'=' | b'?' | b'&'))
        && !before.iter().rev().take(24).any(|b| matches!(b, b' ' | b';' | b'|'))
}

/// A command in backquotes.
fn backquoted(text: &Text<'_>, at: usize) -> Option<Match> {
    let bytes = text.bytes;
    let blanks = bytes.get(at + 1..)?.iter().take(4).take_while(|b| **b == b' ').count();
    let command = Command::read(text, at + 1 + blanks)?;
    let inner = bytes.get(command.word.end..)?;
    let close = inner.iter().take(160).position(|b| *b == b'`')?;
    let close = command.word.end + close;
    let before = at.checked_sub(1).and_then(|i| bytes.get(i)).copied();
    let after = bytes.get(close + 1).copied();
    if before == Some(b'`') && after == Some(b'`') {
        // A code fence or a span of code.
        return None;
    }
    let plausible = match command.tail {
        Tail::Foreign => false,
        Tail::Plain => command.strength == Name::Sure || command.name() == b"echo",
        Tail::Soft => command.takes_soft(),
        Tail::End | Tail::Separator | Tail::Hard => true,
    };
    if !plausible {
        return None;
    }
    let closed = match after {
        None => text.ends,
        Some(b'"' | b'\'' | b';' | b'|' | b'&' | b'#' | b'\\' | b'$' | b'`') => true,
        Some(b'.' | b'-' | b'/') => {
            bytes.get(close + 2).is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'{')
        }
        Some(b')') => before == Some(b'('),
        Some(b' ') => {
            matches!(bytes.get(close + 2), Some(b'#' | b'|' | b';' | b'&'))
        }
        Some(_) => false,
    };
    let tight = match before {
        None => text.starts,
        Some(b) => b.is_ascii_alphanumeric() || b"=\"'|&;$/\\{(".contains(&b),
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
fn substituted(text: &Text<'_>, at: usize) -> Option<Match> {
    let bytes = text.bytes;
    let skip = |b: &u8| matches!(b, b' ' | b'`' | b'(' | b'{');
    let blanks = bytes.get(at + 2..)?.iter().take(6).take_while(|b| skip(b)).count();
    let start = at + 2 + blanks;
    let command = Command::read(text, start)?;
    let shouted = bytes.get(start..command.word.end)?.iter().any(u8::is_ascii_uppercase);
    let closed = bytes.get(command.word.end).is_some_and(|b| matches!(b, b')' | b'`'));
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
    found(SUBSTITUTION, at, command.after)
}

/// `$((1234*5678))`: a probe that the shell computes.
fn arithmetic(text: &Text<'_>, at: usize) -> Option<Match> {
    let inner = text.bytes.get(at + 3..)?;
    let length = inner.iter().take(40).position(|b| *b == b')')?;
    let inner_bytes = inner.get(..length)?;
    let plain = inner_bytes.iter().all(|b| b.is_ascii_digit() || b" +-*/%^".contains(b));
    let computes = inner_bytes.iter().any(|b| b"+-*/%^".contains(b));
    (plain && computes && inner.get(length + 1) == Some(&b')')).then_some(())?;
    found(ARITHMETIC, at, at + 3 + length + 2)
}

/// `<(id)`, `>(id)`: a command whose output or input is a file.
fn process(text: &Text<'_>, at: usize) -> Option<Match> {
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
fn braces(text: &Text<'_>, at: usize) -> Option<Match> {
    let bytes = text.bytes;
    let command = Command::read(text, at + 1)?;
    let arguments = bytes.get(command.word.end..)?.strip_prefix(b",")?;
    let length = arguments.iter().take(96).position(|b| matches!(b, b'}' | b' ' | b'"' | b'\n'))?;
    (arguments.get(length) == Some(&b'}')).then_some(())?;
    let shaped = matches!(arguments.first(), Some(b'-' | b'/' | b'$'))
        || command.strength == Name::Sure && arguments.first() != Some(&b'}');
    (shaped && anchor::read(bytes, at, text.starts) != Anchor::Prose).then_some(())?;
    found(COMMAND, at, command.word.end + 1 + length + 1)
}

/// `powershell` with a flag that hides what it runs.
fn power_shell(text: &Text<'_>, at: usize) -> Option<Match> {
    let bytes = text.bytes;
    let start = at.checked_sub(2)?;
    let rest = bytes.get(start..)?;
    let rest = rest.get(..rest.len().min(160))?;
    rest.get(..10)?.eq_ignore_ascii_case(b"powershell").then_some(())?;
    let body = rest.get(10..)?;
    let flags: [&[u8]; 7] =
        [b"-enc", b"-windowstyle", b"-w hidden", b"-nop", b"-ec ", b"-exec bypass", b"-ep bypass"];
    let hidden = (0..body.len()).any(|i| {
        let here = body.get(i..).unwrap_or_default();
        flags.iter().any(|flag| {
            here.get(..flag.len()).is_some_and(|found| found.eq_ignore_ascii_case(flag))
        })
    });
    (hidden && anchor::read(bytes, start, text.starts) != Anchor::Prose).then_some(())?;
    found(POWERSHELL, start, start + 10)
}

/// `New-Object Net.WebClient`, `New-Object System.Net.Sockets.TCPClient`
fn web_client(text: &Text<'_>, at: usize) -> Option<Match> {
    let start = at.checked_sub(2)?;
    let rest = text.bytes.get(start..)?;
    rest.get(..10)?.eq_ignore_ascii_case(b"new-object").then_some(())?;
    let class = rest.get(10..rest.len().min(24))?;
    let class = class.get(1..)?;
    let class = if class.get(..7)?.eq_ignore_ascii_case(b"system.") { class.get(7..)? } else { class };
    class.get(..4)?.eq_ignore_ascii_case(b"net.").then_some(())?;
    found(POWERSHELL, start, start + 15)
}

/// `for /f "tokens=*" %i in ('cmd') do`, `for %i in (`
fn for_loop(text: &Text<'_>, at: usize) -> Option<Match> {
    let bytes = text.bytes;
    let before = at.checked_sub(1).and_then(|i| bytes.get(i));
    before.is_none_or(|b| !b.is_ascii_alphanumeric()).then_some(())?;
    let rest = bytes.get(at..)?;
    rest.get(..4)?.eq_ignore_ascii_case(b"for ").then_some(())?;
    let rest = rest.get(4..rest.len().min(68))?;
    let flagged = matches!(rest, [b'/', b'f' | b'l' | b'd' | b'r' | b'F' | b'L' | b'D' | b'R', b' ', ..]);
    let percent = rest.iter().position(|b| *b == b'%')?;
    (flagged || percent == 0).then_some(())?;
    let name = rest.get(percent..)?;
    let name = name.get(name.iter().take_while(|b| **b == b'%').count()..)?;
    let [letter, b' ', b'i' | b'I', b'n' | b'N', b' ', ..] = name else { return None };
    letter.is_ascii_alphabetic().then_some(())?;
    found(LOOP, at, at + 4 + percent + 1)
}

/// A command of SMTP on a line of its own, after what a mail header should have held.
fn recipient(text: &Text<'_>, at: usize) -> Option<Match> {
    let bytes = text.bytes;
    let rest = bytes.get(at + 4..)?;
    let command = rest.get(..4)?.eq_ignore_ascii_case(b" to:");
    let before = at.checked_sub(1).and_then(|i| bytes.get(i))?;
    (command && matches!(before, b'\n' | b'\r' | b'n')).then_some(())?;
    let from = bytes.get(at.saturating_sub(96)..at)?;
    let sender = from.windows(10).any(|w| w.eq_ignore_ascii_case(b"mail from:"));
    sender.then_some(())?;
    found(MAIL, at, at + 8)
}

/// `$IFS` between a word and its argument.
fn field_separator(text: &Text<'_>, at: usize) -> Option<Match> {
    let bytes = text.bytes;
    word::is_ifs(bytes, at).then_some(())?;
    let before = *bytes.get(at.checked_sub(1)?)?;
    before.is_ascii_alphanumeric().then_some(())?;
    let rest = bytes.get(at + 4..)?;
    let glued = match rest {
        [b'$', b'1'..=b'9', ..] => true,
        [b'/' | b'-' | b'\'' | b'"' | b'.' | b'`' | b'\\' | b'?' | b'*', ..] => true,
        // `${IFS}x`, `${IFS%??}x`
        [b'}' | b'%', after, ..] | [b'F' | b'S', b'}' | b'%', after, ..] => {
            !matches!(after, b' ' | b'"' | b'`' | b'\'')
        }
        _ => false,
    };
    glued.then_some(())?;
    found(IFS, at, at + 4)
}

/// `() { ...; };` at the start of a value.
fn imported(text: &Text<'_>, at: usize) -> Option<Match> {
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
fn program(text: &Text<'_>, at: usize) -> Option<Match> {
    let bytes = text.bytes;
    bytes.get(at..)?.get(4).filter(|b| **b == b'/')?;
    let path = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'.' | b'_' | b'-');
    let back = bytes.get(..at)?.iter().rev().take(80).take_while(|b| path(b)).count();
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
    let last = bytes.get(command.after).is_some_and(|b| matches!(b, b'|' | b';'));
    (whole && command.tail == Tail::Separator && last && goes_on_as_shell(text, command.after))
        .then_some(())?;
    found(PROGRAM, start, command.after + 1)
}

/// `/???/c?t`: a path that a shell completes to a program's.
fn wildcard(text: &Text<'_>, at: usize) -> Option<Match> {
    let bytes = text.bytes;
    let path = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'?' | b'*' | b'[' | b']');
    let back = bytes.get(..at)?.iter().rev().take(40).take_while(|b| path(b)).count();
    let start = at - back;
    let word = Word::read(bytes, start)?;
    let written = bytes.get(start..word.end)?;
    let slashes = written.iter().filter(|b| **b == b'/').count();
    let questions = written.iter().filter(|b| **b == b'?').count();
    let doubled = written.windows(2).any(|pair| pair == b"??");
    let names = written.split(|b| *b == b'/').filter(|part| !part.is_empty()).count();
    let shaped = written.first() == Some(&b'/')
        && slashes == 2
        && names == 2
        && questions >= 2
        && (doubled || questions >= 3);
    let (tail, after) = tail::read(bytes, word.end, text.ends);
    (shaped && !matches!(tail, Tail::Foreign | Tail::Plain)).then_some(())?;
    (anchor::read(bytes, start, text.starts) != Anchor::Prose).then_some(())?;
    found(WILDCARD, start, after)
}

/// `/dev/tcp/10.0.0.1/443`, which bash opens as a connection.
fn socket(text: &Text<'_>, at: usize) -> Option<Match> {
    let bytes = text.bytes;
    let start = at.checked_sub(4)?;
    let rest = bytes.get(start..)?;
    (rest.starts_with(b"/dev/tcp/") || rest.starts_with(b"/dev/udp/")).then_some(())?;
    let rest = rest.get(9..)?;
    let host = rest.iter().take(80).position(|b| *b == b'/')?;
    let port = rest.get(host + 1)?;
    let plain = rest.get(..host)?.iter().all(|b| !matches!(b, b' ' | b'\n' | b'<' | b'>'));
    (host > 0 && plain && (port.is_ascii_digit() || *port == b'$')).then_some(())?;
    found(SOCKET, start, start + 10 + host)
}

/// `id;`, `id|`: the whole value is a command and a separator.
fn terminated(text: &Text<'_>, at: usize) -> Option<Match> {
    let whole = at == 0 && text.starts && text.ends && text.bytes.len() == 3;
    whole.then_some(())?;
    found(COMMAND, 0, 3)
}

/// Options by which a program runs another.
fn option(text: &Text<'_>, at: usize) -> Option<Match> {
    const OPTIONS: [(&[u8], usize); 4] = [
        (b"-oproxycommand=", 4),
        (b"--upload-pack=", 7),
        (b"--checkpoint-action=exec", 11),
        (b"--exec=", 1),
    ];
    let bytes = text.bytes;
    OPTIONS.iter().find_map(|(option, _)| {
        // The trigger stands inside the option.
        let inside = (0..option.len()).find(|i| {
            at.checked_sub(*i)
                .and_then(|start| bytes.get(start..start + option.len()))
                .is_some_and(|found| found.eq_ignore_ascii_case(option))
        })?;
        let start = at - inside;
        let before = start.checked_sub(1).and_then(|i| bytes.get(i));
        let exec = option.len() == 7;
        let after = bytes.get(start + option.len())?;
        let plausible = if exec {
            matches!(after, b'`' | b'$')
        } else {
            !before.is_some_and(|b| *b == b'`')
        };
        (plausible && !after.is_ascii_whitespace()).then_some(())?;
        found(OPTION, start, start + option.len())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(bytes: &[u8]) -> Option<&'static str> {
        let text = Text::value(bytes);
        let mut effort = Effort::new(1 << 20);
        (0..bytes.len()).find_map(|at| {
            (TRIGGERS.iter().any(|t| t.occurs(bytes, at)) && context(bytes, at))
                .then(|| confirm(&text, at, &mut effort))
                .flatten()
                .map(|found| found.rule.as_str())
        })
    }

    #[test]
    fn hostile_bytes_do_not_panic() {
        let alphabet = b"`$(){};|&\n '\"\\/?*^@#<>=:,.-+idcatshIFSbin";
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut bytes = [0_u8; 40];
        for _ in 0..10_000 {
            for slot in &mut bytes {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                *slot = alphabet[usize::try_from(state % alphabet.len() as u64).unwrap()];
            }
            let length = usize::try_from(state % 41).unwrap();
            if let Some(text) = bytes.get(..length) {
                rule(text);
            }
        }
    }
}
