//! Files of other places: PHP's stream wrappers and includes of another host's scripts.

use crate::inspect::{Effort, Match, Text};

use super::walk::{self, Anchor, REACH};
use super::{REMOTE, WRAPPER};

/// Whether the three letters end one of the wrappers' schemes.
pub(super) const fn is_wrapper_tail(tail: [u8; 3]) -> bool {
    matches!(
        [tail[0] | 0x20, tail[1] | 0x20, tail[2] | 0x20],
        [b'z', b'i', b'p']
            | [b'h', b'a', b'r']
            | [b'e', b'c', b't']
            | [b'a', b't', b'a']
            | [b'l', b'i', b'b' | b'p']
            | [b'l', b'o', b'b']
            | [b'p', b'h', b'p']
    )
}

trait EqIgnoreCase {
    fn eq_ignore_case(self, wanted: &[u8]) -> bool;
}

impl<'a, I: Iterator<Item = &'a u8>> EqIgnoreCase for I {
    fn eq_ignore_case(self, wanted: &[u8]) -> bool {
        let mut n = 0;
        let same = self.zip(wanted).all(|(a, b)| {
            n += 1;
            a.eq_ignore_ascii_case(b)
        });
        same && n == wanted.len()
    }
}

/// PHP's stream wrappers (php.net, "Supported Protocols and Wrappers").
pub(super) fn wrapper(text: &Text<'_>, at: usize, effort: &mut Effort) -> Option<Match> {
    let bytes = text.bytes;
    let colon = at + 3;
    let head = bytes.get(..colon).unwrap_or_default();
    let length = head
        .iter()
        .rev()
        .take(16)
        .take_while(|b| b.is_ascii_alphanumeric() || **b == b'.')
        .count();
    let start = colon - length;
    let scheme = head.get(start..).unwrap_or_default();
    let after = bytes.get(colon + 1..).unwrap_or_default();
    let after = after.get(..after.len().min(REACH)).unwrap_or_default();
    if !effort.spend(64) {
        return None;
    }
    let slashes = after.starts_with(b"//");
    let next = after.get(2..).unwrap_or_default();
    let is = |wanted: &[u8]| scheme.eq_ignore_ascii_case(wanted);
    let begins = |s: &[u8], wanted: &[u8]| s.iter().take(wanted.len()).eq_ignore_case(wanted);
    let hostile = if is(b"php") {
        let streams: [&[u8]; 9] = [
            b"filter", b"input", b"stdin", b"memory", b"temp", b"output", b"fd", b"stdout",
            b"stderr",
        ];
        (slashes && streams.iter().any(|s| begins(next, s)))
            || begins(after, b"expect://")
            || begins(after, b"/filter")
    } else if is(b"expect") || is(b"phar") || is(b"glob") || is(b"compress.zlib") {
        slashes && !next.is_empty() && !next.starts_with(b" ")
    } else if is(b"zip") || is(b"compress.zip") {
        slashes && next.first().is_some_and(|b| b.is_ascii_graphic())
    } else if is(b"data") {
        slashes
            && (begins(next, b"text/")
                || begins(next, b";")
                || begins(next, b",")
                || begins(next, b"application/"))
    } else {
        false
    };
    let end = colon + 1 + after.iter().take_while(|b| b.is_ascii_graphic()).count();
    hostile.then_some(Match {
        rule: WRAPPER,
        span: start..end,
    })
}

/// A URL of a text file with `?` or NUL at its end, which makes a query of what an include appends.
pub(super) fn remote(text: &Text<'_>, at: usize, effort: &mut Effort) -> Option<Match> {
    let bytes = text.bytes;
    let token = walk::token(bytes, text.starts, at);
    let url = bytes.get(token.start..at + 3).unwrap_or_default();
    let is_url = [b"http:".as_slice(), b"https:", b"ftp:"]
        .iter()
        .any(|s| url.iter().take(s.len()).eq_ignore_case(s));
    let cut = bytes.len() <= at + 4 && text.ends;
    (effort.spend(url.len()) && is_url && cut && token.anchor > Anchor::Inside).then(|| Match {
        rule: REMOTE,
        span: token.start..at + 4,
    })
}

/// Whether the key before `bytes[at]` is what scripts call a file to include.
pub(super) fn including(bytes: &[u8], at: usize) -> bool {
    const KEYS: [&[u8]; 20] = [
        b"page",
        b"file",
        b"inc",
        b"include",
        b"path",
        b"template",
        b"tpl",
        b"document",
        b"doc",
        b"content",
        b"conf",
        b"lang",
        b"theme",
        b"mod",
        b"module",
        b"dir",
        b"root",
        b"folder",
        b"layout",
        b"basepath",
    ];
    let head = bytes.get(..at).unwrap_or_default();
    let key = head
        .iter()
        .rev()
        .take(24)
        .take_while(|b| b.is_ascii_alphanumeric())
        .count();
    let (before, key) = head.split_at(at - key);
    matches!(
        before.last(),
        None | Some(b'?' | b'&' | b'_' | b';' | b'"' | b'\\')
    ) && KEYS.iter().any(|k| key.eq_ignore_ascii_case(k))
}

/// `?page=http://host/x.txt`: a script of another host to run.
pub(super) fn included(text: &Text<'_>, at: usize, effort: &mut Effort) -> Option<Match> {
    let bytes = text.bytes;
    let value = bytes.get(at + 1..).unwrap_or_default();
    let value = value.get(..value.len().min(REACH)).unwrap_or_default();
    let length = value
        .iter()
        .take_while(|b| b.is_ascii_graphic() && !matches!(b, b'&' | b'#' | b'?' | b'"' | b'\''))
        .count();
    let url = value.get(..length).unwrap_or_default();
    if !effort.spend(length + 32) || !including(bytes, at) {
        return None;
    }
    let path = url.iter().position(|b| *b == b':')? + 3;
    let (scheme, path) = url.split_at_checked(path)?;
    let remote = scheme.ends_with(b"://") && scheme.len() <= 8;
    let script = [b".txt".as_slice(), b".php", b".inc", b".phtml", b".phar"]
        .iter()
        .any(|e| path.len() > e.len() && path.iter().skip(path.len() - e.len()).eq_ignore_case(e));
    (remote && script && path.contains(&b'/')).then(|| Match {
        rule: REMOTE,
        span: at + 1..at + 1 + length,
    })
}
