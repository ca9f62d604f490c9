//! Whether an instruction starts at an offset, by vote.
//!
//! Decoding that starts in the middle of an instruction falls into step after a few. So decoding is
//! started at every byte of a stretch before the offset; most starts soon run on the same path, and
//! the path of the majority is taken for the real one. A start that meets what no compiler writes
//! has no vote. Knows nothing of system calls.

use super::decode::{Instruction, decode};
use crate::Text;

/// Decoding starts at every byte from this far before the offset ...
const FIRST: usize = 80;
/// ... up to this far before it: room for the last start to fall into step.
const LAST: usize = 48;
/// How much of the path before the offset is reported: as much as a [`Site`](crate::Site) shows.
const SHOWN: usize = 32;

/// What the vote said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// An instruction starts there.
    Boundary,
    /// As many starts say so as say otherwise.
    Doubtful,
    /// The offset is inside an instruction.
    Inside,
}

/// An offset that was voted on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Vote {
    pub(super) verdict: Verdict,
    /// Bit i stands for 32 - i bytes before the offset: the majority's path comes by there.
    pub(super) path: u64,
}

/// Votes on `offset`.
pub(super) fn vote(text: Text<'_>, offset: u32) -> Vote {
    let offset = offset as usize;
    let start = offset.saturating_sub(FIRST);
    // Where a text begins, an instruction does; a start later on knows less.
    let starts = if start == 0 { 1 } else { FIRST - LAST };
    // How many starts come by each byte.
    let mut votes = [0u8; FIRST + 1];
    let size = offset - start;
    let (mut missed, mut path) = (0u8, 0);
    for at in 0..size {
        let came = votes.get(at).map_or(0, |votes| *votes) + u8::from(at < starts);
        if came == 0 {
            continue;
        }
        if let Some(votes) = votes.get_mut(at) {
            *votes = came;
        }
        let decoded = decode(text.from(start + at)).filter(|found| !found.is_unlikely());
        // A start that goes nowhere has no vote.
        let Some(instruction) = decoded else { continue };
        let next = at + instruction.len() as usize;
        if next > size {
            missed += came;
        } else if let Some(votes) = votes.get_mut(next) {
            *votes += came;
        }
    }
    let hit = votes.get(size).map_or(0, |votes| *votes) + u8::from(size == 0);
    for back in 1..=SHOWN.min(size) {
        let came = votes.get(size - back).map_or(0, |votes| *votes);
        if u16::from(came) * 2 > u16::from(hit) + u16::from(missed) {
            path |= 1 << (SHOWN - back);
        }
    }
    let verdict = match (u16::from(hit), u16::from(missed)) {
        (0, 0) => Verdict::Doubtful,
        (hit, missed) if hit >= missed * 2 => Verdict::Boundary,
        (hit, missed) if missed >= hit * 2 => Verdict::Inside,
        _ => Verdict::Doubtful,
    };
    Vote { verdict, path }
}

/// The instruction that ends at `offset` on the path of `boundaries` (bit i: `offset - 32 + i`),
/// with its offset.
pub(super) fn before(
    text: Text<'_>,
    site: u32,
    boundaries: u64,
    offset: u32,
) -> Option<(u32, Instruction)> {
    let shown = offset.checked_add(32)?.checked_sub(site)?;
    let earlier = boundaries & 1u64.checked_shl(shown)?.wrapping_sub(1);
    let back = 63u32.checked_sub(earlier.leading_zeros())?;
    let start = site.checked_add(back)?.checked_sub(32)?;
    let instruction = decode(text.from(start as usize))?;
    (start.checked_add(instruction.len())? == offset).then_some((start, instruction))
}
