//! How a text is divided into the units that a receiver takes out of it: the strings of a JSON
//! document, the fields of a form, the parts of a multipart body, the whole of anything else.
//!
//! Units are found from a candidate outwards, so a text without candidates is never divided. Knows
//! the containers' syntax, nothing of rules or encodings inside a unit.

use core::ops::Range;

use super::text::Place;
use crate::json::{begins_array, string_end};

mod syntax;
mod xml;

/// How a text holds its units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Container {
    /// JSON: every string is a unit.
    Json,
    /// JSON in the content of a JSON string, its quotes escaped once: every string of it is a unit.
    /// Most bodies are that; their strings are found without undoing the rest.
    Escaped,
    /// The content of a JSON string: the whole is one unit.
    Content,
    /// `name=value&name=value`, after a path or URL and `?` as well: names and values are units.
    Form,
    /// One form-encoded value, as the keys of S3 objects and the values that a load balancer passes
    /// on undecoded: the whole is one unit.
    Encoded,
    /// `name=value; name=value`, as in a `Cookie` header (RFC 6265, section 4.2).
    Cookie,
    /// A path or URL with percent escapes: every segment is a unit.
    Path,
    /// `multipart/form-data` (RFC 7578): the header fields' quoted parameters, the headers and the
    /// content of each part are units.
    Multipart,
    /// XML: the text between tags, CDATA sections and the values of attributes are units.
    Xml,
    /// The whole text is one unit.
    Plain,
}

/// Whether the content of a JSON string looks like JSON whose quotes are escaped once.
pub(super) fn is_escaped_json(content: &[u8]) -> bool {
    let mut rest = content.trim_ascii_start();
    while let [b'{' | b'[', tail @ ..] = rest {
        rest = tail.trim_ascii_start();
    }
    rest.starts_with(b"\\\"") && content.first() != Some(&b'\\')
}

/// How much of a text [`Container::of`] looks at.
pub(super) const SNIFFED: usize = 256;

/// What a text seems to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Guess {
    pub(super) container: Container,
    /// Whether the text may as well be none of it: then it is looked at as a whole, too.
    pub(super) whole: bool,
}

impl Guess {
    pub(super) const fn sure(container: Container) -> Self {
        Self {
            container,
            whole: false,
        }
    }

    const fn unsure(container: Container) -> Self {
        Self {
            container,
            whole: true,
        }
    }
}

impl Container {
    /// What the beginning of a text looks like.
    pub(super) fn of(text: &[u8]) -> Guess {
        let text = text.trim_ascii_start();
        let mut next = text.iter().skip(1).find(|byte| !byte.is_ascii_whitespace());
        let head = &text[..text.len().min(SNIFFED)];
        let json = |container| {
            if syntax::is_json(head) {
                Guess::sure(container)
            } else {
                Guess::unsure(container)
            }
        };
        match text.first() {
            Some(b'{') if matches!(next.take(), Some(b'"' | b'}')) => json(Self::Json),
            Some(b'[') if matches!(next, Some(b'"' | b'{' | b'[' | b']' | b'-' | b'0'..=b'9')) => {
                json(Self::Json)
            }
            Some(b'-') if syntax::is_multipart(head) => Guess::sure(Self::Multipart),
            Some(b'<')
                if text
                    .get(1)
                    .is_some_and(|byte| byte.is_ascii_alphabetic() || b"?!".contains(byte)) =>
            {
                Guess::unsure(Self::Xml)
            }
            // What all of the following have one of, and most texts none.
            _ if memchr::memchr3(b'=', b'+', b'%', head).is_none() => Guess::sure(Self::Plain),
            Some(_) if syntax::is_cookie(head) => Guess::unsure(Self::Cookie),
            Some(_) if syntax::is_form(head) => Guess {
                container: Self::Form,
                whole: !syntax::is_strict_form(head),
            },
            Some(_) if syntax::is_escaped_path(head) => Guess::unsure(Self::Path),
            Some(_) if syntax::is_encoded(head) => Guess::unsure(Self::Encoded),
            _ => Guess::sure(Self::Plain),
        }
    }

