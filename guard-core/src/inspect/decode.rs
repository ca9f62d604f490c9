//! Undoes encodings, a buffer at a time, and finds back where a decoded byte came from.
//!
//! A [`Decoder`] writes into the caller's buffer and remembers where it is, so a body of any length
//! needs no more memory than the buffer. Nothing is recorded on the way: [`origin`] runs the decoder
//! again up to the byte in question, which only a finding pays for. Knows no rules.

use core::ops::Range;

mod base64;
mod gzip;
mod loose;
mod numbers;
mod plain;

pub(crate) use base64::digit as base64_digit;
pub(super) use gzip::{By, Gunzip};

/// An encoding to undo.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layer {
    /// The content of a JSON string (RFC 8259, section 7).
    Json,
    /// `application/x-www-form-urlencoded`: percent escapes, `+` for a space.
    Form,
    /// Whatever a receiver may undo next: percent and `%u` escapes, `\u` and `\x` escapes, HTML
    /// character references, full-width forms, overlong UTF-8. One round of it.
    Loose,
    /// Base64, both alphabets, line breaks left out (RFC 4648).
    Base64,
    /// Decimal numbers between commas, one for each byte.
    Numbers,
}

/// What one encoded unit stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unit {
    /// Bytes it takes in the source.
    pub(super) source: usize,
    bytes: [u8; 4],
    len: u8,
}

impl Unit {
    fn bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    const fn byte(source: usize, byte: u8) -> Self {
        Self {
            source,
            bytes: [byte, 0, 0, 0],
            len: 1,
        }
    }

    /// A code point; a lone surrogate becomes U+FFFD.
    fn scalar(source: usize, scalar: u32) -> Self {
        let mut bytes = [0; 4];
        let scalar = char::from_u32(scalar).unwrap_or(char::REPLACEMENT_CHARACTER);
        #[expect(
            clippy::cast_possible_truncation,
            reason = "UTF-8 takes four bytes at the most"
        )]
        let len = scalar.encode_utf8(&mut bytes).len() as u8;
        Self { source, bytes, len }
    }
}

/// The encoded unit at `bytes[at..]`, if one is there.
pub(super) fn unit(layer: Layer, bytes: &[u8], at: usize) -> Option<Unit> {
    let rest = bytes.get(at..)?;
    match layer {
        Layer::Json => json_escape(rest),
        Layer::Form => match rest {
            [b'+', ..] => Some(Unit::byte(1, b' ')),
            _ => loose::percent(rest),
        },
        Layer::Loose => loose::unit(rest),
        Layer::Base64 | Layer::Numbers => None,
    }
}

fn json_escape(rest: &[u8]) -> Option<Unit> {
    let [b'\\', kind, ..] = rest else {
        return None;
    };
    match short_escape(*kind) {
        Some(byte) => Some(Unit::byte(2, byte)),
        None => loose::utf16_escape(rest),
    }
}

/// What a backslash and `kind` stand for, if that is all of the escape.
const fn short_escape(kind: u8) -> Option<u8> {
    let byte = match kind {
        b'n' => b'\n',
        b't' => b'\t',
        b'r' => b'\r',
        b'b' => 0x08,
        b'f' => 0x0c,
        b'u' => return None,
        byte => byte,
    };
    Some(byte)
}

/// What a decoder writes to.
trait Output {
    /// Bytes it still takes.
    fn room(&self) -> usize;
    /// Takes bytes that number no more than the room.
    fn put(&mut self, bytes: &[u8]);
    /// Takes what digits of base64 become that are nothing else for a while, if there is room for it
    /// and a little more; returns how many digits.
    fn put_digits(&mut self, digits: &[u8]) -> usize;
    /// Takes bytes up to the next that may introduce a unit of `layer`, as far as there is room;
    /// returns how many. It may stop a little early.
    fn put_plain(&mut self, bytes: &[u8], layer: Layer) -> usize;
}

struct Buffer<'b> {
    bytes: &'b mut [u8],
    len: usize,
}

impl Output for Buffer<'_> {
    fn room(&self) -> usize {
        self.bytes.len() - self.len
    }

    fn put(&mut self, bytes: &[u8]) {
        if let Some(free) = self.bytes.get_mut(self.len..self.len + bytes.len()) {
            free.copy_from_slice(bytes);
            self.len += bytes.len();
        }
    }

    fn put_digits(&mut self, digits: &[u8]) -> usize {
        let Some(free) = self.bytes.get_mut(self.len..) else {
            return 0;
        };
        let taken = base64::blocks(digits, free);
        self.len += taken / 4 * 3;
        taken
    }

    fn put_plain(&mut self, bytes: &[u8], layer: Layer) -> usize {
        let Some(free) = self.bytes.get_mut(self.len..) else {
            return 0;
        };
        let taken = plain::copy(layer, bytes, free);
        self.len += taken;
        taken
    }
}

