//! Copies stretches in which nothing is encoded: most of any text. Whole words, and blocks of them
//! that compilers make vectors of. Knows which bytes introduce what is encoded, not how.

use super::Layer;

/// Bytes that are looked at and copied without asking where in them the stretch ends.
const BLOCK: usize = 32;

const WORD: usize = 8;

const ONES: u64 = u64::MAX / 255;
const HIGH: u64 = ONES << 7;

/// Copies bytes of `source` up to the next that may introduce a unit of `layer`, as far as `out`
/// has room; returns how many. It may stop a little early, but never without a byte that
/// introduces one, the end, or a full `out`. What `out` holds behind them is of no meaning.
#[inline(always)]
pub(super) fn copy(layer: Layer, source: &[u8], out: &mut [u8]) -> usize {
    match layer {
        Layer::Json => copied(
            source,
            out,
            |byte| byte == b'\\',
            |word| is(word, b'\\'),
            |word| word,
        ),
        // `+` is undone here.
        Layer::Form => copied(
            source,
            out,
            |byte| byte == b'%',
            |word| is(word, b'%'),
            spaced,
        ),
        Layer::Loose | Layer::Base64 | Layer::Numbers => copied(
            source,
            out,
            super::loose::introduces,
            introduces_loose,
            |word| word,
        ),
    }
}

/// How many of the first bytes of `source` introduce no unit of [`Layer::Loose`].
pub(super) fn skip_loose(source: &[u8]) -> usize {
    let mut at = 0;
    while let Some(block) = source.get(at..).and_then(<[u8]>::first_chunk::<BLOCK>) {
        let words = words(block);
        if words
            .iter()
            .fold(0, |all, word| all | introduces_loose(*word))
            != 0
        {
            break;
        }
        at += BLOCK;
    }
    let rest = source.get(at..).unwrap_or_default();
    let plain = rest.iter().position(|byte| super::loose::introduces(*byte));
    at + plain.unwrap_or(rest.len())
}

/// Copies from `source[at]` to `out[len]` what [`copy`] would of a name or value of a form, up to
/// what ends it as well: `&`, `?`, a name also `=`, or up to `$` or `'`; returns both offsets behind
/// it. Most are shorter than a block.
#[inline(always)]
pub(super) fn copy_field(
    source: &[u8],
    mut at: usize,
    is_name: bool,
    out: &mut [u8],
    mut len: usize,
) -> (usize, usize) {
    // One comparison for `%` and `&`, and one for `=` and `?` where both end it. The first takes
    // `$` and `'` along, which forms hardly ever have as they are.
    let either = if is_name { ONES * 0x02 } else { 0 };
    let ends = |word: u64| {
        let (encoding, separator) = (
            (word & (ONES * 0xfc)) ^ (ONES * 0x24),
            (word | either) ^ (ONES * b'?' as u64),
        );
        (encoding.wrapping_sub(ONES) & !encoding | separator.wrapping_sub(ONES) & !separator) & HIGH
    };
    while let (Some(from), Some(to)) = (
        source.get(at..at + WORD).and_then(<[u8]>::first_chunk),
        out.get_mut(len..len + WORD)
            .and_then(<[u8]>::first_chunk_mut::<WORD>),
    ) {
        let word = u64::from_le_bytes(*from);
        *to = spaced(word).to_le_bytes();
        let ends = ends(word);
        if ends != 0 {
            let taken = (ends.trailing_zeros() / 8) as usize;
            return (at + taken, len + taken);
        }
        at += WORD;
        len += WORD;
    }
    let taken = last(source.get(at..), out.get_mut(len..), ends, spaced);
    (at + taken, len + taken)
}

/// Copies bytes of `source` up to the next that may introduce a unit of a layer, whole blocks first,
/// for stretches are likely to be long. `introduces` tells whether a byte does; `marks` sets the
/// high bit of the first that does of a word, each of which is made into another.
#[inline(always)]
fn copied(
    source: &[u8],
    out: &mut [u8],
    introduces: impl Fn(u8) -> bool,
    marks: impl Fn(u64) -> u64,
    made: impl Fn(u64) -> u64,
) -> usize {
    let mut at = 0;
    while let (Some(from), Some(to)) = (
        source.get(at..).and_then(<[u8]>::first_chunk::<BLOCK>),
        out.get_mut(at..).and_then(<[u8]>::first_chunk_mut::<BLOCK>),
    ) {
        // Without a branch for each byte, compilers make it a comparison of vectors.
        if from.iter().fold(false, |any, byte| any | introduces(*byte)) {
            break;
        }
        for (to, word) in to.chunks_exact_mut(WORD).zip(words(from)) {
            to.copy_from_slice(&made(word).to_le_bytes());
        }
        at += BLOCK;
    }
    while let (Some(from), Some(to)) = (
        source.get(at..).and_then(<[u8]>::first_chunk::<WORD>),
        out.get_mut(at..).and_then(<[u8]>::first_chunk_mut::<WORD>),
    ) {
        let word = u64::from_le_bytes(*from);
        *to = made(word).to_le_bytes();
        let marks = marks(word);
        if marks != 0 {
            return at + (marks.trailing_zeros() / 8) as usize;
        }
        at += WORD;
    }
    at + last(source.get(at..), out.get_mut(at..), marks, made)
}

