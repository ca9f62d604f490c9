//! External entities in XML: declarations that make a parser fetch, read or multiply.
//!
//! Knows the declarations of XML 1.0 (section 4.2), XInclude, XML Schema's locations and UTF-7 as
//! parsers guess it; nothing of the documents that hold them. A document type alone is harmless, as
//! are the public DTDs that ordinary documents name.

use core::ops::Range;

use crate::inspect::{Effort, Match, Text, Trigger};
use crate::rule::{Family, RuleId, Rules};

mod location;

use location::Location;

pub(super) const RULES: Rules = Rules {
    family: Family::Xxe,
    triggers: TRIGGERS,
    glance: 4,
    context,
    hopeless: None,
    confirm,
};

const TRIGGERS: &[Trigger] = &[
    // `<!DOCTYPE`, `<!ENTITY`.
    Trigger::new("<![de][no]"),
    // `xi:include`, `xs:include`, `xs:import`, `xsl:include`: the prefix is the document's choice.
    Trigger::new(":i[mn][pc]"),
    // The namespace of XInclude, where it needs no prefix.
    Trigger::new("xinc"),
    // `schemaLocation` and `noNamespaceSchemaLocation`.
    Trigger::new("aloc"),
    // `document('...')` of XSLT.
    Trigger::new("nt\\([\"'&\\\\]"),
    // `<` in UTF-7.
    Trigger::new("\\+adw"),
];

const EXTERNAL_ENTITY: RuleId = RuleId::new("xxe.external_entity");
const EXTERNAL_SUBSET: RuleId = RuleId::new("xxe.external_subset");
const EXPANSION: RuleId = RuleId::new("xxe.entity_expansion");
const PARAMETER: RuleId = RuleId::new("xxe.nested_declaration");
const INCLUSION: RuleId = RuleId::new("xxe.inclusion");
const SCHEMA: RuleId = RuleId::new("xxe.schema_location");
const UTF7: RuleId = RuleId::new("xxe.utf7");

/// How much of a declaration is read: names and literals are short, white space may pad them.
const WINDOW: usize = 512;

fn context(bytes: &[u8], at: usize) -> bool {
    let begins = |word: &[u8]| begins_with(bytes, at, word);
    match bytes.get(at) {
        Some(b'<') => {
            begins(b"<!entity") || begins(b"<!doctype") && !is_at(bytes, at, b"<!doctype html>")
        }
        Some(b':') => begins(b":include") || begins(b":import"),
        Some(b'+') => begins(b"+adwaiq"),
        Some(b'x' | b'X') => begins(b"xinclude") && bytes.get(at.wrapping_sub(1)) == Some(&b'/'),
        Some(b'n' | b'N') => at >= 6 && is_at(bytes, at - 6, b"document("),
        _ => begins(b"alocation") && at > 4,
    }
}

fn confirm(text: &Text<'_>, at: usize, effort: &mut Effort) -> Option<Match> {
    let bytes = text.bytes;
    if !effort.spend(64) {
        return None;
    }
    let (rule, span) = match bytes.get(at)? {
        b'<' if is_at(bytes, at, b"<!doctype") => doctype(bytes, at, effort),
        b'<' if is_at(bytes, at, b"<!entity") => entity(bytes, at, effort),
        b':' => inclusion(bytes, at, effort),
        b'+' => utf7(bytes, at, effort),
        b'n' | b'N' => document(bytes, at, effort),
        b'x' | b'X' => default_inclusion(bytes, at, effort),
        b'a' | b'A' => schema(bytes, at, effort),
        _ => None,
    }?;
    Some(Match { rule, span })
}

/// Whether `word` (in lower case) stands at `at`, or what stands there is cut short by an encoding.
fn begins_with(bytes: &[u8], at: usize, word: &[u8]) -> bool {
    for (i, expected) in word.iter().enumerate() {
        match bytes.get(at + i) {
            Some(byte) if byte.eq_ignore_ascii_case(expected) => {}
            Some(b'\\' | b'%' | b'&') | None => return true,
            Some(_) => return false,
        }
    }
    true
}

fn is_at(bytes: &[u8], at: usize, word: &[u8]) -> bool {
    bytes
        .get(at..at + word.len())
        .is_some_and(|b| b.eq_ignore_ascii_case(word))
}

