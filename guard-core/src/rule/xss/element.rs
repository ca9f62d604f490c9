//! Elements that run or load something by themselves.

use core::ops::Range;

use super::html::{self, Attribute, Attributes, skip_space};
use super::script::{self, Script};
use super::{BEHIND, Found, style};
use crate::inspect::{Effort, Text};
use crate::rule::RuleId;

const SCRIPT: RuleId = RuleId::new("xss.script_element");
const FRAME: RuleId = RuleId::new("xss.frame");
const OBJECT: RuleId = RuleId::new("xss.object");
const BASE: RuleId = RuleId::new("xss.base");
const META: RuleId = RuleId::new("xss.meta");
const LINK: RuleId = RuleId::new("xss.stylesheet");
const STYLE: RuleId = RuleId::new("xss.style_element");
const ANIMATION: RuleId = RuleId::new("xss.animation");
const BINDING: RuleId = RuleId::new("xss.data_binding");
const PROBE: RuleId = RuleId::new("xss.probe");
const INCLUDE: RuleId = RuleId::new("xss.server_side_include");
const UTF7: RuleId = RuleId::new("xss.utf7");

/// How far a tag is read for the attribute that makes it load something.
const TAG: usize = 512;

/// What reading a tag and the content behind it costs, in units of effort.
const READING: usize = 2 * TAG;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Element {
    Animation,
    Base,
    Embed,
    Frame,
    Import,
    Island,
    Link,
    Meta,
    Object,
    Script,
    Style,
}

const ELEMENTS: &[(&[u8], Element)] = &[
    (b"script", Element::Script),
    (b"iframe", Element::Frame),
    (b"frame", Element::Frame),
    (b"ilayer", Element::Frame),
    (b"layer", Element::Frame),
    (b"object", Element::Object),
    (b"applet", Element::Object),
    (b"embed", Element::Embed),
    (b"base", Element::Base),
    (b"meta", Element::Meta),
    (b"link", Element::Link),
    (b"style", Element::Style),
    (b"set", Element::Animation),
    (b"import", Element::Import),
    (b"xml", Element::Island),
    (b"animate", Element::Animation),
    (b"animatemotion", Element::Animation),
    (b"animatetransform", Element::Animation),
];

/// Whether one of the elements' names stands at `at`, or one that is cut by an encoding.
pub(super) fn may_be_named(bytes: &[u8], at: usize) -> bool {
    let rest = bytes.get(at..).unwrap_or_default();
    let length = rest
        .iter()
        .take(20)
        .take_while(|b| b.is_ascii_alphabetic())
        .count();
    let name = rest.get(..length).unwrap_or_default();
    match rest.get(length) {
        Some(b'?') if length == 0 => rest
            .get(1..3)
            .is_some_and(|b| b.eq_ignore_ascii_case(b"im")),
        None | Some(b'\\' | b'%' | b'&' | b'<' | 0) => true,
        Some(_) => element(name).is_some(),
    }
}

fn element(name: &[u8]) -> Option<Element> {
    let first = name.first()?.to_ascii_lowercase();
    ELEMENTS
        .iter()
        .find(|(n, _)| n.first() == Some(&first) && n.eq_ignore_ascii_case(name))
        .map(|(_, element)| *element)
}

/// The element whose name is at `name`, NULs dropped as old browsers do; some lists cut the name
/// by another tag (`<scr<script>ipt>`), which counts as the inner one.
fn named(bytes: &[u8], name: Range<usize>) -> Option<Element> {
    let mut plain = [0_u8; 24];
    let mut length = 0;
    for &byte in bytes.get(name)? {
        if byte != 0 {
            *plain.get_mut(length)? = byte;
            length += 1;
        } else if let Some(element) = element(plain.get(..length)?) {
            return Some(element);
        }
    }
    element(plain.get(..length)?)
}

/// The tag whose `<` is at `at`.
pub(super) fn confirm(text: &Text<'_>, at: usize, effort: &mut Effort) -> Option<Found> {
    let name = match text.bytes.get(at + 1) {
        // `<?import` of old Internet Explorer.
        Some(b'?') => at + 2..at + 8,
        _ => html::tag_name(text.bytes, at)?,
    };
    let element = named(text.bytes, name.clone())?;
    if !effort.spend(READING) {
        return None;
    }
    load(text, element, at, name.end)
}