/// The same for the last bytes, of the source or of the room.
#[inline(always)]
fn last(
    source: Option<&[u8]>,
    out: Option<&mut [u8]>,
    marks: impl Fn(u64) -> u64,
    made: impl Fn(u64) -> u64,
) -> usize {
    let mut taken = 0;
    let rest = source.unwrap_or_default().iter();
    for (from, to) in rest.zip(out.unwrap_or_default()) {
        let word = u64::from(*from);
        if marks(word) & 0x80 != 0 {
            break;
        }
        *to = made(word).to_le_bytes()[0];
        taken += 1;
    }
    taken
}

#[inline(always)]
fn words(block: &[u8; BLOCK]) -> [u64; BLOCK / WORD] {
    let mut words = block.chunks_exact(WORD).filter_map(<[u8]>::first_chunk);
    core::array::from_fn(|_| words.next().map_or(0, |word| u64::from_le_bytes(*word)))
}

/// Sets the high bit of the first byte (in memory's order) that is `byte`, and perhaps of others
/// behind it.
#[inline(always)]
const fn is(word: u64, byte: u8) -> u64 {
    let word = word ^ (ONES * byte as u64);
    word.wrapping_sub(ONES) & !word & HIGH
}

/// Sets the high bit of the first byte that may introduce a unit of [`Layer::Loose`], and perhaps of
/// others behind it. Most bytes of other scripts do not.
#[inline(always)]
const fn introduces_loose(word: u64) -> u64 {
    let ascii = is(word, b'%') | is(word, b'&') | is(word, b'\\');
    let overlong = is(word & (ONES * 0xfe), 0xc0) | is(word, 0xe0);
    ascii | overlong | is(word, 0xef)
}

/// Eight bytes of a form, with a space for each `+`.
#[inline(always)]
const fn spaced(word: u64) -> u64 {
    let differing = word ^ (ONES * b'+' as u64);
    // The high bit of each byte that differs in any other, exactly.
    let low = (differing & (ONES * 0x7f)) + ONES * 0x7f;
    let plus = !(low | differing) & HIGH;
    word ^ ((plus >> 7) * (b'+' ^ b' ') as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A byte at a time, as the layers' definitions say.
    fn naive(layer: Layer, field: Option<bool>, source: &[u8], room: usize) -> Vec<u8> {
        let stops = |byte: u8| match (field, layer) {
            (Some(is_name), _) => b"$%&'?".contains(&byte) || is_name && byte == b'=',
            (None, Layer::Json) => byte == b'\\',
            (None, Layer::Form) => byte == b'%',
            (None, _) => super::super::loose::introduces(byte),
        };
        let spaced = |byte: &u8| match byte {
            b'+' if field.is_some() || layer == Layer::Form => b' ',
            byte => *byte,
        };
        let plain = source.iter().take(room).take_while(|byte| !stops(**byte));
        plain.map(spaced).collect()
    }

    #[test]
    fn skips_what_a_byte_at_a_time_would() {
        for len in 0..80 {
            for at in 0..len {
                for byte in [b'%', b'&', b'\\', 0xc0, 0xc1, 0xe0, 0xef, 0xbf, 0xc2, b'a'] {
                    let mut text = vec![b'$'; len];
                    text[at] = byte;
                    let introduces = |byte: &u8| super::super::loose::introduces(*byte);
                    let plain = text.iter().position(introduces).unwrap_or(len);
                    assert_eq!(skip_loose(&text), plain, "{byte} at {at} of {len}");
                }
            }
        }
    }

    #[test]
    fn copies_what_a_byte_at_a_time_would() {
        // Neighbours of what is looked for, in value, are what carries of a subtraction reach.
        let alphabet = b"abc+*,%$&'?>@=<\\]\x80\x81\xff\0\x01\xbf\xc0\xc1\xc2\xdf\xe0\xe1\xef";
        let mut state = 1_u64;
        let mut next = |below: usize| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(state >> 33).unwrap() % below
        };
        for _ in 0..20_000 {
            let plain = next(70);
            let source: Vec<u8> = (0..next(90))
                .map(|at| alphabet[next(if at < plain { 6 } else { alphabet.len() })])
                .collect();
            let room = next(100);
            for layer in [Layer::Json, Layer::Form, Layer::Loose] {
                let mut out = vec![0; room];
                let copied = copy(layer, &source, &mut out);
                let expected = naive(layer, None, &source, room);
                assert_eq!(out[..copied], expected, "{layer:?} {source:?}");
            }
            for is_name in [true, false] {
                let mut out = vec![0; room];
                let (copied, len) = copy_field(&source, 0, is_name, &mut out, 0);
                assert_eq!(copied, len);
                let expected = naive(Layer::Form, Some(is_name), &source, room);
                assert_eq!(out[..copied], expected, "{is_name} {source:?}");
            }
        }
    }
}
