//! A stack for the constructor: what a limit leaves of the program's own (RLIMIT_STACK, getrlimit(2))
//! is the program's.

use core::arch::global_asm;
use core::cell::UnsafeCell;

/// Bytes: more than the 48 KiB with which the constructor has worked on the program's stack.
const STACK: usize = 64 << 10;

#[repr(C, align(4096))]
struct OwnStack(UnsafeCell<[u8; STACK]>);

// SAFETY: nothing refers to it but the stack pointer of the thread that runs the constructor, which
// runs once.
unsafe impl Sync for OwnStack {}

static OWN: OwnStack = OwnStack(UnsafeCell::new([0; STACK]));

// SAFETY: the code below takes these arguments as the C ABI passes them, and gives back the stack
// and the registers that are the caller's; it is called by the dynamic loader alone, once.
unsafe extern "C" {
    /// Calls [`construct`](crate::construct) on the stack above, with the same arguments.
    pub(crate) safe fn guard_preload_construct(count: i32, arguments: usize, variables: usize);
}

#[cfg(target_arch = "x86_64")]
global_asm!(
    ".globl guard_preload_construct",
    ".hidden guard_preload_construct",
    "guard_preload_construct:",
    "endbr64",
    "push rbp",
    "mov rbp, rsp",
    "lea rsp, [rip + {own} + {size}]",
    "call {construct}",
    "mov rsp, rbp",
    "pop rbp",
    "ret",
    own = sym OWN,
    size = const STACK,
    construct = sym crate::construct,
);

#[cfg(target_arch = "aarch64")]
global_asm!(
    ".globl guard_preload_construct",
    ".hidden guard_preload_construct",
    "guard_preload_construct:",
    "bti c",
    "stp x29, x30, [sp, -16]!",
    "mov x29, sp",
    "adrp x9, {own}",
    "add x9, x9, :lo12:{own}",
    "mov x10, {size}",
    "add sp, x9, x10",
    "bl {construct}",
    "mov sp, x29",
    "ldp x29, x30, [sp], 16",
    "ret",
    own = sym OWN,
    size = const STACK,
    construct = sym crate::construct,
);
