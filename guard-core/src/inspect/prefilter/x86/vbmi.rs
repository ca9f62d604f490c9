//! Sixty-four bytes at a time, each byte of ASCII looked up as a whole: buckets are told exactly.
#![allow(unsafe_code, reason = "loads through pointers")]

use core::arch::x86_64::{
    __m128i, __m512i, _mm_load_si128, _mm512_and_si512, _mm512_broadcast_i32x4, _mm512_load_si512,
    _mm512_loadu_si512, _mm512_mask_shuffle_epi8, _mm512_movepi8_mask, _mm512_or_si512,
    _mm512_permutex2var_epi8, _mm512_set1_epi8, _mm512_setzero_si512, _mm512_srli_epi16,
    _mm512_test_epi8_mask,
};

use crate::inspect::prefilter::tables::{BYTES, Bytes, LAST};
use crate::inspect::prefilter::{Batch, LANES, each_block, fill};
use crate::inspect::trigger::WIDTH;

/// Vectors that share a load of the tables, which are more than the registers hold.
const SHARING: usize = 4;

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,bmi1,bmi2,popcnt")]
pub(super) fn search(bytes: &[u8], from: usize, batch: &mut Batch) -> usize {
    fill(bytes, from, batch, |bytes| {
        if bytes.len() <= LANES {
            each_block(bytes, LAST, |block: &[u8; LANES + WIDTH - 1]| {
                mark::<1>(block)
            })
        } else {
            each_block(bytes, LAST, |block: &[u8; SHARING * LANES + WIDTH - 1]| {
                mark::<SHARING>(block)
            })
        }
    })
}

/// The marks of the first `N` vectors of `block`, which holds them and three bytes more.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn mark<const N: usize>(block: &[u8]) -> [u64; N] {
    let mut loaded = [[_mm512_setzero_si512(); N]; WIDTH];
    let mut high = _mm512_setzero_si512();
    for (position, loaded) in loaded.iter_mut().enumerate() {
        for (vector, loaded) in loaded.iter_mut().enumerate() {
            let from: &[u8] = &block[position + vector * LANES..][..LANES];
            // SAFETY: from is LANES readable bytes; the load needs no alignment.
            *loaded = unsafe { _mm512_loadu_si512(from.as_ptr().cast()) };
            high = _mm512_or_si512(high, *loaded);
        }
    }
    if _mm512_movepi8_mask(high) != 0 {
        mark_all(&loaded)
    } else {
        mark_ascii(&loaded)
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn mark_ascii<const N: usize>(loaded: &[[__m512i; N]; WIDTH]) -> [u64; N] {
    // The look-up takes seven bits of a byte.
    marks(loaded, |tables, byte| {
        _mm512_permutex2var_epi8(low(tables), byte, upper(tables))
    })
}

#[cold]
#[inline(never)]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn mark_all<const N: usize>(loaded: &[[__m512i; N]; WIDTH]) -> [u64; N] {
    marks(loaded, |tables, byte| {
        let buckets = _mm512_permutex2var_epi8(low(tables), byte, upper(tables));
        let nibbles = _mm512_and_si512(_mm512_srli_epi16::<4>(byte), _mm512_set1_epi8(0x0f));
        let high = _mm512_movepi8_mask(byte);
        _mm512_mask_shuffle_epi8(buckets, high, beyond(tables), nibbles)
    })
}

/// Marks where all positions agree on a bucket; `look_up` tells the buckets of each byte.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn marks<const N: usize>(
    loaded: &[[__m512i; N]; WIDTH],
    look_up: impl Fn(&Bytes, __m512i) -> __m512i,
) -> [u64; N] {
    let mut any = [_mm512_setzero_si512(); N];
    for tables in &BYTES {
        let mut group = [_mm512_set1_epi8(-1); N];
        for (tables, loaded) in tables.iter().zip(loaded) {
            for (all, loaded) in group.iter_mut().zip(loaded) {
                *all = _mm512_and_si512(*all, look_up(tables, *loaded));
            }
        }
        for (any, group) in any.iter_mut().zip(group) {
            *any = _mm512_or_si512(*any, group);
        }
    }
    any.map(|any| _mm512_test_epi8_mask(any, any))
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
