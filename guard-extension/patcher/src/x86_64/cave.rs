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

/// Offsets of padding that a two-byte jump at `site` reaches.
pub(super) fn caves(text: Text<'_>, site: u32) -> impl Iterator<Item = u32> {
    let first = site.saturating_sub(126);
    (first..=site.saturating_add(129)).filter(move |offset| is_cave(text, *offset))
}

fn is_cave(text: Text<'_>, offset: u32) -> bool {
    // Cheapest first: most offsets end here.
    if !ends_block(text, offset) || padding(text, offset) < JUMP {
        return false;
    }
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
