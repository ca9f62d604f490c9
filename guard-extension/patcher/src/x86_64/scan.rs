//! Searches through a whole text, 64 bytes at a time, in loops that compilers turn into vector code.
//!
//! Knows byte patterns; whether what it finds is an instruction is decided elsewhere.

use crate::Text;

/// Bytes per step.
const STEP: usize = 64;

/// `syscall` (0f 05), `sysenter` (0f 34) and `int 0x80` (cd 80) from `start` on.
pub(super) fn calls(text: Text<'_>, start: u32) -> impl Iterator<Item = u32> {
    Hits::new(text, start, text.len(), is_call)
}

/// Whether two bytes are one of these.
#[must_use]
pub const fn is_call(byte: u8, next: u8) -> bool {
    (byte == 0x0f) & ((next == 0x05) | (next == 0x34)) | (byte == 0xcd) & (next == 0x80)
}

/// Opcodes with a 32-bit displacement: call and jmp (e8, e9), jcc (0f 80 to 0f 8f).
pub(super) fn far_branches(text: Text<'_>, start: u32, end: u32) -> impl Iterator<Item = u32> {
    Hits::new(text, start, end, |byte, next| {
        (byte & 0xfe == 0xe8) | (byte == 0x0f) & (next & 0xf0 == 0x80)
    })
}

/// Opcodes with an 8-bit displacement: jcc (70 to 7f), loop and jrcxz (e0 to e3), jmp (eb).
pub(super) fn near_branches(text: Text<'_>, start: u32, end: u32) -> impl Iterator<Item = u32> {
    Hits::new(text, start, end, |byte, _| {
        (byte & 0xf0 == 0x70) | (byte & 0xfc == 0xe0) | (byte == 0xeb)
    })
}

/// Offsets in the order of the text.
struct Hits<'t, F> {
    text: Text<'t>,
    /// Whether a byte, with the one behind it, is looked for. Without branches.
    find: F,
    /// Of the next step.
    at: usize,
    end: usize,
    /// Of the step before `at`: what is not yet reported.
    bits: u64,
}

impl<'t, F: Fn(u8, u8) -> bool> Hits<'t, F> {
    fn new(text: Text<'t>, start: u32, end: u32, find: F) -> Self {
        Self {
            text,
            find,
            at: start as usize,
            end: end.min(text.len()) as usize,
            bits: 0,
        }
    }

    /// Bit i: what is looked for is at byte i of the next step.
    fn step(&self) -> u64 {
        let bytes = self.text.from(self.at);
        let Some(window) = bytes.first_chunk::<{ STEP + 1 }>() else {
            // The last byte has none behind it, and no instruction ends with the first of its two.
            return bytes
                .windows(2)
                .take(STEP)
                .enumerate()
                .filter(|(_, pair)| matches!(pair, [byte, next] if (self.find)(*byte, *next)))
                .fold(0, |bits, (at, _)| bits | 1 << at);
        };
        let mut flags = [0u8; STEP];
        let mut any = 0;
        for (at, flag) in flags.iter_mut().enumerate() {
            *flag = (self.find)(window[at], window[at + 1]).into();
            any |= *flag;
        }
        if any == 0 {
            return 0;
        }
        let mut bits = 0;
        for (at, flags) in flags.as_chunks::<8>().0.iter().enumerate() {
            // Eight bytes of 0 or 1 to eight bits: the product's top byte gathers them in order.
            let packed = u64::from_le_bytes(*flags).wrapping_mul(0x0102_0408_1020_4080) >> 56;
            bits |= packed << (8 * at);
        }
        bits
    }
}

impl<F: Fn(u8, u8) -> bool> Iterator for Hits<'_, F> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        while self.bits == 0 {
            if self.at >= self.end {
                return None;
            }
            self.bits = self.step();
            self.at += STEP;
        }
        let offset = self.at - STEP + self.bits.trailing_zeros() as usize;
        self.bits &= self.bits - 1;
        narrow(offset).filter(|_| offset < self.end)
    }

    /// As the default, in loops that keep their state in registers.
    fn fold<B, G: FnMut(B, u32) -> B>(mut self, init: B, mut each: G) -> B {
        let mut folded = init;
        while let Some(offset) = self.next() {
            folded = each(folded, offset);
            if self.bits == 0 {
                break;
            }
        }
        while self.at < self.end {
            let mut bits = self.step();
            while bits != 0 {
                let offset = self.at + bits.trailing_zeros() as usize;
                bits &= bits - 1;
                if let Some(offset) = narrow(offset).filter(|_| offset < self.end) {
                    folded = each(folded, offset);
                }
            }
            self.at += STEP;
        }
        folded
    }
}

/// Offsets of a text fit into 32 bits.
fn narrow(offset: usize) -> Option<u32> {
    u32::try_from(offset).ok()
}
