//! The search for processors without the vectors that the others need.

use super::tables::MAYBE;
use super::{Batch, Marks, fill};
use crate::inspect::trigger::{PAST_END, WIDTH};

/// Offsets looked at between two branches.
const STRIDE: usize = 8;

pub(super) fn search(bytes: &[u8], from: usize, batch: &mut Batch) -> usize {
    fill(bytes, from, batch, mark)
}

fn mark(bytes: &[u8], at: usize) -> Marks {
    let rest = bytes.get(at..).unwrap_or_default();
    core::array::from_fn(|vector| {
        let mut marks = 0;
        for (i, first) in (vector * 64..(vector + 1) * 64).step_by(STRIDE).enumerate() {
            marks |= stride(rest, first) << (i * STRIDE);
        }
        marks
    })
}

/// The marks of `STRIDE` offsets from `first` on.
#[inline]
fn stride(bytes: &[u8], first: usize) -> u64 {
    let rest = bytes.get(first..).unwrap_or_default();
    let padded: [u8; STRIDE + WIDTH - 1];
    let chunk = match rest.first_chunk() {
        Some(chunk) => chunk,
        None if rest.is_empty() => return 0,
        None => {
            padded = core::array::from_fn(|i| rest.get(i).copied().unwrap_or(PAST_END));
            &padded
        }
    };
    let [a, b, c, d] = &MAYBE;
    let byte = |i: usize| usize::from(chunk[i]);
    let mut marks = 0;
    for i in 0..STRIDE {
        let buckets = a[byte(i)] & b[byte(i + 1)] & c[byte(i + 2)] & d[byte(i + 3)];
        marks |= u64::from(buckets != 0) << i;
    }
    marks
}
