//! aarch64.
//!
//! Has run under emulation only, not on a processor.

mod auxiliary;
mod cache;
mod entry;
mod memory;

use core::sync::atomic::AtomicU64;

use guard_patcher::{Batch, Patch, Place, Reach, Site, Text, Unplaceable, aarch64};

pub use auxiliary::{is_sealed, page};
pub use cache::renew;
pub use entry::{Frame, guard_gate_entry};
pub use guard_patcher::aarch64::header;

/// v0 to v31, and the state and control registers that go with them.
pub const VECTORS: usize = 33;
/// Bytes of an island: a page of the largest that kernels have.
pub const ISLAND: usize = 64 << 10;
/// What islands are aligned to.
pub const ALIGN: usize = ISLAND;
/// Farthest that an island may be from any byte of the text: what a branch reaches, less the island.
pub const REACH: usize = (1 << 27) - (1 << 17);

/// The sites of a text from an offset on.
pub fn survey<'s>(text: Text<'_>, from: u32, room: &'s mut [Site]) -> Batch<'s> {
    aarch64::survey(text, from, None, Reach::All, room)
}

/// Plans patches. Nothing has to be remembered: each changes one word.
#[derive(Debug)]
pub struct Planner(());

impl Planner {
    /// For one text.
    pub const fn new() -> Self {
        Self(())
    }

    /// The patch that makes `site` pass through a trampoline at `place`.
    ///
    /// # Errors
    /// When there is none: the site stays open.
    pub fn plan(
        &mut self,
        text: Text<'_>,
        site: &Site,
        place: Place,
    ) -> Result<Patch, Unplaceable> {
        aarch64::plan(text, site, place)
    }
}

/// Never: instructions lie at multiples of their length, as texts do.
pub const fn is_call(_first: u8, _second: u8) -> bool {
    false
}

/// Nothing, as [`follow`].
pub const fn offset(_word: &AtomicU64) -> Option<u32> {
    None
}

/// Nothing: a search is a look at each word here, and no extension has done it before.
pub const fn follow(_word: u64, _text: Text<'_>, _place: Place) -> Option<Patch> {
    None
}