/// A reader over one declaration: at most [`WINDOW`] bytes.
#[derive(Debug, Clone)]
struct Reader<'t> {
    bytes: &'t [u8],
    at: usize,
}

impl<'t> Reader<'t> {
    fn new(bytes: &'t [u8], at: usize) -> Self {
        Self {
            bytes: bytes.get(..at + WINDOW).unwrap_or(bytes),
            at,
        }
    }

    /// Skips white space; whether there was any.
    fn space(&mut self) -> bool {
        let start = self.at;
        while self.bytes.get(self.at).is_some_and(|b| *b <= b' ') {
            self.at += 1;
        }
        self.at > start
    }

    /// A name of XML, wider than the standard's: up to white space or markup.
    fn name(&mut self) -> Option<&'t [u8]> {
        let start = self.at;
        let ends =
            |b: u8| b <= b' ' || matches!(b, b'"' | b'\'' | b'>' | b'<' | b'[' | b'%' | b'(');
        while self.bytes.get(self.at).is_some_and(|b| !ends(*b)) {
            self.at += 1;
        }
        self.bytes
            .get(start..self.at)
            .filter(|name| !name.is_empty())
    }

    /// A quoted literal, or what there is of one that the window cuts.
    fn literal(&mut self) -> Option<&'t [u8]> {
        // A document inside a string of another language keeps the backslashes of its quotes.
        let escaped = self.bytes.get(self.at) == Some(&b'\\');
        let open = self.at + usize::from(escaped);
        let quote = *self.bytes.get(open).filter(|b| matches!(b, b'"' | b'\''))?;
        let rest = self.bytes.get(open + 1..)?;
        let length = rest.iter().position(|b| *b == quote);
        self.at = length.map_or(self.bytes.len(), |n| open + n + 2);
        let literal = length.and_then(|n| rest.get(..n)).unwrap_or(rest);
        Some(if escaped {
            literal.strip_suffix(b"\\").unwrap_or(literal)
        } else {
            literal
        })
    }

    /// `SYSTEM "uri"` or `PUBLIC "id" "uri"`: the identifier and the URI.
    fn external(&mut self) -> Option<(&'t [u8], &'t [u8])> {
        let public = match self.name()? {
            word if word.eq_ignore_ascii_case(b"system") => false,
            word if word.eq_ignore_ascii_case(b"public") => true,
            _ => return None,
        };
        self.space();
        let Some(first) = self.literal() else {
            // Without quotes no parser reads it; that it was meant to be read shows in the scheme.
            let bare = self.name().filter(|n| !public && n.contains(&b':'))?;
            return Some((b"", bare));
        };
        if !public {
            return Some((b"", first));
        }
        self.space();
        Some((first, self.literal().unwrap_or_default()))
    }
}

/// `<!DOCTYPE name SYSTEM "uri"`: a subset that the parser fetches.
fn doctype(bytes: &[u8], at: usize, effort: &mut Effort) -> Option<(RuleId, Range<usize>)> {
    let mut reader = Reader::new(bytes, at + 9);
    if !reader.space() || !effort.spend(WINDOW) {
        return None;
    }
    let name = reader.name()?;
    reader.space();
    let (id, uri) = reader.external()?;
    let location = Location::parse(uri);
    let harmless = name.eq_ignore_ascii_case(b"html")
        && uri.eq_ignore_ascii_case(b"about:legacy-compat")
        || location.is_public_dtd()
        || location == Location::Relative
        || location.is_published_by(id)
        || location::is_dtd_above(uri)
        || uri.is_empty();
    (!harmless).then_some((EXTERNAL_SUBSET, at..reader.at))
}

