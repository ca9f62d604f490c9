//! x86_64: `syscall` instructions, found among bytes of any length, and jumps put in their place.

use crate::{Batch, Patch, Place, Reach, Site, Text, Unplaceable};

/// What to add to the resume address to come back with a result instead of making the call.
pub const RESUME_RETURN: u64 = 2;

/// Numbers below this have an entry in the header's table; all others are checked.
pub const TABLE: usize = 512;

/// Size of a header in bytes: the table, the entry address, padding.
pub const HEADER: usize = TABLE + 16;

/// What trampolines share, to be written within 2 GiB of them, 16-byte aligned.
pub fn header(entry: u64, is_checked: impl Fn(u32) -> bool) -> [u8; HEADER] {
    let mut header = [0; HEADER];
    for (number, byte) in (0..).zip(header.iter_mut().take(TABLE)) {
        *byte = is_checked(number).into();
    }
    for (to, from) in header.iter_mut().skip(TABLE).zip(entry.to_le_bytes()) {
        *to = from;
    }
    header
}

/// Finds the sites from offset `from` on, as many as `room` holds, and looks for branches that land
/// around them. `known` are offsets that are known to be all candidates (ascending): the text is
/// not searched, each is verified.
pub fn survey<'s>(
    text: Text<'_>,
    from: u32,
    known: Option<&[u32]>,
    reach: Reach,
    room: &'s mut [Site],
) -> Batch<'s> {
    let _ = (text, from, known, reach);
    Batch {
        sites: &mut room[..0],
        next: None,
    }
}

/// Plans patches, site after site in the order of the text; remembers which padding is taken.
#[derive(Debug, Clone)]
pub struct Planner {}

impl Planner {
    /// For one text.
    pub const fn new() -> Self {
        Self {}
    }

    /// The patch that makes `site` pass through a trampoline at `place`. `text` may or may not hold
    /// the patches planned before.
    ///
    /// # Errors
    ///
    /// When there is no safe one: the site stays open.
    pub fn plan(
        &mut self,
        text: Text<'_>,
        site: &Site,
        place: Place,
    ) -> Result<Patch, Unplaceable> {
        let _ = (text, site, place);
        Err(Unplaceable::NoRoom)
    }
}

impl Default for Planner {
    fn default() -> Self {
        Self::new()
    }
}
