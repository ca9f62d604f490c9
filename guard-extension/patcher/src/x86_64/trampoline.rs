//! The code of a trampoline.
//!
//! Knows machine code and the contract with the entry (crate documentation); not where a site's
//! neighbours end.

use super::decode::{ADDRESS, Flow, Instruction, OPERAND, REPEAT};
use super::{FOREIGN, RESUME_RETURN, TABLE};
use crate::patch::{Bytes, TRAMPOLINE_MAX};
use crate::{Kind, Place, Site, Text};

/// Code being written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Code {
    place: Place,
    bytes: Bytes<TRAMPOLINE_MAX>,
    resume: u32,
}

impl Code {
    pub(super) const fn new(place: Place) -> Self {
        Self {
            place,
            bytes: Bytes::new(),
            resume: 0,
        }
    }

    /// The instruction at `offset` of `text`, made to do the same here. Nothing when it cannot be
    /// moved, or refers to what is out of reach.
    pub(super) fn displaced(
        &mut self,
        text: Text<'_>,
        offset: u32,
        instruction: &Instruction,
    ) -> Option<()> {
        let bytes = text
            .from(offset as usize)
            .get(..instruction.len() as usize)?;
        let end = text.address_of(offset.checked_add(instruction.len())?);
        match instruction.flow {
            // A call would push an address in the trampoline, which nobody can unwind through.
            Flow::Call | Flow::Kernel => None,
            Flow::Branch | Flow::Jump => {
                if instruction.prefixes & OPERAND != 0 {
                    return None;
                }
                let displacement = displacement(bytes, instruction)?;
                let target = end.wrapping_add_signed(displacement);
                match instruction.opcode {
                    0x70..=0x7f | 0x0f80..=0x0f8f => {
                        let condition = instruction.opcode.to_le_bytes()[0] & 0x0f;
                        self.jump(&[0x0f, 0x80 | condition], target)
                    }
                    0xe9 | 0xeb => self.jump(&[0xe9], target),
                    // loop, jrcxz and xbegin have no long form.
                    _ => None,
                }
            }
            Flow::Next | Flow::Stop if instruction.rip != 0 => {
                if instruction.prefixes & ADDRESS != 0 {
                    return None;
                }
                let at = usize::from(instruction.rip);
                let old = i32::from_le_bytes(*bytes.get(at..)?.first_chunk()?);
                let target = end.wrapping_add_signed(old.into());
                let here = self.here().wrapping_add(instruction.len().into());
                let new = reach(here, target)?;
                self.bytes.push(bytes.get(..at)?);
                self.bytes.push(&new);
                self.bytes.push(bytes.get(at + 4..)?);
                Some(())
            }
            // endbr64 marks where an indirect branch may land: that has to stay where it is.
            Flow::Next if instruction.opcode == 0x0f1e && instruction.prefixes & REPEAT != 0 => {
                None
            }
            Flow::Next | Flow::Stop => {
                self.bytes.push(bytes);
                Some(())
            }
        }
    }

    /// What takes the place of a site's instruction.
    pub(super) fn call_of(&mut self, site: &Site) -> Option<()> {
        if matches!(site.kind, Kind::Int80 | Kind::Sysenter) {
            self.bytes.push(&[0xb8]); // mov eax, FOREIGN
            self.bytes.push(&FOREIGN.to_le_bytes());
            return self.call(true);
        }
        self.call(site.number.is_some())
    }

    /// The check and the call. With `is_constant` the call's number always needs the check.
    fn call(&mut self, is_constant: bool) -> Option<()> {
        if is_constant {
            self.enter(13)?;
        } else {
            self.check()?;
        }
        self.resume = self.bytes.len();
        self.bytes.push(&[0x0f, 0x05]); // syscall
        Some(())
    }

    /// The check, and the call by the instruction that is at `site`, whatever its number.
    ///
    /// With `asks` the thread may have been cancelled while it was on its way: the signal's handler
    /// did not find it where it looks, and leaves it to the next call. musl keeps a pointer to the
    /// flag where the displaced instruction has put it, and takes EINTR for the cancellation. Between
    /// that look and the site two instructions are left.
    pub(super) fn call_at(&mut self, site: u64, asks: bool) -> Option<()> {
        self.check()?;
        self.resume = self.bytes.len();
        self.bytes.push(&[0xeb, 0x05]); // jmp over the next
        self.leave(site.wrapping_add(2))?;
        if asks {
            self.bytes.push(&[0x4c, 0x8b, 0x5c, 0x24, 0x08]); // mov r11, [rsp + 8]
            self.bytes.push(&[0x41, 0x83, 0x3b, 0x00]); // cmp dword [r11], 0
            self.bytes.push(&[0x74, 12]); // je to the last
            self.bytes.push(&[0x48, 0xc7, 0xc0, 0xfc, 0xff, 0xff, 0xff]); // mov rax, -EINTR
            self.leave(site.wrapping_add(2))?;
        }
        self.leave(site)
    }