/// `<!ENTITY`: external, or internal and built of others.
fn entity(bytes: &[u8], at: usize, effort: &mut Effort) -> Option<(RuleId, Range<usize>)> {
    let mut reader = Reader::new(bytes, at + 8);
    let spaced = reader.space();
    let mut parameter = reader.bytes.get(reader.at) == Some(&b'%');
    if !(spaced || parameter) || !effort.spend(WINDOW) {
        return None;
    }
    if parameter {
        reader.at += 1;
        reader.space();
    }
    if reader.name()?.starts_with(b"&#") {
        // The `%` of a declaration inside another's text.
        parameter = true;
        reader.space();
        reader.name()?;
    }
    reader.space();
    if let Some(value) = reader.clone().literal() {
        let end = reader.at + value.len() + 1;
        let nested = holds(value, b"<!entity") || holds(value, b"<!&#");
        let hidden = holds(value, b"&#37;") || holds(value, b"&#x25;") || holds(value, b"system");
        if nested || parameter && hidden {
            return Some((PARAMETER, at..end));
        }
        return multiplies(value).then_some((EXPANSION, at..end));
    }
    let (id, uri) = reader.external()?;
    let location = Location::parse(uri);
    // Documents that split their text, and the entity sets of HTML and DocBook.
    let harmless = location.is_public_dtd()
        || location.is_published_by(id)
        || location == Location::Relative && location::is_file_name(uri);
    (!harmless).then_some((EXTERNAL_ENTITY, at..reader.at))
}

fn holds(value: &[u8], word: &[u8]) -> bool {
    value
        .windows(word.len())
        .any(|w| w.eq_ignore_ascii_case(word))
}

/// Whether an entity's text names the same entity twice in a row: each level of such entities
/// multiplies the one below.
fn multiplies(value: &[u8]) -> bool {
    let mut last: Option<&[u8]> = None;
    for piece in value.split(|b| matches!(b, b'&' | b'%')).skip(1) {
        let Some(end) = piece.iter().position(|b| *b == b';') else {
            last = None;
            continue;
        };
        let name = piece.get(..end).unwrap_or_default();
        // Character references and the five names of XML itself stand for one character.
        let plain = name.starts_with(b"#")
            || [&b"amp"[..], b"lt", b"gt", b"quot", b"apos", b"nbsp"].contains(&name);
        if plain || name.is_empty() || name.iter().any(|b| *b <= b' ') {
            last = None;
        } else if last.replace(name) == Some(name) {
            return true;
        }
    }
    false
}

/// The attributes of a tag from `at` on: name and quoted value.
fn attributes(bytes: &[u8], at: usize) -> impl Iterator<Item = (&[u8], &[u8], usize)> {
    let mut reader = Reader::new(bytes, at);
    core::iter::from_fn(move || {
        // A tag with more attributes than this holds no attack that fewer would not.
        for _ in 0..32 {
            reader.space();
            let start = reader.at;
            let stops = |b: u8| b <= b' ' || matches!(b, b'=' | b'>' | b'<');
            while reader.bytes.get(reader.at).is_some_and(|b| !stops(*b)) {
                reader.at += 1;
            }
            let name = reader.bytes.get(start..reader.at)?;
            reader.space();
            if reader.bytes.get(reader.at) != Some(&b'=') {
                if name.is_empty() {
                    return None;
                }
                continue;
            }
            reader.at += 1;
            reader.space();
            let value = reader.literal()?;
            return Some((name, value, reader.at));
        }
        None
    })
    .take(16)
}

/// `<p:include` or `<p:import` with the location of a foreign document; `:` at `at`.
fn inclusion(bytes: &[u8], at: usize, effort: &mut Effort) -> Option<(RuleId, Range<usize>)> {
    let word = [&b":include"[..], b":import"]
        .into_iter()
        .find(|w| is_at(bytes, at, w))?;
    let prefix = bytes
        .get(..at)?
        .iter()
        .rev()
        .take(32)
        .take_while(|b| b.is_ascii_alphanumeric())
        .count();
    let open = at.checked_sub(prefix + 1)?;
    if bytes.get(open) != Some(&b'<') || prefix == 0 || !effort.spend(WINDOW) {
        return None;
    }
    let schema = bytes.get(open + 1..at)?;
    let own = schema.eq_ignore_ascii_case(b"xs") || schema.eq_ignore_ascii_case(b"xsd");
    for (name, value, end) in attributes(bytes, at + word.len()) {
        let location = Location::parse(value);
        let names: &[&[u8]] = &[b"href", b"schemalocation", b"namespace"];
        if !names.iter().any(|n| n.eq_ignore_ascii_case(name)) {
            continue;
        }
        let namespace = name.eq_ignore_ascii_case(b"namespace");
        // A namespace is a name and is not fetched; only some parsers guess a location from it.
        let foreign = match location {
            Location::Relative => false,
            Location::Web { .. } if namespace => !own || word == b":include",
            Location::Web { .. } if own => location.is_odd(b".xsd"),
            Location::Web { .. } if location.is_published() => false,
            Location::Local | Location::Other | Location::Web { .. } => !namespace,
        };
        if foreign {
            return Some((INCLUSION, open..end));
        }
    }
    None
}