    /// The same for a whole event: JSON whatever its first value is.
    pub(super) fn of_event(event: &[u8]) -> Self {
        match event.trim_ascii_start().first() {
            Some(b'{' | b'[' | b'"') => Self::Json,
            _ => Self::of(event).container,
        }
    }

    /// The unit around `bytes[at..]`. `inside`: `bytes` begins within a unit. No unit begins before
    /// `from`, which saves looking back over what has been passed.
    pub(super) fn unit<'b>(
        self,
        bytes: &'b [u8],
        from: usize,
        at: usize,
        inside: bool,
    ) -> Option<Unit<'b>> {
        match self {
            Self::Json => json_string(bytes, from, at, inside),
            Self::Escaped => escaped_string(bytes, from, at),
            Self::Content => {
                let encoded = memchr::memchr(b'\\', bytes).is_some();
                Some(Unit {
                    encoded,
                    ..Unit::whole(bytes)
                })
            }
            Self::Form => Some(form_field(bytes, from, at)),
            Self::Encoded => Some(Unit {
                encoded: true,
                ..Unit::whole(bytes)
            }),
            Self::Cookie => Some(between(bytes, from, at, b';')),
            Self::Path => Some(between(bytes, from, at, b'/')),
            Self::Xml => Some(xml::unit(bytes, from, at)),
            Self::Multipart => Some(part(bytes, from, at)),
            Self::Plain => Some(Unit::whole(bytes)),
        }
    }

    /// For a window that more bytes follow: how far it is done with once it has been searched up to
    /// its end, and whether that place is inside a unit. At the most `overlap` bytes of a unit are
    /// searched twice.
    pub(super) fn resume(self, bytes: &[u8], overlap: usize) -> (usize, bool) {
        let boundary = match self {
            Self::Json => last_quote(bytes, 0),
            Self::Form => memchr::memrchr2(b'&', b'?', bytes),
            Self::Multipart => memchr::memmem::rfind(bytes, b"\r\n"),
            Self::Cookie => memchr::memrchr(b';', bytes),
            Self::Path => memchr::memrchr(b'/', bytes),
            Self::Xml => memchr::memrchr(b'>', bytes),
            Self::Plain | Self::Content | Self::Escaped | Self::Encoded => None,
        };
        match boundary {
            Some(at) if at > bytes.len() / 2 => (at, false),
            _ => (
                after_escape(bytes, bytes.len().saturating_sub(overlap)),
                true,
            ),
        }
    }
}

/// The next offset at or after `at` that no backslash stands before, so that no escape is split.
pub(super) fn after_escape(bytes: &[u8], mut at: usize) -> usize {
    while at < bytes.len() && at > 0 && bytes[at - 1] == b'\\' {
        at += 1;
    }
    at
}

/// A part of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unit<'b> {
    pub(super) span: Range<usize>,
    /// Whether the unit begins, and ends, inside the bytes it was looked for in.
    pub(super) starts: bool,
    pub(super) ends: bool,
    /// Whether it holds what its container's own encoding would undo.
    pub(super) encoded: bool,
    pub(super) place: Place<'b>,
}

impl Unit<'_> {
    fn whole(bytes: &[u8]) -> Self {
        Self {
            span: 0..bytes.len(),
            starts: true,
            ends: true,
            encoded: false,
            place: Place::Value,
        }
    }
}

/// The last quote in `bytes[from..]` that no escape makes part of a string.
fn last_quote(bytes: &[u8], from: usize) -> Option<usize> {
    let mut end = bytes.len();
    loop {
        let at = from + memchr::memrchr(b'"', bytes.get(from..end)?)?;
        let escapes = bytes[from..at]
            .iter()
            .rev()
            .take_while(|byte| **byte == b'\\')
            .count();
        if escapes % 2 == 0 {
            return Some(at);
        }
        end = at - escapes;
    }
}

