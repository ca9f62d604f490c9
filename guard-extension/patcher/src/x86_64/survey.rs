//! The search: candidates by their bytes, verified by vote, with what is known of each.

use super::boundary::{Verdict, vote};
use super::landing::mark;
use super::number::number;
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
    let (count, next) = match known {
        Some(known) => {
            let first = known.partition_point(|offset| *offset < from);
            let known = known.get(first..).unwrap_or_default();
            find(text, known.iter().copied(), room)
        }
        None => find(text, calls(text, from), room),
    };
    let sites = room.get_mut(..count).unwrap_or_default();
    mark(text, sites, reach);
    for site in &mut *sites {
        if site.kind == Kind::Call {
            site.number = number(text, site);
        }
    }
    Batch { sites, next }
}

/// Verifies candidates; how many were found, and the first one that `room` has no place for.
fn find(
    text: Text<'_>,
    candidates: impl Iterator<Item = u32>,
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
        let vote = vote(text, offset);
        let kind = match vote.verdict {
            Verdict::Boundary => kind,
            Verdict::Doubtful => Kind::Doubtful,
            Verdict::Inside => continue,
        };
        let Some(site) = room.get_mut(count) else {
            return (count, Some(offset));
        };
        *site = Site {
            offset,
            kind,
            number: None,
            landings: 0,
            boundaries: vote.path,
        };
        count += 1;
    }
    (count, None)
}

fn kind(text: Text<'_>, offset: u32) -> Option<Kind> {
    match text.from(offset as usize).first_chunk()? {
        [0x0f, 0x05] => Some(Kind::Call),
        [0x0f, 0x34] => Some(Kind::Sysenter),
        [0xcd, 0x80] => Some(Kind::Int80),
        _ => None,
    }
}
