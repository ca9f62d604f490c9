//! The number that a call is made with, where the code right before it says so.
//!
//! Knows the forms in which compilers set eax, and the commonest instructions that leave it alone.

use super::boundary::before;
use super::decode::{Flow, Instruction, REPEAT, REX_B, REX_R, REX_W};
use super::landing::lands_short;
use crate::{Site, Text};

/// What an instruction does to rax.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    Keeps,
    Pops,
    Sets(u32),
    Unknown,
}

/// The number at `site`, if it is constant. Its `landings` must be marked.
pub(super) fn number(text: Text<'_>, site: &Site) -> Option<u32> {
    let mut at = site.offset;
    let mut is_popped = false;
    let (start, number) = loop {
        let (start, instruction) = before(text, site.offset, site.boundaries, at)?;
        let bytes = text.from(start as usize);
        if is_popped {
            // push imm8; pop rax: the shortest form there is.
            let is_push = instruction.opcode == 0x6a && instruction.prefixes == 0;
            break (start, u32::from(is_push.then(|| bytes.get(1).copied())??));
        }
        match effect(&instruction, bytes) {
            Effect::Keeps => {}
            Effect::Pops => is_popped = true,
            Effect::Sets(number) => break (start, number),
            Effect::Unknown => return None,
        }
        at = start;
    };
    (!is_entered(text, site, start) && number < 0x8000_0000).then_some(number)
}

/// Whether a branch lands behind the instruction at `start`, up to the site: whoever comes that way
/// brings a number along. The site's `landings` must be marked.
pub(super) fn is_entered(text: Text<'_>, site: &Site, start: u32) -> bool {
    let first = (start + 33).saturating_sub(site.offset);
    let inside = u64::MAX.checked_shl(first).unwrap_or(0) & ((1 << 33) - 1);
    site.landings & inside != 0 || lands_short(text, start + 1, site.offset)
}

fn effect(instruction: &Instruction, bytes: &[u8]) -> Effect {
    let immediate = bytes
        .get(usize::from(instruction.immediate)..)
        .and_then(<[u8]>::first_chunk)
        .map_or(0, |bytes| u32::from_le_bytes(*bytes));
    let (modrm, rex) = (instruction.modrm, instruction.rex);
    let is_memory = modrm >> 6 != 3;
    let register = modrm >> 3 & 7 | (rex & REX_R) << 1;
    let other = modrm & 7 | (rex & REX_B) << 3;
    let is_plain = instruction.prefixes == 0;
    // Of byte registers, number 4 is ah where there is no REX prefix.
    let touches = |register: u8, is_byte: bool| register == 0 || is_byte && register == 4;
    let unless = |touches: bool| {
        if touches {
            Effect::Unknown
        } else {
            Effect::Keeps
        }
    };
    if instruction.flow != Flow::Next {
        return Effect::Unknown;
    }
    match instruction.opcode {
        // mov register, immediate
        0xb8..=0xbf if instruction.opcode & 7 != 0 || rex & REX_B != 0 => Effect::Keeps,
        0xb8 if is_plain && rex & REX_W == 0 => Effect::Sets(immediate),
        0xb0..=0xb7 => unless(rex & REX_B == 0 && matches!(instruction.opcode & 7, 0 | 4)),
        // mov register or memory, immediate
        0xc7 if !is_memory && other == 0 && is_plain => Effect::Sets(immediate),
        0xc6 | 0xc7 => unless(!is_memory && touches(other, instruction.opcode == 0xc6)),
        // sub and xor of a register with itself
        0x29 | 0x2b | 0x31 | 0x33 if modrm == 0xc0 && register == 0 && other == 0 && is_plain => {
            Effect::Sets(0)
        }
        // cmp and test
        0x38..=0x3d | 0x84 | 0x85 | 0xa8 | 0xa9 => Effect::Keeps,
        0x80 | 0x81 | 0x83 if modrm >> 3 & 7 == 7 => Effect::Keeps,
        0x80 | 0x81 | 0x83 => unless(!is_memory && touches(other, instruction.opcode == 0x80)),
        // arithmetic and mov into memory or a register, then into a register
        0x00..=0x3f if instruction.opcode & 6 == 0 => {
            unless(!is_memory && touches(other, instruction.opcode & 1 == 0))
        }
        0x00..=0x3f if instruction.opcode & 6 == 2 => {
            unless(touches(register, instruction.opcode & 1 == 0))
        }
        0x88 | 0x89 => unless(!is_memory && touches(other, instruction.opcode == 0x88)),
        0x8a | 0x8b | 0x8d | 0x63 | 0x0fb6 | 0x0fb7 | 0x0fbe | 0x0fbf => {
            unless(touches(register, instruction.opcode == 0x8a))
        }
        // push and pop
        0x50..=0x57 | 0x68 | 0x6a => Effect::Keeps,
        0x58 if rex & REX_B == 0 && is_plain => Effect::Pops,
        0x58..=0x5f => Effect::Keeps,
        // nop, endbr64; moves and logic of vector registers
        0x90 => unless(instruction.prefixes & REPEAT == 0 && rex & REX_B != 0),
        0x0f1e | 0x0f1f => Effect::Keeps,
        0x0f10 | 0x0f11 | 0x0f28 | 0x0f29 | 0x0f57 | 0x0f6e | 0x0f6f | 0x0f7f | 0x0fef => {
            Effect::Keeps
        }
        _ => Effect::Unknown,
    }
}
