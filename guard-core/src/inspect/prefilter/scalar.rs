//! The search byte by byte, for processors without byte shuffles.

use super::Batch;
use super::tables::{BUCKETS, GROUPS, NIBBLES};
use crate::inspect::trigger::{PAST_END, WIDTH};

/// `[position][byte]`: the buckets whose nibble classes the byte is in.
static MAYBE: [[u32; 256]; WIDTH] = {
    let mut maybe = [[0; 256]; WIDTH];
    let mut position = 0;
    while position < WIDTH {
        let mut byte = 0;
        while byte < 256 {
            let mut group = 0;
            while group < GROUPS {
                let nibbles = &NIBBLES[group][position];
                let buckets = nibbles.low[byte & 15] & nibbles.high[byte >> 4];
                maybe[position][byte] |= (buckets as u32) << (8 * group);
                group += 1;
            }
            byte += 1;
        }
        position += 1;
    }
    maybe
};

const _: () = assert!(BUCKETS <= 32, "a byte's buckets are bits of a u32");

pub(super) fn search(bytes: &[u8], from: usize, batch: &mut Batch) -> usize {
    let mut at = from;
    while at < bytes.len() && !batch.is_full() {
        let byte = |i: usize| bytes.get(at + i).copied().unwrap_or(PAST_END);
        let window = [byte(0), byte(1), byte(2), byte(3)];
        let [a, b, c, d] = window.map(usize::from);
        let buckets = MAYBE[0][a] & MAYBE[1][b] & MAYBE[2][c] & MAYBE[3][d];
        if buckets != 0 {
            batch.verify(at, buckets, window);
        }
        at += 1;
    }
    at
}
