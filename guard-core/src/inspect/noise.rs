//! Tells text from chance where bytes are searched that nobody says are text.
//!
//! A picture is a megabyte of every short pattern there is: what a rule finds in it has been written by nobody.
//! Knows what bytes look like around a place; nothing of rules.

use super::text::Text;

/// So many bytes are told to be text or not at once.
const BLOCK: usize = 512;

/// In fewer bytes chance writes nothing, and a few odd ones are many.
const FEW: usize = 64;

/// So much text in a row is none by chance: in random bytes a stretch goes on with probability 0.45 (printable
/// ASCII, line breaks, and what happens to be UTF-8), so that one of this length begins once in 10^11 bytes.
const STRETCH: usize = 32;

/// Bytes at a place that may be what a rule is about: control characters, say.
const OWN: usize = 4;

/// So many NUL around a place are what cuts a name short, and not what ends each string.
const SINGLE: usize = 2;

/// What is known of a text's blocks.
#[derive(Debug)]
pub(super) struct Noise<'t> {
    text: Text<'t>,
    /// Of the block looked at last: where it begins, and what it holds.
    block: Option<(usize, Block)>,
}

impl<'t> Noise<'t> {
    pub(super) const fn new(text: Text<'t>) -> Self {
        Self { text, block: None }
    }

    /// Whether `at` is among bytes that are mostly no text, or among strings that end in NUL, as they stand one behind
    /// the other in programs and catalogues of messages.
    #[inline]
    pub(super) fn surrounds(&mut self, at: usize) -> bool {
        let block = self.block(at);
        block.is_noise || block.nuls > SINGLE
    }

    /// Whether what begins at `at` may stand there by chance. Asked where there is noise.
    ///
    /// It has to stand in a stretch of text, in one at an end of the whole, or in the text that a form's field begins
    /// with: who reads a form does not mind what is in other fields. A NUL that ends one of many strings cuts
    /// nothing short.
    pub(super) fn hides(&mut self, at: usize) -> bool {
        let (text, bytes) = (self.text, self.text.bytes);
        let block = self.block(at);
        let own = bytes.len().min(at + OWN);
        let holds_nul = bytes.get(at..own).is_some_and(|own| own.contains(&0));
        if holds_nul && block.nuls > SINGLE || !block.is_noise {
            return holds_nul;
        }
        let behind = leading(bytes.get(own..bytes.len().min(own + STRETCH)));
        let before = trailing(bytes.get(at.saturating_sub(STRETCH)..at));
        let is_at_an_end = text.starts && before == at || text.ends && own + behind == bytes.len();
        let is_text = is_at_an_end
            || before + (own - at) + behind >= STRETCH
            || begins_field(bytes.get(at - before..at).unwrap_or_default());
        !is_text
    }

    /// The block around a place; the last one reaches back to be as long as others.
    #[inline]
    fn block(&mut self, at: usize) -> Block {
        let last = self.text.bytes.len().saturating_sub(BLOCK);
        let start = (at - at % BLOCK).min(last);
        match self.block {
            Some((known, block)) if known == start => block,
            _ => {
                let bytes = self.text.bytes.get(start..).unwrap_or_default();
                let block = Block::of(bytes.get(..BLOCK).unwrap_or(bytes));
                self.block = Some((start, block));
                block
            }
        }
    }
}

/// What some hundred bytes hold.
#[derive(Debug, Clone, Copy)]
struct Block {
    is_noise: bool,
    nuls: usize,
}

impl Block {
    /// Compressed and random bytes hold one control character in nine, and more that is no UTF-8 than is. Texts in old
    /// character sets hold no control characters, serialized records little besides text.
    fn of(bytes: &[u8]) -> Self {
        let controls = count(bytes, is_control);
        // They are among the others, of which text has none.
        let nuls = match controls {
            0..=SINGLE => 0,
            _ => count(bytes, |byte| byte == 0),
        };
        let is_noise = bytes.len() >= FEW && controls * 32 >= bytes.len() && {
            let invalid: usize = bytes.utf8_chunks().map(|chunk| chunk.invalid().len()).sum();
            (controls + invalid) * 4 >= bytes.len()
        };
        Self { is_noise, nuls }
    }
}

/// How many bytes are of a kind: so few at a time that vectors of bytes can count them.
fn count(bytes: &[u8], is: impl Fn(u8) -> bool) -> usize {
    let parts = bytes.chunks(usize::from(u8::MAX));
    let counted = parts.map(|part| part.iter().map(|byte| u8::from(is(*byte))).sum::<u8>());
    counted.map(usize::from).sum()
}

/// Whether a form's field begins in a text: `&name=`.
fn begins_field(text: &[u8]) -> bool {
    let field = memchr::memrchr(b'&', text).and_then(|at| text.get(at + 1..));
    let name = field.and_then(|field| field.split(|byte| *byte == b'=').next());
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-.[]".contains(byte);
    name.is_some_and(|name| {
        !name.is_empty() && name.len() < field.map_or(0, <[u8]>::len) && name.iter().all(is_name)
    })
}

/// How many bytes of text `bytes` begin with.
fn leading(bytes: Option<&[u8]>) -> usize {
    let chunk = bytes.unwrap_or_default().utf8_chunks().next();
    let valid = chunk.map_or("", |chunk| chunk.valid());
    valid.bytes().position(is_control).unwrap_or(valid.len())
}

/// How many they end with.
fn trailing(bytes: Option<&[u8]>) -> usize {
    let bytes = bytes.unwrap_or_default();
    let end = bytes.iter().rposition(|byte| is_control(*byte));
    let bytes = bytes
        .get(end.map_or(0, |end| end + 1)..)
        .unwrap_or_default();
    bytes.utf8_chunks().fold(0, |text, chunk| {
        if chunk.invalid().is_empty() {
            text + chunk.valid().len()
        } else {
            0
        }
    })
}

/// Whether no text holds the byte.
const fn is_control(byte: u8) -> bool {
    // Without branches, for vectors.
    (byte < b' ') & (byte != b'\t') & (byte != b'\n') & (byte != b'\r') | (byte == 0x7f)
}
