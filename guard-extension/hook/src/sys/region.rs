//! Mapped memory as slices.
#![allow(unsafe_code, reason = "memory that others share")]

use core::slice;
use core::sync::atomic::AtomicU64;

/// A mapping as atomic words.
///
/// # Safety
/// `base` is aligned to 8 bytes, and `bytes` bytes from there stay mapped readable for as long as
/// `'a`, writable too if anything is stored through the slice. All who write the memory at the same
/// time do so in whole words, or are other processes.
#[must_use]
pub unsafe fn words<'a>(base: *const u8, bytes: usize) -> &'a [AtomicU64] {
    // SAFETY: the caller vouches for alignment, length and lifetime; a word of memory is a valid
    // AtomicU64 whatever it holds; concurrent changes are what atomics are for.
    unsafe { slice::from_raw_parts(base.cast(), bytes / 8) }
}

/// Words that nobody writes any more, as bytes.
pub(crate) fn constant_bytes(words: &[AtomicU64]) -> &[u8] {
    // SAFETY: the slice is valid for its length in bytes, u8 has no invalid values and no
    // alignment; its words are written before the region is handed out, and never again: the only
    // caller takes the part of the sealed region that holds the policy, which programs map
    // read-only and the extension's writer does not touch after `create`.
    unsafe { slice::from_raw_parts(words.as_ptr().cast(), size_of_val(words)) }
}
