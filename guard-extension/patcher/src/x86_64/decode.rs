//! Instructions by length, with what moving them needs to know.
//!
//! Knows lengths, branches, RIP-relative operands and which instructions end a block; not what an
//! instruction does. 64-bit mode only. Lengths follow what processors of Intel do where vendors
//! differ (an operand-size prefix before a near branch), and such instructions are never moved.

use super::tables::{
    BRANCH, BYTE, CALL, ENTER, FLOW, FULL, IMMEDIATE, INVALID, JUMP, KERNEL, MODRM, OFFSET, ONE,
    PREFIX, RELATIVE, STOP, TWO, UNLIKELY, WIDE, WORD,
};

/// The longest instruction that a processor takes (SDM volume 2, 2.3.11).
pub const LENGTH_MAX: usize = 15;

/// Where control goes behind an instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Flow {
    /// To a target, or on: conditional, relative.
    Branch,
    /// To a target, and most likely back.
    Call,
    /// To the target only, relative.
    Jump,
    /// To the kernel and back: `syscall`, `sysenter`, `int`.
    Kernel,
    /// To the next instruction.
    Next,
    /// Not on: return, indirect jump, trap.
    Stop,
}

/// An instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instruction {
    pub(super) length: u8,
    pub(super) flow: Flow,
    /// Opcode; the map in the high byte: 0, 0x0f, 0x38, 0x3a, 0xff for VEX and the like.
    pub(super) opcode: u16,
    pub(super) rex: u8,
    /// Set of `OPERAND`, `ADDRESS`, `REPEAT`, ...
    pub(super) prefixes: u8,
    pub(super) modrm: u8,
    /// Offset of the immediate; equal to the length when there is none.
    pub(super) immediate: u8,
    /// Offset of the 32-bit displacement relative to the end of the instruction; 0 when there is
    /// none.
    pub(super) rip: u8,
    /// The immediate is a branch's displacement.
    pub(super) is_relative: bool,
    pub(super) is_unlikely: bool,
}

/// Operand size, `66`.
pub(super) const OPERAND: u8 = 1;
/// Address size, `67`.
pub(super) const ADDRESS: u8 = 2;
/// `f3`.
pub(super) const REPEAT: u8 = 4;
/// `f2`.
pub(super) const REPEAT_NOT: u8 = 8;
/// Any other.
pub(super) const OTHER: u8 = 16;

/// REX bits: 64-bit operands; a bit more for the ModRM byte's register, and for its other operand.
pub(super) const REX_W: u8 = 8;
pub(super) const REX_R: u8 = 4;
pub(super) const REX_B: u8 = 1;

impl Instruction {
    /// In bytes, 1 to 15.
    #[expect(clippy::len_without_is_empty, reason = "none is empty")]
    pub const fn len(&self) -> u32 {
        self.length as u32
    }

    /// Where control goes behind it.
    pub const fn flow(&self) -> Flow {
        self.flow
    }

    /// Whether it is privileged or unknown to compilers: as good a sign as an invalid one that the
    /// decoder is out of step.
    pub const fn is_unlikely(&self) -> bool {
        self.is_unlikely
    }

    /// Whether it does nothing: `nop` in any length.
    pub(super) const fn is_nop(&self) -> bool {
        match self.opcode {
            0x90 => self.prefixes & REPEAT == 0 && self.rex & REX_B == 0,
            0x0f1f => self.modrm >> 6 != 3,
            _ => false,
        }
    }
}

/// The next 16 bytes, zeros behind the end.
struct Window {
    bytes: [u8; 16],
    /// How many of them there are.
    length: usize,
}

impl Window {
    fn new(bytes: &[u8]) -> Self {
        if let Some(bytes) = bytes.first_chunk() {
            let length = 16;
            return Self {
                bytes: *bytes,
                length,
            };
        }
        let mut window = [0; 16];
        for (to, from) in window.iter_mut().zip(bytes) {
            *to = *from;
        }
        Self {
            bytes: window,
            length: bytes.len(),
        }
    }

    /// Wraps behind the 16th: no instruction that reads there is accepted.
    const fn at(&self, at: usize) -> u8 {
        self.bytes[at & 15]
    }
}

/// Whether a byte only modifies the instruction behind it.
pub(super) fn is_prefix(byte: u8) -> bool {
    matches!(
        byte,
        0x26 | 0x2e | 0x36 | 0x3e | 0x40..=0x4f | 0x64..=0x67 | 0xf0 | 0xf2 | 0xf3
    )
}

