//! Rules of the `path` family: paths that climb out of their directory, name well-known secrets, or
//! hand a file function a stream wrapper.
//!
//! What makes the attack is structure: how far a path climbs against what precedes it, what it ends
//! in, and whether the path is the value or is talked about in one.

use crate::inspect::{Effort, Match, Text, Trigger};
use crate::rule::{Family, RuleId, Rules};

mod name;
mod table;
mod walk;
mod wrapper;

use name::{Weight, is_separator};
use walk::{Anchor, Steps, Token};
use wrapper::{included, including, is_wrapper_tail, remote, wrapper};

pub(super) const RULES: Rules = Rules {
    family: Family::Path,
    triggers: TRIGGERS,
    glance: 10,
    context,
    hopeless: None,
    confirm,
};

const TRAVERSAL: RuleId = RuleId::new("path.traversal");
const SENSITIVE: RuleId = RuleId::new("path.sensitive_file");
const WRAPPER: RuleId = RuleId::new("path.wrapper");
const NULL_BYTE: RuleId = RuleId::new("path.null_byte");
const REMOTE: RuleId = RuleId::new("path.remote_include");
const SHARE: RuleId = RuleId::new("path.admin_share");
const DEVICE: RuleId = RuleId::new("path.device");
const HOST: RuleId = RuleId::new("path.remote_share");

const TRIGGERS: &[Trigger] = &[
    Trigger::new("\\.\\./"),
    Trigger::new("\\.\\.\\\\[a-z\\\\./]"),
    Trigger::new("\\.\\.[;\\0][/\\\\]"),
    // What is left of a slash after dots: U+FFFD, or a look-alike.
    Trigger::new("\\.\\.[\\xef\\xe2\\xc0\\xc1][\\xbf\\x88\\x81/\\\\]"),
    Trigger::new("\\xbf\\xbd[/\\\\][\\xef.ewb]"),
    // etc/, proc/
    Trigger::new("[er][to]c[/\\\\]"),
    Trigger::new("var[/\\\\]"),
    Trigger::new("m32[/\\\\]"),
    Trigger::new("b-in"),
    // .ini, .conf, .config, .cnf
    Trigger::new("\\.[ci][on][nfi]"),
    // access_log, error.log
    Trigger::new("[sr][_.]lo"),
    Trigger::new("[/\\\\]\\.[a-z][a-z_]"),
    Trigger::new("[cd]:[/\\\\][\\\\/wpibxuasnm]"),
    Trigger::new("[/\\\\][cd]\\x24[/\\\\]"),
    // `\\\\?\\`, `\\\\.\\`; `\\\\10.`
    Trigger::new("\\\\\\\\[?.]\\\\"),
    Trigger::new("\\\\\\\\\\d[\\d.]"),
    // php:, zip:, phar:, expect:, data:, glob:, compress.zlib:
    Trigger::new("[zhealp][iactoh][prtab]:"),
    Trigger::new("[a-z\\d]\\0\\.[a-z]"),
    // shell.txt? and .txt%00, where the rest of an include's name is cut off.
    Trigger::new("txt[?\\0]"),
    // wp-config.php
    Trigger::new("ig\\.p"),
    // The parameter of an include.
    Trigger::new("=[hf]t[tp]"),
];

