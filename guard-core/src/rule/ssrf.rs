//! Rules of the `ssrf` family: URLs that make the function ask its own network, its cloud's
//! metadata service or a protocol nobody meant to speak.
//!
//! A URL counts where it may be used as one: where the value begins, after `=`, in quotes. The same
//! URL in the middle of a sentence or a log line does not.

use crate::inspect::{Effort, Match, Place, Text, Trigger};
use crate::rule::{Family, RuleId, Rules};

mod address;
mod location;
mod scheme;

use address::Target;
use location::{HOST, Location, Standing, ends, ends_authority, host_start, is_http, standing};
use scheme::scheme;

pub(super) const RULES: Rules = Rules {
    family: Family::Ssrf,
    triggers: TRIGGERS,
    glance: 7,
    context,
    hopeless: None,
    confirm,
};

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
    // `http:127.0.0.1`: readers of special schemes need no slashes (WHATWG URL, 4.4).
    Trigger::new("tp:\\d"),
    Trigger::new("ps:\\d"),
    Trigger::new("169\\."),
    Trigger::new("@[01][026-9x][279.a\\d]"),
    // localhost, localtest.me, nip.io
    Trigger::new("lhos"),
    Trigger::new("ltes"),
    Trigger::new("[nxl]ip\\."),
    Trigger::new("/met"),
    // kubernetes.default.svc
    Trigger::new("es\\.d"),
    Trigger::new("ce-d"),
    // computeMetadata, meta-data
    Trigger::new("utem"),
    Trigger::new("ta-d"),
    // gopher, dict, file, ldap, netdoc, jar, rmi, smb
    Trigger::new("[eolacm][rcetpib]:[/$\\\\]"),
    Trigger::new("jar:"),
    Trigger::new("[st]ftp"),
    Trigger::new("aps:"),
    // unix:/var/run/docker.sock
    Trigger::new("nix:"),
    Trigger::new("[#\\\\]@[a-z\\d][a-z\\d.]"),
    Trigger::new(":\\d\\d@"),
    // Names of services that note who asked for them: oast.*, oastify.com, burpcollaborator.net
    Trigger::new("\\.oas"),
    Trigger::new("burp"),
];

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
        // After a scheme, which a third slash may follow, or where a value begins.
        [b'/', b'/', ..] => matches!(
            head,
            [] | [.., b':' | b'"' | b'=' | b'\\'] | [.., b':', b'/']
        ),
        [b'/', b'm' | b'M', ..] => {
            matches!(head.last(), Some(b'/' | b'@')) && goes_on(b"/metadata")
        }
        [first, b'p' | b'P' | b's' | b'S', b':', b'0'..=b'9', ..] => {
            let scheme: &[u8] = if first.eq_ignore_ascii_case(&b't') {
                b"ht"
            } else {
                b"htt"
            };
            let head = head.get(head.len().saturating_sub(scheme.len())..);
            head.is_some_and(|h| h.eq_ignore_ascii_case(scheme))
        }
        [b'1', ..] => goes_on(b"169.254."),
        [b'@', ..] => head
            .iter()
            .rev()
            .take(64)
            .any(|b| matches!(b, b'/' | b'\\' | b'%')),
        [b'l' | b'L', b'h' | b'H', ..] => goes_on(b"lhost"),
        [b'l' | b'L', b't' | b'T', ..] => goes_on(b"ltest.me"),
        [_, b'i' | b'I', b'p' | b'P', b'.', ..] => {
            matches!(
                rest.get(4),
                None | Some(b'i' | b'I' | b'n' | b'N' | b'%' | b'\\' | b'&')
            )
        }
        [b'e' | b'E', b's' | b'S', b'.', ..] => goes_on(b"es.default"),
        [b'c' | b'C', b'e' | b'E', ..] => goes_on(b"ce-data"),
        [b'u' | b'U', ..] => goes_on(b"utemetadata"),
        [b't' | b'T', b'a' | b'A', ..] => goes_on(b"ta-data"),
        [b's' | b't' | b'S' | b'T', b'f' | b'F', ..] => goes_on(b"sftp:") || goes_on(b"tftp:"),
        [b'.', ..] => goes_on(b".oast"),
        [b'n' | b'N', b'i' | b'I', b'x' | b'X', ..] => {
            matches!(rest.get(4), None | Some(b'/' | b'\\' | b'%' | b'&'))
        }
        [b'b' | b'B', ..] => goes_on(b"burpcollaborator."),
        _ => true,
    }
}

