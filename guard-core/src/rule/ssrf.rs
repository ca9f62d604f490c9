//! Rules of the `ssrf` family: URLs that make the function ask its own network, its cloud's
//! metadata service or a protocol nobody meant to speak.
//!
//! A URL counts where it may be used as one: where the value begins, after `=`, in quotes. The same
//! URL in the middle of a sentence or a log line does not.

use crate::inspect::{Effort, Match, Place, Text, Trigger};
use crate::rule::{Family, RuleId, Rules};

mod address;

use address::Target;

pub(super) const RULES: Rules = Rules { family: Family::Ssrf, triggers: TRIGGERS, context, confirm };

const METADATA: RuleId = RuleId::new("ssrf.metadata");
const LOOPBACK: RuleId = RuleId::new("ssrf.loopback");
const PRIVATE: RuleId = RuleId::new("ssrf.private_address");
const DISGUISED: RuleId = RuleId::new("ssrf.disguised_address");
const REBINDING: RuleId = RuleId::new("ssrf.rebinding_name");
const SCHEME: RuleId = RuleId::new("ssrf.scheme");
const CONFUSED: RuleId = RuleId::new("ssrf.confused_authority");
const CALLBACK: RuleId = RuleId::new("ssrf.callback");

const TRIGGERS: &[Trigger] = &[
    // Hosts by number, plain and with the slashes escaped.
    Trigger::new("//\\d"),
    Trigger::new("/\\\\/\\d"),
    Trigger::new("//\\[[:\\da-f]"),
    Trigger::new("//\\xe2[\\x91\\x92\\x93]"),
    Trigger::new("[ps]:[/\\\\][\\d\\[\\\\]"),
    Trigger::new("169\\."),
    Trigger::new("@[01][026-9x][279.a\\d]"),
    // localhost, localtest.me, nip.io
    Trigger::new("lhos"),
    Trigger::new("ltes"),
    Trigger::new("[nxl]ip\\."),
    Trigger::new("/met"),
    // computeMetadata, meta-data
    Trigger::new("utem"),
    Trigger::new("ta-d"),
    // gopher, dict, file, ldap, netdoc, jar, rmi, smb
    Trigger::new("[eolacm][rcetpib]:[/$\\\\]"),
    Trigger::new("jar:"),
    Trigger::new("[st]ftp"),
    Trigger::new("aps:"),
    Trigger::new("[#\\\\]@[a-z\\d][a-z\\d.]"),
    // Names of services that note who asked for them: oast.*, oastify.com, burpcollaborator.net
    Trigger::new("\\.oas"),
    Trigger::new("burp"),
];

/// Longest host and userinfo looked at (RFC 1035 has 255 for a name).
const HOST: usize = 255;

fn context(bytes: &[u8], at: usize) -> bool {
    let rest = bytes.get(at..).unwrap_or_default();
    let head = bytes.get(..at).unwrap_or_default();
    let goes_on = |name: &[u8]| {
        rest.iter().zip(name).find_map(|(a, b)| match a {
            b'\\' | b'%' | b'&' => Some(true),
            a if a.eq_ignore_ascii_case(b) => None,
            _ => Some(false),
        }) != Some(false)
    };
    match rest {
        [b'/', b'/', ..] => matches!(head.last(), None | Some(b':' | b'"' | b'=' | b'\\')),
        [b'/', b'm' | b'M', ..] => matches!(head.last(), Some(b'/' | b'@')) && goes_on(b"/metadata"),
        [b'1', ..] => goes_on(b"169.254."),
        [b'@', ..] => head.iter().rev().take(64).any(|b| matches!(b, b'/' | b'\\' | b'%')),
        [b'l' | b'L', b'h' | b'H', ..] => goes_on(b"lhost"),
        [b'l' | b'L', b't' | b'T', ..] => goes_on(b"ltest.me"),
        [_, b'i' | b'I', b'p' | b'P', b'.', ..] => {
            matches!(rest.get(4), None | Some(b'i' | b'I' | b'n' | b'N' | b'%' | b'\\' | b'&'))
        }
        [b'u' | b'U', ..] => goes_on(b"utemetadata"),
        [b't' | b'T', b'a' | b'A', ..] => goes_on(b"ta-data"),
        [b's' | b't' | b'S' | b'T', b'f' | b'F', ..] => goes_on(b"sftp:") || goes_on(b"tftp:"),
        [b'.', ..] => goes_on(b".oast"),
        [b'b' | b'B', ..] => goes_on(b"burpcollaborator."),
        _ => true,
    }
}