fn context(bytes: &[u8], at: usize) -> bool {
    let rest = bytes.get(at..).unwrap_or_default();
    let encoded = |i: usize| rest.get(i).is_none_or(|b| matches!(b, b'\\' | b'%' | b'&'));
    match rest {
        [b'.', b'.', ..] | [0xbf, ..] | [_, 0, ..] => true,
        [b'=', ..] => including(bytes, at),
        [b'\\', b'\\', b'0'..=b'9', address @ ..] => {
            let quad = |b: &&u8| b.is_ascii_digit() || **b == b'.';
            let length = address.iter().take(15).take_while(quad).count();
            let dots = address.iter().take(length).filter(|b| **b == b'.').count();
            dots == 3 && matches!(address.get(length), Some(b'\\'))
        }
        [b'.', ..] => {
            // Before the extension, one of the names that are looked for; after it, its end.
            let before = bytes.get(at.saturating_sub(1)).copied().unwrap_or(0) | 0x20;
            matches!(
                before,
                b'n' | b't' | b'p' | b'y' | b'm' | b'e' | b'x' | b'd' | b'2' | b'b' | b's'
            ) || encoded(4)
        }
        [a, b, c, b':', ..] if is_wrapper_tail([*a, *b, *c]) => {
            matches!(rest.get(4), Some(b'/') | Some(b'e' | b'E')) || encoded(4)
        }
        [b'c' | b'd' | b'C' | b'D', b':', ..] => {
            at == 0 || !bytes.get(at - 1).is_some_and(u8::is_ascii_alphanumeric)
        }
        [b'/' | b'\\', b'.', first, ..] => matches!(
            first | 0x20,
            b's' | b'a'
                | b'e'
                | b'g'
                | b'h'
                | b'b'
                | b'k'
                | b'd'
                | b'c'
                | b'n'
                | b'p'
                | b'm'
                | b'r'
                | b'v'
                | b'z'
        ),
        _ => true,
    }
}

fn confirm(text: &Text<'_>, at: usize, effort: &mut Effort) -> Option<Match> {
    let bytes = text.bytes;
    let rest = bytes.get(at..).unwrap_or_default();
    match rest {
        [b'.', b'.', ..] => {
            // The first step of a token judges all of it.
            let head = bytes.get(..at).unwrap_or_default();
            let gap = head
                .iter()
                .rev()
                .take(8)
                .take_while(|b| is_separator(**b) || **b == b'.')
                .count();
            if gap >= 2
                && head
                    .get(at - gap..)
                    .unwrap_or_default()
                    .windows(3)
                    .any(is_step)
            {
                return None;
            }
            traversal(text, at, effort)
        }
        [0xbf, ..] => traversal(text, at.saturating_sub(2), effort),
        [_, 0, b'.', ..] => null_byte(text, at, effort),
        [b't' | b'T', _, _, b'?' | 0, ..] => remote(text, at, effort),
        [b'=', ..] => included(text, at, effort),
        [a, b, c, b':', ..] if is_wrapper_tail([*a, *b, *c]) => wrapper(text, at, effort),
        [b'/' | b'\\', b'c' | b'd' | b'C' | b'D', b'$', ..] => share(text, at, effort),
        [b'\\', b'\\', ..] => windows_root(text, at),
        _ => sensitive(text, at, effort),
    }
}

fn is_step(window: &[u8]) -> bool {
    matches!(window, [b'.', b'.', b'/' | b'\\'])
}

fn traversal(text: &Text<'_>, at: usize, effort: &mut Effort) -> Option<Match> {
    let bytes = text.bytes;
    let token = walk::token(bytes, text.starts, at);
    let steps = walk::steps(bytes, token);
    if !effort.spend(2 * (token.end - token.start)) || steps.ups == 0 {
        return None;
    }
    let tail = bytes.get(steps.tail..token.end).unwrap_or_default();
    let named = name::rooted(bytes, steps.tail).or_else(|| target(bytes, steps.tail, token.end));
    let hostile = match named {
        Some((_, Weight::Strong)) => true,
        Some((_, Weight::Weak | Weight::Step)) => steps.ups >= 2 || token.anchor >= Anchor::Value,
        None => climbs(token, steps, tail),
    };
    hostile.then_some(Match {
        rule: TRAVERSAL,
        span: token.start..token.end,
    })
}

/// A name that is telling in any directory, in the last segments of the token.
fn target(bytes: &[u8], from: usize, end: usize) -> Option<(usize, Weight)> {
    let mut found = name::anywhere(bytes, from);
    let mut i = from;
    // Few segments are enough: what is looked for stands at the end of a short path.
    for _ in 0..8 {
        if found.is_some() {
            break;
        }
        let rest = bytes.get(i..end)?;
        i += rest.iter().position(|b| is_separator(*b))? + 1;
        found = name::anywhere(bytes, i);
    }
    found
}

