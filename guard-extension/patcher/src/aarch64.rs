//! aarch64: `svc` words, and branches put in their place.
//!
//! Instructions are aligned words, so a site needs no verification but that it lies in code (data
//! between functions is rare in 64-bit code, and of words that are `svc` rarer), and a patch moves
//! nothing.

mod number;
#[cfg(test)]
mod tests;
mod trampoline;

use crate::landings::Landings;
use crate::patch::Bytes;
use crate::{Batch, How, Kind, Patch, Place, Reach, Site, Text, Unplaceable, Write};

pub use crate::header::{HEADER, TABLE, header};

/// What to add to the resume address to come back with a result instead of making the call.
pub const RESUME_RETURN: u64 = 12;

/// How far [`Reach::Near`] looks, in bytes.
const NEAR: u32 = 4096;

/// Finds the sites from offset `from` on, as many as `room` holds, and what is known of each.
///
/// `known` are the offsets of a list made before for this very file, ascending. With `room` empty
/// nothing can be reported, and the text counts as done.
pub fn survey<'s>(
    text: Text<'_>,
    from: u32,
    known: Option<&[u32]>,
    reach: Reach,
    room: &'s mut [Site],
) -> Batch<'s> {
    let (count, next) = match known {
        Some(known) => {
            let first = known.partition_point(|offset| *offset < from);
            let known = known.get(first..).unwrap_or_default();
            find(text, known.iter().copied(), room)
        }
        None => find(text, offsets(text, from, text.len()), room),
    };
    let sites = room.get_mut(..count).unwrap_or_default();
    if let (Some(first), Some(last)) = (sites.first(), sites.last()) {
        let (start, end) = match reach {
            Reach::All => (0, text.len()),
            Reach::Near => (
                first.offset.saturating_sub(NEAR),
                last.offset.saturating_add(NEAR),
            ),
        };
        let mut landings = Landings::new(sites);
        for at in offsets(text, start, end) {
            if let Some(target) = word(text, at).and_then(|word| branch(at, word)) {
                landings.mark(target);
            }
        }
    }
    for site in &mut *sites {
        site.number = number::number(text, site);
    }
    Batch { sites, next }
}

/// The patch that makes `site` pass through a trampoline at `place`. With a constant number the
/// trampoline asks always, with any other it looks the number up in the header's table.
///
/// # Errors
///
/// When the trampoline is more than 128 MiB away, or its address no multiple of four: the site stays
/// open.
pub fn plan(text: Text<'_>, site: &Site, place: Place) -> Result<Patch, Unplaceable> {
    let at = text.address_of(site.offset);
    let branch = trampoline::branch(at, place.trampoline).ok_or(Unplaceable::OutOfReach)?;
    let (trampoline, resume) =
        trampoline::trampoline(place, at.wrapping_add(4), site.number.is_some())
            .ok_or(Unplaceable::OutOfReach)?;
    let mut bytes = Bytes::new();
    bytes.push(&branch.to_le_bytes());
    Ok(Patch {
        how: How::Replaced,
        trampoline,
        resume,
        cave: None,
        site: Write::new(site.offset, bytes),
    })
}

fn find(
    text: Text<'_>,
    candidates: impl Iterator<Item = u32>,
    room: &mut [Site],
) -> (usize, Option<u32>) {
    let mut count = 0;
    if room.is_empty() {
        return (0, None);
    }
    // Linux takes `svc` with any immediate for a system call.
    let is_call = |offset: &u32| word(text, *offset).is_some_and(|word| word & !0x1f_ffe0 == SVC);
    for offset in candidates.filter(is_call) {
        let Some(slot) = room.get_mut(count) else {
            return (count, Some(offset));
        };
        *slot = Site {
            offset,
            kind: Kind::Call,
            boundaries: 0x1111_1111,
            ..Site::NONE
        };
        count += 1;
    }
    (count, None)
}

/// `svc #0`.
const SVC: u32 = 0xd400_0001;

/// Offsets of the words from `start` to `end`, by the alignment of their addresses.
fn offsets(text: Text<'_>, start: u32, end: u32) -> impl Iterator<Item = u32> {
    let misaligned = u32::from(text.address_of(start).to_le_bytes()[0] & 3);
    let first = start.saturating_add((4 - misaligned) & 3);
    (first..end.min(text.len())).step_by(4)
}

/// The word at `offset`, if an instruction can be there.
fn word(text: Text<'_>, offset: u32) -> Option<u32> {
    let bytes = text.from(offset as usize).first_chunk()?;
    text.address_of(offset)
        .is_multiple_of(4)
        .then_some(u32::from_le_bytes(*bytes))
}

/// Where the direct branch `word` at `at` goes.
fn branch(at: u32, word: u32) -> Option<u32> {
    // Bits of the displacement in words, and the place of the lowest.
    let (bits, low) = if word & 0x7c00_0000 == 0x1400_0000 {
        (26, 0) // b, bl
    } else if word & 0xfe00_0000 == 0x5400_0000 || word & 0x7e00_0000 == 0x3400_0000 {
        (19, 5) // b.cond, cbz, cbnz
    } else if word & 0x7e00_0000 == 0x3600_0000 {
        (14, 5) // tbz, tbnz
    } else {
        return None;
    };
    let words = (word << (32 - bits - low)).cast_signed() >> (32 - bits);
    at.checked_add_signed(words.checked_mul(4)?)
}
