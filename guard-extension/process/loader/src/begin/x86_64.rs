//! The way in, and the jump to the program.

use core::arch::global_asm;

/// Type of a relocation that adds the place that the loader was put to (R_X86_64_RELATIVE).
pub(super) const RELATIVE: u64 = 8;
/// The architecture in a file's header (EM_X86_64, elf(5)).
pub(crate) const MACHINE: u16 = 62;

global_asm!(
    ".globl _start",
    "_start:",
    "xor ebp, ebp",
    "mov rdi, rsp",
    "lea rsi, [rip + __ehdr_start]",
    "lea rdx, [rip + _DYNAMIC]",
    "lea rsp, [rip + {own} + {size}]",
    "call {begin}",
    "ud2",
    ".globl guard_loader_jump",
    ".hidden guard_loader_jump",
    // As the kernel enters a program: nothing in the registers, the arguments on the stack.
    "guard_loader_jump:",
    "mov rsp, rdi",
    "mov rcx, rsi",
    "xor eax, eax",
    "xor ebx, ebx",
    "xor edx, edx",
    "xor esi, esi",
    "xor edi, edi",
    "xor ebp, ebp",
    "xor r8d, r8d",
    "xor r9d, r9d",
    "xor r10d, r10d",
    "xor r11d, r11d",
    "xor r12d, r12d",
    "xor r13d, r13d",
    "xor r14d, r14d",
    "xor r15d, r15d",
    "jmp rcx",
    // Where a dynamic loader goes when it is done: the flag falls, everything else stays as it is.
    ".globl guard_loader_linked",
    ".hidden guard_loader_linked",
    "guard_loader_linked:",
    "push rax",
    "mov rax, [rip + {flag}]",
    "mov byte ptr [rax], 0",
    "pop rax",
    "jmp [rip + {entry}]",
    ".hidden __ehdr_start",
    ".hidden _DYNAMIC",
    begin = sym super::begin,
    own = sym super::OWN,
    size = const super::STACK,
    flag = sym super::FLAG,
    entry = sym super::ENTRY,
);