fn confirm(text: &Text<'_>, at: usize, effort: &mut Effort) -> Option<Match> {
    if !effort.spend(64) {
        return None;
    }
    let rest = text.bytes.get(at..)?;
    match rest {
        [b'/', b'/', ..] => location(text, at + 2, effort),
        [b'/', b'm' | b'M', ..] => location(text, at + 1, effort),
        [b'p' | b's' | b'P' | b'S', b':', ..] => {
            let slashes = rest.iter().skip(2).take_while(|b| matches!(b, b'/' | b'\\')).count();
            location(text, at + 2 + slashes, effort)
        }
        [_, _, b':', ..] | [_, _, _, b':', ..] => scheme(text, at, effort),
        [b'1' | b'l' | b'L' | b'n' | b'N' | b'x' | b'X', ..] => {
            location(text, host_start(text.bytes, at), effort)
        }
        [b'@', ..] => location(text, at + 1, effort),
        [b'u' | b'U' | b't' | b'T', _, b'e' | b'E' | b'-', ..] => metadata_path(text, at),
        [b'#' | b'\\', b'@', ..] => confused(text, at),
        [b'.' | b'b' | b'B', ..] => callback(text, at),
        _ => scheme(text, at, effort),
    }
}

/// Walks back from inside of a host to where it begins.
fn host_start(bytes: &[u8], at: usize) -> usize {
    let head = bytes.get(..at).unwrap_or_default();
    let back = head
        .iter()
        .rev()
        .take(HOST)
        .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b'['))
        .count();
    at - back
}

/// How a URL stands in its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Standing {
    /// In a sentence.
    Inside,
    /// After a quote, a bracket, a comma.
    Quoted,
    /// Where the value begins, or all of it is the URL.
    Value,
    /// The value of a field in a query.
    Field,
}

fn standing(text: &Text<'_>, start: usize) -> Standing {
    let before = text.bytes.get(..start).unwrap_or_default();
    match before.last() {
        None if text.starts => Standing::Value,
        Some(b'=') => Standing::Field,
        Some(b'"' | b'\'' | b'(' | b'<' | b'>' | b'[' | b',' | b'|' | b'`' | b'/' | b':') => {
            Standing::Quoted
        }
        Some(_) if text.starts && before.len() <= 4 && before.iter().all(u8::is_ascii_whitespace) => {
            Standing::Value
        }
        _ => Standing::Inside,
    }
}

/// A URL's parts around its host.
#[derive(Debug, Clone, Copy)]
struct Location<'t> {
    /// Where the URL begins, its scheme and userinfo included.
    start: usize,
    end: usize,
    scheme: &'t [u8],
    /// Something stands before the host: `user@`.
    userinfo: bool,
    host: &'t [u8],
    port: &'t [u8],
    /// Of the path, query and fragment.
    path: &'t [u8],
}

