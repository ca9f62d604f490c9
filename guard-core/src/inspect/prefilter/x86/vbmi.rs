//! Sixty-four bytes at a time, each byte of ASCII looked up as a whole: buckets are told exactly.
#![allow(unsafe_code, reason = "loads and stores through pointers")]

use core::arch::x86_64::{
    __m128i, __m512i, _mm_load_si128, _mm512_and_si512, _mm512_broadcast_i32x4, _mm512_load_si512,
    _mm512_loadu_si512, _mm512_mask_shuffle_epi8, _mm512_movepi8_mask, _mm512_or_si512,
    _mm512_permutex2var_epi8, _mm512_set1_epi8, _mm512_setzero_si512, _mm512_srli_epi16,
    _mm512_storeu_si512, _mm512_test_epi8_mask,
};

use crate::inspect::prefilter::Batch;
use crate::inspect::prefilter::tables::{BYTES, Bytes, GROUPS};
use crate::inspect::trigger::{PAST_END, WIDTH};

const LANES: usize = 64;

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
pub(super) fn vbmi(bytes: &[u8], from: usize, batch: &mut Batch) -> usize {
    // Past the last block that lies in the bytes as a whole, their end is copied to where whole
    // blocks can be read.
    let mut padded = [PAST_END; 3 * LANES];
    let mut at = from;
    while at < bytes.len() {
        // The last load reads bytes at + 3 to at + 3 + LANES.
        let block = match bytes.get(at..at + LANES + WIDTH - 1) {
            Some(block) => block,
            None => {
                let rest = &bytes[at..];
                padded[..rest.len()].copy_from_slice(rest);
                &padded
            }
        };
        let mut groups = [_mm512_set1_epi8(-1); GROUPS];
        for position in 0..WIDTH {
            let from: &[u8; LANES] = match block[position..].first_chunk() {
                Some(from) => from,
                None => return bytes.len(),
            };
            // SAFETY: from is LANES readable bytes; the load needs no alignment.
            let loaded = unsafe { _mm512_loadu_si512(from.as_ptr().cast()) };
            let high = _mm512_movepi8_mask(loaded);
            for (group, tables) in groups.iter_mut().zip(&BYTES) {
                let tables = &tables[position];
                // The look-up takes seven bits of the byte: right for ASCII only.
                let mut buckets = _mm512_permutex2var_epi8(low(tables), loaded, upper(tables));
                if high != 0 {
                    let nibbles = _mm512_srli_epi16::<4>(loaded);
                    let nibbles = _mm512_and_si512(nibbles, _mm512_set1_epi8(0x0f));
                    buckets = _mm512_mask_shuffle_epi8(buckets, high, beyond(tables), nibbles);
                }
                *group = _mm512_and_si512(*group, buckets);
            }
        }
        let any = groups
            .into_iter()
            .fold(_mm512_setzero_si512(), |any, group| {
                _mm512_or_si512(any, group)
            });
        let marked = _mm512_test_epi8_mask(any, any);
        if marked != 0 {
            let mut stored = [[0u8; LANES]; GROUPS];
            for (stored, group) in stored.iter_mut().zip(groups) {
                // SAFETY: stored is LANES writable bytes; the store needs no alignment.
                unsafe { _mm512_storeu_si512(stored.as_mut_ptr().cast(), group) };
            }
            let buckets = |lane: usize| core::array::from_fn(|group| stored[group][lane]);
            if let Some(full) = batch.take(bytes, at, marked, buckets) {
                return full;
            }
        }
        at += LANES;
    }
    bytes.len()
}

#[inline]
#[target_feature(enable = "avx512f")]
fn low(tables: &Bytes) -> __m512i {
    // SAFETY: the first 64 of 128 bytes that begin at a 64-byte boundary (`Bytes` is aligned so).
    unsafe { _mm512_load_si512(tables.ascii.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn upper(tables: &Bytes) -> __m512i {
    let upper = tables.ascii[64..].as_ptr();
    // SAFETY: the last 64 of 128 bytes that begin at a 64-byte boundary (`Bytes` is aligned so).
    unsafe { _mm512_load_si512(upper.cast()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn beyond(tables: &Bytes) -> __m512i {
    let high = tables.high.as_ptr().cast::<__m128i>();
    // SAFETY: 16 bytes, 128 after a 64-byte boundary.
    _mm512_broadcast_i32x4(unsafe { _mm_load_si128(high) })
}