/// `<include xmlns="http://www.w3.org/2001/XInclude"` with the location of a foreign document; the
/// namespace's last word at `at`.
fn default_inclusion(
    bytes: &[u8],
    at: usize,
    effort: &mut Effort,
) -> Option<(RuleId, Range<usize>)> {
    let open = (at.saturating_sub(256)..at)
        .rev()
        .find(|i| bytes.get(*i) == Some(&b'<'))?;
    if !is_at(bytes, open, b"<include") || !effort.spend(WINDOW) {
        return None;
    }
    attributes(bytes, open + 8)
        .find(|(name, value, _)| {
            let location = Location::parse(value);
            name.eq_ignore_ascii_case(b"href")
                && location != Location::Relative
                && !location.is_published()
        })
        .map(|(_, _, end)| (INCLUSION, open..end))
}

/// `schemaLocation="namespace location ..."` whose location is not where the namespace's owner
/// keeps a schema; `aloc` at `at`.
fn schema(bytes: &[u8], at: usize, effort: &mut Effort) -> Option<(RuleId, Range<usize>)> {
    let start = at.checked_sub(5)?;
    if !bytes
        .get(start..at + 9)?
        .eq_ignore_ascii_case(b"schemalocation")
    {
        return None;
    }
    let mut reader = Reader::new(bytes, at + 9);
    reader.space();
    // Prose names the attribute, too.
    if bytes.get(reader.at) != Some(&b'=') || !effort.spend(WINDOW) {
        return None;
    }
    reader.at += 1;
    reader.space();
    let value = reader.literal()?;
    let found = Some((SCHEMA, start..reader.at));
    // White space that is still escaped would be read as part of a location.
    if value.contains(&b'\\') {
        return None;
    }
    let mut words = value.split(|b| *b <= b' ').filter(|w| !w.is_empty());
    // `noNamespaceSchemaLocation` and the attribute of an import hold a location alone.
    let colon = start.checked_sub(1).and_then(|i| bytes.get(i)) == Some(&b':');
    if !colon {
        let location = Location::parse(words.next()?);
        return if location.is_odd(b".xsd") {
            found
        } else {
            None
        };
    }
    for _ in 0..16 {
        let namespace = words.next()?;
        let Some(word) = words.next() else {
            // A pair without its second half: some parsers take the first for the location.
            let lone = Location::parse(namespace).is_odd(b".xsd");
            return if lone { found } else { None };
        };
        let location = Location::parse(word);
        if location.is_odd(b".xsd") && !location.shares_host(&Location::parse(namespace)) {
            return found;
        }
    }
    None
}

/// `document('uri')` in an attribute of an XSLT element; `nt(` at `at`.
fn document(bytes: &[u8], at: usize, effort: &mut Effort) -> Option<(RuleId, Range<usize>)> {
    let start = at.checked_sub(6)?;
    let before = bytes.get(start.saturating_sub(48)..start)?;
    if !is_at(bytes, start, b"document(") || !effort.spend(128) {
        return None;
    }
    let mut reader = Reader::new(bytes, at + 3);
    let location = Location::parse(reader.literal()?);
    let reads = [&b"select="[..], b"match=", b"test="]
        .iter()
        .any(|word| holds(before, word));
    (reads && location != Location::Relative).then_some((INCLUSION, start..reader.at))
}

/// A declaration in UTF-7, which parsers that guess encodings read as `<!ENTITY` or `<!DOCTYPE`.
fn utf7(bytes: &[u8], at: usize, effort: &mut Effort) -> Option<(RuleId, Range<usize>)> {
    if !is_at(bytes, at, b"+adwaiq") || !effort.spend(32) {
        return None;
    }
    let rest = bytes.get(at + 7..)?;
    let rest = rest.strip_prefix(b"-").unwrap_or(rest);
    let words: &[&[u8]] = &[b"doctype", b"entity", b"element"];
    let word = words.iter().find(|w| {
        rest.get(..w.len())
            .is_some_and(|r| r.eq_ignore_ascii_case(w))
    })?;
    Some((UTF7, at..bytes.len() - rest.len() + word.len()))
}

#[cfg(test)]
mod tests;