/// `script` behind a namespace's prefix or a NUL that is at `at`: `<x:script`, `<\0script`.
pub(super) fn confirm_prefixed(text: &Text<'_>, at: usize, effort: &mut Effort) -> Option<Found> {
    let bytes = text.bytes;
    let length = bytes
        .get(at + 1..)?
        .iter()
        .take(20)
        .take_while(|b| b.is_ascii_alphabetic())
        .count();
    let element = named(bytes, at + 1..at + 1 + length)?;
    let open = (at.saturating_sub(24)..at)
        .rev()
        .find(|i| bytes.get(*i) == Some(&b'<'))?;
    let prefix = bytes.get(open + 1..at)?;
    if !prefix
        .iter()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, 0 | b'-' | b'_'))
        || !effort.spend(READING)
    {
        return None;
    }
    load(text, element, open, at + 1 + length)
}

fn is(bytes: &[u8], attribute: &Attribute, names: &[&[u8]]) -> bool {
    let Some(name) = bytes.get(attribute.name.clone()) else {
        return false;
    };
    !attribute.value.is_empty() && names.iter().any(|n| n.eq_ignore_ascii_case(name))
}

/// Whether `value` holds `word` (lower case) in any case.
fn holds(bytes: &[u8], attribute: &Attribute, word: &[u8]) -> bool {
    let value = bytes.get(attribute.value.clone()).unwrap_or_default();
    value
        .windows(word.len())
        .any(|w| w.eq_ignore_ascii_case(word))
}

/// Whether the tag at `open` with attributes from `at` on runs or loads something.
fn load(text: &Text<'_>, element: Element, open: usize, at: usize) -> Option<Found> {
    let bytes = text.bytes;
    let end = bytes.len().min(open + TAG);
    let attributes = || Attributes::new(bytes, at, end);
    let with = |names: &[&[u8]]| attributes().find(|a| is(bytes, a, names));
    let (rule, until) = match element {
        Element::Script => return run(text, open, at),
        Element::Style => return styled(bytes, open, at),
        Element::Frame => {
            let source = with(&[b"src", b"srcdoc", b"href"])?;
            // Only `iframe` is HTML's alone: other XML has frames and layers of its own files.
            let alone = bytes
                .get(open + 1)
                .is_some_and(|b| matches!(b, b'i' | b'I'));
            let value = bytes.get(source.value.clone())?;
            let foreign = value.contains(&b':') || value.windows(2).any(|w| w == b"//");
            (FRAME, loads(bytes, &source).filter(|_| alone || foreign)?)
        }
        Element::Embed => {
            let source = with(&[b"src", b"code", b"data"])?;
            (OBJECT, loads(bytes, &source)?)
        }
        Element::Object => {
            const LOADED: &[&[u8]] = &[
                b"archive",
                b"classid",
                b"code",
                b"codebase",
                b"data",
                b"src",
            ];
            let kinds: &[&[u8]] = &[b"scriptlet", b"html", b"svg", b"flash"];
            let data = attributes().find(|a| {
                is(bytes, a, LOADED)
                    || is(bytes, a, &[b"type"]) && kinds.iter().any(|k| holds(bytes, a, k))
            })?;
            (OBJECT, loads(bytes, &data)?)
        }
        Element::Import => (BINDING, with(&[b"implementation"])?.value.end),
        Element::Island => (BINDING, with(&[b"src"])?.value.end),
        Element::Base => (BASE, with(&[b"href"])?.value.end),
        Element::Link => {
            let relation = with(&[b"rel"])?;
            let active = [&b"stylesheet"[..], b"import"]
                .iter()
                .any(|w| holds(bytes, &relation, w));
            let target = with(&[b"href"]).filter(|_| active)?;
            if is_beside(bytes, &target) {
                return None;
            }
            (LINK, unless(FONTS, bytes, &target)?)
        }
        Element::Meta => {
            let found = attributes().find(|a| {
                is(bytes, a, &[b"http-equiv"])
                    && [&b"refresh"[..], b"set-cookie", b"link"]
                        .iter()
                        .any(|w| holds(bytes, a, w))
                    || is(bytes, a, &[b"charset", b"content"])
                        && [&b"utf-7"[..], b"utf7"].iter().any(|w| holds(bytes, a, w))
            })?;
            (META, found.value.end)
        }
        Element::Animation => {
            let target = with(&[b"attributename"])?;
            let value = bytes.get(target.value.clone())?;
            let handler = value.len() > 4 && value.get(..2)?.eq_ignore_ascii_case(b"on");
            let link = [
                &b"href"[..],
                b"xlink:href",
                b"src",
                b"action",
                b"formaction",
            ]
            .iter()
            .any(|n| n.eq_ignore_ascii_case(value));
            (ANIMATION, (handler || link).then_some(target.value.end)?)
        }
    };
    Some((rule, open..until))
}

/// Hosts whose players and maps authors of ordinary pages frame.
const PLAYERS: &[&[u8]] = &[
    b"www.youtube.com/",
    b"www.youtube-nocookie.com/",
    b"youtube.com/embed/",
    b"player.vimeo.com/",
    b"www.google.com/maps/",
    b"open.spotify.com/embed",
    b"w.soundcloud.com/player",
    b"codepen.io/",
    b"www.slideshare.net/",
    b"player.bilibili.com/",
];

