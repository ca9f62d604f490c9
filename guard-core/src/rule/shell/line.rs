//! A command line where a shell expects one: the word, what it names, and what follows.

use crate::inspect::Text;

use super::command::{self, Name};
use super::tail::{self, Tail};
use super::word::Word;

/// A command read where one is expected.
pub(super) struct Command {
    pub(super) strength: Name,
    pub(super) word: Word,
    pub(super) tail: Tail,
    /// Where the tail begins.
    pub(super) after: usize,
}

impl Command {
    /// Reads a command at `at`; `None` if no known name, program or pattern for one stands there.
    pub(super) fn read(text: &Text<'_>, at: usize) -> Option<Self> {
        let bytes = text.bytes;
        let word = Word::read(bytes, at)?;
        let written = bytes.get(at..word.end)?;
        let shouted = written.iter().any(u8::is_ascii_uppercase);
        let capital = shouted && written.iter().any(u8::is_ascii_lowercase);
        let mut strength = match command::lookup(word.name()) {
            _ if word.wildcards > 0 && is_program_pattern(written) => Name::Sure,
            Some(_) if word.is_path && !word.in_bin => return None,
            Some(_) if word.in_bin => Name::Sure,
            // POSIX names are lower case; those of Windows are told by their arguments.
            Some(strength) => strength,
            None if word.in_bin && word.wildcards == 0 => Name::Sure,
            None => return None,
        };
        if word.tricked {
            strength = Name::Sure;
        }
        let (mut tail, after) = tail::read(bytes, word.end, text.ends);
        if shouted && strength != Name::Sure && (capital || tail < Tail::Hard) {
            return None;
        }
        let rest = bytes.get(word.end..).unwrap_or_default();
        if takes_special(word.name(), strength, rest) {
            tail = Tail::Hard;
        }
        if tail == Tail::Plain
            && (has_subcommand(bytes, &word, after)
                || strength != Name::Word && tail::has_hard_argument(bytes, after))
        {
            tail = Tail::Hard;
        }
        Some(Self {
            strength,
            word,
            tail,
            after,
        })
    }

    pub(super) fn name(&self) -> &[u8] {
        let name = self.word.name();
        name.strip_suffix(b".exe").unwrap_or(name)
    }

    /// Whether an argument of no special shape is what the command usually takes.
    pub(super) fn takes_soft(&self) -> bool {
        match self.strength {
            Name::Sure | Name::Term => true,
            Name::Word => matches!(
                self.name(),
                b"sleep"
                    | b"ping"
                    | b"echo"
                    | b"type"
                    | b"cat"
                    | b"timeout"
                    | b"more"
                    | b"host"
                    | b"dig"
                    | b"find"
                    | b"tar"
                    | b"nl"
                    | b"rev"
                    | b"less"
                    | b"sort"
                    | b"strings"
                    | b"od"
                    | b"if"
                    | b"reboot"
                    | b"shutdown"
                    | b"id"
                    | b"tail"
                    | b"head"
                    | b"kill"
                    | b"touch"
                    | b"tac"
                    | b"which"
            ),
        }
    }
}

/// Whether an argument follows that this command alone takes so: dig's `+short`, an expression in
/// parentheses behind a cmdlet of PowerShell.
fn takes_special(name: &[u8], strength: Name, rest: &[u8]) -> bool {
    match rest {
        [b' ', b'+', letter, ..] => name == b"dig" && letter.is_ascii_alphabetic(),
        [b' ', b'(', ..] => strength == Name::Sure && name.contains(&b'-'),
        _ => false,
    }
}

fn has_subcommand(bytes: &[u8], word: &Word, after: usize) -> bool {
    let Some(next) = Word::read(bytes, after) else {
        return false;
    };
    let name = word.name();
    let name = name.strip_suffix(b".exe").unwrap_or(name);
    if command::is_subcommand(name, next.name()) {
        return true;
    }
    let Some(strength) = command::lookup(next.name()) else {
        return false;
    };
    let (tail, _) = tail::read(bytes, next.end, true);
    command::runs_another(name)
        && match strength {
            Name::Sure | Name::Term => tail != Tail::Foreign && tail != Tail::Plain,
            Name::Word => tail >= Tail::Soft || tail != Tail::Foreign && next.name() == b"id",
        }
}

/// First byte past blanks, further separators and grouping.
pub(super) fn skip_to_word(bytes: &[u8], at: usize) -> usize {
    let skip = |b: &u8| {
        matches!(
            b,
            b' ' | b'\t' | b'+' | b';' | b'|' | b'&' | b'\n' | b'\r' | b'(' | b'{' | b'@'
        )
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
    let name = rest
        .iter()
        .take(16)
        .take_while(|b| b.is_ascii_alphanumeric() || **b == b'_')
        .count();
    rest.first()
        .filter(|b| b.is_ascii_alphabetic() || **b == b'_')?;
    let value = rest.get(name..)?.strip_prefix(b"=")?;
    let length = value
        .iter()
        .take(48)
        .position(|b| matches!(b, b' ' | b';' | b'&' | b'|' | b'\n'))?;
    (value.get(length).is_some_and(|b| matches!(b, b' ' | b';'))).then_some(name + 1 + length + 1)
}

/// Whether after a separator at `at` the text ends, or goes on with another command.
pub(super) fn goes_on_as_shell(text: &Text<'_>, at: usize) -> bool {
    let start = skip_to_word(text.bytes, at);
    match text.bytes.get(start) {
        None => text.ends,
        Some(b'#' | b'"' | b'\'' | b')' | b'}' | b'`' | b'\\' | b'$' | b'/') => true,
        // The next field of a form.
        Some(_)
            if is_field(text.bytes, start)
                && text
                    .bytes
                    .get(at..start)
                    .is_some_and(|between| between.ends_with(b"&")) =>
        {
            true
        }
        Some(_) => Command::read(text, start).is_some_and(|next| next.tail != Tail::Foreign),
    }
}

/// Whether `name=` stands at `at`.
fn is_field(bytes: &[u8], at: usize) -> bool {
    let rest = bytes.get(at..).unwrap_or_default();
    let name = rest
        .iter()
        .take(32)
        .take_while(|b| b.is_ascii_alphanumeric() || **b == b'_')
        .count();
    name > 0 && rest.get(name) == Some(&b'=')
}

/// Whether `path` is a pattern for a program's path: two names or more, each with a letter or `?`.
pub(super) fn is_program_pattern(path: &[u8]) -> bool {
    let names = path.split(|b| *b == b'/').skip(1);
    let named = |name: &[u8]| name.iter().any(|b| b.is_ascii_alphanumeric() || *b == b'?');
    path.first() == Some(&b'/') && names.clone().count() >= 2 && names.clone().all(named)
}
