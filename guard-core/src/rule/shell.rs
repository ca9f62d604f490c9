//! Rules of the `shell` family: command lines for POSIX shells, `cmd.exe` and PowerShell.
//!
//! Injected commands stand where a shell begins a new one: after a separator, in a substitution, or
//! as a program's path. The family confirms that the word there names a command ([`command`]), that
//! what follows is an argument list or an end and not prose ([`tail`]), and that what comes before
//! could be the value a function expects ([`anchor`]).

use crate::inspect::{Effort, Match, Text, Trigger};
use crate::rule::{Family, Rules};

mod anchor;
mod command;
mod expansion;
mod line;
mod program;
mod separated;
mod tail;
mod windows;
mod word;

pub(super) const RULES: Rules = Rules {
    family: Family::Shell,
    triggers: TRIGGERS,
    glance: 15,
    context,
    hopeless: None,
    confirm,
};

/// What reading a word costs, and what judging it with all around it does, in units of effort.
const WORD: usize = 48;
const WINDOW: usize = 384;

const TRIGGERS: &[Trigger] = &[
    // A separator and a word right after it, or after one blank or a second separator. Each
    // separator for itself: the set of them all is no product of nibbles.
    Trigger::new(";[a-z/{'\"\\\\][a-z'\"?*^@\\\\,$][a-z'\"?*;|&`/\\\\^$@ +)-]"),
    Trigger::new("\\|[a-z/{'\"\\\\][a-z'\"?*^@\\\\,$][a-z'\"?*;|&`/\\\\^$@ +)-]"),
    Trigger::new("&[a-z/{'\"\\\\][a-z'\"?*^@\\\\,$][a-z'\"?*;|&`/\\\\^$@ +)-]"),
    Trigger::new("`[a-z/{'\"\\\\][a-z'\"?*^@\\\\,$][a-z'\"?*;|&`/\\\\^$@ +)-]"),
    Trigger::new("\\n[a-z/{'\"\\\\][a-z'\"?*^@\\\\,$][a-z'\"?*;|&`/\\\\^$@ +)-]"),
    Trigger::new(";[ +\\t|;&(`][a-z/{'\"\\\\$][a-z'\"?*\\\\^@]"),
    Trigger::new("\\|[ +\\t|;&(`][a-z/{'\"\\\\$][a-z'\"?*\\\\^@]"),
    Trigger::new("&[ +\\t|;&(`][a-z/{'\"\\\\$][a-z'\"?*\\\\^@]"),
    Trigger::new("`[ +\\t|;&(`][a-z/{'\"\\\\$][a-z'\"?*\\\\^@]"),
    Trigger::new(";[ +\\t|;&][ +\\t|;&(][a-z/{\\\\$]"),
    Trigger::new("\\|[ +\\t|;&][ +\\t|;&(][a-z/{\\\\$]"),
    Trigger::new("&[ +\\t|;&][ +\\t|;&(][a-z/{\\\\$]"),
    Trigger::new("`[ +\\t|;&][ +\\t|;&(][a-z/{\\\\$]"),
    Trigger::new("\\n[ +\\t][ a-z/][a-z]"),
    // Names of two letters, which may end the text.
    Trigger::new(";[ilpncdsw][dscpfhvm][^=a-z\\d_]"),
    Trigger::new("\\|[ilpncdsw][dscpfhvm][^=a-z\\d_]"),
    Trigger::new("&[ilpncdsw][dscpfhvm][^=a-z\\d_]"),
    Trigger::new("`[ilpncdsw][dscpfhvm][^=a-z\\d_]"),
    Trigger::new("\\n[ilpncdsw][dscpfhvm][^=a-z\\d_]"),
    // `;. /x`, `; . /x`: a file read as commands.
    Trigger::new(";\\. [/~.]"),
    Trigger::new("\\|\\. [/~.]"),
    Trigger::new("&\\. [/~.]"),
    Trigger::new("[;&] \\. "),
    // `;$x`, with `x=id` before; `;$0`, `;$SHELL`, `;${PATH:0:1}bin`.
    Trigger::new(";\\x24[a-z{0]"),
    Trigger::new("\\|\\x24[a-z{0]"),
    Trigger::new("&\\x24[a-z{0]"),
    // `$'\x69\x64'`
    Trigger::new("\\x24'\\\\[x\\\\\\d]"),
    // `cmd /c`, `cmd.exe /c`
    Trigger::new("[de] /[ck]"),
    // A line break that is still escaped in JSON.
    Trigger::new("\\\\n[a-z/;|&][a-z]"),
    // Substitutions: `$(id)`, `$( id )`, `$(`id`)`, `$({cat,/x})`, `$((7*7))`, `<(id)`.
    Trigger::new("[\\x24<>]\\([a-z/{'\"\\\\ `(][a-z/'\"?*\\\\ \\d]"),
    // `$(</etc/passwd)`; `;{ id; }`
    Trigger::new("\\x24\\(<[/~.]"),
    Trigger::new(";\\{ [a-z/]"),
    // `$IFS`, `${IFS}`.
    Trigger::new("\\x24[{i][if][fs]"),
    // `/bin/id`, `/dev/tcp/`.
    Trigger::new("/bin"),
    Trigger::new("/[tu][cd]p"),
    // `/???/c?t`.
    Trigger::new("/[?*a-z][?*][?*/a-z]"),
    // A function definition imported from a variable (CVE-2014-6271).
    Trigger::new("\\(\\)[ \\t{][ {:]"),
    // A command before a final separator.
    Trigger::new("id[;|]"),
    // `{cat,/etc/passwd}`.
    // Not `{proxy+}`, of which every event of a REST API has some.
    Trigger::new("\\{[a-o][a-z,][a-z,/]"),
    Trigger::new("\\{[q-z][a-z,][a-z,/]"),
    Trigger::new("\\{p[a-qs-z,][a-z,/]"),
    Trigger::new("\\{pr[a-np-z,/]"),
    // PowerShell: `powershell -enc`, `New-Object Net.WebClient`.
    Trigger::new("rshe"),
    Trigger::new("w-ob"),
    // `for /f %i in (`, `for %i in (`
    Trigger::new("or [/%]"),
    // SMTP after a line break: `RCPT TO:`.
    Trigger::new("rcpt"),
    // Options that run a program.
    Trigger::new("xyco"),
    Trigger::new("-exe"),
    Trigger::new("[dt]-[pa][ac]"),
];

