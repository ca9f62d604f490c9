//! Where direct branches land: nothing that one lands inside of can be moved.
//!
//! Knows relative branches. Indirect ones (jump tables, returns) are not seen: compilers aim them
//! at the start of a block or behind a call.

use super::boundary::{Verdict, vote};
use super::scan::{far_branches, near_branches};
use crate::landings::Landings;
use crate::{Reach, Site, Text};

/// How far [`Reach::Near`] looks, in bytes: more than nearly all functions have.
const NEAR: u32 = 4096;
/// How far a branch with an 8-bit displacement reaches back, its own two bytes included.
const SHORT: u32 = 130;

/// Marks in `sites` (ascending) where 32-bit branches land.
///
/// Every byte that could be an opcode counts. That one in the middle of an instruction points at a
/// site by chance is so improbable that confirming costs more than a site not moved.
pub(super) fn mark(text: Text<'_>, sites: &mut [Site], reach: Reach) {
    if sites.is_empty() {
        return;
    }
    match reach {
        Reach::All => mark_from(text, sites, 0, text.len()),
        Reach::Near => {
            let mut rest = sites;
            while let Some(first) = rest.first() {
                let start = first.offset.saturating_sub(NEAR);
                let mut end = first.offset.saturating_add(NEAR);
                // Sites whose surroundings overlap are looked at together.
                let mut count = 1;
                for site in rest.iter().skip(1) {
                    if site.offset.saturating_sub(NEAR) > end {
                        break;
                    }
                    end = site.offset.saturating_add(NEAR);
                    count += 1;
                }
                let (now, later) = rest.split_at_mut(count);
                mark_from(text, now, start, end);
                rest = later;
            }
        }
    }
}

fn mark_from(text: Text<'_>, sites: &mut [Site], start: u32, end: u32) {
    let mut landings = Landings::new(sites);
    for at in far_branches(text, start, end) {
        if let Some(target) = far_target(text, at) {
            landings.mark(target);
        }
    }
}

/// Where the 32-bit branch at `at` goes, if that is in the text.
fn far_target(text: Text<'_>, at: u32) -> Option<u32> {
    let bytes = text.from(at as usize);
    let Some([first, b, c, d, e, f]) = bytes.first_chunk() else {
        // A jump may be the last five bytes.
        let [_, b, c, d, e] = bytes.first_chunk()?;
        return target(text, at, 5, [*b, *c, *d, *e]);
    };
    if *first == 0x0f {
        target(text, at, 6, [*c, *d, *e, *f])
    } else {
        target(text, at, 5, [*b, *c, *d, *e])
    }
}

fn target(text: Text<'_>, at: u32, length: u32, displacement: [u8; 4]) -> Option<u32> {
    let end = i64::from(at) + i64::from(length);
    let target = end + i64::from(i32::from_le_bytes(displacement));
    u32::try_from(target)
        .ok()
        .filter(|target| *target < text.len())
}

/// Whether an 8-bit branch lands in `first..=last`.
///
/// Here candidates are many, so each is confirmed.
pub(super) fn lands_short(text: Text<'_>, first: u32, last: u32) -> bool {
    short(text, first, last).next().is_some()
}

/// Bit i: an 8-bit branch lands at `offset - 32 + i`.
pub(super) fn short_landings(text: Text<'_>, offset: u32, first: u32, last: u32) -> u64 {
    short(text, first, last)
        .filter_map(|target| target.saturating_add(32).checked_sub(offset))
        .filter(|bit| *bit < 64)
        .fold(0, |mask, bit| mask | 1 << bit)
}

fn short(text: Text<'_>, first: u32, last: u32) -> impl Iterator<Item = u32> {
    let start = first.saturating_sub(SHORT);
    let end = last.saturating_add(SHORT);
    near_branches(text, start, end).filter_map(move |at| {
        let displacement = *text.bytes().get(at as usize + 1)?;
        let end = at.checked_add(2)?;
        let target = end.checked_add_signed(i32::from(displacement.cast_signed()))?;
        let is_wanted = (first..=last).contains(&target);
        (is_wanted && vote(text, at).verdict != Verdict::Inside).then_some(target)
    })
}

/// How far around padding branches are looked for: what is aligned is the start of a loop or of a
/// function, and what leads to it is close by, or leads behind the padding.
const AROUND: u32 = 512;

/// Whether any direct branch close by lands in `first..=last`.
pub(super) fn lands_near(text: Text<'_>, first: u32, last: u32) -> bool {
    let (start, end) = (first.saturating_sub(AROUND), last.saturating_add(AROUND));
    let far = far_branches(text, start, end);
    far.filter_map(|at| far_target(text, at))
        .any(|target| (first..=last).contains(&target))
        || lands_short(text, first, last)
}
