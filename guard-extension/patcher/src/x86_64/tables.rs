//! What follows an opcode byte in 64-bit mode, for the one-byte and the `0f` map.
//!
//! Source: Intel SDM volume 2, appendix A (opcode maps), and AMD APM volume 3, appendix A (3DNow!,
//! SSE4a). Knows nothing of prefixes and lengths.

/// A ModRM byte follows.
pub(super) const MODRM: u16 = 1;
/// Mask of the immediate's kind, one of the next.
pub(super) const IMMEDIATE: u16 = 7 << 1;
pub(super) const BYTE: u16 = 1 << 1;
pub(super) const WORD: u16 = 2 << 1;
/// Two bytes under an operand-size prefix, else four.
pub(super) const FULL: u16 = 3 << 1;
/// As [`FULL`], and eight bytes under REX.W.
pub(super) const WIDE: u16 = 4 << 1;
/// A whole address: eight bytes, or four under an address-size prefix.
pub(super) const OFFSET: u16 = 5 << 1;
/// Three bytes.
pub(super) const ENTER: u16 = 6 << 1;
/// The immediate is what a branch adds to the address behind it; with [`FULL`] always four bytes.
pub(super) const RELATIVE: u16 = 1 << 4;
/// Mask of the flow, one of the next.
pub(super) const FLOW: u16 = 7 << 5;
pub(super) const JUMP: u16 = 1 << 5;
pub(super) const BRANCH: u16 = 2 << 5;
pub(super) const CALL: u16 = 3 << 5;
pub(super) const STOP: u16 = 4 << 5;
pub(super) const KERNEL: u16 = 5 << 5;
/// No such instruction in 64-bit mode, or one that a program of ours cannot execute: a decoder that
/// meets it has most likely started in the middle of another.
pub(super) const INVALID: u16 = 1 << 8;
/// A valid length, but privileged, or not seen in compiled code.
pub(super) const UNLIKELY: u16 = 1 << 9;
/// Handled by the decoder itself.
pub(super) const PREFIX: u16 = 1 << 10;

const fn fill(mut map: [u16; 256], first: usize, last: usize, entry: u16) -> [u16; 256] {
    let mut at = first;
    while at <= last && at < map.len() {
        map[at] = entry;
        at += 1;
    }
    map
}

/// The one-byte opcodes.
pub(super) static ONE: [u16; 256] = {
    let mut map = [0; 256];
    // add, or, adc, sbb, and, sub, xor, cmp: four forms with ModRM, two with an immediate.
    let mut row = 0;
    while row < 0x40 {
        map = fill(map, row, row + 3, MODRM);
        map[row + 4] = BYTE;
        map[row + 5] = FULL;
        map = fill(map, row + 6, row + 7, INVALID);
        row += 8;
    }
    map = fill(map, 0x40, 0x4f, PREFIX);
    map = fill(map, 0x60, 0x61, INVALID);
    map[0x63] = MODRM;
    map = fill(map, 0x62, 0x62, PREFIX);
    map = fill(map, 0x64, 0x67, PREFIX);
    map[0x68] = FULL;
    map[0x69] = MODRM | FULL;
    map[0x6a] = BYTE;
    map[0x6b] = MODRM | BYTE;
    map = fill(map, 0x6c, 0x6f, UNLIKELY);
    map = fill(map, 0x70, 0x7f, BYTE | RELATIVE | BRANCH);
    map = fill(map, 0x80, 0x8f, MODRM);
    map[0x80] = MODRM | BYTE;
    map[0x81] = MODRM | FULL;
    map[0x82] = INVALID;
    map[0x83] = MODRM | BYTE;
    map[0x8c] = MODRM | UNLIKELY;
    map[0x8e] = MODRM | UNLIKELY;
    map[0x8f] = MODRM | PREFIX;
    map[0x9a] = INVALID;
    map = fill(map, 0xa0, 0xa3, OFFSET | UNLIKELY);
    map[0xa8] = BYTE;
    map[0xa9] = FULL;
    map = fill(map, 0xb0, 0xb7, BYTE);
    map = fill(map, 0xb8, 0xbf, WIDE);
    map = fill(map, 0xc0, 0xc1, MODRM | BYTE);
    map[0xc2] = WORD | STOP;
    map[0xc3] = STOP;
    map = fill(map, 0xc4, 0xc5, PREFIX);
    map[0xc6] = MODRM | BYTE;
    map[0xc7] = MODRM | FULL;
    map[0xc8] = ENTER | UNLIKELY;
    map[0xca] = WORD | STOP | UNLIKELY;
    map[0xcb] = STOP | UNLIKELY;
    map[0xcc] = STOP;
    map[0xcd] = BYTE | KERNEL;
    map[0xce] = INVALID;
    map[0xcf] = STOP | UNLIKELY;
    map = fill(map, 0xd0, 0xd3, MODRM);
    map = fill(map, 0xd4, 0xd6, INVALID);
    map[0xd7] = UNLIKELY;
    map = fill(map, 0xd8, 0xdf, MODRM);
    // loop, loope, loopne, jrcxz
    map = fill(map, 0xe0, 0xe3, BYTE | RELATIVE | BRANCH);
    map = fill(map, 0xe4, 0xe7, BYTE | UNLIKELY);
    map[0xe8] = FULL | RELATIVE | CALL;
    map[0xe9] = FULL | RELATIVE | JUMP;
    map[0xea] = INVALID;
    map[0xeb] = BYTE | RELATIVE | JUMP;
    map = fill(map, 0xec, 0xef, UNLIKELY);
    map = fill(map, 0xf0, 0xf0, PREFIX);
    map[0xf1] = UNLIKELY;
    map = fill(map, 0xf2, 0xf3, PREFIX);
    map[0xf4] = STOP;
    map = fill(map, 0xf6, 0xf7, MODRM);
    map = fill(map, 0xfa, 0xfb, UNLIKELY);
    map = fill(map, 0xfe, 0xff, MODRM);
    map[0x0f] = PREFIX;
    map[0x26] = PREFIX;
    map[0x2e] = PREFIX;
    map[0x36] = PREFIX;
    map[0x3e] = PREFIX;
    map
};

