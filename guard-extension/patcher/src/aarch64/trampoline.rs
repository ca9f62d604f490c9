//! The code of a trampoline. Knows machine code and the contract with the entry (crate
//! documentation).

use super::{RESUME_RETURN, SVC, TABLE};
use crate::Place;
use crate::patch::{Bytes, TRAMPOLINE_MAX};

/// stp x16, x17, \[sp, #-32\]!
const SAVE: u32 = 0xa9be_47f0;
/// ldp x16, x17, \[sp\], #32
const RESTORE: u32 = 0xa8c2_47f0;
/// br x17
const ENTER: u32 = 0xd61f_0220;

/// lsr x17, x8, #9: 0 for the numbers below [`TABLE`]
const HIGH: u32 = 0xd349_fd11;
/// ldrb w17, \[x16, x8\]
const LOOK_UP: u32 = 0x3868_6a11;
/// cbnz x17, with the distance in words from bit 5 on; w17 with the top bit clear
const UNLESS_ZERO: u32 = 0xb500_0011;

/// The trampoline at `place` that goes on at `back`, and its resume address as an offset.
///
/// Without flags: `svc` keeps them, and no instruction is needed here that would not.
pub(super) fn trampoline(
    place: Place,
    back: u64,
    is_constant: bool,
) -> Option<(Bytes<TRAMPOLINE_MAX>, u8)> {
    if !place.trampoline.is_multiple_of(4) || !place.header.is_multiple_of(16) {
        return None;
    }
    let at = |word: u64| place.trampoline.wrapping_add(4 * word);
    let mut bytes = Bytes::new();
    let mut push = |words: &[u32]| {
        words
            .iter()
            .for_each(|word| bytes.push(&word.to_le_bytes()));
    };
    push(&[SAVE]);
    let resume = if is_constant {
        push(&enter(place, at(1), at(5))?);
        push(&resume(at(5), back)?);
        5
    } else {
        // What is checked goes on behind the resume address: word 12.
        push(&[HIGH, UNLESS_ZERO | (12 - 2) << 5]);
        // add x16, x16, place of the header in its page
        let add = 0x9100_0210 | low(place.header) << 10;
        push(&[page(at(3), place.header, 16)?, add, LOOK_UP]);
        push(&[(UNLESS_ZERO | (12 - 6) << 5) & 0x7fff_ffff]);
        push(&resume(at(7), back)?);
        push(&enter(place, at(12), at(7))?);
        7
    };
    // udf: never executed
    bytes.pad(16, 0);
    Some((bytes, 4 * resume))
}

/// The five words of the resume address.
fn resume(here: u64, back: u64) -> Option<[u32; 5]> {
    let call = branch(here.wrapping_add(8), back)?;
    let answer = branch(here.wrapping_add(RESUME_RETURN + 4), back)?;
    Some([RESTORE, SVC, call, RESTORE, answer])
}

/// Four words that go to the entry: its address to x17, the resume address to x16.
fn enter(place: Place, here: u64, resume: u64) -> Option<[u32; 4]> {
    let literal = place.header.wrapping_add(TABLE as u64);
    let adr = here.wrapping_add(8);
    let distance = i32::try_from(resume.wrapping_sub(adr).cast_signed()).ok()?;
    let distance = distance.cast_unsigned();
    Some([
        page(here, literal, 17)?,
        // ldr x17, [x17, low bits of the literal]
        0xf940_0231 | (low(literal) / 8) << 10,
        // adr x16, resume
        0x1000_0010 | (distance & 3) << 29 | (distance >> 2 & 0x7_ffff) << 5,
        ENTER,
    ])
}

/// adrp: the page of `target` to a register.
fn page(here: u64, target: u64, register: u32) -> Option<u32> {
    let pages = (target >> 12).wrapping_sub(here >> 12).cast_signed();
    if !(-(1 << 20)..1 << 20).contains(&pages) {
        return None;
    }
    let pages = i32::try_from(pages).ok()?.cast_unsigned();
    Some(0x9000_0000 | (pages & 3) << 29 | (pages >> 2 & 0x7_ffff) << 5 | register)
}

/// The place in a page.
fn low(address: u64) -> u32 {
    let [a, b, ..] = address.to_le_bytes();
    u32::from(u16::from_le_bytes([a, b]) & 0xfff)
}

/// b: to `target`, within 128 MiB.
pub(super) fn branch(here: u64, target: u64) -> Option<u32> {
    let distance = target.wrapping_sub(here).cast_signed();
    if distance & 3 != 0 || !(-(1 << 27)..1 << 27).contains(&distance) {
        return None;
    }
    let words = i32::try_from(distance / 4).ok()?.cast_unsigned();
    Some(0x1400_0000 | words & 0x3ff_ffff)
}
