//! The search: candidates by their bytes, verified by vote, with what is known of each.

use super::boundary::{Verdict, vote};
use super::decode::{self, LENGTH_MAX};
use super::landing::mark;
use super::number::{is_entered, number};
use super::scan::calls;
use crate::{Batch, Kind, Reach, Site, Text};

/// Finds the sites from offset `from` on, as many as `room` holds, and what is known of each.
///
/// `known` are the offsets of a list made before for this very file, ascending: then the text is
/// not searched, and what is not a system call at one of them is passed over.
///
/// With `room` empty nothing can be reported, and the text counts as done.
pub fn survey<'s>(
    text: Text<'_>,
    from: u32,
    known: Option<&[u32]>,
    reach: Reach,
    room: &'s mut [Site],
) -> Batch<'s> {
    survey_for(text, from, known, reach, |_| true, room)
}

/// [`survey`] for someone who leaves calls alone whose number is constant and not checked: such a
/// site is not voted on where `mov eax, number` stands right before it, which saves most of the
/// time that a libc takes.
pub fn survey_for<'s>(
    text: Text<'_>,
    from: u32,
    known: Option<&[u32]>,
    reach: Reach,
    is_checked: impl Fn(u32) -> bool,
    room: &'s mut [Site],
) -> Batch<'s> {
    let (count, next) = match known {
        Some(known) => {
            let first = known.partition_point(|offset| *offset < from);
            let known = known.get(first..).unwrap_or_default();
            find(text, known.iter().copied(), &is_checked, room)
        }
        None => find(text, calls(text, from), &is_checked, room),
    };
    let sites = room.get_mut(..count).unwrap_or_default();
    mark(text, sites, reach);
    let mut kept = 0;
    for at in 0..sites.len() {
        let Some(mut site) = sites.get(at).copied() else {
            break;
        };
        if !settle(text, &mut site, &is_checked) {
            continue;
        }
        if let Some(slot) = sites.get_mut(kept) {
            *slot = site;
            kept += 1;
        }
    }
    let sites = sites.get_mut(..kept).unwrap_or_default();
    Batch { sites, next }
}

/// Finds candidates and verifies those that may have to be patched; how many, and the first one
/// that `room` has no place for.
fn find(
    text: Text<'_>,
    candidates: impl Iterator<Item = u32>,
    is_checked: impl Fn(u32) -> bool,
    room: &mut [Site],
) -> (usize, Option<u32>) {
    let mut count = 0;
    if room.is_empty() {
        return (0, None);
    }
    for offset in candidates {
        let Some(kind) = kind(text, offset) else {
            continue;
        };
        let mut site = Site {
            offset,
            kind,
            ..Site::NONE
        };
        let is_left =
            kind == Kind::Call && set_before(text, offset).is_some_and(|n| !is_checked(n));
        if !is_left && !verify(text, &mut site) {
            continue;
        }
        let Some(slot) = room.get_mut(count) else {
            return (count, Some(offset));
        };
        *slot = site;
        count += 1;
    }
    (count, None)
}

/// Completes a site that branches are marked of. False when it turns out not to be one.
fn settle(text: Text<'_>, site: &mut Site, is_checked: impl Fn(u32) -> bool) -> bool {
    if site.kind != Kind::Call {
        return true;
    }
    if site.boundaries == 0 && site.offset != 0 {
        // Not voted on: whatever it is, it is left alone, unless someone enters behind the mov.
        let number = set_before(text, site.offset).filter(|number| !is_checked(*number));
        if number.is_some() && !is_entered(text, site, site.offset.saturating_sub(MOV)) {
            site.number = number;
            return true;
        }
        if !verify(text, site) {
            return false;
        }
    }
    if site.kind == Kind::Call {
        site.number = number(text, site);
    }
    true
}

/// Size of `mov eax, imm32`.
const MOV: u32 = 5;

/// The number that the bytes of a `mov eax, imm32` right before `offset` name. Whether they are an
/// instruction is not known.
fn set_before(text: Text<'_>, offset: u32) -> Option<u32> {
    let earlier = text.bytes().get(..offset as usize)?;
    match earlier {
        [rest @ .., 0xb8, a, b, 0, 0] if !matches!(rest, [.., 0x40..=0x4f | 0x66]) => {
            Some(u32::from_le_bytes([*a, *b, 0, 0]))
        }
        _ => None,
    }
}

/// Votes on a site. False when it is none.
fn verify(text: Text<'_>, site: &mut Site) -> bool {
    let vote = vote(text, site.offset);
    site.boundaries = vote.path;
    match vote.verdict {
        Verdict::Boundary => {}
        Verdict::Doubtful => site.kind = Kind::Doubtful,
        Verdict::Inside if is_prefixed(text, site.offset) => site.kind = Kind::Prefixed,
        Verdict::Inside => return false,
    }
    true
}

/// Whether an instruction starts before `offset` that has nothing but prefixes up to there.
fn is_prefixed(text: Text<'_>, offset: u32) -> bool {
    // Of the longest instruction, but the opcode.
    const MOST: usize = LENGTH_MAX - 2;
    let earlier = text.bytes().get(..offset as usize).unwrap_or_default();
    let prefixes = earlier
        .iter()
        .rev()
        .take(MOST)
        .take_while(|byte| decode::is_prefix(**byte))
        .count();
    (1..=prefixes).any(|back| {
        u32::try_from(back)
            .ok()
            .and_then(|back| offset.checked_sub(back))
            .is_some_and(|start| vote(text, start).verdict == Verdict::Boundary)
    })
}

fn kind(text: Text<'_>, offset: u32) -> Option<Kind> {
    match text.from(offset as usize).first_chunk()? {
        [0x0f, 0x05] => Some(Kind::Call),
        [0x0f, 0x34] => Some(Kind::Sysenter),
        [0xcd, 0x80] => Some(Kind::Int80),
        _ => None,
    }
}
