//! Names of utilities and built-ins that injected command lines run, and how telling each name is.
//!
//! It knows words only, not where one stands.

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

use Name::{Sure, Term, Word};

/// Longest name in [`COMMANDS`].
pub(super) const LONGEST: usize = 14;

/// The strength of `word` (in lower case) as a command's name.
pub(super) fn lookup(word: &[u8]) -> Option<Name> {
    let word = word.strip_suffix(b".exe").unwrap_or(word);
    if let Ok(found) = COMMANDS.binary_search_by(|(name, _)| name.as_bytes().cmp(word)) {
        return COMMANDS.get(found).map(|(_, strength)| *strength);
    }
    // Versioned interpreters: `python3`, `python2.7`, `php8`, `ruby3.2`.
    let digits = word.iter().rposition(u8::is_ascii_alphabetic)? + 1;
    let (stem, version) = word.split_at_checked(digits)?;
    let versioned = matches!(stem, b"python" | b"php" | b"ruby" | b"lua" | b"perl" | b"gcc")
        && version.iter().all(|b| b.is_ascii_digit() || *b == b'.');
    (versioned && !version.is_empty()).then_some(Term)
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
        b"ip" => matches!(word, b"addr" | b"a" | b"route" | b"link"),
        b"id" | b"cat" | b"type" | b"sudo" | b"su" | b"which" | b"find" | b"more" => {
            matches!(word, b"root" | b"passwd" | b"boot.ini" | b"flag" | b"flag.txt")
        }
        _ => false,
    }
}

const COMMANDS: &[(&str, Name)] = &[
    ("apt", Word),
    ("apt-get", Sure),
    ("arp", Term),
    ("at", Word),
    ("awk", Term),
    ("base32", Term),
    ("base64", Term),
    ("bash", Term),
    ("bitsadmin", Sure),
    ("busybox", Sure),
    ("cat", Word),
    ("cd", Term),
    ("certutil", Sure),
    ("chgrp", Sure),
    ("chmod", Sure),
    ("chown", Sure),
    ("cmd", Term),
    ("copy", Word),
    ("cp", Term),
    ("crontab", Term),
    ("csh", Term),
    ("curl", Term),
    ("cut", Word),
    ("dash", Word),
    ("date", Word),
    ("dd", Term),
    ("del", Word),
    ("df", Term),
    ("dig", Word),
    ("dir", Term),
    ("dmesg", Sure),
    ("du", Word),
    ("echo", Word),
    ("env", Term),
    ("eval", Term),
    ("exec", Term),
    ("expr", Term),
    ("false", Word),
    ("fetch", Word),
    ("find", Word),
    ("findstr", Sure),
    ("finger", Word),
    ("for", Word),
    ("ftp", Term),
    ("gcc", Term),
    ("get-childitem", Sure),
    ("get-help", Sure),
    ("get-process", Sure),
    ("getent", Sure),
    ("git", Term),
    ("grep", Term),
    ("groups", Word),
    ("gzip", Term),
    ("head", Word),
    ("hexdump", Sure),
    ("history", Word),
    ("host", Word),
    ("hostname", Term),
    ("id", Word),
    ("iex", Term),
    ("ifconfig", Sure),
    ("invoke-webreq", Sure),
    ("ip", Word),
    ("ipconfig", Sure),
    ("iptables", Term),
    ("iwr", Term),
    ("java", Term),
    ("kill", Word),
    ("killall", Sure),
    ("ksh", Term),
    ("last", Word),
    ("less", Word),
    ("ln", Term),
    ("ls", Term),
    ("lsof", Sure),
    ("lua", Term),
    ("lwp-download", Sure),
    ("mkdir", Term),
    ("mkfifo", Sure),
    ("more", Word),
    ("mount", Word),
    ("mshta", Sure),
    ("mv", Term),
    ("mysql", Term),
    ("nc", Term),
    ("nc.openbsd", Sure),
    ("nc.traditional", Sure),
    ("ncat", Sure),
    ("net", Word),
    ("netcat", Sure),
    ("netsh", Sure),
    ("netstat", Sure),
    ("nl", Word),
    ("nmap", Term),
    ("node", Word),
    ("nohup", Sure),
    ("nslookup", Sure),
    ("od", Word),
    ("openssl", Term),
    ("perl", Term),
    ("php", Term),
    ("ping", Word),
    ("ping6", Sure),
    ("pkill", Sure),
    ("powershell", Term),
    ("print", Word),
    ("printenv", Sure),
    ("printf", Term),
    ("ps", Word),
    ("pwd", Term),
    ("pwsh", Term),
    ("python", Term),
    ("reboot", Word),
    ("reg", Word),
    ("regsvr32", Sure),
    ("ren", Word),
    ("rev", Word),
    ("rm", Term),
    ("rmdir", Term),
    ("route", Word),
    ("rsync", Term),
    ("ruby", Term),
    ("rundll32", Sure),
    ("sc", Word),
    ("schtasks", Sure),
    ("scp", Term),
    ("sed", Term),
    ("set", Word),
    ("sh", Term),
    ("shutdown", Word),
    ("sleep", Word),
    ("socat", Sure),
    ("sort", Word),
    ("ssh", Term),
    ("start", Word),
    ("start-process", Sure),
    ("start-sleep", Sure),
    ("strings", Word),
    ("su", Word),
    ("sudo", Term),
    ("sysinfo", Sure),
    ("systemctl", Sure),
    ("systeminfo", Sure),
    ("tac", Term),
    ("tail", Word),
    ("tar", Word),
    ("taskkill", Sure),
    ("tasklist", Sure),
    ("tcpdump", Sure),
    ("tee", Word),
    ("telnet", Term),
    ("telnetd", Sure),
    ("test", Word),
    ("tftp", Sure),
    ("time", Word),
    ("timeout", Word),
    ("top", Word),
    ("touch", Word),
    ("tr", Word),
    ("traceroute", Sure),
    ("tracert", Sure),
    ("true", Word),
    ("type", Word),
    ("uname", Sure),
    ("uniq", Term),
    ("unlink", Term),
    ("unset", Word),
    ("uptime", Word),
    ("ver", Word),
    ("vol", Word),
    ("w", Word),
    ("wget", Sure),
    ("which", Word),
    ("who", Word),
    ("whoami", Sure),
    ("wmic", Sure),
    ("xargs", Sure),
    ("xterm", Term),
    ("xxd", Sure),
    ("yum", Term),
    ("zcat", Sure),
    ("zip", Word),
    ("zsh", Term),
];

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
        assert_eq!(lookup(b"python3.11"), Some(Term));
        assert_eq!(lookup(b"ping.exe"), Some(Word));
        assert_eq!(lookup(b"id3"), None);
        assert_eq!(lookup(b""), None);
    }
}