    /// Goes to the entry if the number is to be checked, else on.
    fn check(&mut self) -> Option<()> {
        // The flags go to ax, the number to rcx; pushing them would reach into the red zone.
        self.bytes.push(&[0x48, 0x89, 0xc1]); // mov rcx, rax
        self.bytes.push(&[0x9f]); // lahf
        self.bytes.push(&[0x0f, 0x90, 0xc0]); // seto al
        self.bytes.push(&[0x48, 0x81, 0xf9]); // cmp rcx, TABLE
        self.bytes.push(&u32::try_from(TABLE).ok()?.to_le_bytes());
        self.bytes.push(&[0x73, 14]); // jae checked
        self.refer(&[0x4c, 0x8d, 0x1d], self.place.header)?; // lea r11, [header]
        self.bytes.push(&[0x41, 0x80, 0x3c, 0x0b, 0x00]); // cmp byte [r11 + rcx], 0
        self.bytes.push(&[0x74, 19]); // je unchecked
        // checked:
        self.bytes.push(&RESTORE);
        self.enter(13 + RESTORE_LENGTH)?;
        // unchecked:
        self.bytes.push(&RESTORE);
        Some(())
    }

    /// Goes to the entry, with rcx pointing `distance` bytes behind the start of this.
    fn enter(&mut self, distance: u32) -> Option<()> {
        let resume = self.here().wrapping_add(distance.into());
        self.refer(&[0x48, 0x8d, 0x0d], resume)?; // lea rcx, [resume]
        let entry = self.place.header.wrapping_add(TABLE as u64);
        self.refer(&[0xff, 0x25], entry) // jmp [entry]
    }

    /// Jumps to `target`.
    pub(super) fn leave(&mut self, target: u64) -> Option<()> {
        self.jump(&[0xe9], target)
    }

    /// The finished code and the offset of the resume address.
    pub(super) fn finish(mut self) -> Option<(Bytes<TRAMPOLINE_MAX>, u8)> {
        self.bytes.pad(16, 0xcc);
        let resume = u8::try_from(self.resume).ok()?;
        (!self.bytes.is_overfull()).then_some((self.bytes, resume))
    }

    fn here(&self) -> u64 {
        self.place.trampoline.wrapping_add(self.bytes.len().into())
    }

    fn jump(&mut self, opcode: &[u8], target: u64) -> Option<()> {
        self.refer(opcode, target)
    }

    /// `opcode` with a 32-bit displacement to `target` behind it, which ends the instruction.
    fn refer(&mut self, opcode: &[u8], target: u64) -> Option<()> {
        let end = self.here().wrapping_add(opcode.len() as u64 + 4);
        let displacement = reach(end, target)?;
        self.bytes.push(opcode);
        self.bytes.push(&displacement);
        Some(())
    }
}

/// Flags from ax (overflow is bit 0 of al), then rax from rcx: add al, 0x7f; sahf; mov rax, rcx.
const RESTORE: [u8; RESTORE_LENGTH as usize] = [0x04, 0x7f, 0x9e, 0x48, 0x89, 0xc8];
const RESTORE_LENGTH: u32 = 6;

/// The displacement from `end` to `target`, if 32 bits hold it.
pub(super) fn reach(end: u64, target: u64) -> Option<[u8; 4]> {
    let distance = target.wrapping_sub(end).cast_signed();
    i32::try_from(distance).ok().map(i32::to_le_bytes)
}

fn displacement(bytes: &[u8], instruction: &Instruction) -> Option<i64> {
    if !instruction.is_relative {
        return None;
    }
    match *bytes.get(usize::from(instruction.immediate)..)? {
        [byte] => Some(byte.cast_signed().into()),
        [a, b, c, d] => Some(i32::from_le_bytes([a, b, c, d]).into()),
        _ => None,
    }
}

const _: () = assert!(RESUME_RETURN == 2);
