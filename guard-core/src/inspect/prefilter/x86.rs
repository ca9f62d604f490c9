//! The search where the processor looks bytes up in vectors: kinds of bytes with AVX-512 VBMI,
//! nibbles with AVX2 or SSSE3.
#![allow(
    unsafe_code,
    reason = "loads through pointers; calls into functions with target features"
)]

use core::arch::x86_64::{
    __m128i, _mm_and_si128, _mm_cmpeq_epi8, _mm_load_si128, _mm_loadu_si128, _mm_movemask_epi8,
    _mm_or_si128, _mm_set1_epi8, _mm_setzero_si128, _mm_shuffle_epi8, _mm_srli_epi16,
    _mm256_and_si256, _mm256_broadcastsi128_si256, _mm256_cmpeq_epi8, _mm256_loadu_si256,
    _mm256_movemask_epi8, _mm256_or_si256, _mm256_set1_epi8, _mm256_setzero_si256,
    _mm256_shuffle_epi8, _mm256_srli_epi16,
};
use core::hint::black_box;

use super::grouping::NIBBLE_LOOKS;
use super::tables::{GROUPS, NIBBLES, Nibbles, Set};
use super::{Batch, LANES, each_block, fill};
use crate::inspect::trigger::{PAST_END, WIDTH};

mod vbmi;

/// What the marks of one word are told from.
const BLOCK: usize = LANES + WIDTH - 1;

fn has_vbmi() -> bool {
    std::arch::is_x86_feature_detected!("avx512vbmi")
        && std::arch::is_x86_feature_detected!("avx512bw")
        && has_avx2()
}

/// AVX2, and what processors have that have it.
fn has_avx2() -> bool {
    std::arch::is_x86_feature_detected!("avx2")
        && std::arch::is_x86_feature_detected!("bmi1")
        && std::arch::is_x86_feature_detected!("bmi2")
        && std::arch::is_x86_feature_detected!("popcnt")
}

fn has_ssse3() -> bool {
    std::arch::is_x86_feature_detected!("ssse3")
}

/// `None` if the processor has none of the extensions.
pub(super) fn search(bytes: &[u8], from: usize, batch: &mut Batch) -> Option<usize> {
    if has_vbmi() {
        // SAFETY: the processor has AVX-512 BW and VBMI, BMI and POPCNT, all that is needed.
        Some(unsafe { vbmi::search(bytes, from, batch) })
    } else if has_avx2() {
        // SAFETY: the processor has AVX2, BMI and POPCNT, all that is needed.
        Some(unsafe { avx2(bytes, from, batch) })
    } else if has_ssse3() {
        // SAFETY: the processor has SSSE3, all that is needed.
        Some(unsafe { ssse3(bytes, from, batch) })
    } else {
        None
    }
}

