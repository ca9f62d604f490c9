//! URLs that run: `javascript:` and relatives, `data:` with a type that browsers run.

use super::html::{self, Attribute, is_space, skip_space};
use super::script::{self, Script};
use super::{BEHIND, Found, ends_with};
use crate::inspect::{Effort, Text};
use crate::rule::RuleId;

const SCRIPT_URL: RuleId = RuleId::new("xss.script_url");
const DATA_URL: RuleId = RuleId::new("xss.data_url");

/// What stands before `script` in the schemes that run.
const SCRIPTED: &[&[u8]] = &[b"java", b"vb", b"live", b"j"];

/// Whether `ipt` at `at` may end such a scheme; white space inside it is left to `confirm`.
pub(super) fn may_be_script(bytes: &[u8], at: usize) -> bool {
    // Of the escapes of JSON only white space may stand between the scheme and its colon.
    if bytes.get(at + 3) == Some(&b'\\')
        && bytes
            .get(at + 4)
            .is_some_and(|b| !matches!(b, b'n' | b'r' | b't' | b'u' | b'\\'))
    {
        return false;
    }
    if !ends_with(bytes, at, b"scr") {
        return at > 0
            && bytes
                .get(at - 1)
                .is_some_and(|b| is_space(*b) || *b == b'\\');
    }
    let before = at.checked_sub(4).and_then(|i| bytes.get(i));
    before.is_some_and(|b| {
        is_space(*b)
            || matches!(
                b.to_ascii_lowercase(),
                b'a' | b'b' | b'e' | b'j' | b'\\' | b'n' | b't' | b'r'
            )
    })
}

/// The offset at which `word` begins if it ends before `end`, read as URL parsers do: white space
/// and controls inside a scheme are dropped (WHATWG URL 4.1, and old browsers for the rest).
fn backward(bytes: &[u8], end: usize, word: &[u8]) -> Option<usize> {
    let (mut at, mut gaps) = (end, 0);
    for expected in word.iter().rev() {
        loop {
            at = at.checked_sub(1)?;
            let byte = *bytes.get(at)?;
            if byte.eq_ignore_ascii_case(expected) {
                break;
            }
            gaps += 1;
            if !is_space(byte) || gaps > 32 {
                return None;
            }
        }
    }
    Some(at)
}

/// Where a URL that begins at `at` stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Position {
    /// The text begins with it.
    Start,
    /// Right behind a quote, `=` or `(`.
    Operand,
    /// Behind other punctuation.
    Loose,
}

fn position(text: &Text<'_>, at: usize) -> Option<Position> {
    let before = text.bytes.get(..at)?;
    let blank = before
        .iter()
        .rev()
        .take(64)
        .take_while(|b| is_space(**b))
        .count();
    let Some(last) = before
        .len()
        .checked_sub(blank + 1)
        .and_then(|i| before.get(i))
    else {
        return text.starts.then_some(Position::Start);
    };
    match last {
        b'=' | b'(' => Some(Position::Operand),
        b'"' | b'\'' | b'`' if blank == 0 => Some(Position::Operand),
        // Quote and then white or control bytes: only where an attribute's value begins.
        b'"' | b'\''
            if before.len() > blank + 1 && before.get(before.len() - blank - 2) == Some(&b'=') =>
        {
            Some(Position::Operand)
        }
        byte if byte.is_ascii_punctuation() => Some(Position::Loose),
        byte if byte.is_ascii() => None,
        _ => (blank == 0).then_some(Position::Loose),
    }
}

/// What links in ordinary pages hold to do nothing.
fn is_placeholder(rest: &[u8]) -> bool {
    let rest = rest.trim_ascii_start();
    let idle: &[&[u8]] = &[
        b"void",
        b";",
        b"//",
        b"\"",
        b"'",
        b")",
        b">",
        b"history.",
        b"window.print",
        b"`",
    ];
    if rest.is_empty() {
        return true;
    }
    let idles = idle.iter().any(|i| {
        rest.get(..i.len())
            .is_some_and(|r| r.eq_ignore_ascii_case(i))
    });
    idles && script::find_sink(rest, 0..64).is_none()
}

/// `javascript:` whose `ipt` is at `at`.
pub(super) fn confirm_script(text: &Text<'_>, at: usize, effort: &mut Effort) -> Option<Found> {
    let bytes = text.bytes;
    let colon = skip_space(bytes, at + 3);
    if bytes.get(colon) != Some(&b':') {
        return None;
    }
    let scr = backward(bytes, at, b"scr")?;
    let start = SCRIPTED
        .iter()
        .find_map(|word| backward(bytes, scr, word))?;
    let rest = bytes.get(colon + 1..)?;
    if !effort.spend(script::READING) {
        return None;
    }
    let end = colon + 1 + rest.len().min(64);
    let matched = match position(text, start)? {
        Position::Operand => {
            !is_placeholder(rest)
                && (is_statement(bytes, colon + 1) || is_value(bytes, start, effort))
        }
        Position::Start | Position::Loose => is_statement(bytes, colon + 1),
    };
    matched.then_some((SCRIPT_URL, start..end))
}

