//! The search byte by byte, for processors without look-ups of whole bytes in vectors.

use super::Batch;
use super::tables::MAYBE;
use crate::inspect::trigger::{PAST_END, WIDTH};

/// Offsets looked at between two branches.
const STRIDE: usize = 8;

pub(super) fn search(bytes: &[u8], from: usize, batch: &mut Batch) -> usize {
    let [first, second, third, fourth] = &MAYBE;
    let buckets = |window: [u8; WIDTH]| {
        let [a, b, c, d] = window.map(usize::from);
        first[a] & second[b] & third[c] & fourth[d]
    };
    let mut at = from;
    while let Some(chunk) = bytes
        .get(at..)
        .and_then(<[u8]>::first_chunk::<{ STRIDE + WIDTH - 1 }>)
    {
        let window = |i: usize| [chunk[i], chunk[i + 1], chunk[i + 2], chunk[i + 3]];
        let marks: [u32; STRIDE] = core::array::from_fn(|i| buckets(window(i)));
        if marks.iter().fold(0, |any, marks| any | marks) != 0 {
            for (i, marks) in marks.into_iter().enumerate() {
                if marks != 0 {
                    if batch.is_full() {
                        return at + i;
                    }
                    batch.verify(at + i, marks, window(i));
                }
            }
        }
        at += STRIDE;
    }
    while at < bytes.len() && !batch.is_full() {
        let window = core::array::from_fn(|i| bytes.get(at + i).copied().unwrap_or(PAST_END));
        let marks = buckets(window);
        if marks != 0 {
            batch.verify(at, marks, window);
        }
        at += 1;
    }
    at
}
