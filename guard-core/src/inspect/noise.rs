//! Tells text from chance where bytes are searched that nobody says are text.
//!
//! A picture is a megabyte of every short pattern there is: what a rule finds in it has been written by nobody.
//! Knows what bytes look like around a match; nothing of rules.

use super::text::Text;

/// How far around a match's start bytes are looked at.
const AROUND: usize = 256;

/// So much text in a row is none by chance: in random bytes a stretch goes on with probability 0.45 (printable
/// ASCII, line breaks, and what happens to be UTF-8), so that one of this length begins once in 10^11 bytes.
const STRETCH: usize = 32;

/// Bytes of a match that may be what the rule is about: control characters, say.
const OWN: usize = 4;

/// So many NUL are what cuts a name short, and not what ends each string.
const SINGLE: usize = 2;

/// Whether a match that begins at `start` and is `len` bytes long may stand there by chance.
///
/// Never in what is mostly text: compressed and random bytes hold one control character in nine and more that is no
/// UTF-8 than is; texts in old character sets hold no control characters, serialized records little besides
/// text. In what is no text a match must stand in a stretch that is, or in one at an end of the whole.
pub(super) fn is_chance(text: &Text<'_>, start: usize, len: usize) -> bool {
    let bytes = text.bytes;
    let near = bytes.get(start.saturating_sub(AROUND)..bytes.len().min(start + AROUND));
    let near = near.unwrap_or_default();
    // Strings that end in NUL stand one behind the other in programs and catalogues of messages.
    let matched = bytes.get(start..start + len).unwrap_or_default();
    if matched.contains(&0) && memchr::memchr_iter(0, near).count() > SINGLE {
        return true;
    }
    let Odd { controls, invalid } = Odd::of(near);
    if controls * 32 < near.len() || (controls + invalid) * 4 < near.len() {
        return false;
    }
    let own = start + len.min(OWN);
    let before = trailing(bytes.get(start.saturating_sub(STRETCH)..start));
    let behind = leading(bytes.get(own..bytes.len().min(own + STRETCH)));
    let is_at_an_end = text.starts && before == start || text.ends && own + behind == bytes.len();
    !is_at_an_end && before + (own - start) + behind < STRETCH
}

/// How many bytes of some are not text.
#[derive(Debug, Default)]
struct Odd {
    controls: usize,
    invalid: usize,
}

impl Odd {
    fn of(bytes: &[u8]) -> Self {
        bytes
            .utf8_chunks()
            .fold(Self::default(), |odd, chunk| Self {
                controls: odd.controls
                    + chunk
                        .valid()
                        .bytes()
                        .filter(|byte| is_control(*byte))
                        .count(),
                invalid: odd.invalid + chunk.invalid().len(),
            })
    }
}

/// How many bytes of text `bytes` begin with.
fn leading(bytes: Option<&[u8]>) -> usize {
    let chunk = bytes.unwrap_or_default().utf8_chunks().next();
    let valid = chunk.map_or("", |chunk| chunk.valid());
    valid.bytes().position(is_control).unwrap_or(valid.len())
}

/// How many they end with.
fn trailing(bytes: Option<&[u8]>) -> usize {
    bytes
        .unwrap_or_default()
        .utf8_chunks()
        .fold(0, |text, chunk| {
            let valid = chunk.valid();
            let own = match valid.bytes().rposition(is_control) {
                Some(control) => valid.len() - control - 1,
                None => text + valid.len(),
            };
            if chunk.invalid().is_empty() { own } else { 0 }
        })
}

/// Whether no text holds the byte.
const fn is_control(byte: u8) -> bool {
    byte.is_ascii_control() && !matches!(byte, b'\t' | b'\n' | b'\r')
}