impl<'t> Location<'t> {
    /// The URL whose host (or userinfo) begins at `from`.
    fn parse(bytes: &'t [u8], from: usize) -> Option<Self> {
        let after = bytes.get(from..)?;
        let after = after.get(..after.len().min(HOST)).unwrap_or_default();
        let length = after.iter().take_while(|b| !ends_authority(**b)).count();
        let authority = after.get(..length)?;
        let at = authority.iter().rposition(|b| *b == b'@').map_or(0, |i| i + 1);
        let host = authority.get(at..)?;
        let split = match host.first() {
            Some(b'[') => host.iter().position(|b| *b == b']').map_or(host.len(), |i| i + 1),
            _ => host.iter().position(|b| *b == b':').unwrap_or(host.len()),
        };
        let (host, port) = host.split_at(split);
        let port = port.strip_prefix(b":").unwrap_or_default();
        let path = after.get(length..).unwrap_or_default();
        let path = path.split(|b| b.is_ascii_whitespace() || *b == b'"').next().unwrap_or_default();
        let head = bytes.get(..from).unwrap_or_default();
        // Back over `user@` when the host itself was found.
        let user = match head.last() {
            Some(b'@') => {
                head.iter().rev().take(HOST).take_while(|b| !ends_authority(**b) || **b == b'#').count()
            }
            _ => 0,
        };
        let head = head.get(..head.len() - user).unwrap_or_default();
        let slashes = head.iter().rev().take(8).take_while(|b| matches!(b, b'/' | b'\\')).count();
        let head = head.get(..head.len() - slashes).unwrap_or_default();
        let scheme = match head.last() {
            Some(b':') => {
                head.iter().rev().skip(1).take(16).take_while(|b| b.is_ascii_alphanumeric()).count()
            }
            _ => 0,
        };
        let (start, scheme) = if scheme > 0 {
            let start = head.len() - 1 - scheme;
            (start, head.get(start..start + scheme).unwrap_or_default())
        } else if slashes >= 2 || user == 0 && slashes == 0 {
            (head.len(), [].as_slice())
        } else {
            return None;
        };
        let end = from + length + path.len();
        Some(Self { start, end, scheme, userinfo: at > 0 || user > 0, host, port, path })
    }
}

const fn ends_authority(byte: u8) -> bool {
    matches!(
        byte,
        b'/' | b'\\' | b'?' | b'#' | b'"' | b'\'' | b'<' | b'>' | b'(' | b')' | b'{' | b'}' | b'|'
            | b',' | b'&' | 0..=b' '
    )
}

fn location(text: &Text<'_>, from: usize, effort: &mut Effort) -> Option<Match> {
    let url = Location::parse(text.bytes, from)?;
    if !effort.spend(url.host.len()) {
        return None;
    }
    let target = address::classify(url.host);
    if target == Target::Elsewhere {
        return None;
    }
    let mut standing = standing(text, url.start);
    let schemed = !url.scheme.is_empty();
    let bare = !schemed && text.bytes.get(url.start) != Some(&b'/');
    if url.userinfo && schemed {
        standing = standing.max(Standing::Quoted);
    }
    let rule = match target {
        // `169.254.169.254` as a value, with what may follow it.
        Target::Metadata if bare => {
            let number = url.host.first().is_some_and(u8::is_ascii_digit);
            (standing >= Standing::Value && number && ends(text, url.end)).then_some(METADATA)
        }
        Target::Metadata => (standing > Standing::Inside).then_some(METADATA),
        Target::Rebinding => {
            (standing > Standing::Inside && (schemed || ends(text, url.end))).then_some(REBINDING)
        }
        Target::Disguised => (schemed && standing > Standing::Inside).then_some(DISGUISED),
        _ if !schemed => None,
        Target::Loopback if inward(text, &url, standing) => Some(LOOPBACK),
        Target::Private if standing == Standing::Field || url.userinfo && is_http(url.scheme) => {
            (text.place != Place::Header).then_some(PRIVATE)
        }
        _ => None,
    };
    rule.map(|rule| Match { rule, span: url.start..url.end })
}

fn ends(text: &Text<'_>, end: usize) -> bool {
    text.ends && text.bytes.get(end..).is_some_and(|rest| rest.iter().take(4).all(u8::is_ascii_whitespace))
}

fn is_http(scheme: &[u8]) -> bool {
    [b"http".as_slice(), b"https", b"ftp"].iter().any(|s| scheme.eq_ignore_ascii_case(s))
}