/// Whether the string that begins at `start` is the value of a member `referer` in any case, or the
/// first of several.
pub(super) fn is_referer(json: &[u8], start: usize) -> bool {
    let before = json.get(..start).unwrap_or_default();
    let key = before.strip_suffix(b"\"").map(<[u8]>::trim_ascii_end);
    let key = key.map(|key| key.strip_suffix(b"[").unwrap_or(key).trim_ascii_end());
    let key = key
        .and_then(|key| key.strip_suffix(b":"))
        .map(<[u8]>::trim_ascii_end);
    const NAME: &[u8] = b"\"referer\"";
    key.and_then(|key| key.get(key.len().checked_sub(NAME.len())?..))
        .is_some_and(|key| key.eq_ignore_ascii_case(NAME))
}

fn json_string(bytes: &[u8], from: usize, at: usize, inside: bool) -> Option<Unit<'_>> {
    let quote = match bytes.get(at)? {
        // A trigger may begin with the opening quote itself.
        b'"' if bytes[from..at].last() != Some(&b'\\') => Some(at),
        _ => last_quote(&bytes[..at], from),
    };
    let (start, starts) = match quote {
        Some(quote) => (quote + 1, true),
        None if inside => (from, false),
        None => return None,
    };
    let end = string_end(bytes, start);
    let encoded = memchr::memchr(b'\\', bytes.get(start..end)?).is_some();
    let after = bytes.get(end + 1..).unwrap_or_default();
    Some(Unit {
        span: start..end,
        starts,
        ends: end < bytes.len(),
        encoded,
        place: place(bytes.get(..start).unwrap_or_default(), after),
    })
}

/// Where a string stands that `before`, with its opening quote, and `after` enclose.
fn place<'b>(before: &[u8], after: &'b [u8]) -> Place<'b> {
    match after.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b':') => Place::Key(after),
        Some(b',') if begins_array(before) => Place::First(after),
        _ => Place::Value,
    }
}

/// Whether the quote at `bytes[at]` delimits a string of JSON whose quotes are escaped once: of the
/// backslashes before it the last is its own, and the others, halved, must be whole pairs.
fn is_escaped_delimiter(bytes: &[u8], from: usize, at: usize) -> bool {
    let escapes = bytes[from..at]
        .iter()
        .rev()
        .take_while(|byte| **byte == b'\\')
        .count();
    escapes % 4 == 1
}

fn escaped_string(bytes: &[u8], from: usize, at: usize) -> Option<Unit<'_>> {
    // A trigger may begin with the opening quote itself, or its backslash.
    let mut before = at + usize::from(bytes.get(at) == Some(&b'"'));
    let quote = loop {
        let quote = from + memchr::memrchr(b'"', bytes.get(from..before)?)?;
        if is_escaped_delimiter(bytes, from, quote) {
            break quote;
        }
        before = quote;
    };
    let start = quote + 1;
    let mut end = start;
    let (closing, ends) = loop {
        let Some(n) = memchr::memchr(b'"', bytes.get(end..)?) else {
            break (bytes.len(), false);
        };
        end += n;
        if is_escaped_delimiter(bytes, start, end) {
            break (end, true);
        }
        end += 1;
    };
    let content = start..closing - usize::from(ends);
    let after = bytes.get(closing + 1..).unwrap_or_default();
    Some(Unit {
        encoded: memchr::memchr(b'\\', bytes.get(content.clone())?).is_some(),
        span: content,
        starts: true,
        ends,
        place: place(&bytes[..start], after),
    })
}

