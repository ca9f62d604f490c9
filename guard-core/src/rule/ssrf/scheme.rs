//! URLs of protocols that reach files, class loaders and line protocols.

use crate::inspect::{Effort, Match, Text};

use super::SCHEME;
use super::address::{self, Target};
use super::location::{HOST, Standing, is_http, standing};

/// URLs of protocols that reach files, class loaders and line protocols.
pub(super) fn scheme(text: &Text<'_>, at: usize, effort: &mut Effort) -> Option<Match> {
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
    if !effort.spend(2 * length) {
        return None;
    }
    let standing = standing(text, start);
    let slashes = body
        .iter()
        .take_while(|b| matches!(b, b'/' | b'\\'))
        .count();
    let target = body.get(slashes..).unwrap_or_default();
    let is = |names: &[&[u8]]| names.iter().any(|n| name.eq_ignore_ascii_case(n));
    let hosted = slashes >= 2
        && target
            .first()
            .is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'[' | b'$' | b'_'));
    let hostile = if is(&[b"gopher", b"dict"]) {
        hosted && standing > Standing::Inside
    } else if is(&[b"tftp", b"sftp", b"ldap", b"ldaps", b"rmi"]) {
        hosted && standing >= Standing::Value && !target.contains(&b'@')
    } else if is(&[b"netdoc"]) {
        slashes > 0 && standing >= Standing::Value
    } else if is(&[b"unix"]) {
        // A socket of this machine, as clients of HTTP and proxies take it, or a client's `unix` host.
        let hosted = bytes.get(..start).is_some_and(|b| b.ends_with(b"://"));
        slashes > 0 && !target.is_empty() && (hosted || standing >= Standing::Value)
    } else if is(&[b"jar"]) {
        let inner = body.iter().take_while(|b| b.is_ascii_alphabetic()).count();
        let inner = body.get(..inner).unwrap_or_default();
        (is_http(inner) || inner.eq_ignore_ascii_case(b"file") && body.contains(&b'!'))
            && standing >= Standing::Value
    } else if is(&[b"file", b"local-file", b"url:file"]) {
        standing > Standing::Inside && effort.spend(4 * length) && local_file(body, slashes, target)
    } else {
        false
    };
    hostile.then(|| Match {
        rule: SCHEME,
        span: start..colon + 1 + length,
    })
}

/// Whether a `file:` URL goes for the system's own files or is spelled to pass a check: wildcards,
/// shell substitutions, a host.
fn local_file(body: &[u8], slashes: usize, target: &[u8]) -> bool {
    let first = target
        .split(|b| matches!(b, b'/' | b'\\' | b'?' | b'#'))
        .next()
        .unwrap_or_default();
    let rooted = slashes == 1 || slashes >= 3;
    let substituted = || {
        let path = body.split(|b| *b == b'#').next().unwrap_or_default();
        path.windows(2).any(|w| matches!(w, b"${" | b"$(" | b"??"))
            || path.contains(&b'*')
            || path.windows(3).any(|w| w == b"/..")
    };
    let system = [
        b"etc".as_slice(),
        b"proc",
        b"root",
        b"dev",
        b"sys",
        b"boot",
        b"windows",
        b"winnt",
    ];
    if (rooted || body.first() == Some(&b'$')) && substituted() {
        return true;
    }
    if rooted && (target.is_empty() || system.iter().any(|s| first.eq_ignore_ascii_case(s))) {
        return true;
    }
    slashes == 2
        && matches!(
            address::classify(first),
            Target::Loopback | Target::Disguised
        )
        && target.len() > first.len() + 1
}