fn confirm(text: &Text<'_>, at: usize, effort: &mut Effort) -> Option<Match> {
    if !effort.spend(16) {
        return None;
    }
    let rest = text.bytes.get(at..)?;
    match rest {
        [b'/', b'/', ..] => location(text, at + 2, effort),
        [b'/', b'm' | b'M', ..] => location(text, at + 1, effort),
        [b'p' | b's' | b'P' | b'S', b':', ..] => {
            let slashes = rest
                .iter()
                .skip(2)
                .take_while(|b| matches!(b, b'/' | b'\\'))
                .count();
            location(text, at + 2 + slashes, effort)
        }
        [b'e' | b'E', b's' | b'S', b'.', ..] | [b'c' | b'C', b'e' | b'E', b'-', ..] => {
            location(text, host_start(text.bytes, at), effort)
        }
        // With a dot: `HTTP:80/index` is how load balancers spell a check.
        [b't' | b'T' | b'p' | b'P', _, b':', host @ ..]
            if host.first().is_some_and(u8::is_ascii_digit) =>
        {
            let number = host.iter().take(16).find(|b| !b.is_ascii_alphanumeric());
            (number == Some(&b'.')).then(|| location(text, at + 3, effort))?
        }
        [_, _, b':', ..] | [_, _, _, b':', ..] => scheme(text, at, effort),
        [b'1' | b'l' | b'L' | b'n' | b'N' | b'x' | b'X', ..] => {
            location(text, host_start(text.bytes, at), effort)
        }
        [b'@', ..] => location(text, at + 1, effort),
        [b'u' | b'U' | b't' | b'T', _, b'e' | b'E' | b'-', ..] => metadata_path(text, at),
        [b'#' | b'\\', b'@', ..] => confused(text, at),
        [b':', _, _, b'@', ..] => confused(text, at + 2).filter(|m| {
            // A port before `@` is a password, unless a user stands before that.
            text.bytes
                .get(m.span.start..at)
                .is_some_and(|head| head.contains(&b'@'))
        }),
        [b'.' | b'b' | b'B', ..] => callback(text, at),
        _ => scheme(text, at, effort),
    }
}

fn location(text: &Text<'_>, from: usize, effort: &mut Effort) -> Option<Match> {
    let url = Location::parse(text.bytes, from)?;
    if !effort.spend(64 + 4 * (url.host.len() + url.path.len())) {
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
        _ if bare => None,
        Target::Loopback if inward(text, &url, standing) => Some(LOOPBACK),
        Target::Private if inward(text, &url, standing) => Some(PRIVATE),
        _ => None,
    };
    rule.map(|rule| Match {
        rule,
        span: url.start..url.end,
    })
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
    let relative = url.scheme.is_empty();
    if !(relative || is_http(url.scheme))
        || standing < Standing::Value
        || text.place == Place::Referer
        || standing == Standing::Field && is_return(text.bytes, url.start)
    {
        return false;
    }
    let named = url.host.first().is_some_and(u8::is_ascii_alphabetic);
    let path = url.path.get(..url.path.len().min(64)).unwrap_or_default();
    let redirect = [
        b"callback".as_slice(),
        b"oauth",
        b"auth",
        b"login",
        b"signin",
        b"redirect",
    ]
    .iter()
    .any(|w| path.windows(w.len()).any(|p| p.eq_ignore_ascii_case(w)));
    let numeric = url.host.first().is_some_and(u8::is_ascii_digit);
    let developing = matches!(
        url.port,
        [b'3', b'0', b'0', _] | b"5173" | b"5500" | b"4200"
    );
    let service = SERVICES.contains(&url.port) || (numeric && !developing);
    // The URL is the value, or a field's; not the first word of a sentence.
    let whole = standing == Standing::Field || ends(text, url.end);
    if redirect || !service || !whole {
        return false;
    }
    // `http://localhost` alone is an origin.
    url.userinfo
        || standing == Standing::Field
        || !named
        || !path.is_empty()
        || !url.port.is_empty()
}

