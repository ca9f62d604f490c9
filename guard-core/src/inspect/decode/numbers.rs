//! Bytes written as decimal numbers with commas between, as Kafka's and RabbitMQ's headers are.

use super::Output;

/// Decodes from `source[at..]` on until `out` is full; returns where the next number begins, the
/// source's end once there is none. What is no number is left out; of a number that is no byte the
/// lowest one counts, as where a receiver puts numbers into a buffer of bytes.
pub(super) fn run(source: &[u8], at: usize, out: &mut impl Output) -> usize {
    let mut at = next(source, at);
    while at < source.len() && out.room() > 0 {
        let negative = source.get(at) == Some(&b'-');
        at += usize::from(negative);
        let mut value = 0u8;
        while let Some(digit @ b'0'..=b'9') = source.get(at) {
            value = value.wrapping_mul(10).wrapping_add(digit - b'0');
            at += 1;
        }
        out.put(&[if negative {
            value.wrapping_neg()
        } else {
            value
        }]);
        let rest = source.get(at..).unwrap_or_default();
        at += memchr::memchr(b',', rest).unwrap_or(rest.len());
        at = next(source, at);
    }
    at
}

/// Where the number ends that is the last before `at`.
pub(super) fn end(source: &[u8], at: usize) -> usize {
    let before = source.get(..at).unwrap_or(source);
    let digits = before.iter().rposition(u8::is_ascii_digit);
    digits.map_or(0, |last| last + 1)
}

/// Where the next number begins.
fn next(source: &[u8], mut at: usize) -> usize {
    loop {
        match source.get(at..) {
            Some([b'0'..=b'9', ..] | [b'-', b'0'..=b'9', ..]) => return at,
            Some([_, ..]) => at += 1,
            _ => return source.len(),
        }
    }
}
