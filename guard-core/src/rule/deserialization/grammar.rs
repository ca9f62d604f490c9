//! Grammars of the text formats: PHP's `serialize`, YAML's tags, XML of two Java libraries, base64.

use super::class;
use crate::rule::base64::Octets;

/// `O:4:"Name":1:{`, quotes escaped or not, and where it ends (php.net, `serialize`).
pub(super) fn php(bytes: &[u8], at: usize) -> Option<usize> {
    let before = at.checked_sub(1).and_then(|i| bytes.get(i));
    if before.is_some_and(u8::is_ascii_alphanumeric) {
        return None;
    }
    let rest = bytes.get(at..)?;
    let mut i = 2;
    i += usize::from(rest.get(i) == Some(&b'+'));
    i += digits(rest, i)?;
    i = expect(rest, i, b':')?;
    i = quote(rest, i)?;
    let name = rest.get(i..)?.iter().take(128);
    let length = name
        .clone()
        .position(|b| matches!(b, b'"' | b'\\' | b'\'') && *b != b'\\')?;
    let escape = usize::from(rest.get(i + length).is_some_and(|b| *b == b'\\'));
    i = quote(rest, i + length + escape)?;
    i = expect(rest, i, b':')?;
    i += digits(rest, i)?;
    i = expect(rest, i, b':')?;
    expect(rest, i, b'{')
}

fn digits(bytes: &[u8], from: usize) -> Option<usize> {
    let n = bytes
        .get(from..)?
        .iter()
        .take(10)
        .take_while(|b| b.is_ascii_digit())
        .count();
    (n > 0).then_some(n)
}

fn expect(bytes: &[u8], at: usize, wanted: u8) -> Option<usize> {
    (bytes.get(at) == Some(&wanted)).then_some(at + 1)
}

fn quote(bytes: &[u8], at: usize) -> Option<usize> {
    let escapes = bytes
        .get(at..)?
        .iter()
        .take(8)
        .take_while(|b| **b == b'\\')
        .count();
    matches!(bytes.get(at + escapes), Some(b'"' | b'\'')).then_some(at + escapes + 1)
}

/// Decodes what of `text` is base64 (either alphabet) into `out`; returns how many bytes.
pub(super) fn from_base64(text: &[u8], out: &mut [u8]) -> usize {
    let (mut octets, mut length) = (Octets::default(), 0);
    for octet in text.iter().map_while(|digit| octets.take(*digit)).flatten() {
        let Some(slot) = out.get_mut(length) else {
            break;
        };
        *slot = octet;
        length += 1;
    }
    length
}

/// Tags that make loaders build objects of a class or call a function (YAML 1.2, 6.9.1).
pub(super) fn yaml(rest: &[u8]) -> Option<usize> {
    let length = rest
        .iter()
        .take(96)
        .take_while(|b| {
            b.is_ascii_alphanumeric() || matches!(b, b'!' | b'/' | b':' | b'.' | b'_' | b'$' | b'-')
        })
        .count();
    let tag = rest.get(..length)?;
    let python: [&[u8]; 5] = [
        b"object/apply:",
        b"object/new:",
        b"object:",
        b"name:",
        b"module:",
    ];
    if let Some(kind) = tag.strip_prefix(b"!!python/") {
        let named = python
            .iter()
            .any(|p| kind.starts_with(p) && kind.len() > p.len());
        return named.then_some(length);
    }
    // The tag in full, which programs that register types write too.
    if let Some(kind) = tag.strip_prefix(b"2:python/") {
        return [b"object/apply:".as_slice(), b"object/new:"]
            .iter()
            .any(|p| kind.starts_with(p))
            .then_some(length);
    }
    if let Some(kind) = tag.strip_prefix(b"!ruby/") {
        let object = [
            b"object:".as_slice(),
            b"hash:",
            b"struct:",
            b"class",
            b"module",
        ];
        return object.iter().any(|p| kind.starts_with(p)).then_some(length);
    }
    if let Some(kind) = tag.strip_prefix(b"!php/") {
        return kind.starts_with(b"object").then_some(length);
    }
    // js-yaml's type of functions; its patterns and `undefined` are data.
    let js = tag
        .strip_prefix(b"!!js/")
        .or_else(|| tag.strip_prefix(b"2:js/"));
    if let Some(kind) = js {
        return kind.starts_with(b"function").then_some(length);
    }
    let class = tag.strip_prefix(b"!!")?;
    (class::is_java_gadget(class) && class.len() > 8).then_some(length)
}

/// `XMLDecoder` programs and XStream's ways to proxies and comparators.
pub(super) fn xml(rest: &[u8]) -> Option<usize> {
    let end = rest.iter().position(|b| *b == b'>').unwrap_or(rest.len());
    let tag = rest.get(..end)?;
    let has = |bytes: &[u8], wanted: &[u8]| memchr::memmem::find(bytes, wanted).is_some();
    let inner = rest.get(end..)?;
    let hostile = if class::is_java_gadget(tag.get(1..)?) {
        true
    } else if tag.starts_with(b"<java") {
        has(tag, b"java.beans.XMLDecoder")
    } else if tag.starts_with(b"<ObjectDataProvider") {
        true
    } else if tag.starts_with(b"<object") {
        has(tag, b"class=\"java.") || has(tag, b"class=\"javax.") || has(tag, b"class='java.")
    } else if tag.starts_with(b"<dynamic-proxy") {
        has(inner, b"<handler") || has(inner, b"<interface")
    } else if tag.starts_with(b"<sorted-set") {
        has(inner, b"<dynamic-proxy") || has(inner, b"java") || has(inner, b"class=")
    } else {
        false
    };
    hostile.then_some(tag.len())
}
