//! Error numbers (errno(3)), the same on x86_64 and aarch64.

use super::raw::Errno;

/// Operation not permitted.
pub const EPERM: Errno = Errno(1);
/// No such file or directory.
pub const ENOENT: Errno = Errno(2);
/// Interrupted by a signal.
pub const EINTR: Errno = Errno(4);
/// Arguments are too long.
pub const E2BIG: Errno = Errno(7);
/// Would wait.
pub const EAGAIN: Errno = Errno(11);
/// No memory.
pub const ENOMEM: Errno = Errno(12);
/// Permission denied.
pub const EACCES: Errno = Errno(13);
/// Bad address.
pub const EFAULT: Errno = Errno(14);
/// There is one already.
pub const EEXIST: Errno = Errno(17);
/// Is a directory.
pub const EISDIR: Errno = Errno(21);
/// Invalid argument.
pub const EINVAL: Errno = Errno(22);
/// Name is too long.
pub const ENAMETOOLONG: Errno = Errno(36);
/// No such call.
pub const ENOSYS: Errno = Errno(38);
/// Too many links.
pub const ELOOP: Errno = Errno(40);
/// No such protocol.
pub const EPROTONOSUPPORT: Errno = Errno(93);
/// Not possible on this socket.
pub const EOPNOTSUPP: Errno = Errno(95);
/// No such family of addresses.
pub const EAFNOSUPPORT: Errno = Errno(97);
/// No address of this machine.
pub const EADDRNOTAVAIL: Errno = Errno(99);
/// No room for more.
pub const ENOBUFS: Errno = Errno(105);
/// Connection refused.
pub const ECONNREFUSED: Errno = Errno(111);