/// Hosts that serve fonts and their style sheets to ordinary pages.
const FONTS: &[&[u8]] = &[
    b"fonts.googleapis.com/",
    b"use.typekit.net/",
    b"use.fontawesome.com/",
];

/// The end of an attribute that loads something, unless it is a well-known player.
fn loads(bytes: &[u8], attribute: &Attribute) -> Option<usize> {
    unless(PLAYERS, bytes, attribute)
}

/// The end of an attribute whose address is on none of `hosts`.
fn unless(hosts: &[&[u8]], bytes: &[u8], attribute: &Attribute) -> Option<usize> {
    let value = bytes.get(attribute.value.clone())?.trim_ascii();
    let host = value
        .strip_prefix(b"https:")
        .unwrap_or(value)
        .strip_prefix(b"//");
    let known = host.is_some_and(|h| hosts.iter().any(|p| h.starts_with(p)));
    (!known).then_some(attribute.value.end)
}

/// Whether an attribute's address is a plain path on the page's own host: no scheme, no host, and
/// nothing that a browser would drop or decode and so find one (RFC 3986, 4.2; WHATWG URL, 4.4).
fn is_beside(bytes: &[u8], attribute: &Attribute) -> bool {
    let value = bytes.get(attribute.value.clone()).unwrap_or_default();
    let value = value.trim_ascii();
    let name = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    let rooted = value.strip_prefix(b"/").unwrap_or(value);
    let length = rooted.iter().take_while(|b| name(b)).count();
    let ends = matches!(rooted.get(length), None | Some(b'/' | b'?' | b'#'));
    let plain = |b: &u8| b.is_ascii_graphic() && !b"\\\"'<>{}$".contains(b);
    length > 0 && ends && rooted.iter().all(plain)
}

/// A `script` element with something to run.
fn run(text: &Text<'_>, open: usize, at: usize) -> Option<Found> {
    let bytes = text.bytes;
    let mut attributes = Attributes::new(bytes, at, bytes.len().min(open + TAG));
    let source = |a: &Attribute| {
        let name = bytes.get(a.name.clone()).unwrap_or_default();
        !a.value.is_empty() || name.eq_ignore_ascii_case(b"src")
    };
    if let Some(attribute) = attributes.by_ref().find(source) {
        return Some((SCRIPT, open..attribute.value.end));
    }
    let close = attributes.offset();
    if bytes.get(close) != Some(&b'>') {
        // Cut off behind the name: the page's own text completes it.
        let slash = bytes.get(at) == Some(&b'/');
        let broken = open > 0 && bytes.get(open - 1) == Some(&b'>');
        return (text.ends && close >= bytes.len() && (slash || broken))
            .then_some((SCRIPT, open..bytes.len()));
    }
    let rest = bytes.get(close + 1..).unwrap_or_default();
    let content = rest
        .get(..rest.len().min(script::WINDOW))
        .unwrap_or_default();
    // `<\/script>` is how scripts spell it inside their own strings.
    let end = content
        .windows(3)
        .position(|w| w.starts_with(b"<\\") || w.eq_ignore_ascii_case(b"</s"));
    let piece = content
        .get(..end.unwrap_or(content.len()))
        .unwrap_or_default();
    let class = script::classify(bytes, close + 1..close + 1 + piece.len());
    // A word in back quotes, and a type's parameter (`Vec<Script>`).
    let before = open.checked_sub(1).and_then(|i| bytes.get(i));
    if before == Some(&b'`') && piece.first() == Some(&b'`') {
        return None;
    }
    let typed = before.is_some_and(|b| script::is_word(*b) || *b == b':')
        && bytes.get(open + 1..open + 3) == Some(b"Sc");
    if typed && end.is_none() && class < Script::Sink {
        return None;
    }
    let closed = end.is_some() && !piece.trim_ascii().is_empty();
    let odd = piece
        .iter()
        .any(|b| matches!(b, b'(' | b'[' | b'{' | b'!' | b'+' | b'~'));
    (class >= Script::Sink || closed || !script::is_prose(piece) && (class >= Script::Code || odd))
        .then_some((SCRIPT, open..close + 1 + piece.len()))
}

/// A `style` element whose content runs or loads something, or that loads by its attributes.
fn styled(bytes: &[u8], open: usize, at: usize) -> Option<Found> {
    let mut attributes = Attributes::new(bytes, at, bytes.len().min(open + TAG));
    attributes.by_ref().for_each(drop);
    let close = attributes.offset();
    let rest = bytes.get(close..)?;
    let content = rest.get(..rest.len().min(script::WINDOW))?;
    style::is_active(content).then_some((STYLE, open..close + content.len()))
}

