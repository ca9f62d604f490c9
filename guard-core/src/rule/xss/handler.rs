//! Event handlers: `on` and a name where an attribute may begin, with a value that runs.

use core::ops::Range;

use super::html::{self, is_space, skip_space};
use super::script::{self, Script};
use super::{BEHIND, Found};
use crate::inspect::{Effort, Text};
use crate::rule::RuleId;

const HANDLER: RuleId = RuleId::new("xss.handler");
const DOCUMENT: RuleId = RuleId::new("xss.frame_document");

/// How far back a tag is looked for behind a handler that calls what injected scripts call.
const FAR: usize = 2048;

/// Longest event names have some 40 letters.
const LONGEST: usize = 48;

/// Whether the word at `at` may be a handler's name: letters and then `=`, or an encoding of what
/// comes between.
pub(super) fn may_follow(bytes: &[u8], at: usize) -> bool {
    let mut i = at + 2;
    while i < at + LONGEST && bytes.get(i).is_some_and(u8::is_ascii_alphabetic) {
        i += 1;
    }
    if i < at + 5 {
        return false;
    }
    let end = i + 8;
    while i < end && bytes.get(i).is_some_and(|b| is_space(*b)) {
        i += 1;
    }
    match (bytes.get(i), bytes.get(i + 1)) {
        (Some(b'='), _) => true,
        (Some(b'%' | b'+'), _) => true,
        // A quote, escaped once or more, ends a string whose member begins like a handler.
        (Some(b'\\'), _) => {
            let rest = bytes.get(i..bytes.len().min(end + 8)).unwrap_or_default();
            rest.iter()
                .find(|b| **b != b'\\')
                .is_none_or(|b| *b != b'"')
        }
        (Some(b'&'), Some(next)) => matches!(next, b'#' | b'e' | b'E' | b'n' | b'N' | b't' | b'T'),
        // The end of the bytes is the end of a value, or of what is known of it.
        _ => false,
    }
}

/// A handler's name at `at`, and where its value begins.
fn name_and_value(bytes: &[u8], at: usize) -> Option<(Range<usize>, usize)> {
    let letters = bytes
        .get(at..)?
        .iter()
        .take(LONGEST)
        .take_while(|b| b.is_ascii_alphabetic());
    let end = at + letters.count();
    let equals = skip_space(bytes, end);
    if end < at + 5 || bytes.get(equals) != Some(&b'=') {
        return None;
    }
    let value = skip_space(bytes, equals + 1);
    (value < bytes.len()).then_some((at..end, value))
}

/// Where a value that begins at `at` ends, and where its text begins behind a quote.
fn value_range(bytes: &[u8], at: usize) -> Range<usize> {
    let (start, quote) = match bytes.get(at) {
        Some(q @ (b'"' | b'\'' | b'`')) => (at + 1, Some(*q)),
        _ => (at, None),
    };
    let rest = bytes.get(start..).unwrap_or_default();
    let ends = |b: &u8| match quote {
        Some(quote) => *b == quote,
        None => is_space(*b) || *b == b'>',
    };
    let length = rest.iter().take(script::WINDOW).position(ends);
    start..start + length.unwrap_or_else(|| rest.len().min(script::WINDOW))
}

/// Whether `value` is an expression of JSX that hands over a function: as HTML it runs nothing.
fn is_reference(value: &[u8]) -> bool {
    let Some(inner) = value.trim_ascii_start().strip_prefix(b"{") else {
        return false;
    };
    let inner = inner.trim_ascii_start();
    if inner.starts_with(b"function") || inner.starts_with(b"async") {
        return true;
    }
    let path = inner
        .iter()
        .take_while(|b| script::is_word(**b) || **b == b'.')
        .count();
    let rest = inner.get(path..).unwrap_or_default().trim_ascii_start();
    // Cut at white space inside its brackets: as HTML a syntax error.
    let unequal = |open: u8, close: u8| {
        let count = |byte: u8| value.iter().filter(|b| **b == byte).count();
        count(open) != count(close)
    };
    if unequal(b'{', b'}') || unequal(b'(', b')') {
        return true;
    }
    // `{handle}`, `{e => ..}`, `{() => ..}`, `{useCallback(..)}` cut off by white space.
    rest.starts_with(b"}") && path > 0
        || rest.starts_with(b"=>")
        || path == 0 && inner.starts_with(b"(")
        || rest.is_empty()
}

pub(super) fn confirm(text: &Text<'_>, at: usize, effort: &mut Effort) -> Option<Found> {
    let bytes = text.bytes;
    let (name, value) = name_and_value(bytes, at)?;
    let known = is_event(bytes.get(at + 2..name.end)?);
    let content = value_range(bytes, value);
    if !effort.spend(content.len() + script::READING) || content.is_empty() {
        return None;
    }
    let piece = bytes.get(content.clone())?;
    // `on=x=>..` of a program: cut by the `>`, a syntax error in HTML.
    if is_reference(piece) || piece.ends_with(b"=") {
        return None;
    }
    // An unquoted value may go on behind white space or `>` for whatever the value lands in.
    let wide = content.start..content.end.max(bytes.len().min(content.start + 64));
    let class = script::classify(bytes, wide);
    // An expression of JSX that calls something of its program.
    if piece.starts_with(b"{") && class < Script::Sink {
        return None;
    }
    let quoted = matches!(bytes.get(value), Some(b'"' | b'\'' | b'`'));
    let name = bytes.get(at + 2..name.end)?;
    // A tag padded with white space or attributes is worth a longer way back only for a handler
    // that is sure to be one.
    let behind = if known && class == Script::Sink {
        FAR
    } else {
        BEHIND
    };
    let matched = if html::tag_at(bytes, behind, at, effort).is_some() {
        // XML quotes every value: without quotes this is HTML, and an event that we do not know.
        known || class == Script::Sink || !quoted && !is_everyday(name)
    } else if let Some((quote, _)) = html::quote_at(bytes, BEHIND, at, effort) {
        let adjacent = skip_space(bytes, quote + 1) == at;
        class == Script::Sink || known && (class >= Script::Code || adjacent && quoted)
    } else if known && class == Script::Sink && text.starts {
        // The value continues an unquoted attribute: at most some words stand before.
        let before = bytes.get(..at).filter(|b| b.len() <= 64)?.trim_ascii();
        !script::is_prose(before) && before.iter().filter(|b| **b == b' ').count() < 3
    } else {
        false
    };
    matched.then_some((HANDLER, at..content.end))
}

