//! The search for processors without the vectors that the others need.

use super::tables::{MAYBE, meet};
use super::{Batch, LANES, Marks, fill};
use crate::inspect::trigger::{PAST_END, WIDTH};

/// Offsets looked at between two branches.
const STRIDE: usize = 8;

pub(super) fn search(bytes: &[u8], from: usize, batch: &mut Batch) -> usize {
    fill(bytes, from, batch, mark, meet)
}

fn mark(bytes: &[u8]) -> Marks {
    let mut marks = Marks::default();
    for (marks, first) in marks.iter_mut().zip((0..bytes.len()).step_by(LANES)) {
        for i in (0..LANES).step_by(STRIDE) {
            *marks |= stride(bytes, first + i) << i;
        }
    }
    marks
}

/// The marks of `STRIDE` offsets from `first` on.
#[inline]
fn stride(bytes: &[u8], first: usize) -> u64 {
    let rest = bytes.get(first..).unwrap_or_default();
    let padded: [u8; STRIDE + WIDTH - 1];
    let chunk = match rest.first_chunk::<{ STRIDE + WIDTH - 1 }>() {
        Some(chunk) => chunk,
        None if rest.is_empty() => return 0,
        None => {
            padded = core::array::from_fn(|i| rest.get(i).copied().unwrap_or(PAST_END));
            &padded
        }
    };
    let [a, b, c, d] = &MAYBE;
    let byte = |i: usize| usize::from(chunk[i]);
    let buckets: [u32; STRIDE] =
        core::array::from_fn(|i| a[byte(i)] & b[byte(i + 1)] & c[byte(i + 2)] & d[byte(i + 3)]);
    if buckets.iter().fold(0, |any, buckets| any | buckets) == 0 {
        return 0;
    }
    let marks = buckets.iter().enumerate();
    marks.fold(0, |marks, (i, buckets)| {
        marks | u64::from(*buckets != 0) << i
    })
}
