//! Names of utilities and built-ins that injected command lines run, and how telling each name is.
//!
//! It knows words only, not where one stands.

use crate::rule::names::Names;

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
    versioned.then_some(Term)
}

/// Whether a known name begins with `word`, in any case.
pub(super) fn is_prefix(word: &[u8]) -> bool {
    NAMES.any_begins_with(word)
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

const COMMANDS: &[(&str, Name)] = &[
    ("adduser", Sure),
    ("alias", Term),
    ("apt-get", Word),
    ("aptitude", Sure),
    ("ar", Word),
    ("aria2c", Term),
    ("arp", Term),
    ("arping", Sure),
    ("ash", Term),
    ("assoc", Term),
    ("at", Word),
    ("attrib", Term),
    ("awk", Term),
    ("aws", Word),
    ("axel", Term),
    ("base32", Term),
    ("base64", Term),
    ("bash", Term),
    ("batch", Word),
    ("bcdedit", Sure),
    ("bitsadmin", Sure),
    ("blkid", Sure),
    ("bunzip2", Sure),
    ("busybox", Sure),
    ("bzip2", Sure),
    ("cacls", Sure),
    ("capsh", Sure),
    ("cat", Word),
    ("cd", Term),
    ("certutil", Sure),
    ("chattr", Term),
    ("chgrp", Sure),
    ("chkdsk", Sure),
    ("chmod", Sure),
    ("chown", Sure),
    ("chroot", Sure),
    ("chsh", Sure),
    ("cipher", Word),
    ("cmd", Term),
    ("cmdkey", Sure),
    ("comm", Term),
    ("comp", Word),
    ("compgen", Sure),
    ("coproc", Sure),
    ("copy", Word),
    ("cp", Term),
    ("cpio", Sure),
    ("crontab", Term),
    ("cscript", Sure),
    ("csh", Term),
    ("csplit", Sure),
    ("curl", Term),
    ("cut", Word),
    ("dash", Word),
    ("date", Word),
    ("dd", Term),
    ("declare", Word),
    ("del", Word),
    ("df", Term),
    ("diff", Term),
    ("dig", Word),
    ("dir", Term),
    ("diskpart", Sure),
    ("diskshadow", Sure),
    ("dmesg", Sure),
    ("dmidecode", Sure),
    ("do", Word),
    ("doas", Sure),
    ("docker", Word),
    ("dpkg", Sure),
    ("driverquery", Sure),
    ("dsquery", Sure),
    ("du", Word),
    ("echo", Word),
    ("ed", Term),
    ("elinks", Term),
    ("else", Word),
    ("emacs", Term),
    ("env", Term),
    ("eval", Term),
    ("ex", Term),
    ("exec", Term),
    ("expand", Word),
    ("export", Word),
    ("expr", Term),
    ("false", Word),
    ("fc", Word),
    ("fetch", Word),
    ("file", Word),
    ("find", Word),
    ("findstr", Sure),
    ("finger", Word),
    ("fish", Term),
    ("fmt", Word),
    ("fold", Word),
    ("for", Word),
    ("forfiles", Sure),
    ("fping", Sure),
    ("fsutil", Sure),
    ("ftp", Term),
    ("ftype", Word),
    ("gawk", Sure),
    ("gci", Sure),
    ("gdb", Term),
    ("get-childitem", Sure),
    ("get-content", Sure),
    ("get-help", Sure),
    ("get-item", Sure),
    ("get-process", Sure),
    ("getcap", Sure),
    ("getent", Sure),
    ("getfacl", Sure),
    ("gpresult", Sure),
    ("grep", Term),
    ("groups", Word),
    ("gunzip", Term),
    ("gwmi", Sure),
    ("gzip", Term),
    ("head", Word),
    ("hexdump", Sure),
    ("hh", Word),
    ("history", Word),
    ("host", Word),
    ("hostname", Term),
    ("hostnamectl", Sure),
    ("hping3", Sure),
    ("icacls", Sure),
    ("iconv", Sure),
    ("id", Word),
    ("iex", Term),
    ("if", Word),
    ("ifconfig", Sure),
    ("ifdown", Sure),
    ("ifup", Sure),
    ("insmod", Sure),
    ("install", Word),
    ("invoke-expression", Sure),
    ("invoke-restmethod", Sure),
    ("invoke-webrequest", Sure),
    ("ionice", Term),
    ("ip", Word),
    ("ipconfig", Sure),
    ("iptables", Term),
    ("iwconfig", Sure),
    ("iwr", Term),
    ("jjs", Term),
    ("jobs", Word),
    ("join", Word),
    ("jq", Term),
    ("jrunscript", Term),
    ("kill", Word),
    ("killall", Sure),
    ("klist", Word),
    ("ksh", Term),
    ("kubectl", Word),
    ("label", Word),
    ("last", Word),
    ("ldapsearch", Sure),
    ("ldconfig", Sure),
    ("ldd", Term),
    ("less", Word),
    ("links", Term),
    ("ln", Term),
    ("logoff", Word),
    ("look", Word),
    ("ls", Term),
    ("lsattr", Sure),
    ("lsb_release", Sure),
    ("lsblk", Sure),
    ("lscpu", Sure),
    ("lsmod", Sure),
    ("lsof", Sure),
    ("lspci", Sure),
    ("lsusb", Sure),
    ("ltrace", Sure),
    ("lua", Term),
    ("lwp-download", Sure),
    ("lynx", Term),
    ("mail", Word),
    ("make", Word),
    ("makecab", Sure),
    ("man", Word),
    ("mapfile", Sure),
    ("mawk", Sure),
    ("md", Term),
    ("md5sum", Sure),
    ("mkdir", Term),
    ("mkfifo", Sure),
    ("mkfs", Sure),
    ("mklink", Sure),
    ("mknod", Sure),
    ("modprobe", Sure),
    ("mongo", Term),
    ("more", Word),
    ("mount", Word),
    ("move", Word),
    ("msg", Word),
    ("mshta", Sure),
    ("mv", Term),
    ("mysql", Term),
    ("mysqldump", Sure),
    ("nano", Term),
    ("nbtstat", Sure),
    ("nc", Term),
    ("nc.openbsd", Sure),
    ("nc.traditional", Sure),
    ("ncat", Sure),
    ("net", Word),
    ("net1", Sure),
    ("netcat", Sure),
    ("netsh", Sure),
    ("netstat", Sure),
    ("nice", Term),
    ("nl", Word),
    ("nltest", Sure),
    ("nmap", Term),
    ("nmblookup", Sure),
    ("node", Word),
    ("nohup", Sure),
    ("nproc", Sure),
    ("nsenter", Sure),
    ("nslookup", Sure),
    ("ntdsutil", Sure),
    ("od", Word),
    ("openssl", Term),
    ("osascript", Term),
    ("passwd", Word),
    ("paste", Word),
    ("pathping", Sure),
    ("pdksh", Sure),
    ("perl", Term),
    ("pgrep", Sure),
    ("php", Term),
    ("ping", Word),
    ("ping6", Sure),
    ("pkexec", Sure),
    ("pkill", Sure),
    ("poweroff", Sure),
    ("powershell", Term),
    ("pr", Word),
    ("print", Word),
    ("printenv", Sure),
    ("printf", Term),
    ("procdump", Sure),
    ("ps", Term),
    ("psexec", Sure),
    ("psql", Term),
    ("pushd", Sure),
    ("pwd", Term),
    ("pwdx", Sure),
    ("pwsh", Term),
    ("python", Term),
    ("query", Word),
    ("quser", Sure),
    ("qwinsta", Sure),
    ("rasdial", Sure),
    ("rbash", Term),
    ("rd", Term),
    ("read", Word),
    ("readarray", Sure),
    ("readelf", Sure),
    ("readlink", Sure),
    ("realpath", Sure),
    ("reboot", Word),
    ("reg", Word),
    ("regsvr32", Sure),
    ("ren", Word),
    ("rename", Word),
    ("renice", Sure),
    ("rev", Word),
    ("rlogin", Sure),
    ("rm", Term),
    ("rmdir", Term),
    ("rmmod", Sure),
    ("robocopy", Sure),
    ("route", Word),
    ("rsync", Term),
    ("ruby", Term),
    ("runas", Sure),
    ("rundll32", Sure),
    ("rview", Term),
    ("rvim", Term),
    ("rwinsta", Sure),
    ("sc", Word),
    ("schtasks", Sure),
    ("scp", Term),
    ("screen", Word),
    ("script", Word),
    ("sed", Term),
    ("sendmail", Sure),
    ("sestatus", Sure),
    ("set", Word),
    ("setcap", Sure),
    ("setsid", Sure),
    ("sfc", Word),
    ("sftp", Sure),
    ("sh", Term),
    ("sha1sum", Sure),
    ("sha256sum", Sure),
    ("shopt", Sure),
    ("shred", Word),
    ("shuf", Sure),
    ("shutdown", Word),
    ("sleep", Word),
    ("smbclient", Sure),
    ("socat", Sure),
    ("sort", Word),
    ("split", Word),
    ("sqlite3", Term),
    ("sqlplus", Term),
    ("ss", Term),
    ("ssh", Term),
    ("start", Word),
    ("start-job", Sure),
    ("start-process", Sure),
    ("start-sleep", Sure),
    ("stat", Term),
    ("stdbuf", Sure),
    ("strace", Sure),
    ("strings", Word),
    ("su", Word),
    ("subst", Word),
    ("sudo", Term),
    ("sysctl", Sure),
    ("sysinfo", Sure),
    ("systemctl", Sure),
    ("systeminfo", Sure),
    ("tac", Term),
    ("tail", Word),
    ("takeown", Sure),
    ("tar", Word),
    ("taskkill", Sure),
    ("tasklist", Sure),
    ("tclsh", Term),
    ("tcpdump", Sure),
    ("tcpflow", Sure),
    ("tcsh", Sure),
    ("tee", Word),
    ("telnet", Term),
    ("telnetd", Sure),
    ("test", Word),
    ("tftp", Sure),
    ("then", Word),
    ("time", Word),
    ("timeout", Word),
    ("tmux", Sure),
    ("top", Word),
    ("touch", Word),
    ("tr", Word),
    ("traceroute", Sure),
    ("tracert", Sure),
    ("trap", Word),
    ("tree", Word),
    ("true", Word),
    ("truncate", Word),
    ("tshark", Sure),
    ("tskill", Sure),
    ("type", Word),
    ("ul", Word),
    ("unalias", Term),
    ("uname", Sure),
    ("uniq", Term),
    ("unlink", Term),
    ("unset", Word),
    ("unshare", Sure),
    ("unxz", Sure),
    ("unzip", Sure),
    ("uptime", Word),
    ("useradd", Sure),
    ("userdel", Sure),
    ("usermod", Sure),
    ("users", Word),
    ("uuencode", Word),
    ("ver", Word),
    ("vi", Term),
    ("view", Word),
    ("vim", Term),
    ("visudo", Sure),
    ("vol", Word),
    ("vssadmin", Sure),
    ("w", Word),
    ("w3m", Term),
    ("watch", Word),
    ("wc", Term),
    ("wevtutil", Sure),
    ("wget", Sure),
    ("which", Word),
    ("while", Word),
    ("who", Word),
    ("whoami", Sure),
    ("whois", Sure),
    ("winrm", Sure),
    ("winrs", Sure),
    ("wmic", Sure),
    ("wscript", Sure),
    ("xargs", Sure),
    ("xcopy", Sure),
    ("xterm", Term),
    ("xxd", Sure),
    ("xz", Word),
    ("yes", Word),
    ("zcat", Sure),
    ("zgrep", Sure),
    ("zip", Word),
    ("zless", Sure),
    ("zmore", Sure),
    ("zsh", Term),
];

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
        assert_eq!(lookup(b"python3.11"), Some(Term));
        assert_eq!(lookup(b"ping.exe"), Some(Word));
        assert_eq!(lookup(b"id3"), None);
        assert_eq!(lookup(b""), None);
    }
}