/// `<!--#` and a directive: server-side include.
pub(super) fn confirm_include(bytes: &[u8], at: usize, effort: &mut Effort) -> Option<Found> {
    let open = at.checked_sub(1).filter(|i| bytes.get(*i) == Some(&b'<'))?;
    let word = bytes.get(at + 4..bytes.len().min(at + 64))?;
    if !effort.spend(64) {
        return None;
    }
    let directive = [
        &b"exec"[..],
        b"include",
        b"echo",
        b"printenv",
        b"config",
        b"set",
        b"fsize",
        b"flastmod",
    ]
    .iter()
    .any(|d| {
        word.get(..d.len())
            .is_some_and(|w| w.eq_ignore_ascii_case(d))
    });
    let end = word
        .iter()
        .position(|b| *b == b'>')
        .map_or(word.len(), |n| n + 1);
    directive.then_some((INCLUDE, open..at + 4 + end))
}

/// `<?xml-stylesheet` with its `href`; `ml-s` at `at`.
pub(super) fn confirm_stylesheet(bytes: &[u8], at: usize, effort: &mut Effort) -> Option<Found> {
    let open = at.checked_sub(3)?;
    if !bytes
        .get(open..at + 13)?
        .eq_ignore_ascii_case(b"<?xml-stylesheet")
        || !effort.spend(READING)
    {
        return None;
    }
    let attributes = || Attributes::new(bytes, at + 13, bytes.len().min(at + TAG));
    // Style sheets of CSS run nothing; XSLT does, and a relative one is the sender's neighbour.
    if attributes().any(|a| is(bytes, &a, &[b"type"]) && holds(bytes, &a, b"css")) {
        return None;
    }
    let target = attributes().find(|a| is(bytes, a, &[b"href"]))?;
    let value = bytes.get(target.value.clone())?.trim_ascii_start();
    let foreign = value.starts_with(b"#") || value.starts_with(b"/") || value.contains(&b':');
    foreign.then_some((LINK, open..target.value.end))
}

/// `+ADw-` and a tag: UTF-7, which old browsers guess.
pub(super) fn confirm_utf7(bytes: &[u8], at: usize, effort: &mut Effort) -> Option<Found> {
    let rest = bytes.get(at + 4..)?;
    let rest = rest.strip_prefix(b"-").unwrap_or(rest);
    let name = rest.strip_prefix(b"/").unwrap_or(rest);
    if !effort.spend(32) {
        return None;
    }
    let tags: &[&[u8]] = &[
        b"script", b"img", b"svg", b"iframe", b"body", b"object", b"embed", b"meta",
    ];
    let tag = tags.iter().find(|t| {
        name.get(..t.len())
            .is_some_and(|n| n.eq_ignore_ascii_case(t))
    })?;
    let end = skip_space(bytes, bytes.len() - name.len() + tag.len());
    Some((UTF7, at..end))
}

/// `datasrc=#id` of old Internet Explorer, which writes a data island's markup into the page.
pub(super) fn confirm_binding(bytes: &[u8], at: usize, effort: &mut Effort) -> Option<Found> {
    let start = at.checked_sub(2)?;
    let equals = skip_space(bytes, at + 5);
    if !bytes.get(start..at + 5)?.eq_ignore_ascii_case(b"datasrc")
        || bytes.get(equals) != Some(&b'=')
    {
        return None;
    }
    let value = skip_space(bytes, equals + 1);
    let island = bytes.get(value..value + 2)?.contains(&b'#');
    html::tag_at(bytes, BEHIND, start, effort)?;
    island.then_some((BINDING, start..value + 2))
}

/// `;!--"<x>=&{()}`: every character that matters to markup in a row.
pub(super) fn confirm_probe(bytes: &[u8], at: usize, effort: &mut Effort) -> Option<Found> {
    let rest = bytes.get(at + 4..bytes.len().min(at + 64))?;
    let quoted = rest
        .first()
        .is_some_and(|b| matches!(b, b'"' | b'\'' | b'\\'));
    (effort.spend(64) && quoted && rest.contains(&b'<') && rest.contains(&b'{'))
        .then_some((PROBE, at..at + 4 + rest.len()))
}

/// `\xbcscript\xbe`: `<` and `>` with the high bit set, which decoders of US-ASCII drop.
pub(super) fn confirm_high(bytes: &[u8], at: usize, effort: &mut Effort) -> Option<Found> {
    let rest = bytes.get(at + 1..bytes.len().min(at + 64))?;
    let named = rest.get(..6)?.eq_ignore_ascii_case(b"script");
    let close = rest.iter().position(|b| *b == 0xbe)?;
    (effort.spend(64) && named).then_some((SCRIPT, at..at + 2 + close))
}
