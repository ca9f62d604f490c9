//! A URL's parts around its host, and how the URL stands in its text.

use crate::inspect::Text;

/// Longest host and userinfo looked at (RFC 1035 has 255 for a name).
pub(super) const HOST: usize = 255;

/// Walks back from inside of a host to where it begins.
pub(super) fn host_start(bytes: &[u8], at: usize) -> usize {
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
pub(super) enum Standing {
    /// In a sentence.
    Inside,
    /// After a quote, a bracket, a comma.
    Quoted,
    /// Where the value begins, or all of it is the URL.
    Value,
    /// The value of a field in a query.
    Field,
}

pub(super) fn standing(text: &Text<'_>, start: usize) -> Standing {
    let before = text.bytes.get(..start).unwrap_or_default();
    match before.last() {
        None if text.starts => Standing::Value,
        Some(b'=') => Standing::Field,
        Some(b'"' | b'\'' | b'(' | b'<' | b'>' | b'[' | b',' | b'|' | b'`' | b'/' | b':') => {
            Standing::Quoted
        }
        Some(_)
            if text.starts && before.len() <= 4 && before.iter().all(u8::is_ascii_whitespace) =>
        {
            Standing::Value
        }
        _ => Standing::Inside,
    }
}

/// A URL's parts around its host.
#[derive(Debug, Clone, Copy)]
pub(super) struct Location<'t> {
    /// Where the URL begins, its scheme and userinfo included.
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) scheme: &'t [u8],
    /// Something stands before the host: `user@`.
    pub(super) userinfo: bool,
    pub(super) host: &'t [u8],
    pub(super) port: &'t [u8],
    /// Of the path, query and fragment.
    pub(super) path: &'t [u8],
}

impl<'t> Location<'t> {
    /// The URL whose host (or userinfo) begins at `from`.
    pub(super) fn parse(bytes: &'t [u8], from: usize) -> Option<Self> {
        let after = bytes.get(from..)?;
        let after = after.get(..after.len().min(HOST)).unwrap_or_default();
        let length = after.iter().take_while(|b| !ends_authority(**b)).count();
        let authority = after.get(..length)?;
        let at = authority
            .iter()
            .rposition(|b| *b == b'@')
            .map_or(0, |i| i + 1);
        let host = authority.get(at..)?;
        let split = match host.first() {
            Some(b'[') => host
                .iter()
                .position(|b| *b == b']')
                .map_or(host.len(), |i| i + 1),
            _ => host.iter().position(|b| *b == b':').unwrap_or(host.len()),
        };
        let (host, port) = host.split_at(split);
        let port = port.strip_prefix(b":").unwrap_or_default();
        let path = after.get(length..).unwrap_or_default();
        let path = path
            .split(|b| b.is_ascii_whitespace() || *b == b'"')
            .next()
            .unwrap_or_default();
        let head = bytes.get(..from).unwrap_or_default();
        // Back over `user@` when the host itself was found.
        let user = match head.last() {
            Some(b'@') => {
                // `&` may end a name of a user (RFC 3986, 3.2.1), but never a field of a form
                // that an address begins in.
                let joined = head.ends_with(b"&@");
                head.iter()
                    .rev()
                    .take(HOST)
                    .enumerate()
                    .take_while(|(i, b)| !ends_authority(**b) || **b == b'#' || joined && *i == 1)
                    .count()
            }
            _ => 0,
        };
        let head = head.get(..head.len() - user).unwrap_or_default();
        let slashes = head
            .iter()
            .rev()
            .take(8)
            .take_while(|b| matches!(b, b'/' | b'\\'))
            .count();
        let head = head.get(..head.len() - slashes).unwrap_or_default();
        let scheme = match head.last() {
            Some(b':') => head
                .iter()
                .rev()
                .skip(1)
                .take(16)
                .take_while(|b| b.is_ascii_alphanumeric())
                .count(),
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
        Some(Self {
            start,
            end,
            scheme,
            userinfo: at > 0 || user > 0,
            host,
            port,
            path,
        })
    }
}

pub(super) const fn ends_authority(byte: u8) -> bool {
    matches!(
        byte,
        b'/' | b'\\'
            | b'?'
            | b'#'
            | b'"'
            | b'\''
            | b'<'
            | b'>'
            | b'('
            | b')'
            | b'{'
            | b'}'
            | b'|'
            | b','
            | b'&'
            | 0..=b' '
    )
}

pub(super) fn ends(text: &Text<'_>, end: usize) -> bool {
    text.ends
        && text
            .bytes
            .get(end..)
            .is_some_and(|rest| rest.iter().take(4).all(u8::is_ascii_whitespace))
}

pub(super) fn is_http(scheme: &[u8]) -> bool {
    [b"http".as_slice(), b"https", b"ftp"]
        .iter()
        .any(|s| scheme.eq_ignore_ascii_case(s))
}
