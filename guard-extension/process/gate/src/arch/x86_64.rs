//! x86_64.

mod entry;
mod memory;

use core::sync::atomic::{AtomicU64, Ordering};

use guard_hook::calls::passes;
use guard_patcher::{Batch, Patch, Place, Reach, Site, Text, x86_64};

pub use entry::{Frame, guard_gate_entry};
pub use guard_patcher::x86_64::{Planner, header};

/// xmm0 to xmm15.
pub const VECTORS: usize = 16;
/// Bytes of an island.
pub const ISLAND: usize = 16 << 10;
/// What islands are aligned to: a page.
pub const ALIGN: usize = 4096;
/// Farthest that an island may be from any byte of the text: what a jump reaches, less the island.
pub const REACH: usize = (1 << 31) - (1 << 20);

/// The sites of a text from an offset on.
pub fn survey<'s>(text: Text<'_>, from: u32, room: &'s mut [Site]) -> Batch<'s> {
    x86_64::survey_for(text, from, None, Reach::All, passes, room)
}

/// Whether two bytes are what a call's instruction ends with, whatever prefixes it has.
pub const fn is_call(first: u8, second: u8) -> bool {
    x86_64::is_call(first, second)
}

/// The offset of the site that a word of the extension's describes.
pub fn offset(word: &AtomicU64) -> Option<u32> {
    let recipe = x86_64::Recipe::from_word(word.load(Ordering::Relaxed))?;
    Some(recipe.offset())
}

/// The patch that a word of the extension's describes (see
/// [`KnownText`](guard_hook::shared::KnownText)).
pub fn follow(word: u64, text: Text<'_>, place: Place) -> Option<Patch> {
    x86_64::Recipe::from_word(word)?.follow(text, place).ok()
}

/// Bytes of a page.
pub const fn page() -> usize {
    4096
}

/// Whether changing the protection of code would take something from it.
pub const fn is_sealed() -> bool {
    false
}

/// Has what was written run: the processor notices by itself.
pub const fn renew(_start: usize, _length: usize) {}
