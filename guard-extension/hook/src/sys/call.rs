//! The calls that decisions make themselves, on memory of their own. None blocks on regular files,
//! directories or sockets, and none is interrupted: signals are blocked.
#![allow(unsafe_code, reason = "system calls")]

use super::errno::{ENAMETOOLONG, ENOSYS};
use super::number;
use super::raw::{Errno, SysResult, checked, syscall};
use crate::Call;
use crate::text::Text;

/// Use the working directory (openat(2)).
pub(crate) const AT_FDCWD: usize = (-100_isize).cast_unsigned();

/// The int that the kernel takes from a register.
pub(crate) const fn int(register: usize) -> i32 {
    #[allow(clippy::cast_possible_truncation, reason = "as the kernel does")]
    (register as u32).cast_signed()
}

/// How to open (openat2(2)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub(crate) struct OpenHow {
    pub(crate) flags: u64,
    pub(crate) mode: u64,
    pub(crate) resolve: u64,
}

/// What fstat(2) says, as far as it is asked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stat {
    /// Type and permissions (inode(7)).
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// Names that it has.
    pub(crate) links: u32,
}

impl Stat {
    /// The type's bits (`S_IFMT`).
    pub(crate) const fn kind(&self) -> u32 {
        self.mode & 0o170_000
    }
}

/// Directory, regular file, symbolic link (inode(7)).
pub(crate) const S_IFDIR: u32 = 0o040_000;
pub(crate) const S_IFREG: u32 = 0o100_000;
pub(crate) const S_IFLNK: u32 = 0o120_000;

/// A descriptor of ours; closed when it is dropped.
#[derive(Debug)]
pub(crate) struct Fd(usize);

impl Fd {
    /// The number, for calls.
    pub(crate) const fn number(&self) -> usize {
        self.0
    }

    /// Hands the descriptor on: [`Fd::held`] takes it back.
    pub(crate) fn keep(self) -> usize {
        let number = self.0;
        core::mem::forget(self);
        number
    }

    /// Takes back what [`Fd::keep`] handed on, in the same decision.
    pub(crate) const fn held(number: usize) -> Self {
        Self(number)
    }
}

impl Drop for Fd {
    fn drop(&mut self) {
        // SAFETY: the descriptor was opened here and is known to nobody else.
        let _ = unsafe { syscall(number::CLOSE, [self.0, 0, 0, 0, 0, 0]) };
    }
}

/// openat2(2). `how.flags` are to hold `O_PATH`, or to be such that opening does not block.
pub(crate) fn open_at<const N: usize>(
    directory: usize,
    path: &Text<N>,
    how: &OpenHow,
) -> Result<Fd, Errno> {
    let how_at = core::ptr::from_ref(how).expose_provenance();
    let args = [
        directory,
        path.pointer(),
        how_at,
        size_of::<OpenHow>(),
        0,
        0,
    ];
    // SAFETY: reads a string that ends by a NUL and a structure of the length given, both ours.
    let result = unsafe { syscall(number::OPENAT2, args) };
    match checked(result) {
        Ok(descriptor) => Ok(Fd(descriptor)),
        // Kernels before 5.6, and filters that do not know it: what only openat2 can ask for is
        // refused, the rest is asked for in the old way.
        Err(ENOSYS) if how.resolve == 0 => open_old(directory, path, how),
        Err(errno) => Err(errno),
    }
}

fn open_old<const N: usize>(directory: usize, path: &Text<N>, how: &OpenHow) -> Result<Fd, Errno> {
    let flags = usize::try_from(how.flags).unwrap_or(0);
    let mode = usize::try_from(how.mode).unwrap_or(0);
    // SAFETY: reads a string of ours that ends by a NUL.
    let result = unsafe {
        syscall(
            number::OPENAT,
            [directory, path.pointer(), flags, mode, 0, 0],
        )
    };
    checked(result).map(Fd)
}

/// A descriptor for the same open file, closed on execve.
pub(crate) fn duplicate(descriptor: usize) -> Result<Fd, Errno> {
    // F_DUPFD_CLOEXEC (fcntl(2)).
    // SAFETY: makes a new descriptor, no memory involved.
    let result = unsafe { syscall(number::FCNTL, [descriptor, 1030, 0, 0, 0, 0]) };
    checked(result).map(Fd)
}

/// Has `from` take the number of a descriptor of ours, which is closed by that. Returns the number
/// that the file has then.
pub(crate) fn move_to(from: usize, to: Fd, close_on_exec: bool) -> usize {
    const O_CLOEXEC: usize = 0o2_000_000;
    let flags = if close_on_exec { O_CLOEXEC } else { 0 };
    // SAFETY: `to` is ours and replaced, no memory involved.
    let result = unsafe { syscall(number::DUP3, [from, to.number(), flags, 0, 0, 0]) };
    if result < 0 {
        return from;
    }
    drop(Fd(from));
    to.keep()
}

