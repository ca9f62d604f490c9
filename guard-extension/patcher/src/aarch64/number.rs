//! The number that a call is made with, where the code right before it says so.

use super::{branch, word};
use crate::{Site, Text};

/// Instructions looked at, at most: as many words as a site's marks cover.
const EARLIER: u32 = 8;

/// The number at `site`, if it is constant. Its `landings` must be marked.
pub(super) fn number(text: Text<'_>, site: &Site) -> Option<u32> {
    for back in 1..=EARLIER {
        // Whoever jumps in between brings a number along.
        let behind = 32 - 4 * (back - 1);
        if site.landings >> behind & 1 == 1 {
            return None;
        }
        let offset = site.offset.checked_sub(4 * back)?;
        let instruction = word(text, offset)?;
        // movz w8 or x8, not shifted
        if instruction & 0x7fe0_001f == 0x5280_0008 {
            return Some(instruction >> 5 & 0xffff);
        }
        if may_write_x8(instruction) || branch(offset, instruction).is_some() {
            return None;
        }
    }
    None
}

/// Whether an instruction may change x8, or go elsewhere. Source: Arm ARM, C4.1 (encoding by the
/// bits 28 to 25).
fn may_write_x8(word: u32) -> bool {
    let is_8 = |low: u32| word >> low & 31 == 8;
    match word >> 25 & 15 {
        // Data processing with an immediate or registers: one destination.
        0b1000 | 0b1001 | 0b0101 | 0b1101 => is_8(0),
        // Loads and stores: two destinations, a base that is written back, a register that
        // compare-and-swap writes.
        0b0100 | 0b0110 | 0b1100 | 0b1110 => is_8(0) || is_8(5) || is_8(10) || is_8(16),
        // Floating point: moves to a general register.
        0b0111 | 0b1111 => is_8(0),
        // nop, bti, pac: the hints.
        0b1010 | 0b1011 => word & 0xffff_f01f != 0xd503_201f,
        _ => true,
    }
}
