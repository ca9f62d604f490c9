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
/// A few starts are asked first: from this far before it ...
const FEW: usize = 60;
/// ... and this many votes without a contradiction are enough.
const ENOUGH: u8 = 4;
/// How much of the path before the offset is reported: as much as a [`Site`](crate::Site) shows.
const SHOWN: usize = 32;

/// What the vote said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// An instruction starts there.
    Boundary,
    /// Starts disagree, or too few of them have a vote.
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
    let mut poll = Poll::new(text, offset, FEW, LAST);
    if !matches!((poll.hit, poll.missed), (0, ENOUGH..) | (ENOUGH.., 0)) {
        poll = Poll::new(text, offset, FIRST, LAST);
    }
    let vote = |verdict, poll: &Poll| Vote {
        verdict,
        path: poll.path(),
    };
    match (u16::from(poll.hit), u16::from(poll.missed)) {
        (0, 0) => {}
        (hit, missed) if hit >= missed * 2 => return vote(Verdict::Boundary, &poll),
        (hit, missed) if missed >= hit * 2 => return vote(Verdict::Inside, &poll),
        _ => return vote(Verdict::Doubtful, &poll),
    }
    // No start got here: data, as tables of cryptographic code are. Or a function right behind
    // some, whose own few instructions all lead here, and on: not enough to write over it.
    let poll = Poll::new(text, offset, LAST, 0);
    let is_one = poll.missed == 0 && usize::from(poll.hit) * 4 >= LAST.min(offset);
    if is_one && goes_on(text, offset) {
        vote(Verdict::Doubtful, &poll)
    } else {
        vote(Verdict::Inside, &poll)
    }
}

/// Whether the next instructions are likely ones.
fn goes_on(text: Text<'_>, offset: usize) -> bool {
    let mut at = offset;
    (0..8).all(|_| {
        let instruction = decode(text.from(at));
        at += instruction.map_or(0, |found| found.len() as usize);
        // A text may end behind its last instruction.
        instruction.map_or_else(|| text.from(at).is_empty(), |found| !found.is_unlikely())
    })
}

/// Decoding from many starts.
struct Poll {
    /// How many starts come by each byte, up to the offset.
    votes: [u8; FIRST + 1],
    /// How far it is to the next instruction from each byte that was come by; 0 for nowhere.
    lengths: [u8; FIRST + 1],
    /// The offset's place in `votes`.
    size: usize,
    /// How many starts come by the offset.
    hit: u8,
    /// How many jump over it.
    missed: u8,
}

impl Poll {
    /// Starts from `first` to `last` bytes before `offset`.
    fn new(text: Text<'_>, offset: usize, first: usize, last: usize) -> Self {
        let start = offset.saturating_sub(first);
        // Where a text begins, an instruction does; a start later on knows less.
        let starts = if start == 0 { 1 } else { first - last };
        let size = offset - start;
        let mut poll = Self {
            votes: [0; FIRST + 1],
            lengths: [0; FIRST + 1],
            size,
            hit: 0,
            missed: 0,
        };
        for at in 0..size {
            let came = poll.came(at) + u8::from(at < starts);
            if came == 0 {
                continue;
            }
            poll.set(at, came);
            let decoded = decode(text.from(start + at)).filter(|found| !found.is_unlikely());
            // A start that goes nowhere has no vote.
            let Some(instruction) = decoded else { continue };
            let next = at + instruction.len() as usize;
            if let Some(length) = poll.lengths.get_mut(at) {
                *length = instruction.length;
            }
            if next > size {
                poll.missed += came;
            } else {
                poll.set(next, poll.came(next) + came);
            }
        }
        poll.hit = poll.came(size) + u8::from(size == 0);
        poll
    }

    fn came(&self, at: usize) -> u8 {
        self.votes.get(at).map_or(0, |votes| *votes)
    }

    fn set(&mut self, at: usize, came: u8) {
        if let Some(votes) = self.votes.get_mut(at) {
            *votes = came;
        }
    }

    /// Bit i: of the starts that come by the offset, more than half come by 32 - i bytes before.
    fn path(&self) -> u64 {
        let mut path = 0;
        // Bit 0 stands for the byte behind the one looked at, bit i for i bytes further: whether the
        // offset is reached from there. Starts that go nowhere may be many.
        let mut reaching = 1u32;
        for back in 1..=SHOWN.min(self.size) {
            let at = self.size - back;
            let length = self.lengths.get(at).map_or(0, |length| u32::from(*length));
            let reaches = length != 0 && reaching >> (length - 1) & 1 == 1;
            if reaches && u16::from(self.came(at)) * 2 > u16::from(self.hit) {
                path |= 1 << (SHOWN - back);
            }
            reaching = reaching << 1 | u32::from(reaches);
        }
        path
    }
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