/// The instruction that `bytes` start with, if they do.
pub fn decode(bytes: &[u8]) -> Option<Instruction> {
    let window = Window::new(bytes);
    let (mut at, mut prefixes, mut rex) = (0, 0, 0);
    let (opcode, mut entry) = loop {
        // Also keeps a run of prefixes from wrapping.
        if at >= LENGTH_MAX {
            return None;
        }
        let byte = window.at(at);
        let entry = ONE[usize::from(byte)];
        at += 1;
        if entry & PREFIX == 0 {
            break (u16::from(byte), entry);
        }
        match byte {
            0x40..=0x4f => {
                rex = byte;
                continue;
            }
            0x66 => prefixes |= OPERAND,
            0x67 => prefixes |= ADDRESS,
            0xf2 => prefixes |= REPEAT_NOT,
            0xf3 => prefixes |= REPEAT,
            0x26 | 0x2e | 0x36 | 0x3e | 0x64 | 0x65 | 0xf0 => prefixes |= OTHER,
            0x0f => {
                let byte = window.at(at);
                at += 1;
                break match byte {
                    0x38 => {
                        at += 1;
                        (0x3800 | u16::from(window.at(at - 1)), MODRM)
                    }
                    0x3a => {
                        at += 1;
                        (0x3a00 | u16::from(window.at(at - 1)), MODRM | BYTE)
                    }
                    _ => (0x0f00 | u16::from(byte), TWO[usize::from(byte)]),
                };
            }
            0x8f if window.at(at) & 0x1f < 8 => break (0x8f, MODRM),
            // VEX, EVEX and XOP end the prefixes, and take neither REX nor those they contain.
            _ if rex != 0 || prefixes & (OPERAND | REPEAT | REPEAT_NOT) != 0 => return None,
            _ => break vector(&window, byte, &mut at)?,
        }
        // A REX prefix counts only right before the opcode.
        rex = 0;
    };

    let modrm_at = at;
    let modrm = window.at(at);
    let mut rip = 0;
    if entry & MODRM != 0 {
        entry = by_modrm(opcode, modrm, prefixes, entry);
        let form = if matches!(opcode, 0x0f20..=0x0f23) {
            // mov to and from control registers: always registers.
            0xc0
        } else {
            modrm
        };
        at += 1;
        let (mode, low) = (form >> 6, form & 7);
        if mode != 3 {
            let base = if low == 4 {
                at += 1;
                window.at(at - 1) & 7
            } else {
                low
            };
            if mode == 1 {
                at += 1;
            } else if mode == 2 {
                at += 4;
            } else if base == 5 {
                rip = if low == 5 { at } else { 0 };
                at += 4;
            }
        }
    }
    if entry & INVALID != 0 {
        return None;
    }

    let immediate = at;
    let is_operand = prefixes & OPERAND != 0;
    at += match entry & IMMEDIATE {
        BYTE => 1,
        WORD => 2,
        ENTER => 3,
        FULL if entry & RELATIVE != 0 => 4,
        WIDE if rex & REX_W != 0 => 8,
        FULL | WIDE if is_operand && rex & REX_W == 0 => 2,
        FULL | WIDE => 4,
        OFFSET if prefixes & ADDRESS != 0 => 4,
        OFFSET => 8,
        _ => 0,
    };
    // SSE4a: extrq and insertq with two immediates.
    if opcode == 0x0f78 && prefixes & (OPERAND | REPEAT_NOT) != 0 {
        at += 2;
    }
    if at > LENGTH_MAX || at > window.length {
        return None;
    }
    Some(Instruction {
        length: narrow(at),
        flow: match entry & FLOW {
            JUMP => Flow::Jump,
            BRANCH => Flow::Branch,
            CALL => Flow::Call,
            STOP => Flow::Stop,
            KERNEL => Flow::Kernel,
            _ => Flow::Next,
        },
        opcode,
        rex,
        prefixes,
        modrm: if immediate > modrm_at { modrm } else { 0 },
        immediate: narrow(immediate),
        rip: narrow(rip),
        is_relative: entry & RELATIVE != 0,
        is_unlikely: entry & UNLIKELY != 0,
    })
}

/// Reads a VEX, EVEX or XOP prefix that starts with `first`, and the opcode behind it.
fn vector(window: &Window, first: u8, at: &mut usize) -> Option<(u16, u16)> {
    let (length, map) = match first {
        0xc5 => (1, 1),
        0xc4 => (2, window.at(*at) & 0x1f),
        0x62 => {
            // Bits that are fixed in EVEX; map 4 (APX) is not known here.
            let fixed = window.at(*at) & 0x08 == 0 && window.at(*at + 1) & 0x04 != 0;
            (3, if fixed { window.at(*at) & 7 } else { 0 })
        }
        0x8f => (2, window.at(*at) & 0x1f),
        _ => return None,
    };
    *at += length;
    let opcode = window.at(*at);
    *at += 1;
    let entry = match (first, map) {
        (0xc4 | 0xc5, 1) if opcode == 0x77 => 0,
        (0x8f, 8) => MODRM | BYTE | UNLIKELY,
        (0x8f, 9) => MODRM | UNLIKELY,
        (0x8f, 10) => MODRM | FULL | UNLIKELY,
        (0x8f, _) => return None,
        (_, 1) if matches!(opcode, 0x70..=0x73 | 0xc2 | 0xc4..=0xc6) => MODRM | BYTE,
        (_, 1 | 2) => MODRM,
        (_, 3) => MODRM | BYTE,
        (0x62, 5 | 6) => MODRM,
        _ => return None,
    };
    Some((0xff00 | u16::from(opcode), entry))
}

/// What the ModRM byte changes in an opcode's entry.
const fn by_modrm(opcode: u16, modrm: u8, prefixes: u8, entry: u16) -> u16 {
    let register = modrm >> 3 & 7;
    match (opcode, register) {
        // add [rax], al: two zeros, as data is full of.
        (0x00, 0) if modrm == 0 => entry | UNLIKELY,
        // test has an immediate, the rest of the group does not.
        (0xf6, 0 | 1) => entry | BYTE,
        (0xf7, 0 | 1) => entry | FULL,
        (0xff, 2 | 3) => entry | CALL,
        (0xff, 4 | 5) => entry | STOP,
        // xbegin has a branch's displacement, xabort an immediate.
        (0xc7, 7) if modrm == 0xf8 => entry | RELATIVE | BRANCH,
        (0xc6, 7) if modrm == 0xf8 => entry,
        (0xc6 | 0xc7, 1..) | (0xfe, 2..) | (0xff, 7) | (0x8f, 1..) => entry | INVALID,
        (0x8d, _) if modrm >> 6 == 3 => entry | INVALID,
        (0x0fb8, _) if prefixes & REPEAT == 0 => entry | INVALID,
        _ => entry,
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "offsets in an instruction, at most 16 + 8"
)]
const fn narrow(at: usize) -> u8 {
    at as u8
}
