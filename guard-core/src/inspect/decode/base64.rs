//! Base64 in both alphabets.

use super::Output;

/// Marks a byte outside the alphabets.
const INVALID: u8 = 0xff;

static VALUES: [u8; 256] = {
    let mut values = [INVALID; 256];
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut value = 0;
    while value < 64 {
        values[alphabet[value as usize] as usize] = value;
        value += 1;
    }
    values[b'-' as usize] = 62;
    values[b'_' as usize] = 63;
    values
};

/// The value of a digit of either alphabet.
pub(crate) fn digit(byte: u8) -> Option<u8> {
    let value = VALUES[usize::from(byte)];
    (value != INVALID).then_some(value)
}

/// The value of a character at each place of a group of four, shifted to where it belongs; `BAD`
/// when it has none. One read a character and no shifts (the layout of Chromium's modp_b64).
static PLACED: [[u32; 256]; 4] = {
    let mut placed = [[BAD; 256]; 4];
    let mut byte = 0;
    while byte < 256 {
        let value = VALUES[byte] as u32;
        if VALUES[byte] != INVALID {
            placed[0][byte] = value << 18;
            placed[1][byte] = value << 12;
            placed[2][byte] = value << 6;
            placed[3][byte] = value;
        }
        byte += 1;
    }
    placed
};

const BAD: u32 = 1 << 31;

/// Decodes from `source[at..]` on until `out` is full; returns where to go on, the source's end once
/// no digit is left. Characters outside the alphabets (line breaks) are left out; padding ends the
/// text.
pub(super) fn run(source: &[u8], mut at: usize, out: &mut impl Output) -> usize {
    while out.room() >= 3 {
        let taken = out.put_digits(source.get(at..).unwrap_or_default());
        at += taken;
        if taken > 0 {
            continue;
        }
        let Some(&digits) = source.get(at..).and_then(<[u8]>::first_chunk) else {
            return last(source, at, out);
        };
        let group = placed(digits);
        if group & BAD == 0 {
            out.put(&group.to_be_bytes()[1..]);
            at += 4;
            continue;
        }
        let (digits, n, next) = four_digits(source, at);
        let group = digits.to_be_bytes();
        out.put(&group[1..1 + n.saturating_sub(1)]);
        if n < 4 {
            return source.len();
        }
        at = next;
    }
    at
}

/// Digits that are decoded without asking in between whether there is room for what they become.
const BLOCK: usize = 16;
/// What is written of a block, of which the last two bytes mean nothing.
const WRITTEN: usize = 14;
/// What a block becomes.
const DECODED: usize = BLOCK / 4 * 3;

/// Decodes whole blocks of digits into `out`, up to the first with something else in it; returns how
/// many digits.
pub(super) fn blocks(source: &[u8], out: &mut [u8]) -> usize {
    let mut len = 0;
    for block in source.chunks_exact(BLOCK) {
        let Some(to) = out
            .get_mut(len..len + WRITTEN)
            .and_then(<[u8]>::first_chunk_mut::<WRITTEN>)
        else {
            break;
        };
        let &[a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = block else {
            break;
        };
        let first = (placed([a, b, c, d]), placed([e, f, g, h]));
        let second = (placed([i, j, k, l]), placed([m, n, o, p]));
        if (first.0 | first.1 | second.0 | second.1) & BAD != 0 {
            break;
        }
        let bytes = |(high, low)| ((u64::from(high) << 24 | u64::from(low)) << 16).to_be_bytes();
        to[..8].copy_from_slice(&bytes(first));
        to[6..].copy_from_slice(&bytes(second));
        len += DECODED;
    }
    len / DECODED * BLOCK
}

/// The 24 bits of four digits, or [`BAD`] and whatever else.
#[inline(always)]
fn placed([a, b, c, d]: [u8; 4]) -> u32 {
    let place = |place: usize, byte: u8| PLACED[place][usize::from(byte)];
    place(0, a) | place(1, b) | place(2, c) | place(3, d)
}

fn last(source: &[u8], at: usize, out: &mut impl Output) -> usize {
    let (digits, n, _) = four_digits(source, at);
    out.put(&digits.to_be_bytes()[1..1 + n.saturating_sub(1)]);
    source.len()
}

/// Up to four digits from `at` on, how many they are, and where they end.
fn four_digits(source: &[u8], mut at: usize) -> (u32, usize, usize) {
    let (mut digits, mut n) = (0, 0);
    while n < 4 {
        let (byte, next) = match source.get(at..) {
            // The text lies in a JSON string: line breaks, `/`, `+` and `=` may be escaped.
            Some(rest @ [b'\\', ..]) => match super::unit(super::Layer::Json, rest, 0) {
                Some(unit) => (unit.bytes[0], at + unit.source),
                None => (b'\\', at + 1),
            },
            Some([byte, ..]) => (*byte, at + 1),
            _ => break,
        };
        if byte == b'=' {
            break;
        }
        let value = VALUES[usize::from(byte)];
        if value != INVALID {
            digits |= u32::from(value) << (18 - 6 * n);
            n += 1;
        }
        at = next;
    }
    (digits, n, at)
}

#[cfg(test)]
mod tests {
    use crate::inspect::decode::{Decoder, Layer, Source};
    use crate::random::Random;

    /// One digit after the other.
    fn naive(text: &[u8]) -> Vec<u8> {
        let digits = text.iter().take_while(|byte| **byte != b'=');
        let values: Vec<u8> = digits.filter_map(|byte| super::digit(*byte)).collect();
        let mut decoded = Vec::new();
        for group in values.chunks(4) {
            let bits = (0..4).fold(0, |bits, i| {
                bits << 6 | u32::from(group.get(i).copied().unwrap_or(0))
            });
            decoded.extend_from_slice(&bits.to_be_bytes()[1..group.len()]);
        }
        decoded
    }

    #[test]
    fn blocks_and_their_ends_are_read_as_one_digit_after_the_other() {
        let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_";
        let mut random = Random::new();
        for round in 0..20_000 {
            let mut text: Vec<u8> = (0..random.below(120))
                .map(|_| *random.one_of(alphabet))
                .collect();
            for _ in 0..round % 3 {
                let at = random.below(text.len() + 1);
                text.insert(at, *random.one_of(b"\n\r =\xff"));
            }
            let mut decoder = Decoder::new(Layer::Base64, &text);
            let mut decoded = Vec::new();
            let mut room = vec![0; 3 + random.below(60)];
            while !decoder.is_done() {
                let read = decoder.read(&mut room);
                decoded.extend_from_slice(&room[..read]);
            }
            assert_eq!(decoded, naive(&text), "{}", text.escape_ascii());
        }
    }
}
