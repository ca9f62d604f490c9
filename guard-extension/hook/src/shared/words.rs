//! Bytes in atomic words.

use core::fmt;
use core::sync::atomic::{AtomicU64, Ordering};

/// Why memory is not a shared region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum LayoutError {
    /// It is shorter than its header says, or has none.
    Length,
    /// The first word is not the region's.
    Magic,
    /// The policy in it is damaged.
    Policy,
    /// Another release made it.
    Version,
}

impl fmt::Display for LayoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Length => "shared region: it is shorter than its header says",
            Self::Magic => "shared region: it does not begin as one",
            Self::Policy => "shared region: the policy in it is damaged",
            Self::Version => "shared region: it was made by another version of guard",
        })
    }
}

impl core::error::Error for LayoutError {}

/// Reads the word at `at`, 0 beyond the end.
pub(crate) fn get(words: &[AtomicU64], at: usize) -> u64 {
    words.get(at).map_or(0, |word| word.load(Ordering::Relaxed))
}

pub(crate) fn set(words: &[AtomicU64], at: usize, value: u64) {
    if let Some(word) = words.get(at) {
        word.store(value, Ordering::Relaxed);
    }
}

/// Copies bytes out of words that begin at `at`; what lies beyond the end is left as it was.
pub(crate) fn copy_bytes(words: &[AtomicU64], at: usize, into: &mut [u8]) {
    let words = words.get(at..).unwrap_or_default();
    for (chunk, word) in into.chunks_mut(8).zip(words) {
        let bytes = word.load(Ordering::Relaxed).to_ne_bytes();
        for (to, from) in chunk.iter_mut().zip(bytes) {
            *to = from;
        }
    }
}

/// Copies bytes into words that begin at `at`, the last word filled up with zeros.
pub(crate) fn put_bytes(words: &[AtomicU64], at: usize, bytes: &[u8]) {
    let words = words.get(at..).unwrap_or_default();
    for (chunk, word) in bytes.chunks(8).zip(words) {
        let mut filled = [0; 8];
        for (to, from) in filled.iter_mut().zip(chunk) {
            *to = *from;
        }
        word.store(u64::from_ne_bytes(filled), Ordering::Relaxed);
    }
}