/// Whether the field before `bytes[start]` says where a browser goes next, which may well be the
/// caller's own machine.
fn is_return(bytes: &[u8], start: usize) -> bool {
    let head = bytes
        .get(..start)
        .and_then(|head| head.strip_suffix(b"="))
        .unwrap_or_default();
    let key = head
        .get(head.len().saturating_sub(24)..)
        .unwrap_or_default();
    let key = key
        .rsplit(|b| matches!(b, b'&' | b'?'))
        .next()
        .unwrap_or_default();
    [
        b"redirect".as_slice(),
        b"callback",
        b"return",
        b"origin",
        b"refer",
    ]
    .iter()
    .any(|w| key.windows(w.len()).any(|k| k.eq_ignore_ascii_case(w)))
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
    let whole =
        named(tail, forward) || (at + forward.len() > bytes.len() && named(tail, b"ta-data"));
    if !named(bytes.get(start..at), back) || !whole {
        return None;
    }
    // Back to where the URL or path begins: a version such as `latest` precedes `meta-data`.
    let head = bytes.get(..start).unwrap_or_default();
    let length = head
        .iter()
        .rev()
        .take(HOST)
        .take_while(|b| {
            b.is_ascii_alphanumeric() || matches!(b, b'/' | b'.' | b':' | b'-' | b'@' | b'[' | b']')
        })
        .count();
    let begin = start - length;
    let prefix = head.get(begin..).unwrap_or_default();
    let versioned = prefix.ends_with(b"latest") || prefix.last().is_some_and(u8::is_ascii_digit);
    let proper = versioned || matches!(bytes.get(at), Some(b'u' | b'U'));
    (proper && standing(text, begin) >= Standing::Value).then(|| Match {
        rule: METADATA,
        span: begin..at + forward.len().min(bytes.len() - at),
    })
}

/// `http://a.com\@b.com`, `http://a.com#@b.com`: parsers disagree on the host.
fn confused(text: &Text<'_>, at: usize) -> Option<Match> {
    let head = text.bytes.get(..at)?;
    let host = head
        .iter()
        .rev()
        .take(HOST)
        .take_while(|b| !ends_authority(**b))
        .count();
    let slashes = head.get(..at - host)?;
    let scheme = slashes.strip_suffix(b"://")?;
    let letters = scheme
        .iter()
        .rev()
        .take(8)
        .take_while(|b| b.is_ascii_alphabetic())
        .count();
    let start = scheme.len() - letters;
    let tail = text.bytes.get(at + 2..)?;
    let end = at
        + 2
        + tail
            .iter()
            .take(HOST)
            .take_while(|b| !ends_authority(**b))
            .count();
    (host > 0 && letters > 1 && standing(text, start) >= Standing::Value).then_some(Match {
        rule: CONFUSED,
        span: start..end,
    })
}

/// A host below a name that exists to log who asks for it.
fn callback(text: &Text<'_>, at: usize) -> Option<Match> {
    const NAMES: [&[u8]; 10] = [
        b".oastify.com",
        b".oast.pro",
        b".oast.live",
        b".oast.site",
        b".oast.online",
        b".oast.fun",
        b".oast.me",
        b".oast.example",
        b".oast.us",
        b"burpcollaborator.net",
    ];
    let rest = text.bytes.get(at..)?;
    let name = NAMES.iter().find(|n| {
        rest.get(..n.len())
            .is_some_and(|rest| rest.eq_ignore_ascii_case(n))
    })?;
    let start = host_start(text.bytes, at);
    (start < at).then(|| Match {
        rule: CALLBACK,
        span: start..at + name.len(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::exercise::{exercise, rule_of};

    #[test]
    fn attacks_differ_from_their_siblings() {
        for (input, rule) in [
            ("http://169.254.169.254/", "ssrf.metadata"),
            ("host 169.254.169.254 is up", ""),
            ("http://2130706433/", "ssrf.disguised_address"),
            ("http://8.8.8.8/", ""),
            ("http://localhost/admin", "ssrf.loopback"),
            ("http://localhost:3000/", ""),
            ("gopher://h:70/_x", "ssrf.scheme"),
            ("sftp://u@h/x", ""),
        ] {
            let found = rule_of(&RULES, input.as_bytes());
            assert_eq!(found.unwrap_or_default(), rule, "{input}");
        }
    }

    #[test]
    fn any_bytes_are_survived() {
        let pieces: &[&[u8]] = &[
            b"http://",
            b"//",
            b"@",
            b"169.254.169.254",
            b"127.1",
            b"localhost",
            b"[::1]",
            b":80",
            b"/",
            b"\\",
            b"#",
            b"0x7f",
            b"gopher://",
            b"file:///",
            b"etc",
            b"${",
            b"jar:http://",
            b"/latest/meta-data/",
            b"computeMetadata/v1",
            b" ",
            b"=",
            b"\"",
            b".nip.io",
            b".oast.fun",
            b"%40",
            b"metadata",
            b"a.b",
            b"\xe2\x91\xa0",
            b"sftp://",
            b"10.0.0.1",
        ];
        exercise(&RULES, pieces);
    }
}
