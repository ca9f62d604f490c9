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

/// Vectors that share a load of the tables, which are more than the registers hold.
const VECTORS: usize = 4;

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
pub(super) fn vbmi(bytes: &[u8], from: usize, batch: &mut Batch) -> usize {
    let mut at = from;
    while bytes.len().saturating_sub(at) >= VECTORS * LANES + WIDTH - 1 {
        if let Some(full) = take::<VECTORS>(bytes, at, &bytes[at..], batch) {
            return full;
        }
        at += VECTORS * LANES;
    }
    // Past the last block that lies in the bytes as a whole, their end is copied to where whole
    // blocks can be read.
    let mut padded = [PAST_END; 2 * LANES];
    while at < bytes.len() {
        let rest = &bytes[at..];
        let block = if rest.len() >= LANES + WIDTH - 1 {
            rest
        } else {
            padded[..rest.len()].copy_from_slice(rest);
            &padded
        };
        if let Some(full) = take::<1>(bytes, at, block, batch) {
            return full;
        }
        at += LANES;
    }
    bytes.len()
}

/// Takes the candidates of `N` vectors, which begin with `block`, `bytes[at..]` or a copy of it.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn take<const N: usize>(bytes: &[u8], at: usize, block: &[u8], batch: &mut Batch) -> Option<usize> {
    let mut loaded = [[_mm512_setzero_si512(); N]; WIDTH];
    let mut high = 0;
    for (position, loaded) in loaded.iter_mut().enumerate() {
        for (vector, loaded) in loaded.iter_mut().enumerate() {
            let from: &[u8; LANES] = block.get(position + vector * LANES..)?.first_chunk()?;
            // SAFETY: from is LANES readable bytes; the load needs no alignment.
            *loaded = unsafe { _mm512_loadu_si512(from.as_ptr().cast()) };
            high |= _mm512_movepi8_mask(*loaded);
        }
    }
    let mut groups = [[_mm512_set1_epi8(-1); N]; GROUPS];
    for (group, tables) in groups.iter_mut().zip(&BYTES) {
        for (tables, loaded) in tables.iter().zip(&loaded) {
            let (low, upper) = (low(tables), upper(tables));
            for (all, loaded) in group.iter_mut().zip(loaded) {
                // The look-up takes seven bits of the byte: right for ASCII only.
                let mut buckets = _mm512_permutex2var_epi8(low, *loaded, upper);
                if high != 0 {
                    let nibbles = _mm512_srli_epi16::<4>(*loaded);
                    let nibbles = _mm512_and_si512(nibbles, _mm512_set1_epi8(0x0f));
                    let high = _mm512_movepi8_mask(*loaded);
                    buckets = _mm512_mask_shuffle_epi8(buckets, high, beyond(tables), nibbles);
                }
                *all = _mm512_and_si512(*all, buckets);
            }
        }
    }
    for vector in 0..N {
        let any = groups.iter().fold(_mm512_setzero_si512(), |any, group| {
            _mm512_or_si512(any, group[vector])
        });
        let marked = _mm512_test_epi8_mask(any, any);
        if marked != 0 {
            let mut stored = [[0u8; LANES]; GROUPS];
            for (stored, group) in stored.iter_mut().zip(&groups) {
                // SAFETY: stored is LANES writable bytes; the store needs no alignment.
                unsafe { _mm512_storeu_si512(stored.as_mut_ptr().cast(), group[vector]) };
            }
            let buckets = |lane: usize| core::array::from_fn(|group| stored[group][lane]);
            let full = batch.take(bytes, at + vector * LANES, marked, buckets);
            if full.is_some() {
                return full;
            }
        }
    }
    None
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
