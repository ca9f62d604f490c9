//! Padding that a jump fits into: bytes that no execution comes by.
//!
//! Knows the padding that compilers and linkers put behind a return or a jump: `nop` in any length,
//! and `int3`.

use super::boundary::{Verdict, before, vote};
use super::decode::{Flow, decode};
use super::landing::lands_near;
use crate::Text;

/// Size of the jump that has to fit.
pub(super) const JUMP: u32 = 5;

/// The first padding that a two-byte jump at `site` reaches and that `is_free`.
pub(super) fn cave(text: Text<'_>, site: u32, is_free: impl Fn(u32) -> bool) -> Option<u32> {
    let first = site.saturating_sub(126);
    // Cheapest first: nearly all offsets end at the first condition.
    (first..=site.saturating_add(129))
        .filter(|offset| ends_block(text, *offset))
        .filter(|offset| padding(text, *offset) >= JUMP && is_free(*offset))
        .find(|offset| is_dead(text, *offset))
}

/// Whether control neither goes on to `offset` nor branches there or behind.
fn is_dead(text: Text<'_>, offset: u32) -> bool {
    let vote = vote(text, offset);
    vote.verdict == Verdict::Boundary
        && before(text, offset, vote.path, offset)
            .is_some_and(|(_, last)| matches!(last.flow(), Flow::Jump | Flow::Stop))
        && !lands_near(text, offset, offset.saturating_add(JUMP - 1))
}

/// Whether the bytes before `offset` look like an instruction that control does not go on behind.
fn ends_block(text: Text<'_>, offset: u32) -> bool {
    let earlier = text.bytes().get(..offset as usize).unwrap_or_default();
    match earlier {
        // ret, int3, hlt; ud2; jmp
        [.., 0xc3 | 0xcc | 0xf4] | [.., 0x0f, 0x0b] | [.., 0xeb, _] => true,
        [.., 0xe9, _, _, _, _] | [.., 0xff, 0xe0..=0xe7] => true,
        // ret n; jmp through memory
        [.., 0xc2, _, _] | [.., 0xff, 0x25, _, _, _, _] => true,
        _ => false,
    }
}

/// How many bytes of padding start at `offset`, up to [`JUMP`] and the rest of an instruction.
fn padding(text: Text<'_>, offset: u32) -> u32 {
    let mut length = 0;
    while length < JUMP {
        let bytes = text.from((offset + length) as usize);
        match decode(bytes) {
            Some(instruction) if instruction.is_nop() || bytes.first() == Some(&0xcc) => {
                length += instruction.len();
            }
            _ => break,
        }
    }
    length
}