/// Whether steps upwards that lead to nothing we know by name are more than a relative reference
/// in code or in a page.
fn climbs(token: Token, steps: Steps, tail: &[u8]) -> bool {
    let value = token.anchor >= Anchor::Value;
    if steps.disguised && (value || steps.ups >= 2) {
        return true;
    }
    if steps.padded >= 2 {
        return value || steps.padded >= 3;
    }
    let above = if steps.rooted && steps.ups >= 2 {
        steps.climb + 1
    } else {
        steps.climb
    };
    if value && steps.ups >= 1 && kind(tail) == Kind::Data {
        return true;
    }
    // Nobody writes a path that goes down in order to leave where it began.
    if value && steps.downs_first && (above >= 2 || above == 1 && token.whole && !steps.rooted) {
        return true;
    }
    let allowed = match kind(tail) {
        Kind::Code | Kind::Bare if token.anchor == Anchor::Query => 2,
        Kind::Code if value => 5,
        Kind::Code => 9,
        Kind::Bare if value => 3,
        Kind::Bare => 6,
        Kind::Nothing | Kind::Data if token.anchor == Anchor::Query => 0,
        Kind::Nothing | Kind::Other | Kind::Data if value => 1,
        Kind::Nothing | Kind::Other | Kind::Data => 5,
    };
    above > allowed || (value && steps.mixed && steps.climb >= 2)
}

/// What a path ends in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Nothing after the steps.
    Nothing,
    /// A file that other files refer to: source, style, page, picture, manifest.
    Code,
    /// No extension, as in an import.
    Bare,
    /// Data or settings.
    Data,
    Other,
}

fn kind(tail: &[u8]) -> Kind {
    if tail.is_empty() {
        return Kind::Nothing;
    }
    let start = tail
        .iter()
        .rposition(|b| is_separator(*b))
        .map_or(0, |i| i + 1);
    let name = tail.get(start..).unwrap_or_default();
    // `a.js:12:3`, as stack traces have it.
    let name = name
        .split(|b| matches!(b, b':' | b';' | b'#' | 0))
        .next()
        .unwrap_or_default();
    let Some(dot) = name.iter().rposition(|b| *b == b'.') else {
        return Kind::Bare;
    };
    let mut lower = [0; 5];
    let extension = name.get(dot + 1..).unwrap_or_default();
    let Some(slot) = lower.get_mut(..extension.len()) else {
        return Kind::Other;
    };
    for (to, from) in slot.iter_mut().zip(extension) {
        *to = from.to_ascii_lowercase();
    }
    match &*slot {
        b"js" | b"jsx" | b"mjs" | b"cjs" | b"ts" | b"tsx" | b"mts" | b"json" | b"css" | b"scss"
        | b"sass" | b"less" | b"vue" | b"html" | b"htm" | b"md" | b"mdx" | b"rst" | b"svg"
        | b"png" | b"jpg" | b"jpeg" | b"gif" | b"webp" | b"ico" | b"woff" | b"woff2" | b"ttf"
        | b"rs" | b"py" | b"pyi" | b"go" | b"c" | b"h" | b"cc" | b"cpp" | b"hpp" | b"java"
        | b"kt" | b"swift" | b"rb" | b"cs" | b"dll" | b"proj" | b"sln" | b"lock" | b"toml"
        | b"map" | b"wasm" | b"proto" | b"tf" | b"gyp" | b"lua" | b"mp4" | b"dart" | b"m"
        | b"mm" | b"xsd" | b"props" | b"pdf" | b"yaml" | b"yml" | b"txt" => Kind::Code,
        b"ini" | b"conf" | b"cnf" | b"cfg" | b"log" | b"bak" | b"old" | b"sql" | b"db" | b"key"
        | b"pem" | b"pfx" | b"p12" | b"jks" => Kind::Data,
        _ => Kind::Other,
    }
}

