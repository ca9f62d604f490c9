//! Calls about sockets. None blocks.
#![allow(unsafe_code, reason = "system calls")]

use core::net::IpAddr;

use super::Fd;
use super::errno::EADDRNOTAVAIL;
use super::raw::{SysResult, checked, syscall};

/// Numbers as in syscalls(2).
const fn number(x86_64: usize, aarch64: usize) -> usize {
    if cfg!(target_arch = "x86_64") {
        x86_64
    } else {
        aarch64
    }
}

const GETSOCKOPT: usize = number(55, 209);
const SOCKET: usize = number(41, 198);
const BIND: usize = number(49, 200);
const GETPEERNAME: usize = number(52, 205);
const SHUTDOWN: usize = number(48, 210);

const SOL_SOCKET: usize = 1;
const SO_TYPE: usize = 3;
const SO_SNDTIMEO: usize = 21;
const SO_PROTOCOL: usize = 38;
const SO_DOMAIN: usize = 39;

/// A socket's protocol (socket(7)).
pub(crate) fn protocol(socket: usize) -> SysResult {
    option(socket, SO_PROTOCOL)
}

/// A socket's family.
pub(crate) fn domain(socket: usize) -> SysResult {
    option(socket, SO_DOMAIN)
}

/// A socket's type: 1 for streams, 2 for datagrams (socket(2)).
pub(crate) fn kind(socket: usize) -> SysResult {
    option(socket, SO_TYPE)
}

/// How long sends and connections wait at most, in nanoseconds; 0 for ever.
pub(crate) fn patience(socket: usize) -> u64 {
    let mut value = [0_u64; 2];
    let mut length = 16_u32;
    let args = [
        socket,
        SOL_SOCKET,
        SO_SNDTIMEO,
        value.as_mut_ptr().expose_provenance(),
        (&raw mut length).expose_provenance(),
        0,
    ];
    // SAFETY: the kernel stores at most `length` bytes into `value`, a timeval (two words), and the
    // length; both are ours.
    let result = unsafe { syscall(GETSOCKOPT, args) };
    let [seconds, micros] = value;
    match checked(result) {
        Ok(_) => seconds
            .saturating_mul(1_000_000_000)
            .saturating_add(micros.saturating_mul(1000)),
        Err(_) => 0,
    }
}

/// Whether calls on a socket wait; nothing when it is none.
pub(crate) fn waits(socket: usize) -> Option<bool> {
    flags(socket).map(|flags| flags & O_NONBLOCK == 0)
}

/// Does something on a socket that does not wait meanwhile, for all who hold it.
pub(crate) fn without_waiting<T>(socket: usize, work: impl FnOnce() -> T) -> T {
    let before = flags(socket).filter(|flags| flags & O_NONBLOCK == 0);
    if let Some(flags) = before {
        set_flags(socket, flags | O_NONBLOCK);
    }
    let result = work();
    if let Some(flags) = before {
        set_flags(socket, flags);
    }
    result
}

const O_NONBLOCK: usize = 0o4000;

/// The flags of an open file (`F_GETFL`, fcntl(2)).
fn flags(socket: usize) -> Option<usize> {
    // SAFETY: no memory involved.
    checked(unsafe { syscall(super::number::FCNTL, [socket, 3, 0, 0, 0, 0]) }).ok()
}

fn set_flags(socket: usize, flags: usize) {
    // F_SETFL (fcntl(2)).
    // SAFETY: no memory involved; the socket is the program's, whose call is being answered.
    let _ = unsafe { syscall(super::number::FCNTL, [socket, 4, flags, 0, 0, 0]) };
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

/// Whether an address is one of this machine's: sockets can be bound to it. Also when nobody can tell.
pub(crate) fn is_local(ip: IpAddr) -> bool {
    const DGRAM_CLOEXEC: usize = 2 | 0o2_000_000;
    // sockaddr_in or sockaddr_in6 (ip(7), ipv6(7)), with port 0 for any.
    let mut address = [0_u8; 28];
    let (family, length) = match ip {
        IpAddr::V4(v4) => {
            address[4..8].copy_from_slice(&v4.octets());
            (2_u8, 16)
        }
        IpAddr::V6(v6) => {
            address[8..24].copy_from_slice(&v6.octets());
            (10, 28)
        }
    };
    let [low, high] = u16::from(family).to_ne_bytes();
    [address[0], address[1]] = [low, high];
    let args = [usize::from(family), DGRAM_CLOEXEC, 0, 0, 0, 0];
    // SAFETY: a new descriptor; the arguments are numbers.
    let Ok(socket) = checked(unsafe { syscall(SOCKET, args) }).map(Fd::held) else {
        return true;
    };
    let pointer = address.as_ptr().expose_provenance();
    let args = [socket.number(), pointer, length, 0, 0, 0];
    // SAFETY: the kernel reads the address, which outlives the call.
    checked(unsafe { syscall(BIND, args) }) != Err(EADDRNOTAVAIL)
}