/// The opcodes behind `0f`; `38` and `3a` lead on to maps where every opcode has a ModRM byte.
pub(super) static TWO: [u16; 256] = {
    let mut map = [MODRM; 256];
    map[0x00] = MODRM | UNLIKELY;
    map[0x02] = MODRM | UNLIKELY;
    map[0x03] = MODRM | UNLIKELY;
    map[0x04] = INVALID;
    map[0x05] = KERNEL;
    map = fill(map, 0x06, 0x09, UNLIKELY);
    map[0x0a] = INVALID;
    map[0x0b] = STOP;
    map[0x0c] = INVALID;
    map[0x0e] = UNLIKELY;
    map[0x0f] = MODRM | BYTE | UNLIKELY;
    map = fill(map, 0x20, 0x23, MODRM | UNLIKELY);
    map = fill(map, 0x24, 0x27, INVALID);
    map[0x30] = UNLIKELY;
    map[0x31] = 0;
    map = fill(map, 0x32, 0x33, UNLIKELY);
    map[0x34] = KERNEL;
    map[0x35] = STOP | UNLIKELY;
    map[0x36] = INVALID;
    map[0x37] = UNLIKELY;
    map[0x39] = INVALID;
    map = fill(map, 0x3b, 0x3f, INVALID);
    map = fill(map, 0x70, 0x73, MODRM | BYTE);
    map[0x77] = 0;
    map = fill(map, 0x78, 0x79, MODRM | UNLIKELY);
    map = fill(map, 0x7a, 0x7b, INVALID);
    map = fill(map, 0x80, 0x8f, FULL | RELATIVE | BRANCH);
    map = fill(map, 0xa0, 0xa1, UNLIKELY);
    map[0xa2] = 0;
    map[0xa4] = MODRM | BYTE;
    map = fill(map, 0xa6, 0xa7, MODRM | UNLIKELY);
    map = fill(map, 0xa8, 0xa9, UNLIKELY);
    map[0xaa] = UNLIKELY;
    map[0xac] = MODRM | BYTE;
    map[0xb2] = MODRM | UNLIKELY;
    map = fill(map, 0xb4, 0xb5, MODRM | UNLIKELY);
    // ud1: what clang traps with
    map[0xb9] = MODRM | STOP;
    map[0xba] = MODRM | BYTE;
    map[0xc2] = MODRM | BYTE;
    map = fill(map, 0xc4, 0xc6, MODRM | BYTE);
    map = fill(map, 0xc8, 0xcf, 0);
    map[0xff] = MODRM | UNLIKELY;
    map
};