/// A file known by name, where the whole value is its path.
fn sensitive(text: &Text<'_>, at: usize, effort: &mut Effort) -> Option<Match> {
    let bytes = text.bytes;
    let token = walk::token(bytes, text.starts, at);
    if !effort.spend(64 + token.end - token.start) || token.anchor == Anchor::Inside || !token.whole
    {
        return None;
    }
    // The name begins some bytes before the trigger, which is inside of it.
    let from = at.saturating_sub(28).max(token.start);
    let (end, weight, start) = (from..=at + 5).find_map(|i| {
        if i > token.start && !bytes.get(i - 1).is_some_and(|b| begins_after(*b)) {
            return None;
        }
        // A name at the root, when what precedes it is a root, a drive, a scheme or padding.
        if let Some((end, weight)) = name::rooted(bytes, i).filter(|(_, w)| *w > Weight::Step) {
            let head = bytes.get(token.start..i).unwrap_or_default();
            if is_root(head) || weight == Weight::Strong {
                return Some((end, weight, i));
            }
        }
        let (end, weight) = name::anywhere(bytes, i)?;
        let head = bytes.get(token.start..i).unwrap_or_default();
        let named = is_rooted(head)
            || (token.anchor == Anchor::Query && !head.is_empty())
            || weight == Weight::Strong;
        (named && is_local(head)).then_some((end, weight, i))
    })?;
    if token.anchor == Anchor::Quoted && weight == Weight::Weak {
        return None;
    }
    let name = bytes.get(start..token.end).unwrap_or_default();
    (!is_program(name) && !is_template(name)).then(|| Match {
        rule: SENSITIVE,
        span: token.start..end.max(token.end),
    })
}

const fn begins_after(byte: u8) -> bool {
    is_separator(byte) || matches!(byte, b'.' | b':' | b'c' | b'e' | b'f' | 0 | 0xbd)
}

/// Whether what precedes a rooted name is a root: separators and dots, a drive, `file:`.
fn is_root(head: &[u8]) -> bool {
    let path = match head.get(..5) {
        Some(scheme) if scheme.eq_ignore_ascii_case(b"file:") => head.get(5..).unwrap_or_default(),
        _ => head,
    };
    let drive = path
        .iter()
        .position(|b| *b == b':')
        .map_or(0, |colon| colon + 1);
    let (drive, rest) = path.split_at(drive);
    let lettered = |b: &u8| is_separator(*b) || *b == b':' || b.is_ascii_alphabetic();
    !head.is_empty()
        && drive.iter().all(lettered)
        && drive.iter().filter(|b| b.is_ascii_alphabetic()).count() <= 1
        && rest
            .iter()
            .all(|b| is_separator(*b) || matches!(b, b'.' | 0))
}

/// Whether a path begins at a root, a drive or a home. Object keys and archive members do not, and
/// may well be named `logs/access.log`.
fn is_rooted(head: &[u8]) -> bool {
    matches!(head, [b'/' | b'\\' | b'~' | b'.' | 0, ..] | [_, b':', ..])
}

/// Whether a file with a telling name is asked for by a path, not by a URL of some other host.
fn is_local(head: &[u8]) -> bool {
    !head.windows(3).any(|w| w == b"://")
}

/// `C:\Windows\System32\svchost.exe` is a process in telemetry, no file to be read.
fn is_program(name: &[u8]) -> bool {
    let last = name.get(name.len().saturating_sub(4)..).unwrap_or_default();
    [b".exe", b".dll", b".sys", b".com", b".msc"]
        .iter()
        .any(|e| last.eq_ignore_ascii_case(*e))
}

/// `/etc/$NAME/conf` and the like in manifests.
fn is_template(name: &[u8]) -> bool {
    name.iter().any(|b| matches!(b, b'*' | b'$'))
}

/// A name cut short: the check sees the last extension, C's string functions the first.
fn null_byte(text: &Text<'_>, at: usize, effort: &mut Effort) -> Option<Match> {
    let token = walk::token(text.bytes, text.starts, at);
    let tail = text.bytes.get(at + 3..).unwrap_or_default();
    let extension = tail
        .iter()
        .take(5)
        .take_while(|b| b.is_ascii_alphanumeric())
        .count();
    let name = text.bytes.get(token.start..=at).unwrap_or_default();
    let path = name.iter().any(|b| is_separator(*b) || *b == b'.');
    (effort.spend(name.len() + 8)
        && path
        && token.anchor > Anchor::Inside
        && (2..5).contains(&extension)
        && tail
            .get(extension)
            .is_none_or(|b| !b.is_ascii_alphanumeric()))
    .then(|| Match {
        rule: NULL_BYTE,
        span: token.start..at + 3 + extension,
    })
}