/// On raw bytes: whether the word after the separator could be a command's name and is no key.
fn context(bytes: &[u8], at: usize) -> bool {
    let Some(rest) = bytes.get(at..bytes.len().min(at + 48)) else {
        return true;
    };
    let Some((first, rest)) = rest.split_first() else {
        return true;
    };
    match first {
        b'$' if matches!(rest, [b'(', b'(', b'0'..=b'9', ..] | [b'\'', ..]) => true,
        b';' | b'|' | b'&' if matches!(rest, [b'$', letter, ..] if letter.is_ascii_alphabetic()) => {
            true
        }
        b';' | b'|' | b'&' if rest.starts_with(b"$0") => true,
        b';' | b'|' | b'&' if rest.starts_with(b". ") || rest.starts_with(b" . ") => true,
        b';' | b'|' | b'&' if rest.starts_with(b"${") => cuts(rest),
        // `;x=1 ls`; cookies and style rules have a blank there.
        b';' | b'|' if rest.first().is_some_and(u8::is_ascii_alphabetic) && assigns(rest) => true,
        b';' | b'|' | b'&' | b'\n' | b'`' => may_command(rest),
        b'\\' => may_command(rest.get(1..).unwrap_or_default()),
        b'$' if matches!(rest, [b'(', b'<', ..]) => true,
        b'$' | b'<' | b'>' if rest.first() == Some(&b'(') => {
            may_command(rest.get(1..).unwrap_or_default())
        }
        b'{' => {
            let name = rest
                .iter()
                .take(24)
                .position(|b| !b.is_ascii_alphanumeric() && *b != b'/');
            name.is_none_or(|end| matches!(rest.get(end), Some(b',' | b'\\' | b'%' | b'&')))
        }
        // What comes before decides, and `confirm` sees it decoded.
        _ => true,
    }
}