/// readlinkat(2) into `into`, which is set to what the link says.
pub(crate) fn read_link<const N: usize, const M: usize>(
    directory: usize,
    path: &Text<N>,
    into: &mut Text<M>,
) -> Result<(), Errno> {
    let room = into.room();
    let length = room.len();
    let to = room.as_mut_ptr().expose_provenance();
    // SAFETY: reads a string that ends by a NUL, stores at most `length` bytes; both ours.
    let result = unsafe {
        syscall(
            number::READLINKAT,
            [directory, path.pointer(), to, length, 0, 0],
        )
    };
    let done = checked(result).inspect_err(|_| into.clear())?;
    // The path did not fit: ENAMETOOLONG.
    into.filled(done).ok_or(ENAMETOOLONG)
}

/// getcwd(2).
pub(crate) fn working_directory<const N: usize>(into: &mut Text<N>) -> Result<(), Errno> {
    let room = into.room();
    let length = room.len();
    let to = room.as_mut_ptr().expose_provenance();
    // SAFETY: stores at most `length` bytes into memory of ours.
    let result = unsafe { syscall(number::GETCWD, [to, length, 0, 0, 0, 0]) };
    let done = checked(result).inspect_err(|_| into.clear())?;
    // The kernel counts the NUL.
    into.filled(done.saturating_sub(1)).ok_or(ENAMETOOLONG)
}

/// fstat(2) of a descriptor, also of one with `O_PATH`.
pub(crate) fn status(descriptor: usize) -> Result<Stat, Errno> {
    // `struct stat` has 144 bytes on x86_64 and 128 on aarch64; mode, uid, gid and number of links
    // lie at 24, 28, 32, 16 and at 16, 24, 28, 20 (asm/stat.h, asm-generic/stat.h).
    const WORDS: usize = 36;
    let mut raw = [0_u32; WORDS];
    let to = raw.as_mut_ptr().expose_provenance();
    // SAFETY: stores a structure into memory of ours that is long enough.
    let result = unsafe { syscall(number::FSTAT, [descriptor, to, 0, 0, 0, 0]) };
    checked(result)?;
    let (mode, uid, gid, links) = if cfg!(target_arch = "x86_64") {
        // Of eight bytes: the lower ones, or as many as fit.
        (raw[6], raw[7], raw[8], raw[4].max(raw[5].min(1)))
    } else {
        (raw[4], raw[6], raw[7], raw[5])
    };
    Ok(Stat {
        mode,
        uid,
        gid,
        links,
    })
}

/// Whether there is something at a path, the last component not followed.
pub(crate) fn exists<const N: usize>(directory: usize, path: &Text<N>) -> Result<u32, Errno> {
    const AT_SYMLINK_NOFOLLOW: usize = 0x100;
    let mut raw = [0_u32; 36];
    let to = raw.as_mut_ptr().expose_provenance();
    let args = [directory, path.pointer(), to, AT_SYMLINK_NOFOLLOW, 0, 0];
    // SAFETY: reads a string that ends by a NUL, stores a structure; both ours.
    let result = unsafe { syscall(number::NEWFSTATAT, args) };
    checked(result)?;
    Ok(if cfg!(target_arch = "x86_64") {
        raw[6]
    } else {
        raw[4]
    })
}

/// Which object is at a path: device and inode. `flags` may hold `AT_SYMLINK_NOFOLLOW`.
pub(crate) fn identity_at<const N: usize>(path: &Text<N>, flags: usize) -> Result<[u64; 2], Errno> {
    // The first two words on either architecture (asm/stat.h, asm-generic/stat.h).
    let mut raw = [0_u64; 18];
    let to = raw.as_mut_ptr().expose_provenance();
    let args = [AT_FDCWD, path.pointer(), to, flags, 0, 0];
    // SAFETY: reads a string that ends by a NUL, stores a structure; both ours.
    checked(unsafe { syscall(number::NEWFSTATAT, args) })?;
    let [device, inode, ..] = raw;
    Ok([device, inode])
}

/// unlinkat(2) of what is no directory.
pub(crate) fn unlink<const N: usize>(directory: usize, path: &Text<N>) {
    let args = [directory, path.pointer(), 0, 0, 0, 0];
    // SAFETY: reads a string that ends by a NUL; ours.
    let _ = unsafe { syscall(number::UNLINKAT, args) };
}

/// A call in the place of the program's, of those that change files by path, connect or send; the
/// result as the kernel gives it. Its paths, addresses and headers are ours; what else it points to
/// is the program's, and only read.
pub(crate) fn made(call: &Call) -> isize {
    // SAFETY: the kernel reads memory and reports what cannot be read, and stores nothing but the
    // lengths of what is sent, in headers of ours; no descriptor is closed and no mapping changed by
    // any of them.
    unsafe { syscall(call.number, call.args) }
}

