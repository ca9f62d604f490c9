//! Names of utilities and built-ins that injected command lines run, and how telling each name is.
//!
//! It knows words only, not where one stands.

use crate::rule::names::Names;

mod list;

use self::list::COMMANDS;

/// How likely a word after a separator is to be meant as a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Name {
    /// Nothing but a command: `ifconfig`, `whoami`.
    Sure,
    /// A command or an abbreviation, name or term of the trade: `ls`, `bash`, `perl`.
    Term,
    /// An English word or a usual field name too: `id`, `sort`, `more`.
    Word,
}

/// Longest name in [`COMMANDS`].
pub(super) const LONGEST: usize = 17;

static NAMES: Names<{ COMMANDS.len() }> = {
    let mut list = [[].as_slice(); COMMANDS.len()];
    let mut i = 0;
    while i < list.len() {
        list[i] = COMMANDS[i].0.as_bytes();
        i += 1;
    }
    Names::new(list)
};

/// The strength of `word` (in lower case) as a command's name.
pub(super) fn lookup(word: &[u8]) -> Option<Name> {
    let word = word.strip_suffix(b".exe").unwrap_or(word);
    strength(NAMES.find(word)).or_else(|| versioned(word))
}

/// The same for a word in any case.
pub(super) fn lookup_folded(word: &[u8]) -> Option<Name> {
    let word = match word.split_last_chunk::<4>() {
        Some((word, end)) if b".exe".eq_ignore_ascii_case(end) => word,
        _ => word,
    };
    strength(NAMES.find_folded(word)).or_else(|| versioned(word))
}

fn strength(place: Option<usize>) -> Option<Name> {
    COMMANDS.get(place?).map(|(_, strength)| *strength)
}

/// Versioned interpreters: `python3`, `python2.7`, `php8`, `ruby3.2`.
fn versioned(word: &[u8]) -> Option<Name> {
    if !word.last()?.is_ascii_digit() && word.last() != Some(&b'.') {
        return None;
    }
    let digits = word.iter().rposition(u8::is_ascii_alphabetic)? + 1;
    let (stem, version) = word.split_at_checked(digits)?;
    let versioned = [&b"python"[..], b"php", b"ruby", b"lua", b"perl", b"gcc"]
        .iter()
        .any(|name| stem.eq_ignore_ascii_case(name))
        && version.iter().all(|b| b.is_ascii_digit() || *b == b'.');
    versioned.then_some(Name::Term)
}

/// Whether a known name begins with `word`, in any case.
pub(super) fn is_prefix(word: &[u8]) -> bool {
    NAMES.any_begins_with(word)
}

/// Whether the two letters that a word begins with are those of a known name. It says no where
/// [`lookup_folded`] and [`is_prefix`] would.
pub(super) const fn may_begin_with(first: u8, second: u8) -> bool {
    NAMES.may_begin_with(first, second)
}

/// Whether `word` is an argument that makes an ambiguous Windows command plain.
pub(super) fn is_subcommand(name: &[u8], word: &[u8]) -> bool {
    match name {
        b"net" => matches!(
            word,
            b"user"
                | b"users"
                | b"view"
                | b"localgroup"
                | b"group"
                | b"use"
                | b"share"
                | b"start"
                | b"stop"
                | b"accounts"
                | b"config"
                | b"session"
                | b"time"
        ),
        b"netsh" => matches!(word, b"firewall" | b"advfirewall" | b"interface" | b"wlan"),
        b"reg" => matches!(word, b"add" | b"query" | b"delete" | b"save" | b"export"),
        b"sc" => matches!(word, b"query" | b"start" | b"stop" | b"create" | b"config"),
        b"getent" => matches!(word, b"hosts" | b"passwd" | b"group" | b"ahosts"),
        b"ps" => matches!(word, b"aux" | b"ax" | b"axu" | b"auxw" | b"ef"),
        b"aws" => matches!(
            word,
            b"s3"
                | b"s3api"
                | b"sts"
                | b"iam"
                | b"ec2"
                | b"lambda"
                | b"ssm"
                | b"secretsmanager"
                | b"configure"
        ),
        b"kubectl" => matches!(
            word,
            b"get" | b"exec" | b"run" | b"apply" | b"delete" | b"auth"
        ),
        b"docker" => matches!(word, b"run" | b"exec" | b"cp" | b"ps"),
        b"apt-get" => matches!(word, b"install" | b"update" | b"remove"),
        b"ip" => matches!(word, b"addr" | b"a" | b"route" | b"link"),
        b"id" | b"cat" | b"type" | b"sudo" | b"su" | b"which" | b"find" | b"more" => {
            matches!(
                word,
                b"root" | b"passwd" | b"boot.ini" | b"flag" | b"flag.txt"
            )
        }
        _ => false,
    }
}

/// Commands that run the command given as their argument.
pub(super) fn runs_another(name: &[u8]) -> bool {
    matches!(
        name,
        b"sudo"
            | b"eval"
            | b"exec"
            | b"nohup"
            | b"time"
            | b"xargs"
            | b"nice"
            | b"busybox"
            | b"env"
            | b"start"
            | b"then"
            | b"do"
            | b"else"
            | b"if"
            | b"while"
            | b"which"
            | b"powershell"
            | b"pwsh"
            | b"cmd"
            | b"watch"
            | b"setsid"
            | b"timeout"
            | b"stdbuf"
            | b"iex"
    )
}

/// Ambiguous words that are sent alone as probes.
pub(super) fn is_probe(name: &[u8]) -> bool {
    matches!(
        name,
        b"id"
            | b"set"
            | b"ver"
            | b"who"
            | b"w"
            | b"groups"
            | b"uptime"
            | b"date"
            | b"true"
            | b"false"
            | b"reboot"
            | b"route"
            | b"users"
            | b"last"
            | b"top"
            | b"time"
            | b"echo"
            | b"history"
            | b"mount"
            | b"vol"
            | b"ping"
            | b"tree"
            | b"passwd"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_sorted_and_short() {
        let in_order = COMMANDS.windows(2).all(|pair| match pair {
            [a, b] => a.0 < b.0,
            _ => true,
        });
        assert!(in_order);
        assert!(COMMANDS.iter().all(|(name, _)| name.len() <= LONGEST));
    }

    #[test]
    fn versions_and_extensions_do_not_hide_a_name() {
        assert_eq!(lookup(b"python3.11"), Some(Name::Term));
        assert_eq!(lookup(b"ping.exe"), Some(Name::Word));
        assert_eq!(lookup(b"id3"), None);
        assert_eq!(lookup(b""), None);
    }
}