/// Makes a search whose vectors are narrower than a word has marks: several share each load of the
/// tables.
macro_rules! search {
    (
        $search:ident, $mark:ident, $meet:ident, $feature:literal, $lanes:literal, $table:expr,
        $load:ident, $set1:ident, $zero:ident, $and:ident, $or:ident, $shift:ident, $shuffle:ident,
        $equal:ident, $mask:ident
    ) => {
        #[target_feature(enable = $feature)]
        fn $search(bytes: &[u8], from: usize, batch: &mut Batch) -> usize {
            // If the compiler knew what is in the tables, it would build look-ups of its own, which
            // are slower.
            let tables = black_box(&NIBBLES);
            let mark = |bytes: &[u8]| each_block(bytes, PAST_END, |block| $mark(block, tables));
            fill(bytes, from, batch, mark, |sets| $meet(sets))
        }

        #[inline]
        #[target_feature(enable = $feature)]
        fn $meet([a, b, c, d]: [&Set; WIDTH]) -> bool {
            const EACH: usize = $lanes / size_of::<u64>();
            let mut any = $zero();
            for first in (0..a.0.len()).step_by(EACH) {
                // SAFETY: the words from first on are as many as a vector has, for a set is a
                // multiple of a vector; the load needs no alignment.
                let load = |set: &Set| unsafe { $load(set.0[first..].as_ptr().cast()) };
                any = $or(any, $and($and(load(a), load(b)), $and(load(c), load(d))));
            }
            let none = $mask($equal(any, $zero())).cast_unsigned();
            none & (u32::MAX >> (32 - $lanes)) != u32::MAX >> (32 - $lanes)
        }

        #[inline]
        #[target_feature(enable = $feature)]
        fn $mark(block: &[u8; BLOCK], nibbles: &[[Nibbles; WIDTH]; GROUPS]) -> u64 {
            const VECTORS: usize = LANES / $lanes;
            let table = $table;
            let nibble = $set1(0x0f);
            // Position by position: what stays in registers then is what is left of each group.
            let mut groups = [[$set1(-1); VECTORS]; GROUPS];
            for position in 0..WIDTH {
                let mut low = [$zero(); VECTORS];
                let mut high = low;
                for vector in 0..VECTORS {
                    let from = block[position + vector * $lanes..].as_ptr();
                    // SAFETY: position is at most WIDTH - 1 and vector at most VECTORS - 1, so as
                    // many bytes as a vector has, from there on, are within BLOCK; the load needs
                    // no alignment.
                    let loaded = unsafe { $load(from.cast()) };
                    low[vector] = $and(loaded, nibble);
                    high[vector] = $and($shift::<3>(loaded), nibble);
                }
                for ((group, tables), looks) in groups.iter_mut().zip(nibbles).zip(&NIBBLE_LOOKS) {
                    if !looks[position] {
                        continue;
                    }
                    let tables = &tables[position];
                    let (lows, highs) = (table(&tables.low), table(&tables.high));
                    for (vector, group) in group.iter_mut().enumerate() {
                        let lows = $shuffle(lows, low[vector]);
                        let highs = $shuffle(highs, high[vector]);
                        *group = $and(*group, $and(lows, highs));
                    }
                }
            }
            let mut any = [$zero(); VECTORS];
            for group in groups {
                for (any, group) in any.iter_mut().zip(group) {
                    *any = $or(*any, group);
                }
            }
            let mut marks = 0;
            for (vector, any) in any.into_iter().enumerate() {
                let none = $mask($equal(any, $zero())).cast_unsigned();
                marks |= (u64::from(!none) & (u64::MAX >> (64 - $lanes))) << (vector * $lanes);
            }
            marks
        }
    };
}

#[inline(always)]
fn aligned(table: &[u8; 16]) -> *const __m128i {
    table.as_ptr().cast()
}

search!(
    avx2,
    avx2_mark,
    avx2_meet,
    "avx2,bmi1,bmi2,popcnt",
    32,
    // SAFETY: every table is 16 bytes at a 16-byte boundary (`Nibbles` is aligned so).
    |table| _mm256_broadcastsi128_si256(unsafe { _mm_load_si128(aligned(table)) }),
    _mm256_loadu_si256,
    _mm256_set1_epi8,
    _mm256_setzero_si256,
    _mm256_and_si256,
    _mm256_or_si256,
    _mm256_srli_epi16,
    _mm256_shuffle_epi8,
    _mm256_cmpeq_epi8,
    _mm256_movemask_epi8
);

search!(
    ssse3,
    ssse3_mark,
    ssse3_meet,
    "ssse3",
    16,
    // SAFETY: every table is 16 bytes at a 16-byte boundary (`Nibbles` is aligned so).
    |table| unsafe { _mm_load_si128(aligned(table)) },
    _mm_loadu_si128,
    _mm_set1_epi8,
    _mm_setzero_si128,
    _mm_and_si128,
    _mm_or_si128,
    _mm_srli_epi16,
    _mm_shuffle_epi8,
    _mm_cmpeq_epi8,
    _mm_movemask_epi8
);

/// The searches that this processor runs, by name.
#[cfg(test)]
pub(super) fn searches() -> Vec<(&'static str, super::Search)> {
    let mut searches: Vec<(&str, super::Search)> = Vec::new();
    if has_vbmi() {
        // SAFETY: the processor has all that is needed.
        searches.push(("vbmi", |bytes, from, batch| unsafe {
            vbmi::search(bytes, from, batch)
        }));
    }
    if has_avx2() {
        // SAFETY: the processor has all that is needed.
        searches.push(("avx2", |bytes, from, batch| unsafe {
            avx2(bytes, from, batch)
        }));
    }
    if has_ssse3() {
        // SAFETY: the processor has all that is needed.
        searches.push(("ssse3", |bytes, from, batch| unsafe {
            ssse3(bytes, from, batch)
        }));
    }
    searches
}