/// `srcdoc=` with markup: a document of its own inside a frame.
pub(super) fn confirm_document(text: &Text<'_>, at: usize, effort: &mut Effort) -> Option<Found> {
    let bytes = text.bytes;
    let equals = skip_space(bytes, at + 6);
    if !super::begins_with(bytes, at, b"srcdoc") || bytes.get(equals) != Some(&b'=') {
        return None;
    }
    let content = value_range(bytes, skip_space(bytes, equals + 1));
    let tagged = html::tag_at(bytes, BEHIND, at, effort).is_some()
        || html::quote_at(bytes, BEHIND, at, effort).is_some();
    (tagged && !content.is_empty()).then_some((DOCUMENT, at..content.end))
}

/// Whether `on` and `rest` are an everyday word that names an attribute.
fn is_everyday(rest: &[u8]) -> bool {
    let rests: &[&[u8]] = &[
        b"board", b"demand", b"duty", b"going", b"hand", b"hold", b"line", b"looker", b"screen",
        b"set", b"shore", b"site", b"stage", b"time", b"tology", b"wards", b"ward",
    ];
    rests.iter().any(|r| {
        rest.get(..r.len())
            .is_some_and(|n| n.eq_ignore_ascii_case(r))
    })
}

/// Whether `name`, without its `on`, begins like an event of HTML, SVG or an old browser (WHATWG
/// HTML 8.1.8.2, UI Events, Pointer Events, CSS Animations, SVG 2, MSHTML reference). Families of
/// names share a stem; a stem that is also an everyday word is spelled out.
fn is_event(name: &[u8]) -> bool {
    let stems: &[&[u8]] = match name.first().map(u8::to_ascii_lowercase) {
        Some(b'a') => &[
            b"abort",
            b"activ",
            b"afterp",
            b"afters",
            b"afteru",
            b"animation",
            b"auxclick",
        ],
        Some(b'b') => &[b"before", b"begin", b"blur", b"bounce", b"beginevent"],
        Some(b'c') => &[
            b"cancel",
            b"canplay",
            b"cellchange",
            b"change",
            b"click",
            b"close",
            b"command",
            b"composition",
            b"contentvis",
            b"context",
            b"controlselect",
            b"copy",
            b"cuechange",
            b"cut",
        ],
        Some(b'd') => &[
            b"dataavail",
            b"dataset",
            b"dblclick",
            b"deactiv",
            b"device",
            b"drag",
            b"drop",
            b"durationchange",
        ],
        Some(b'e') => &[
            b"emptied",
            b"encrypted",
            b"end",
            b"ended",
            b"error",
            b"errorupdate",
            b"enter",
        ],
        Some(b'f') => &[b"filterchange", b"finish", b"focus", b"form", b"fullscreen"],
        Some(b'g') => &[b"gamepad", b"gesture", b"gotpointer"],
        Some(b'h') => &[b"hashchange", b"help"],
        Some(b'i') => &[b"input", b"invalid"],
        Some(b'k') => &[b"key"],
        Some(b'l') => &[
            b"language",
            b"layoutcomp",
            b"load",
            b"losecap",
            b"lostpointer",
        ],
        Some(b'm') => &[
            b"mediac", b"mediae", b"message", b"mouse", b"move", b"mozfull",
        ],
        Some(b'o') => &[
            b"offline",
            b"online",
            b"orientation",
            b"outofsync",
            b"overscroll",
        ],
        Some(b'p') => &[
            b"pagehide",
            b"pagereveal",
            b"pageshow",
            b"pageswap",
            b"paint",
            b"paste",
            b"pause",
            b"play",
            b"pointer",
            b"popstate",
            b"progress",
            b"property",
        ],
        Some(b'r') => &[
            b"ratechange",
            b"ready",
            b"rejection",
            b"repeat",
            b"reset",
            b"resize",
            b"resume",
            b"reverse",
            b"rowe",
            b"rowsd",
            b"rowsi",
            b"rowi",
            b"rowd",
        ],
        Some(b's') => &[
            b"scroll",
            b"search",
            b"securitypol",
            b"seek",
            b"select",
            b"show",
            b"slotchange",
            b"stalled",
            b"start",
            b"stop",
            b"storage",
            b"submit",
            b"suspend",
            b"syncrestored",
        ],
        Some(b't') => &[
            b"timee",
            b"timeu",
            b"toggle",
            b"touch",
            b"track",
            b"transition",
        ],
        Some(b'u') => &[b"undo", b"unhandled", b"unload", b"urlflip", b"unmute"],
        Some(b'v') => &[b"volumechange", b"visib"],
        Some(b'w') => &[b"waiting", b"webkit", b"wheel"],
        Some(b'z') => &[b"zoom"],
        _ => &[],
    };
    stems.iter().any(|s| {
        name.get(..s.len())
            .is_some_and(|n| n.eq_ignore_ascii_case(s))
    })
}
