//! The way in, and the jump to the program.

use core::arch::global_asm;

/// Type of a relocation that adds the place that the loader was put to (R_AARCH64_RELATIVE).
pub(super) const RELATIVE: u64 = 1027;
/// The architecture in a file's header (EM_AARCH64, elf(5)).
pub(crate) const MACHINE: u16 = 183;

global_asm!(
    ".globl _start",
    "_start:",
    "mov x29, xzr",
    "mov x30, xzr",
    "mov x0, sp",
    "adrp x1, __ehdr_start",
    "add x1, x1, :lo12:__ehdr_start",
    "adrp x2, _DYNAMIC",
    "add x2, x2, :lo12:_DYNAMIC",
    "bl {begin}",
    "udf #0",
    ".globl guard_loader_jump",
    ".hidden guard_loader_jump",
    // As the kernel enters a program: nothing in the registers, the arguments on the stack. But for
    // x16, which a branch that begins a function may go through.
    "guard_loader_jump:",
    "mov sp, x0",
    "mov x16, x1",
    "mov x0, xzr",
    "mov x1, xzr",
    "mov x2, xzr",
    "mov x3, xzr",
    "mov x4, xzr",
    "mov x5, xzr",
    "mov x6, xzr",
    "mov x7, xzr",
    "mov x8, xzr",
    "mov x9, xzr",
    "mov x10, xzr",
    "mov x11, xzr",
    "mov x12, xzr",
    "mov x13, xzr",
    "mov x14, xzr",
    "mov x15, xzr",
    "mov x17, xzr",
    "mov x18, xzr",
    "mov x19, xzr",
    "mov x20, xzr",
    "mov x21, xzr",
    "mov x22, xzr",
    "mov x23, xzr",
    "mov x24, xzr",
    "mov x25, xzr",
    "mov x26, xzr",
    "mov x27, xzr",
    "mov x28, xzr",
    "mov x29, xzr",
    "mov x30, xzr",
    "br x16",
    ".hidden __ehdr_start",
    ".hidden _DYNAMIC",
    begin = sym super::begin,
);
