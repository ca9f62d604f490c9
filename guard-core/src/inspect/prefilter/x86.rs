//! The search in vectors of 64 bytes (AVX-512 VBMI), 32 (AVX2) or 16 (SSSE3).
#![allow(
    unsafe_code,
    reason = "loads through pointers; calls into functions with target features"
)]

use core::arch::x86_64::{
    __m128i, __m256i, _mm_and_si128, _mm_cmpeq_epi8, _mm_load_si128, _mm_loadu_si128,
    _mm_movemask_epi8, _mm_or_si128, _mm_set1_epi8, _mm_setzero_si128, _mm_shuffle_epi8,
    _mm_srli_epi16, _mm_storeu_si128, _mm256_and_si256, _mm256_broadcastsi128_si256,
    _mm256_cmpeq_epi8, _mm256_loadu_si256, _mm256_movemask_epi8, _mm256_or_si256, _mm256_set1_epi8,
    _mm256_setzero_si256, _mm256_shuffle_epi8, _mm256_srli_epi16, _mm256_storeu_si256,
};

mod vbmi;

use self::vbmi::vbmi;
use super::Batch;
use super::tables::{GROUPS, NIBBLES};
use crate::inspect::trigger::{PAST_END, WIDTH};

/// `None` if the processor has neither of the extensions.
pub(super) fn search(bytes: &[u8], from: usize, batch: &mut Batch) -> Option<usize> {
    if std::arch::is_x86_feature_detected!("avx512vbmi")
        && std::arch::is_x86_feature_detected!("avx512bw")
    {
        // SAFETY: the processor has AVX-512 BW and VBMI, the features the function needs.
        Some(unsafe { vbmi(bytes, from, batch) })
    } else if std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has AVX2, the one feature the function needs.
        Some(unsafe { avx2(bytes, from, batch) })
    } else if std::arch::is_x86_feature_detected!("ssse3") {
        // SAFETY: the processor has SSSE3, the one feature the function needs.
        Some(unsafe { ssse3(bytes, from, batch) })
    } else {
        None
    }
}

macro_rules! kernel {
    (
        $name:ident, $feature:literal, $vector:ty, $lanes:literal,
        $table:expr, $load:ident, $store:ident, $set1:ident, $zero:ident, $and:ident, $or:ident,
        $shift:ident, $shuffle:ident, $equal:ident, $mask:ident
    ) => {
        #[target_feature(enable = $feature)]
        fn $name(bytes: &[u8], from: usize, batch: &mut Batch) -> usize {
            const LANES: usize = $lanes;
            let table = $table;
            let nibble = $set1(0x0f);
            let tables: [[($vector, $vector); WIDTH]; GROUPS] = NIBBLES.each_ref().map(|group| {
                group
                    .each_ref()
                    .map(|nibbles| (table(&nibbles.low), table(&nibbles.high)))
            });
            // Past the last block that lies in the bytes as a whole, their end is copied to where
            // whole blocks can be read.
            let mut padded = [PAST_END; 3 * LANES];
            let mut at = from;
            while at < bytes.len() {
                // The last load reads bytes at + 3 to at + 3 + LANES.
                let block = match bytes.get(at..at + LANES + WIDTH - 1) {
                    Some(block) => block,
                    None => {
                        let rest = &bytes[at..];
                        padded.fill(PAST_END);
                        padded[..rest.len()].copy_from_slice(rest);
                        &padded
                    }
                };
                let mut groups = [$set1(-1); GROUPS];
                for position in 0..WIDTH {
                    let from: &[u8; LANES] = match block[position..].first_chunk() {
                        Some(from) => from,
                        None => return bytes.len(),
                    };
                    // SAFETY: from is LANES readable bytes; the load needs no alignment.
                    let loaded = unsafe { $load(from.as_ptr().cast()) };
                    let low = $and(loaded, nibble);
                    let high = $and($shift(loaded, 4), nibble);
                    for (group, tables) in groups.iter_mut().zip(&tables) {
                        let (lows, highs) = tables[position];
                        let both = $and($shuffle(lows, low), $shuffle(highs, high));
                        *group = $and(*group, both);
                    }
                }
                let any = groups
                    .into_iter()
                    .fold($zero(), |any, group| $or(any, group));
                let marked = !($mask($equal(any, $zero())).cast_unsigned()) & MASK;
                const MASK: u32 = (((1u64 << LANES) - 1) & 0xffff_ffff) as u32;
                if marked != 0 {
                    let mut stored = [[0u8; LANES]; GROUPS];
                    for (stored, group) in stored.iter_mut().zip(groups) {
                        // SAFETY: stored is LANES writable bytes; the store needs no alignment.
                        unsafe { $store(stored.as_mut_ptr().cast(), group) };
                    }
                    let buckets = |lane: usize| core::array::from_fn(|group| stored[group][lane]);
                    if let Some(full) = batch.take(bytes, at, marked.into(), buckets) {
                        return full;
                    }
                }
                at += LANES;
            }
            bytes.len()
        }
    };
}

#[inline(always)]
fn aligned(table: &[u8; 16]) -> *const __m128i {
    table.as_ptr().cast()
}

kernel!(
    avx2,
    "avx2",
    __m256i,
    32,
    // SAFETY: every table is 16 bytes at a 16-byte boundary (`Nibbles` is aligned so).
    |table| _mm256_broadcastsi128_si256(unsafe { _mm_load_si128(aligned(table)) }),
    _mm256_loadu_si256,
    _mm256_storeu_si256,
    _mm256_set1_epi8,
    _mm256_setzero_si256,
    _mm256_and_si256,
    _mm256_or_si256,
    _mm256_srli_epi16,
    _mm256_shuffle_epi8,
    _mm256_cmpeq_epi8,
    _mm256_movemask_epi8
);

kernel!(
    ssse3,
    "ssse3",
    __m128i,
    16,
    // SAFETY: every table is 16 bytes at a 16-byte boundary (`Nibbles` is aligned so).
    |table| unsafe { _mm_load_si128(aligned(table)) },
    _mm_loadu_si128,
    _mm_storeu_si128,
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
    if std::arch::is_x86_feature_detected!("avx512vbmi")
        && std::arch::is_x86_feature_detected!("avx512bw")
    {
        // SAFETY: the processor has AVX-512 BW and VBMI, the features the function needs.
        searches.push(("vbmi", |bytes, from, batch| unsafe {
            vbmi(bytes, from, batch)
        }));
    }
    if std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has AVX2, the one feature the function needs.
        searches.push(("avx2", |bytes, from, batch| unsafe {
            avx2(bytes, from, batch)
        }));
    }
    if std::arch::is_x86_feature_detected!("ssse3") {
        // SAFETY: the processor has SSSE3, the one feature the function needs.
        searches.push(("ssse3", |bytes, from, batch| unsafe {
            ssse3(bytes, from, batch)
        }));
    }
    searches
}