/// Counts bytes and throws them away.
struct Count {
    left: usize,
}

impl Output for Count {
    fn room(&self) -> usize {
        self.left
    }

    fn put(&mut self, bytes: &[u8]) {
        self.left = self.left.saturating_sub(bytes.len());
    }

    fn put_digits(&mut self, _: &[u8]) -> usize {
        // Who counts does so for a finding: a group at a time will do.
        0
    }

    fn put_plain(&mut self, bytes: &[u8], layer: Layer) -> usize {
        let end = bytes
            .iter()
            .position(|byte| introduces(layer, *byte))
            .unwrap_or(bytes.len());
        let end = end.min(self.left);
        self.left -= end;
        end
    }
}

/// Undoes the name or value of a form that begins at `source[at]`, up to `&`, `?` or the end, a name
/// also up to `=`: writes it from `out[len]` on. Returns where it ends in both. None if it takes more
/// room than there is, or than it needs undone.
#[inline(always)]
pub(super) fn form_part(
    source: &[u8],
    mut at: usize,
    is_name: bool,
    out: &mut [u8],
    mut len: usize,
) -> Option<(usize, usize)> {
    loop {
        (at, len) = plain::copy_field(source, at, is_name, out, len);
        let Some(byte) = source.get(at) else {
            return Some((at, len));
        };
        let place = match byte {
            b'&' | b'?' => return Some((at, len)),
            b'=' if is_name => return Some((at, len)),
            _ => out.get_mut(len)?,
        };
        let undone = match source.get(at..at + 3) {
            Some([b'%', high, low]) => loose::hex_byte(*high, *low),
            _ => None,
        };
        *place = match byte {
            b'+' => b' ',
            byte => undone.unwrap_or(*byte),
        };
        at += if undone.is_some() { 3 } else { 1 };
        len += 1;
    }
}

/// What fills a buffer with decoded bytes.
pub(super) trait Source {
    /// Writes to `out`; returns how many bytes. Fewer than four free bytes may stay unused.
    fn read(&mut self, out: &mut [u8]) -> usize;
    /// Whether everything has been read.
    fn is_done(&self) -> bool;
    /// What of `read` bytes that were read last the event's length does not pay for, by which its effort is
    /// measured: it does not say how long what it holds is.
    fn grown(&mut self, _read: usize) -> Growth {
        Growth::default()
    }
}

/// What an event has grown by.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Growth {
    /// Bytes that are read for nothing.
    pub(super) read: usize,
    /// Bytes that count as the event's own for everything else.
    pub(super) counted: usize,
}

/// Bytes in a row that introduce nothing, behind which they are taken in blocks again.
const STRETCH: usize = 16;

/// Undoes one layer of a text.
#[derive(Debug, Clone)]
pub(super) struct Decoder<'s> {
    layer: Layer,
    source: &'s [u8],
    at: usize,
}

impl<'s> Decoder<'s> {
    pub(super) const fn new(layer: Layer, source: &'s [u8]) -> Self {
        Self {
            layer,
            source,
            at: 0,
        }
    }

    fn run(&mut self, out: &mut impl Output) {
        match self.layer {
            Layer::Base64 => {
                self.at = base64::run(self.source, self.at, out);
                return;
            }
            Layer::Numbers => {
                self.at = numbers::run(self.source, self.at, out);
                return;
            }
            Layer::Json | Layer::Form | Layer::Loose => {}
        }
        while self.at < self.source.len() && out.room() > 0 {
            let plain = out.put_plain(&self.source[self.at..], self.layer);
            self.at += plain;
            match self.layer {
                Layer::Form => self.percents(out),
                Layer::Json => self.escapes(out),
                Layer::Loose => self.others(out),
                Layer::Base64 | Layer::Numbers => {}
            }
            let Some(byte) = self.source.get(self.at).filter(|_| out.room() > 0) else {
                break;
            };
            let unit =
                unit(self.layer, self.source, self.at).unwrap_or_else(|| Unit::byte(1, *byte));
            if unit.bytes().len() > out.room() {
                break;
            }
            out.put(unit.bytes());
            self.at += unit.source;
        }
        self.at = self.at.min(self.source.len());
    }