/// Longest path that Windows takes without a prefix.
const PATH: usize = 260;

/// `\\?\C:\x`, `\\.\PhysicalDrive0`: a name that Windows takes as it is, steps and all; and
/// `\\10.1.1.1\x`, a share of a host that has no name. Where the path is all there is.
fn windows_root(text: &Text<'_>, at: usize) -> Option<Match> {
    let bytes = text.bytes;
    let path = bytes.get(at..)?;
    let blank = path.iter().take(PATH).any(u8::is_ascii_whitespace);
    (at == 0 && text.starts && text.ends && path.len() <= PATH && !blank).then_some(())?;
    let (root, rest) = path.get(2..)?.split_at_checked(1)?;
    let rule = if matches!(root, b"?" | b".") {
        let name = rest.strip_prefix(b"\\")?;
        name.first().filter(|b| b.is_ascii_alphanumeric())?;
        DEVICE
    } else {
        let host = path.get(2..)?.split(|b| *b == b'\\').next()?;
        let part = |p: &[u8]| (1..=3).contains(&p.len()) && p.iter().all(u8::is_ascii_digit);
        let mut parts = host.split(|b| *b == b'.');
        let share = path.get(2 + host.len()..)?;
        // Shares of administrators are a finding of their own.
        let named = share.len() > 1 && !share.contains(&b'$');
        (parts.clone().count() == 4 && parts.all(part) && named).then_some(HOST)?
    };
    Some(Match {
        rule,
        span: 0..bytes.len(),
    })
}

/// `\\host\c$\`: the drives that Windows shares with administrators.
fn share(text: &Text<'_>, at: usize, effort: &mut Effort) -> Option<Match> {
    let token = walk::token(text.bytes, text.starts, at);
    let head = text.bytes.get(token.start..at).unwrap_or_default();
    (effort.spend(head.len()) && matches!(head, [b'\\', b'\\', _, ..] | [b'/', b'/', _, ..]))
        .then_some(Match {
            rule: SHARE,
            span: token.start..token.end,
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::exercise::{exercise, rule_of};

    #[test]
    fn attacks_differ_from_their_siblings() {
        for (input, rule) in [
            ("../../etc/passwd", "path.traversal"),
            ("../../lib/a.js", ""),
            ("/etc/passwd", "path.sensitive_file"),
            ("the file /etc/passwd", ""),
            ("php://filter/resource=x", "path.wrapper"),
            ("php is fun", ""),
            ("a.php\0.jpg", "path.null_byte"),
            ("?page=http://h/x.txt", "path.remote_include"),
            ("?next=http://h/x.txt", ""),
            ("\\\\h\\c$\\x", "path.admin_share"),
        ] {
            let found = rule_of(&RULES, input.as_bytes());
            assert_eq!(found.unwrap_or_default(), rule, "{input}");
        }
    }

    #[test]
    fn any_bytes_are_survived() {
        let pieces: &[&[u8]] = &[
            b"../",
            b"..\\",
            b"....//",
            b"..;/",
            b"\0",
            b"etc/passwd",
            b"/",
            b"c:\\",
            b"windows/win.ini",
            b"php://",
            b"filter",
            b"=",
            b"?page=http://h/",
            b".txt",
            b"?",
            b" ",
            b"\xef\xbf\xbd",
            b"/.env",
            b"WEB-INF/",
            b"\\\\h\\c$\\",
            b"access.log",
            b"%2e",
            b"\"",
            b"a",
            b".php",
            b"zip://",
            b"proc/self/environ",
            b"\xc0",
        ];
        exercise(&RULES, pieces);
    }
}
