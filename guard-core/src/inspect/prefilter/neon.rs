//! The search in vectors of 16 bytes (NEON, which every aarch64 has).
#![allow(unsafe_code, reason = "loads through pointers")]

use core::arch::aarch64::{
    uint8x16_t, vandq_u8, vdupq_n_u8, vget_lane_u64, vld1q_u8, vorrq_u8, vqtbl1q_u8,
    vreinterpret_u64_u8, vreinterpretq_u16_u8, vshrn_n_u16, vshrq_n_u8, vst1q_u8, vtstq_u8,
};

use super::Batch;
use super::tables::{GROUPS, NIBBLES};
use crate::inspect::trigger::{PAST_END, WIDTH};

const LANES: usize = 16;

pub(super) fn search(bytes: &[u8], from: usize, batch: &mut Batch) -> usize {
    // SAFETY: every aarch64 processor has NEON; the function only needs that.
    unsafe { neon(bytes, from, batch) }
}

#[target_feature(enable = "neon")]
fn neon(bytes: &[u8], from: usize, batch: &mut Batch) -> usize {
    // SAFETY: a table is 16 readable bytes.
    let table = |table: &[u8; 16]| unsafe { vld1q_u8(table.as_ptr()) };
    let tables: [[(uint8x16_t, uint8x16_t); WIDTH]; GROUPS] = NIBBLES.each_ref().map(|group| {
        group
            .each_ref()
            .map(|nibbles| (table(&nibbles.low), table(&nibbles.high)))
    });
    let nibble = vdupq_n_u8(0x0f);
    // Past the last block that lies in the bytes as a whole, their end is copied to where whole
    // blocks can be read.
    let mut padded = [PAST_END; 3 * LANES];
    let mut at = from;
    while at < bytes.len() {
        // The last load reads bytes at + 3 to at + 3 + LANES.
        let block = match bytes.get(at..at + LANES + WIDTH - 1) {
            Some(block) => block.as_ptr(),
            None => {
                let rest = &bytes[at..];
                padded.fill(PAST_END);
                padded[..rest.len()].copy_from_slice(rest);
                padded.as_ptr()
            }
        };
        let mut groups = [vdupq_n_u8(0xff); GROUPS];
        for position in 0..WIDTH {
            // SAFETY: position is at most WIDTH - 1, so the start is inside the block.
            let start = unsafe { block.add(position) };
            // SAFETY: block is LANES + WIDTH - 1 readable bytes, of the text or of padded, so LANES
            // of them follow start.
            let loaded = unsafe { vld1q_u8(start) };
            let low = vandq_u8(loaded, nibble);
            let high = vshrq_n_u8::<4>(loaded);
            for (group, tables) in groups.iter_mut().zip(&tables) {
                let (lows, highs) = tables[position];
                let both = vandq_u8(vqtbl1q_u8(lows, low), vqtbl1q_u8(highs, high));
                *group = vandq_u8(*group, both);
            }
        }
        let any = groups
            .into_iter()
            .fold(vdupq_n_u8(0), |any, group| vorrq_u8(any, group));
        // Four bits a lane: narrowing each pair of lanes by a shift of four keeps one nibble of both.
        let set = vreinterpretq_u16_u8(vtstq_u8(any, any));
        let mut marked = vget_lane_u64::<0>(vreinterpret_u64_u8(vshrn_n_u16::<4>(set)));
        if marked != 0 {
            let mut stored = [[0u8; LANES]; GROUPS];
            for (stored, group) in stored.iter_mut().zip(groups) {
                // SAFETY: stored is LANES writable bytes.
                unsafe { vst1q_u8(stored.as_mut_ptr(), group) };
            }
            while marked != 0 {
                let lane = (marked.trailing_zeros() / 4) as usize % LANES;
                marked &= !(0xf << (4 * lane));
                let mut buckets = 0;
                for (index, stored) in stored.iter().enumerate() {
                    buckets |= u32::from(stored[lane]) << (8 * index);
                }
                if batch.is_full() {
                    return at + lane;
                }
                if at + lane >= bytes.len() {
                    break;
                }
                // SAFETY: lane is below LANES, so four bytes follow inside the block.
                let window = unsafe { block.add(lane) };
                // SAFETY: the same; a byte array needs no alignment.
                let window = unsafe { window.cast::<[u8; WIDTH]>().read() };
                batch.verify(at + lane, buckets, window);
            }
        }
        at += LANES;
    }
    bytes.len()
}