    /// Undoes escapes of one character, one behind the other: of line breaks and quotes there are
    /// many.
    fn escapes(&mut self, out: &mut impl Output) {
        while let Some([b'\\', kind]) = self.source.get(self.at..self.at + 2)
            && let Some(byte) = short_escape(*kind)
            && out.room() > 0
        {
            out.put(&[byte]);
            self.at += 2;
        }
    }

    /// Takes a stretch of another script: there are some of which each character begins as full-width
    /// and overlong forms do. It ends some bytes behind the last of those.
    fn others(&mut self, out: &mut impl Output) {
        let mut plain = 0;
        while plain < STRETCH
            && out.room() >= 4
            && let Some(byte) = self.source.get(self.at)
        {
            if !loose::introduces(*byte) {
                plain += 1;
            } else if byte.is_ascii() {
                return;
            } else {
                plain = 0;
                if let Some(unit) = loose::unit(self.source.get(self.at..).unwrap_or_default()) {
                    out.put(unit.bytes());
                    self.at += unit.source;
                    continue;
                }
            }
            out.put(&[*byte]);
            self.at += 1;
        }
    }

    /// Undoes percent escapes one behind the other: other scripts come in long runs of them.
    fn percents(&mut self, out: &mut impl Output) {
        while let Some([b'%', high, low]) = self.source.get(self.at..self.at + 3)
            && let Some(byte) = loose::hex_byte(*high, *low)
            && out.room() > 0
        {
            out.put(&[byte]);
            self.at += 3;
        }
    }
}

/// The first stretch of `bytes[from..]` that a round of [`Layer::Loose`] changes, with what is up
/// to `margin` bytes away on either side; and where to look for the next. Changes with no more than
/// twice as many bytes between them are one stretch.
pub(super) fn changed(bytes: &[u8], from: usize, margin: usize) -> Option<(Range<usize>, usize)> {
    let changes = |at: usize| {
        let introduces = bytes.get(at).is_some_and(|byte| loose::introduces(*byte));
        let unit = introduces.then(|| unit(Layer::Loose, bytes, at)).flatten();
        unit.map(|unit| at + unit.source)
    };
    let mut first = from;
    let mut end = loop {
        first += plain::skip_loose(bytes.get(first..)?);
        if let Some(end) = changes(first) {
            break end;
        }
        first += 1;
    };
    // From the far end: where changes are many, one in each step is enough to know of.
    let reach = loop {
        let reach = (end + 2 * margin).min(bytes.len());
        match (end..reach).rev().find_map(changes) {
            Some(last) => end = last,
            None => break reach,
        }
    };
    let stretch = first.saturating_sub(margin)..(end + margin).min(bytes.len());
    Some((stretch, reach))
}

/// Whether `byte` may introduce a unit of `layer`.
const fn introduces(layer: Layer, byte: u8) -> bool {
    match layer {
        Layer::Json => byte == b'\\',
        // `+` is undone where plain bytes are taken.
        Layer::Form => byte == b'%',
        Layer::Loose => loose::introduces(byte),
        Layer::Base64 | Layer::Numbers => false,
    }
}

impl Source for Decoder<'_> {
    fn read(&mut self, out: &mut [u8]) -> usize {
        let mut buffer = Buffer { bytes: out, len: 0 };
        self.run(&mut buffer);
        buffer.len
    }

    fn is_done(&self) -> bool {
        self.at >= self.source.len()
    }
}