fn form_field(bytes: &[u8], from: usize, at: usize) -> Unit<'_> {
    let before = memchr::memrchr2(b'&', b'?', &bytes[from..at]);
    let start = before.map_or(from, |n| from + n + 1);
    let after = memchr::memchr2(b'&', b'?', &bytes[at..]);
    let end = after.map_or(bytes.len(), |n| at + n);
    let equals = memchr::memchr(b'=', &bytes[start..end]).map(|n| start + n);
    let (span, starts, place) = match equals {
        Some(equals) if at < equals => (
            start..equals,
            before.is_some(),
            Place::Key(&bytes[equals..]),
        ),
        Some(equals) => (equals + 1..end, true, Place::Value),
        None => (start..end, before.is_some(), Place::Value),
    };
    let encoded = memchr::memchr2(b'%', b'+', &bytes[span.clone()]).is_some();
    Unit {
        span,
        starts: starts || from == 0,
        ends: after.is_some(),
        encoded,
        place,
    }
}

/// What lies between two separators, white space and a cookie's name before it left out.
fn between(bytes: &[u8], from: usize, at: usize, separator: u8) -> Unit<'_> {
    let before = memchr::memrchr(separator, &bytes[from..at]).map(|n| from + n + 1);
    let after = memchr::memchr(separator, &bytes[at..]).map(|n| at + n);
    let (mut start, end) = (before.unwrap_or(from), after.unwrap_or(bytes.len()));
    let mut starts = before.is_some() || from == 0;
    while start < at && bytes[start] == b' ' {
        start += 1;
    }
    if separator == b';'
        && let Some(equals) = memchr::memchr(b'=', &bytes[start..at])
    {
        start += equals + 1;
        starts = true;
    }
    Unit {
        span: start..end,
        starts,
        ends: after.is_some(),
        encoded: false,
        place: Place::Value,
    }
}

fn part(bytes: &[u8], from: usize, at: usize) -> Unit<'_> {
    // A trigger may begin with the line break before a content.
    let breaks = bytes[at..]
        .iter()
        .take_while(|byte| matches!(byte, b'\r' | b'\n'));
    let at = at + breaks.count().min(4);
    let behind = &bytes[from..at];
    let blank = memchr::memmem::rfind(behind, b"\r\n\r\n").map(|n| from + n + 4);
    let line = memchr::memmem::rfind(behind, b"\r\n--").map(|n| from + n + 2);
    // A blank line inside a part's content is content.
    let in_content = blank.is_some() && blank >= line;
    let ahead = &bytes[at..];
    let end = if in_content {
        memchr::memmem::find(ahead, b"\r\n--")
    } else if let Some(unit) = parameter(bytes, line.unwrap_or(from), at) {
        return unit;
    } else {
        // Up to the next parameter, which is a unit of its own.
        [&b"\r\n\r\n"[..], b"\r\n--", b"=\""]
            .into_iter()
            .filter_map(|boundary| memchr::memmem::find(ahead, boundary))
            .min()
    };
    let start = blank.max(line);
    Unit {
        span: start.unwrap_or(from)..end.map_or(bytes.len(), |n| at + n),
        starts: start.is_some() || from == 0,
        ends: end.is_some(),
        encoded: false,
        place: Place::Value,
    }
}

/// The quoted parameter of a header field that `at` is in, a file's name for one.
fn parameter(bytes: &[u8], from: usize, at: usize) -> Option<Unit<'_>> {
    // A trigger may begin with the opening quote.
    let at = at + usize::from(bytes[..at].ends_with(b"=") && bytes.get(at) == Some(&b'"'));
    let open = from + memchr::memmem::rfind(&bytes[from..at], b"=\"")? + 2;
    let inside = memchr::memchr3(b'\r', b'\n', b'"', &bytes[open..at]).is_none();
    let end = memchr::memmem::find(&bytes[at..], b"\r\n").map_or(bytes.len(), |n| at + n);
    let close = memchr::memchr(b'"', &bytes[at..end]).map(|n| at + n)?;
    inside.then_some(Unit {
        span: open..close,
        starts: true,
        ends: true,
        encoded: false,
        place: Place::Value,
    })
}
