//! Calls about sockets, and about the files that local ones are found by. None blocks.
#![allow(unsafe_code, reason = "system calls")]

use super::raw::{Errno, SysResult, checked, syscall};

/// Numbers as in syscalls(2).
const fn number(x86_64: usize, aarch64: usize) -> usize {
    if cfg!(target_arch = "x86_64") {
        x86_64
    } else {
        aarch64
    }
}

const GETSOCKOPT: usize = number(55, 209);
const GETPEERNAME: usize = number(52, 205);
const SHUTDOWN: usize = number(48, 210);
const OPENAT: usize = number(257, 56);
const READLINKAT: usize = number(267, 78);
const CLOSE: usize = number(3, 57);

const SOL_SOCKET: usize = 1;
const SO_PROTOCOL: usize = 38;
const SO_DOMAIN: usize = 39;
const AT_FDCWD: usize = -100_isize as usize;
const O_PATH: usize = 0o10_000_000;
const O_CLOEXEC: usize = 0o2_000_000;

/// A socket's protocol (socket(7)).
pub(crate) fn protocol(socket: usize) -> SysResult {
    option(socket, SO_PROTOCOL)
}

/// A socket's family.
pub(crate) fn domain(socket: usize) -> SysResult {
    option(socket, SO_DOMAIN)
}

fn option(socket: usize, option: usize) -> SysResult {
    let mut value = 0_u32;
    let mut length = 4_u32;
    let args = [
        socket,
        SOL_SOCKET,
        option,
        (&raw mut value).expose_provenance(),
        (&raw mut length).expose_provenance(),
        0,
    ];
    // SAFETY: the kernel stores at most `length` bytes into `value`, and the length; both are ours.
    let result = unsafe { syscall(GETSOCKOPT, args) };
    checked(result).map(|_| usize::try_from(value).unwrap_or(usize::MAX))
}

/// Whom a socket is connected to: bytes stored, at most all of `into`.
pub(crate) fn peer(socket: usize, into: &mut [u8; 128]) -> SysResult {
    let mut length = 128_u32;
    let args = [
        socket,
        into.as_mut_ptr().expose_provenance(),
        (&raw mut length).expose_provenance(),
        0,
        0,
        0,
    ];
    // SAFETY: the kernel stores at most `length` bytes into the array, and the length; both are ours.
    let result = unsafe { syscall(GETPEERNAME, args) };
    checked(result).map(|_| usize::try_from(length).unwrap_or(0).min(into.len()))
}

/// Ends sending (1) or both directions (2) of a socket, for everyone who holds it.
pub(crate) fn shut_down(socket: usize, how: usize) {
    // SAFETY: touches no memory; the socket is the program's own, whose call is being answered.
    let _ = unsafe { syscall(SHUTDOWN, [socket, how, 0, 0, 0, 0]) };
}

/// Opens what a path leads to, without access to its content. `path` ends in a NUL byte.
pub(crate) fn open_path(path: &[u8]) -> SysResult {
    if path.last() != Some(&0) {
        return Err(Errno(22));
    }
    let path = path.as_ptr().expose_provenance();
    // SAFETY: reads a string that ends within our slice.
    let result = unsafe { syscall(OPENAT, [AT_FDCWD, path, O_PATH | O_CLOEXEC, 0, 0, 0]) };
    checked(result)
}

/// Where a link leads; `path` ends in a NUL byte. Returns how many bytes were stored.
pub(crate) fn read_link(path: &[u8], into: &mut [u8]) -> SysResult {
    if path.last() != Some(&0) {
        return Err(Errno(22));
    }
    let args = [
        AT_FDCWD,
        path.as_ptr().expose_provenance(),
        into.as_mut_ptr().expose_provenance(),
        into.len(),
        0,
        0,
    ];
    // SAFETY: reads a string that ends within our slice, stores at most its length into the other.
    let result = unsafe { syscall(READLINKAT, args) };
    checked(result)
}

/// Closes a descriptor that was opened here.
pub(crate) fn close(descriptor: usize) {
    // SAFETY: the descriptor came from `open_path` and belongs to the answer that is being ended.
    let _ = unsafe { syscall(CLOSE, [descriptor, 0, 0, 0, 0, 0]) };
}