/// The bytes of `source` that `decoded` (offsets into what `layer` makes of it) came from.
pub(super) fn origin(layer: Layer, source: &[u8], decoded: &Range<usize>) -> Range<usize> {
    // A unit that reaches past what is to be counted is not split: the decoder stops before it.
    let to = |offset: usize| {
        let mut decoder = Decoder::new(layer, source);
        let mut count = Count { left: offset };
        decoder.run(&mut count);
        (decoder.at, count.left)
    };
    let (start, _) = to(decoded.start);
    let (end, split) = to(decoded.end);
    if layer == Layer::Numbers {
        return start..numbers::end(source, end).max(start);
    }
    let rest = match layer {
        _ if split == 0 => 0,
        Layer::Base64 => 4,
        _ => unit(layer, source, end).map_or(1, |unit| unit.source),
    };
    start..(end + rest).min(source.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(layer: Layer, source: &[u8], chunk: usize) -> Vec<u8> {
        let mut decoder = Decoder::new(layer, source);
        let mut all = Vec::new();
        let mut buffer = vec![0; chunk];
        while !decoder.is_done() {
            let n = decoder.read(&mut buffer);
            all.extend_from_slice(&buffer[..n]);
        }
        all
    }

    #[test]
    fn each_layer_undoes_its_own() {
        let cases: [(Layer, &str, &[u8]); 17] = [
            (
                Layer::Json,
                r#"a\"b\\c\n\u0027\ud83d\ude00\ud800x"#,
                "a\"b\\c\n'😀\u{fffd}x".as_bytes(),
            ),
            (Layer::Form, "a+b%20c%zz%2", b"a b c%zz%2"),
            (
                Layer::Loose,
                "a+b%27%u0027&#39;&#x27;&apos;&#x27",
                b"a+b''''''",
            ),
            (Layer::Loose, r"\u0027\x27\u{27}", b"'''"),
            (Layer::Loose, "\u{ff07}\u{ff1c}script\u{ff1e}", b"'<script>"),
            (
                Layer::Loose,
                "%2527 &amp;lt; C:\\users",
                b"%27 &lt; C:\\users",
            ),
            (Layer::Loose, "a&b=1&c&copy", b"a&b=1&c&copy"),
            (Layer::Base64, "JyBvciAxPTE=", b"' or 1=1"),
            (Layer::Base64, "JyBv\nciAxPTEtLQ", b"' or 1=1--"),
            (Layer::Base64, r"JyBv\r\nciAx\u0050TE\u003d", b"' or 1=1"),
            (Layer::Base64, r"PDw\/Pz8\u002b", b"<<???>"),
            (Layer::Base64, "PDw_Pz8-", b"<<???>"),
            (Layer::Base64, "PDw/Pz8+", b"<<???>"),
            (Layer::Base64, "", b""),
            (Layer::Numbers, "39, 32,\n111 ,114", b"' or"),
            // Java's bytes are signed; others take the lowest byte and drop a fraction.
            (Layer::Numbers, "-61,-87,295,39.9,4e1", b"\xc3\xa9''\x04"),
            (Layer::Numbers, "[39],x,null,-,1", b"'\x01"),
        ];
        for (layer, source, expected) in cases {
            for chunk in [4, 5, 7, 64] {
                let got = decoded(layer, source.as_bytes(), chunk);
                assert_eq!(
                    got.escape_ascii().to_string(),
                    expected.escape_ascii().to_string()
                );
            }
        }
        assert_eq!(
            decoded(Layer::Loose, b"..\xc0\xaf..\xe0\x80\xaf", 9),
            b"../../"
        );
    }

    #[test]
    fn other_scripts_are_taken_as_a_character_at_a_time_would_be() {
        const PIECES: [&[u8]; 14] = [
            "\u{e2a}\u{e27}\u{e31}".as_bytes(),
            "\u{4e2d}\u{6587}\u{3002}".as_bytes(),
            "\u{ff1c}\u{ff0c}\u{ff3c}".as_bytes(),
            "\u{430}\u{431} ".as_bytes(),
            "\u{1f600}".as_bytes(),
            b"%27",
            b"%2",
            b"&lt;",
            b"&",
            b"\\u0027",
            b"\xc0\xaf\xe0\x80\xaf",
            b"\xe0\xef\xbc",
            b"a",
            b"plain text between, longer than a block of it ",
        ];
        let mut random = crate::random::Random::new();
        for _ in 0..3_000 {
            let count = random.below(24);
            let pieces: Vec<&[u8]> = (0..count)
                .map(|_| *random.one_of::<&[u8]>(&PIECES))
                .collect();
            let source = pieces.concat();
            let (mut naive, mut at) = (Vec::new(), 0);
            while at < source.len() {
                let plain = Unit::byte(1, source[at]);
                let unit = unit(Layer::Loose, &source, at).unwrap_or(plain);
                naive.extend_from_slice(unit.bytes());
                at += unit.source;
            }
            for chunk in [4, 7, 33, 512] {
                let got = decoded(Layer::Loose, &source, chunk);
                assert_eq!(got, naive, "{} by {chunk}", source.escape_ascii());
            }
        }
    }

    #[test]
    fn origins_are_the_units_that_a_byte_came_from() {
        let source = br"ab\u0027cd\n";
        assert_eq!(origin(Layer::Json, source, &(2..3)), 2..8);
        assert_eq!(origin(Layer::Json, source, &(0..4)), 0..9);
        assert_eq!(origin(Layer::Json, source, &(5..6)), 10..12);
        assert_eq!(origin(Layer::Base64, b"JyBvciAxPTE=", &(3..5)), 4..8);
        let source = b"39, 32, -111, 7 ";
        assert_eq!(origin(Layer::Numbers, source, &(0..1)), 0..2);
        assert_eq!(origin(Layer::Numbers, source, &(1..3)), 4..12);
        assert_eq!(origin(Layer::Numbers, source, &(2..4)), 8..15);
    }
}