/// Reads from the beginning of a regular file.
pub(crate) fn read_at(file: &Fd, offset: usize, into: &mut [u8]) -> SysResult {
    let to = into.as_mut_ptr().expose_provenance();
    // SAFETY: stores at most as many bytes as the slice has.
    let result = unsafe {
        syscall(
            number::PREAD64,
            [file.number(), to, into.len(), offset, 0, 0],
        )
    };
    checked(result)
}

/// ftruncate(2); the result as the kernel gives it.
pub(crate) fn cut(file: &Fd, length: usize) -> isize {
    // SAFETY: no memory is touched.
    unsafe { syscall(number::FTRUNCATE, [file.number(), length, 0, 0, 0, 0]) }
}

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

/// The process group of a process, 0 for our own; `None` when there is no such process.
pub(crate) fn process_group(id: u32) -> Option<u32> {
    // SAFETY: no memory involved, no effect.
    let group = unsafe { syscall(number::GETPGID, [id as usize, 0, 0, 0, 0, 0]) };
    u32::try_from(group).ok()
}

/// Whether a process is there.
pub(crate) fn is_alive(id: u32) -> bool {
    const ESRCH: isize = -3;
    // SAFETY: the null signal has no effect (kill(2)).
    let result = unsafe { syscall(number::KILL, [id as usize, 0, 0, 0, 0, 0]) };
    result != ESRCH
}

/// Effective user and group, and whether privileges that a file would give are refused
/// (`PR_GET_NO_NEW_PRIVS`, prctl(2)).
pub(crate) fn identity() -> (u32, u32, bool) {
    let ask = |number, first| {
        // SAFETY: no memory involved, no effect.
        unsafe { syscall(number, [first, 0, 0, 0, 0, 0]) }
    };
    let id = |result: isize| u32::try_from(result).unwrap_or(u32::MAX);
    (
        id(ask(number::GETEUID, 0)),
        id(ask(number::GETEGID, 0)),
        ask(number::PRCTL, 39) == 1,
    )
}

/// Whether a file has an extended attribute.
pub(crate) fn has_attribute(file: &Fd, name: &core::ffi::CStr) -> bool {
    let name = name.as_ptr().expose_provenance();
    // SAFETY: reads a string that ends by a NUL; with a size of 0 nothing is stored.
    let result = unsafe { syscall(number::FGETXATTR, [file.number(), name, 0, 0, 0, 0]) };
    result > 0
}

/// Whether the effective user may write there, as far as the file system says; `None` before Linux
/// 5.8, where nobody can tell.
pub(crate) fn is_writable<const N: usize>(path: &Text<N>) -> Option<bool> {
    is_permitted(AT_FDCWD, path.pointer(), 2, 0)
}

/// The same of executing a file.
pub(crate) fn is_executable(file: &Fd) -> Option<bool> {
    const AT_EMPTY_PATH: usize = 0x1000;
    let nothing = c"".as_ptr().expose_provenance();
    is_permitted(file.number(), nothing, 1, AT_EMPTY_PATH)
}

/// faccessat2(2). `path` is the address of a string of ours that ends by a NUL.
fn is_permitted(directory: usize, path: usize, what: usize, flags: usize) -> Option<bool> {
    const AT_EACCESS: usize = 0x200;
    let args = [directory, path, what, flags | AT_EACCESS, 0, 0];
    // SAFETY: reads a string that ends by a NUL, as both callers hand it in.
    match checked(unsafe { syscall(number::FACCESSAT2, args) }) {
        Ok(_) => Some(true),
        Err(ENOSYS) => None,
        Err(_) => Some(false),
    }
}

/// Nanoseconds of `CLOCK_REALTIME`.
pub(crate) fn time() -> u64 {
    clock(0)
}

/// Nanoseconds of `CLOCK_BOOTTIME`, which nobody sets.
pub(crate) fn boot_time() -> u64 {
    clock(7)
}

/// Seconds of the same, the clock of what is learned.
pub(crate) fn boot_seconds() -> u64 {
    boot_time() / 1_000_000_000
}

fn clock(id: usize) -> u64 {
    let mut spec = [0_u64; 2];
    let to = spec.as_mut_ptr().expose_provenance();
    // SAFETY: stores a timespec, two words, into memory of ours.
    let result = unsafe { syscall(number::CLOCK_GETTIME, [id, to, 0, 0, 0, 0]) };
    match (checked(result), spec) {
        (Ok(_), [seconds, nanos]) => seconds.wrapping_mul(1_000_000_000).wrapping_add(nanos),
        _ => 0,
    }
}