/// Whether a plain loopback URL is meant for the function: not a page under development, not the
/// redirect of a native application (RFC 8252, 7.3).
fn inward(text: &Text<'_>, url: &Location<'_>, standing: Standing) -> bool {
    // Ports that services listen at, the Lambda runtime API among them.
    const SERVICES: [&[u8]; 30] = [
        b"", b"21", b"22", b"23", b"25", b"53", b"80", b"110", b"111", b"143", b"389", b"443",
        b"445", b"873", b"1433", b"2375", b"2376", b"2379", b"3306", b"5432", b"5984", b"6379",
        b"6443", b"8500", b"9001", b"9200", b"10250", b"10255", b"11211", b"27017",
    ];
    if !is_http(url.scheme) || standing < Standing::Value || text.place == Place::Header {
        return false;
    }
    let named = url.host.first().is_some_and(u8::is_ascii_alphabetic);
    let path = url.path.get(..url.path.len().min(64)).unwrap_or_default();
    let redirect = [b"callback".as_slice(), b"oauth", b"auth", b"login", b"signin", b"redirect"]
        .iter()
        .any(|w| path.windows(w.len()).any(|p| p.eq_ignore_ascii_case(w)));
    if redirect || !SERVICES.contains(&url.port) {
        return false;
    }
    // `http://localhost` alone is an origin.
    url.userinfo || standing == Standing::Field || !named || path.len() > 1 || !url.port.is_empty()
}

/// Paths of metadata services, whatever host they are asked of.
fn metadata_path(text: &Text<'_>, at: usize) -> Option<Match> {
    let bytes = text.bytes;
    let (back, forward): (&[u8], &[u8]) = match bytes.get(at)? {
        b'u' | b'U' => (b"/comp", b"utemetadata/v1"),
        _ => (b"/me", b"ta-data/"),
    };
    let start = at.checked_sub(back.len())?;
    let named = |range: Option<&[u8]>, wanted: &[u8]| {
        range.is_some_and(|range| range.eq_ignore_ascii_case(wanted))
    };
    let tail = bytes.get(at..(at + forward.len()).min(bytes.len()));
    let whole = named(tail, forward) || (at + forward.len() > bytes.len() && named(tail, b"ta-data"));
    if !named(bytes.get(start..at), back) || !whole {
        return None;
    }
    // Back to where the URL or path begins: a version such as `latest` precedes `meta-data`.
    let head = bytes.get(..start).unwrap_or_default();
    let length = head
        .iter()
        .rev()
        .take(HOST)
        .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'.' | b':' | b'-' | b'@' | b'[' | b']'))
        .count();
    let begin = start - length;
    let prefix = head.get(begin..).unwrap_or_default();
    let versioned = prefix.ends_with(b"latest") || prefix.last().is_some_and(u8::is_ascii_digit);
    let proper = versioned || matches!(bytes.get(at), Some(b'u' | b'U'));
    (proper && standing(text, begin) >= Standing::Value)
        .then(|| Match { rule: METADATA, span: begin..at + forward.len().min(bytes.len() - at) })
}

/// `http://a.com\@b.com`, `http://a.com#@b.com`: parsers disagree on the host.
fn confused(text: &Text<'_>, at: usize) -> Option<Match> {
    let head = text.bytes.get(..at)?;
    let host = head.iter().rev().take(HOST).take_while(|b| !ends_authority(**b)).count();
    let slashes = head.get(..at - host)?;
    let scheme = slashes.strip_suffix(b"://")?;
    let letters = scheme.iter().rev().take(8).take_while(|b| b.is_ascii_alphabetic()).count();
    let start = scheme.len() - letters;
    let tail = text.bytes.get(at + 2..)?;
    let end = at + 2 + tail.iter().take(HOST).take_while(|b| !ends_authority(**b)).count();
    (host > 0 && letters > 1 && standing(text, start) >= Standing::Value)
        .then(|| Match { rule: CONFUSED, span: start..end })
}

