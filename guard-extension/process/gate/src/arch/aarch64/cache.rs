//! Caches of instructions and of data know nothing of each other (Arm ARM, B2.4.4).

use core::arch::asm;

/// Has what was written run, in every processor.
pub fn renew(start: usize, length: usize) {
    let sizes: usize;
    // SAFETY: reads the register that says how long cache lines are; the kernel lets programs, or
    // answers in its place.
    unsafe { asm!("mrs {}, ctr_el0", out(reg) sizes, options(nomem, nostack, preserves_flags)) };
    // The smallest lines, as powers of two, in words.
    let data = 4 << (sizes >> 16 & 15);
    let code = 4 << (sizes & 15);
    let end = start.saturating_add(length);
    let mut at = start & !(data - 1);
    while at < end {
        // SAFETY: writes a line of readable memory back, which changes nothing.
        unsafe { asm!("dc cvau, {}", in(reg) at, options(nostack, preserves_flags)) };
        at += data;
    }
    // SAFETY: waits until that is done.
    unsafe { asm!("dsb ish", options(nostack, preserves_flags)) };
    let mut at = start & !(code - 1);
    while at < end {
        // SAFETY: drops what was read of this line as instructions, which is read anew.
        unsafe { asm!("ic ivau, {}", in(reg) at, options(nostack, preserves_flags)) };
        at += code;
    }
    // SAFETY: waits until that is done, and drops what this processor has decoded.
    unsafe { asm!("dsb ish", "isb", options(nostack, preserves_flags)) };
}