/// Whether `${NAME:0:1}` stands first, a piece of a variable, or may once it is decoded.
fn cuts(rest: &[u8]) -> bool {
    let name = rest.iter().skip(2).take(24);
    let length = name
        .take_while(|b| b.is_ascii_alphanumeric() || **b == b'_')
        .count();
    match rest.get(2 + length..) {
        Some([b':', first, ..]) => first.is_ascii_digit() || matches!(first, b' ' | b'\\' | b'%'),
        Some([b'\\' | b'%' | b'&', ..] | [b':'] | []) | None => true,
        _ => false,
    }
}

/// Whether `name=` stands first.
fn assigns(rest: &[u8]) -> bool {
    let head = rest.get(..16).unwrap_or(rest);
    let name = run(head, NAME);
    rest.get(name) == Some(&b'=')
        && !head
            .get(..name)
            .is_some_and(|name| name.iter().any(|b| matches!(b, b'-' | b'.')))
}

/// What [`run`] reads: bytes between a separator and a command, and those of a command's name.
const BLANK: u8 = 1;
const NAME: u8 = 2;

/// Which of the two each byte is, to be read once a byte: separators are many.
static CLASSES: [u8; 256] = {
    let mut table = [0; 256];
    let mut i = 0;
    while i < table.len() {
        table[i] = match i.to_le_bytes()[0] {
            b' ' | b'\t' | b'+' | b';' | b'|' | b'(' | b'`' | b'{' | b'$' => BLANK,
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => NAME,
            _ => 0,
        };
        i += 1;
    }
    table
};

/// How many of the first bytes are of a class.
fn run(bytes: &[u8], class: u8) -> usize {
    let mut length = 0;
    for byte in bytes {
        if CLASSES[usize::from(*byte)] != class {
            break;
        }
        length += 1;
    }
    length
}

/// What a path to a command begins with.
const ROOTS: [&[u8]; 6] = [b"", b"usr", b"bin", b"sbin", b"etc", b"c"];

/// Whether what follows a separator may be a command, decided on bytes that may be encoded.
fn may_command(rest: &[u8]) -> bool {
    // Nearly all lines and fields begin with two letters that no command does. Where a word ends with
    // the bytes, or a path may begin, all of it counts.
    if let [first, second, ..] = rest
        && rest.len() > command::LONGEST
        && first.is_ascii_alphabetic()
        && second.is_ascii_alphabetic()
        && !command::may_begin_with(*first, *second)
        && !ROOTS
            .iter()
            .any(|root| matches!(root, [a, b, ..] if first | 0x20 == *a && second | 0x20 == *b))
    {
        return false;
    }
    let skipped = run(rest, BLANK);
    let Some(rest) = rest.get(skipped..) else {
        return true;
    };
    let head = rest.get(..=command::LONGEST).unwrap_or(rest);
    let length = run(head, NAME);
    let Some(name) = rest.get(..length).filter(|_| length <= command::LONGEST) else {
        return false;
    };
    let is = |word: &[u8]| name.eq_ignore_ascii_case(word);
    match rest.get(length) {
        None => true,
        // An assignment before the command is rare, a parameter is not.
        Some(b'=' | b':' | b'.') => false,
        Some(b'/') => ROOTS.iter().any(|root| is(root)) || command::lookup_folded(name).is_some(),
        // Encoded or quoted: the name may go on.
        Some(b'\\' | b'%' | b'&' | b'\'' | b'"' | b'^' | b'?' | b'*' | b'$') => {
            command::is_prefix(name) || command::lookup_folded(name).is_some()
        }
        Some(_) => command::lookup_folded(name).is_some(),
    }
}

