//! Sixty-four bytes at a time: each becomes its kind, which is looked up as a whole.
#![allow(unsafe_code, reason = "loads and stores through pointers")]

use core::arch::x86_64::{
    __m512i, _mm512_and_si512, _mm512_load_si512, _mm512_loadu_si512, _mm512_mask_loadu_epi8,
    _mm512_mask_mov_epi8, _mm512_movepi8_mask, _mm512_or_si512, _mm512_permutex2var_epi8,
    _mm512_permutexvar_epi8, _mm512_set1_epi8, _mm512_setzero_si512, _mm512_store_si512,
    _mm512_test_epi8_mask, _mm512_test_epi64_mask,
};
use core::hint::black_box;

use crate::inspect::prefilter::tables::{BY_KIND, ByKind, GROUPS, KIND_OF, Set};
use crate::inspect::prefilter::{Batch, LANES, Marks, WORDS, fill};
use crate::inspect::trigger::{PAST_END, WIDTH};

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,bmi1,bmi2,popcnt")]
pub(super) fn search(bytes: &[u8], from: usize, batch: &mut Batch) -> usize {
    // If the compiler knew what is in the tables, it would read them anew for each candidate.
    let tables = black_box(&BY_KIND);
    fill(
        bytes,
        from,
        batch,
        |bytes| marks(bytes, tables),
        |sets| meet(sets),
    )
}

/// The kinds of the bytes that are marked in one go and of those that follow.
#[repr(C, align(64))]
struct Kinds([[u8; LANES]; WORDS + 1]);

/// Kinds are stored first and loaded from each of the four positions then: cheaper than to put
/// them together from two vectors for each.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn marks(bytes: &[u8], tables: &[[ByKind; WIDTH]; GROUPS]) -> Marks {
    let mut marks = Marks::default();
    let mut all = Kinds([[0; LANES]; WORDS + 1]);
    let words = bytes.len().div_ceil(LANES).min(WORDS);
    let mut word = 0;
    while word <= words {
        let kinds = kinds(load(bytes, word * LANES));
        // SAFETY: a row is LANES writable bytes at a 64-byte boundary (`Kinds` is aligned so).
        unsafe { _mm512_store_si512(all.0[word].as_mut_ptr().cast(), kinds) };
        word += 1;
    }
    let all = all.0.as_flattened();
    let mut word = 0;
    while word < words {
        marks[word] = mark(&all[word * LANES..], tables);
        word += 1;
    }
    marks
}

/// The marks of the bytes whose kinds `kinds` begins with.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn mark(kinds: &[u8], tables: &[[ByKind; WIDTH]; GROUPS]) -> u64 {
    let mut here = [_mm512_setzero_si512(); WIDTH];
    for (position, here) in here.iter_mut().enumerate() {
        let from: &[u8] = &kinds[position..][..LANES];
        // SAFETY: from is LANES readable bytes; the load needs no alignment.
        *here = unsafe { _mm512_loadu_si512(from.as_ptr().cast()) };
    }
    let mut any = _mm512_setzero_si512();
    for tables in tables {
        let mut group = _mm512_set1_epi8(-1);
        for (table, here) in tables.iter().zip(here) {
            group = _mm512_and_si512(group, _mm512_permutexvar_epi8(here, row(&table.0)));
        }
        any = _mm512_or_si512(any, group);
    }
    _mm512_test_epi8_mask(any, any)
}

/// The kinds of bytes.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn kinds(bytes: __m512i) -> __m512i {
    let [a, b, c, d] = &KIND_OF.0;
    let ascii = _mm512_permutex2var_epi8(row(a), bytes, row(b));
    let others = _mm512_permutex2var_epi8(row(c), bytes, row(d));
    _mm512_mask_mov_epi8(ascii, _mm512_movepi8_mask(bytes), others)
}

/// The bytes at `bytes[at..]`, with what stands for the end behind the last.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn load(bytes: &[u8], at: usize) -> __m512i {
    let rest = bytes.get(at..).unwrap_or_default();
    if let Some(all) = rest.first_chunk::<LANES>() {
        // SAFETY: all is LANES readable bytes; the load needs no alignment.
        return unsafe { _mm512_loadu_si512(all.as_ptr().cast()) };
    }
    let end = _mm512_set1_epi8(PAST_END.cast_signed());
    let there = (1 << rest.len()) - 1;
    // SAFETY: rest is fewer than LANES bytes, so no others than these are read.
    unsafe { _mm512_mask_loadu_epi8(end, there, rest.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn meet([a, b, c, d]: [&Set; WIDTH]) -> bool {
    let all = _mm512_and_si512(
        _mm512_and_si512(set(a), set(b)),
        _mm512_and_si512(set(c), set(d)),
    );
    _mm512_test_epi64_mask(all, all) != 0
}

#[inline]
#[target_feature(enable = "avx512f")]
fn set(set: &Set) -> __m512i {
    // SAFETY: a set is 64 bytes at a 64-byte boundary.
    unsafe { _mm512_load_si512(set.0.as_ptr().cast()) }
}

/// A row of a table, which is at a 64-byte boundary.
#[inline]
#[target_feature(enable = "avx512f")]
fn row(row: &[u8; LANES]) -> __m512i {
    // SAFETY: LANES readable bytes; the load needs no alignment.
    unsafe { _mm512_loadu_si512(row.as_ptr().cast()) }
}