/// Whether the URL at `at` is the value of a tag's attribute.
fn is_value(bytes: &[u8], at: usize, effort: &mut Effort) -> bool {
    html::tag_at(bytes, BEHIND, at, effort)
        .is_some_and(|(_, attribute)| !html::is_inert(bytes, &attribute))
}

/// Whether what begins at `at` reads as script rather than as a heading's text.
fn is_statement(bytes: &[u8], at: usize) -> bool {
    let start = script::skip_blank(bytes, at);
    let piece = bytes
        .get(start..bytes.len().min(start + script::WINDOW))
        .unwrap_or_default();
    if script::classify(bytes, start..start + piece.len()) == Script::Inert {
        return false;
    }
    let open = piece.iter().position(|b| matches!(b, b'(' | b'`' | b'='));
    match open {
        Some(open) => {
            !script::is_prose(piece.get(..open).unwrap_or_default())
                && (piece.get(open) != Some(&b'(')
                    || script::ends_like_script(bytes, start + open + 1))
        }
        None => !script::is_prose(piece),
    }
}

/// Media types that run script when opened; and whether they do where only an image is shown.
const RUNNING: &[&[u8]] = &[
    b"text/html",
    b"text/xml",
    b"text/javascript",
    b"text/x-scriptlet",
    b"text/xsl",
    b"application/xhtml+xml",
    b"application/xml",
    b"application/javascript",
    b"application/x-javascript",
    b"image/svg+xml",
];

/// Beginnings of `<script`, `<svg`, `<img`, `<body`, `<iframe` and `alert(` in base64; some filter
/// on the way folds case.
const CODED: &[&[u8]] = &[
    b"PHNjcm", b"PHN2Z", b"PGltZ", b"PGJvZH", b"PGlmcm", b"YWxlcn", b"PFNDUk",
];

/// `data:` whose `ta:` is at `at`.
pub(super) fn confirm_data(text: &Text<'_>, at: usize, effort: &mut Effort) -> Option<Found> {
    let bytes = text.bytes;
    let start = backward(bytes, at, b"da")?;
    let place = position(text, start)?;
    let body = bytes.get(at + 3..)?;
    let head = body.get(..body.len().min(96))?;
    let kind = RUNNING.iter().find(|t| {
        head.get(..t.len())
            .is_some_and(|h| h.eq_ignore_ascii_case(t))
    });
    let comma = head.iter().position(|b| *b == b',')?;
    if !effort.spend(script::READING) || kind.is_none() && comma > 64 {
        return None;
    }
    let content = at + 3 + comma + 1;
    let end = bytes.len().min(content + 48);
    let image = kind.is_some_and(|k| k.starts_with(b"image/"));
    if place == Position::Operand
        && kind.is_some()
        && let Some((tag, attribute)) = html::tag_at(bytes, BEHIND, start, effort)
        && !(image && is_shown(bytes, tag, &attribute))
        && !html::is_inert(bytes, &attribute)
    {
        return Some((DATA_URL, start..end));
    }
    let rest = bytes.get(content..end)?;
    let based = head.get(..comma)?.ends_with(b"base64");
    let begins = |c: &&[u8]| {
        rest.get(..c.len())
            .is_some_and(|r| r.eq_ignore_ascii_case(c))
    };
    let coded = based && !image && CODED.iter().any(begins);
    let plain = !based
        && (kind.is_some() && !image || kind.is_none() && comma <= 24)
        && script::find_sink(bytes, content..end).is_some_and(|s| s.start - content < 16);
    (coded || plain).then_some((DATA_URL, start..end))
}

/// Whether the tag at `tag` shows what its `attribute` names as an image or in style, where a
/// drawing does not run.
fn is_shown(bytes: &[u8], tag: usize, attribute: &Attribute) -> bool {
    const SHOWING: &[&[u8]] = &[
        b"div", b"image", b"img", b"input", b"link", b"source", b"span", b"video",
    ];
    let name = html::tag_name(bytes, tag)
        .and_then(|n| bytes.get(n))
        .unwrap_or_default();
    let style = bytes
        .get(attribute.name.clone())
        .is_some_and(|n| n.eq_ignore_ascii_case(b"style"));
    style || SHOWING.iter().any(|n| n.eq_ignore_ascii_case(name))
}