fn confirm(text: &Text<'_>, at: usize, effort: &mut Effort) -> Option<Match> {
    if is_listing(text, at) {
        return None;
    }
    let rest = text.bytes.get(at..)?;
    match rest {
        [b';' | b'|' | b'&', b'.', b' ', ..] | [b';' | b'|' | b'&', b' ', b'.', b' ', ..] => {
            return effort.spend(WINDOW).then(|| separated::sourced(text, at))?;
        }
        [b';' | b'|' | b'&' | b'\n', next, ..] if *next != b'$' => {
            return separated::separated(text, at, 1, effort);
        }
        [b'\\', b'n', ..] => return separated::separated(text, at, 2, effort),
        _ => {}
    }
    if !effort.spend(WINDOW) {
        return None;
    }
    match rest {
        [b';' | b'|' | b'&', b'$', ..] => separated::assigned(text, at)
            .or_else(|| expansion::interpreter(text, at))
            .or_else(|| separated::separated(text, at, 1, effort)),
        [b'$', b'\'', ..] => expansion::ansi_quoted(text, at),
        [b'd' | b'D' | b'e' | b'E', b' ', ..] => windows::command_interpreter(text, at),
        [b'`', ..] => expansion::backquoted(text, at),
        [b'$', b'(', b'(', b'0'..=b'9', ..] => expansion::arithmetic(text, at),
        [b'$', b'(', b'<', ..] => expansion::file(text, at),
        [b'$', b'(', ..] => expansion::substituted(text, at),
        [b'<' | b'>', ..] => expansion::process(text, at),
        [b'{', ..] => expansion::braces(text, at),
        [b'w' | b'W', ..] => windows::web_client(text, at),
        [b'o' | b'O', b'r' | b'R', ..] => windows::for_loop(text, at.checked_sub(1)?),
        [b'r' | b'R', b's' | b'S', ..] => windows::power_shell(text, at),
        [b'r' | b'R', ..] => program::recipient(text, at),
        [b'$', ..] => expansion::field_separator(text, at),
        [b'(', ..] => program::imported(text, at),
        [b'/', b'b' | b'B', b'i' | b'I', ..] => {
            program::program(text, at).or_else(|| program::wildcard(text, at))
        }
        [b'/', b't' | b'T' | b'u' | b'U', ..] => {
            program::socket(text, at).or_else(|| program::wildcard(text, at))
        }
        [b'/', ..] => program::wildcard(text, at),
        [b'i' | b'I', ..] => separated::terminated(text, at),
        _ => program::option(text, at),
    }
}

/// A line break of a text of many lines: a script or listing, of which no line is a command.
fn is_listing(text: &Text<'_>, at: usize) -> bool {
    let Some([b'\n', first, rest @ ..]) = text.bytes.get(at..) else {
        return false;
    };
    // What `separated` skips before a word may hold breaks that do not count.
    if !first.is_ascii_alphanumeric() {
        return false;
    }
    let rest = rest
        .get(..rest.len().min(separated::LISTED))
        .unwrap_or_default();
    memchr::memchr_iter(b'\n', rest)
        .nth(separated::LINES)
        .and_then(|third| rest.get(third + 1))
        .is_some_and(|b| !b.is_ascii_whitespace())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::exercise::{exercise, rule_of};

    fn rule(bytes: &[u8]) -> Option<&'static str> {
        rule_of(&RULES, bytes)
    }

    #[test]
    fn attacks_are_told_from_their_siblings() {
        let cases: [(&[u8], Option<&str>); 10] = [
            (b"7;id", Some("shell.command")),
            (b"name;date;type;id", None),
            (b"x$(uname -a)", Some("shell.substitution")),
            (b"x$(HOST)", None),
            (b"img`sleep 7`", Some("shell.substitution")),
            (b"Use `sleep` to wait", None),
            (b"a=1&sort=asc&type=x&id=3", None),
            (b"ls${IFS}-l", Some("shell.ifs")),
            (b"() { :;}; echo x", Some("shell.function_import")),
            (b"() { return 1 }", None),
        ];
        for (text, expected) in cases {
            assert_eq!(rule(text), expected, "{}", text.escape_ascii());
        }
    }

    #[test]
    fn hostile_bytes_do_not_panic() {
        let alphabet = b"`$(){};|&\n '\"\\/?*^@#<>=:,.-+idcatshIFSbin";
        let pieces: Vec<_> = alphabet.chunks(1).collect();
        exercise(&RULES, &pieces);
    }
}