/// A host below a name that exists to log who asks for it.
fn callback(text: &Text<'_>, at: usize) -> Option<Match> {
    const NAMES: [&[u8]; 10] = [
        b".oastify.com", b".oast.pro", b".oast.live", b".oast.site", b".oast.online", b".oast.fun",
        b".oast.me", b".oast.example", b".oast.us", b"burpcollaborator.net",
    ];
    let rest = text.bytes.get(at..)?;
    let name = NAMES
        .iter()
        .find(|n| rest.get(..n.len()).is_some_and(|rest| rest.eq_ignore_ascii_case(n)))?;
    let start = host_start(text.bytes, at);
    (start < at).then(|| Match { rule: CALLBACK, span: start..at + name.len() })
}

/// URLs of protocols that reach files, class loaders and line protocols.
fn scheme(text: &Text<'_>, at: usize, effort: &mut Effort) -> Option<Match> {
    let bytes = text.bytes;
    let colon = at + bytes.get(at..)?.iter().take(6).position(|b| *b == b':')?;
    let head = bytes.get(..colon)?;
    let length = head
        .iter()
        .rev()
        .take(12)
        .take_while(|b| b.is_ascii_alphanumeric() || **b == b'-')
        .count();
    let start = colon - length;
    let name = head.get(start..)?;
    let after = bytes.get(colon + 1..)?;
    let after = after.get(..after.len().min(HOST)).unwrap_or_default();
    let length = after.iter().take_while(|b| b.is_ascii_graphic()).count();
    let body = after.get(..length).unwrap_or_default();
    if !effort.spend(length) {
        return None;
    }
    let standing = standing(text, start);
    let slashes = body.iter().take_while(|b| matches!(b, b'/' | b'\\')).count();
    let target = body.get(slashes..).unwrap_or_default();
    let is = |names: &[&[u8]]| names.iter().any(|n| name.eq_ignore_ascii_case(n));
    let hosted = slashes >= 2
        && target.first().is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'[' | b'$' | b'_'));
    let hostile = if is(&[b"gopher", b"dict"]) {
        hosted && standing > Standing::Inside
    } else if is(&[b"tftp", b"sftp", b"ldap", b"ldaps", b"rmi"]) {
        hosted && standing >= Standing::Value && !target.contains(&b'@')
    } else if is(&[b"netdoc"]) {
        slashes > 0 && standing >= Standing::Value
    } else if is(&[b"jar"]) {
        let inner = body.iter().take_while(|b| b.is_ascii_alphabetic()).count();
        let inner = body.get(..inner).unwrap_or_default();
        (is_http(inner) || inner.eq_ignore_ascii_case(b"file") && body.contains(&b'!'))
            && standing >= Standing::Value
    } else if is(&[b"file", b"local-file", b"url:file"]) {
        standing > Standing::Inside && local_file(body, slashes, target)
    } else {
        false
    };
    hostile.then(|| Match { rule: SCHEME, span: start..colon + 1 + length })
}

/// Whether a `file:` URL goes for the system's own files or is spelled to pass a check: wildcards,
/// shell substitutions, a host.
fn local_file(body: &[u8], slashes: usize, target: &[u8]) -> bool {
    let first = target
        .split(|b| matches!(b, b'/' | b'\\' | b'?' | b'#'))
        .next()
        .unwrap_or_default();
    let path = body.split(|b| *b == b'#').next().unwrap_or_default();
    let substituted = path.windows(2).any(|w| matches!(w, b"${" | b"$(" | b"??"))
        || path.contains(&b'*')
        || path.windows(3).any(|w| w == b"/..");
    let rooted = slashes == 1 || slashes >= 3;
    let system = [b"etc".as_slice(), b"proc", b"root", b"dev", b"sys", b"boot", b"windows", b"winnt"];
    if substituted && (rooted || body.first() == Some(&b'$')) {
        return true;
    }
    if rooted && (target.is_empty() || system.iter().any(|s| first.eq_ignore_ascii_case(s))) {
        return true;
    }
    slashes == 2 && matches!(address::classify(first), Target::Loopback | Target::Disguised)
        && target.len() > first.len() + 1
}
