//! Where direct branches land: nothing that one lands inside of can be moved.
//!
//! Knows relative branches. Indirect ones (jump tables, returns) are not seen: compilers aim them
//! at the start of a block or behind a call.

use super::boundary::{Verdict, vote};
use super::scan::{far_branches, near_branches};
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
    // One bit per 64 bytes of text, so that nearly all branches are done with at once. Texts over
    // 2 MiB share bits.
    let mut filter = [0u64; 512];
    let slot = |offset: u32| ((offset >> 12) as usize & 511, offset >> 6 & 63);
    for site in &*sites {
        for edge in [
            site.offset.saturating_sub(32),
            site.offset.saturating_add(31),
        ] {
            let (word, bit) = slot(edge);
            filter[word] |= 1 << bit;
        }
    }
    for at in far_branches(text, start, end) {
        let Some(target) = far_target(text, at) else {
            continue;
        };
        let (word, bit) = slot(target);
        if filter[word] >> bit & 1 == 0 {
            continue;
        }
        // Windows of neighbours overlap: every site within 32 bytes.
        let first = sites.partition_point(|site| site.offset.saturating_add(31) < target);
        for site in sites.iter_mut().skip(first) {
            let Some(bit) = (target + 32)
                .checked_sub(site.offset)
                .filter(|bit| *bit < 64)
            else {
                break;
            };
            site.landings |= 1 << bit;
        }
    }
}

/// Where the 32-bit branch at `at` goes, if that is in the text.
fn far_target(text: Text<'_>, at: u32) -> Option<u32> {
    let bytes = text.from(at as usize);
    let length = if *bytes.first()? == 0x0f { 2 } else { 1 };
    let displacement = i32::from_le_bytes(*bytes.get(length..)?.first_chunk()?);
    let end = at
        .checked_add(4)?
        .checked_add(u32::try_from(length).ok()?)?;
    end.checked_add_signed(displacement)
        .filter(|target| *target < text.len() - 32.min(text.len()))
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
        .filter_map(|target| (target + 32).checked_sub(offset))
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

/// Whether any direct branch close by lands in `first..=last`.
pub(super) fn lands_near(text: Text<'_>, first: u32, last: u32) -> bool {
    let far = far_branches(text, first.saturating_sub(NEAR), last.saturating_add(NEAR));
    far.filter_map(|at| far_target(text, at))
        .any(|target| (first..=last).contains(&target))
        || lands_short(text, first, last)
}
