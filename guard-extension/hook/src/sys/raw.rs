//! System calls.
#![allow(unsafe_code, reason = "system calls are assembly")]

use core::arch::asm;

/// An error number, positive (errno(3)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Errno(pub u16);

impl Errno {
    /// As the kernel returns it.
    #[must_use]
    pub const fn result(self) -> isize {
        #[allow(clippy::cast_possible_wrap, reason = "this runs on 64-bit machines")]
        -(self.0 as isize)
    }
}

/// What a call gave: a value, or an error.
pub type SysResult = Result<usize, Errno>;

/// Makes a call and returns what the kernel gave, errors as negative numbers.
///
/// # Safety
/// The call with these arguments must be sound where it is made: memory that it reads or writes is
/// the caller's to hand out, descriptors that it closes are the caller's, and it does not change
/// mappings that anybody holds references to.
#[must_use]
#[inline]
pub unsafe fn syscall(number: usize, args: [usize; 6]) -> isize {
    let result;
    #[cfg(target_arch = "x86_64")]
    // SAFETY: the instruction clobbers rcx, r11 and rax only (syscall(2)); the caller vouches for
    // the rest.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") number => result,
            in("rdi") args[0],
            in("rsi") args[1],
            in("rdx") args[2],
            in("r10") args[3],
            in("r8") args[4],
            in("r9") args[5],
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack),
        );
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: the instruction changes x0 only (syscall(2)); the caller vouches for the rest.
    unsafe {
        asm!(
            "svc #0",
            in("x8") number,
            inlateout("x0") args[0] => result,
            in("x1") args[1],
            in("x2") args[2],
            in("x3") args[3],
            in("x4") args[4],
            in("x5") args[5],
            options(nostack),
        );
    }
    result
}

/// What the kernel gave, told apart.
///
/// # Errors
/// The kernel's.
pub fn checked(result: isize) -> SysResult {
    match usize::try_from(result) {
        Ok(value) => Ok(value),
        // Errors lie in -4095..0 (linux/err.h).
        Err(_) => Err(Errno(u16::try_from(result.unsigned_abs()).unwrap_or(5))),
    }
}
