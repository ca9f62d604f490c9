//! The calls that decisions make themselves, on memory of their own. None blocks on regular files,
//! directories or sockets, and none is interrupted: signals are blocked.
#![allow(unsafe_code, reason = "system calls")]

use super::number;
use super::raw::{SysResult, checked, syscall};

/// Use the working directory (openat(2)).
pub(crate) const AT_FDCWD: usize = -100_isize as usize;
pub(crate) const AT_SYMLINK_NOFOLLOW: usize = 0x100;
pub(crate) const AT_EMPTY_PATH: usize = 0x1000;

/// The process.
pub(crate) fn process_id() -> u32 {
    // SAFETY: no arguments, no effect.
    let id = unsafe { syscall(number::GETPID, [0; 6]) };
    u32::try_from(id).unwrap_or(0)
}

/// The thread.
pub(crate) fn thread_id() -> u32 {
    // SAFETY: no arguments, no effect.
    let id = unsafe { syscall(number::GETTID, [0; 6]) };
    u32::try_from(id).unwrap_or(0)
}

/// Nanoseconds of `CLOCK_REALTIME`.
pub(crate) fn time() -> u64 {
    clock(0)
}

/// Seconds of `CLOCK_BOOTTIME`, the clock of what is learned.
#[allow(dead_code, reason = "for names")]
pub(crate) fn boot_seconds() -> u64 {
    clock(7) / 1_000_000_000
}

fn clock(id: usize) -> u64 {
    let mut spec = [0_u64; 2];
    let args = [id, spec.as_mut_ptr().addr(), 0, 0, 0, 0];
    // SAFETY: stores a timespec of two words into our own array, whose provenance is exposed next.
    let _ = spec.as_mut_ptr().expose_provenance();
    let result = unsafe { syscall(number::CLOCK_GETTIME, args) };
    match (checked(result), spec) {
        (Ok(_), [seconds, nanos]) => seconds.wrapping_mul(1_000_000_000).wrapping_add(nanos),
        _ => 0,
    }
}
