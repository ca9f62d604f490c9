//! The search where the processor looks nibbles up in vectors of 16 bytes (NEON, which every aarch64
//! has).
#![allow(unsafe_code, reason = "loads through pointers")]

use core::arch::aarch64::{
    uint8x16_t, vandq_u8, vdupq_n_u8, vgetq_lane_u64, vld1q_u8, vorrq_u8, vpaddq_u8, vqtbl1q_u8,
    vreinterpretq_u64_u8, vshrq_n_u8, vtstq_u8,
};
use core::hint::black_box;

use super::grouping::NIBBLE_LOOKS;
use super::tables::{GROUPS, NIBBLES, Nibbles, meet};
use super::{Batch, LANES, each_block, fill};
use crate::inspect::trigger::{PAST_END, WIDTH};

/// Bytes of a vector, and vectors whose marks are a word.
const WIDE: usize = 16;
const VECTORS: usize = LANES / WIDE;

/// What the marks of one word are told from.
const BLOCK: usize = LANES + WIDTH - 1;

pub(super) fn search(bytes: &[u8], from: usize, batch: &mut Batch) -> usize {
    // If the compiler knew what is in the tables, it might build look-ups of its own.
    let tables = black_box(&NIBBLES);
    let mark = |bytes: &[u8]| {
        // SAFETY: every aarch64 processor has NEON; the function only needs that.
        each_block(bytes, PAST_END, |block| unsafe { mark(block, tables) })
    };
    fill(bytes, from, batch, mark, meet)
}

#[inline]
#[target_feature(enable = "neon")]
fn load(from: &[u8; WIDE]) -> uint8x16_t {
    // SAFETY: from is as many readable bytes as a vector has.
    unsafe { vld1q_u8(from.as_ptr()) }
}

#[inline]
#[target_feature(enable = "neon")]
fn mark(block: &[u8; BLOCK], nibbles: &[[Nibbles; WIDTH]; GROUPS]) -> u64 {
    /// The bit that each byte of half a vector has in a byte of marks.
    const BITS: [u8; WIDE] = [1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128];
    let nibble = vdupq_n_u8(0x0f);
    // Position by position: what stays in registers then is what is left of each group.
    let mut groups = [[vdupq_n_u8(0xff); VECTORS]; GROUPS];
    for position in 0..WIDTH {
        let mut low = [vdupq_n_u8(0); VECTORS];
        let mut high = low;
        for vector in 0..VECTORS {
            let Some(from) = block[position + vector * WIDE..].first_chunk() else {
                continue;
            };
            let loaded = load(from);
            low[vector] = vandq_u8(loaded, nibble);
            high[vector] = vandq_u8(vshrq_n_u8::<3>(loaded), nibble);
        }
        for ((group, tables), looks) in groups.iter_mut().zip(nibbles).zip(&NIBBLE_LOOKS) {
            if !looks[position] {
                continue;
            }
            let tables = &tables[position];
            let (lows, highs) = (load(&tables.low), load(&tables.high));
            for (vector, group) in group.iter_mut().enumerate() {
                let lows = vqtbl1q_u8(lows, low[vector]);
                let highs = vqtbl1q_u8(highs, high[vector]);
                *group = vandq_u8(*group, vandq_u8(lows, highs));
            }
        }
    }
    let mut any = [vdupq_n_u8(0); VECTORS];
    for group in groups {
        for (any, group) in any.iter_mut().zip(group) {
            *any = vorrq_u8(*any, group);
        }
    }
    // Each byte becomes its bit or nothing; three rounds of adding neighbours make bytes of eight.
    let bits = load(&BITS);
    let [a, b, c, d] = any.map(|any| vandq_u8(vtstq_u8(any, any), bits));
    let pairs = vpaddq_u8(vpaddq_u8(a, b), vpaddq_u8(c, d));
    vgetq_lane_u64::<0>(vreinterpretq_u64_u8(vpaddq_u8(pairs, pairs)))
}
