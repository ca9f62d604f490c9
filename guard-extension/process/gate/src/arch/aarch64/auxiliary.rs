//! What the kernel says about itself and the processor (getauxval(3)).
//!
//! Read from /proc/self/auxv, as a constructor gets no arguments from every libc.

use core::sync::atomic::{AtomicUsize, Ordering};

use crate::sys::Descriptor;

/// Bytes of a page, with [`SEALED`] in the lowest bit; 0 until it was asked for.
static KNOWN: AtomicUsize = AtomicUsize::new(0);
const SEALED: usize = 1;

/// Bytes of a page: kernels have 4, 16 or 64 KiB.
pub fn page() -> usize {
    known() & !SEALED
}

/// Whether changing the protection of code would take something from it: that it is entered at
/// landing pads only (PROT_BTI), which no list of mappings shows cheaply.
pub fn is_sealed() -> bool {
    known() & SEALED != 0
}

fn known() -> usize {
    match KNOWN.load(Ordering::Relaxed) {
        0 => {
            let known = read();
            KNOWN.store(known, Ordering::Relaxed);
            known
        }
        known => known,
    }
}

fn read() -> usize {
    const AT_PAGESZ: u64 = 6;
    const AT_HWCAP2: u64 = 26;
    const HWCAP2_BTI: u64 = 1 << 17;
    let (mut page, mut features) = (4096, 0);
    // Some 25 pairs of words, the last of them zero.
    let mut bytes = [0; 1024];
    let length = Descriptor::open(c"/proc/self/auxv", 0)
        .and_then(|file| file.read(&mut bytes))
        .unwrap_or(0);
    let mut pairs = bytes.get(..length).unwrap_or_default().chunks_exact(16);
    let word = |pair: &[u8], at: usize| {
        let bytes = pair.get(at..).and_then(|bytes| bytes.first_chunk());
        bytes.map_or(0, |bytes| u64::from_le_bytes(*bytes))
    };
    while let Some(pair) = pairs.next() {
        match word(pair, 0) {
            AT_PAGESZ => page = word(pair, 8),
            AT_HWCAP2 => features = word(pair, 8),
            _ => {}
        }
    }
    let page = match page {
        4096 | 16384 | 65536 => page as usize,
        _ => 4096,
    };
    page | usize::from(features & HWCAP2_BTI != 0)
}
