//! Calls by which `guard probe` finds out what an environment allows.
//!
//! Some cannot be taken back (a filter stays until the process ends): they are for a process of
//! their own. Declared here where the C library's crate has no declaration for every target.
#![expect(
    unsafe_code,
    reason = "rustix has no safe form of these calls, and each is wrapped here once"
)]

use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd};

use libc::{c_int, c_long, c_uint, c_ulong, c_void};
use rustix::process::Pid;

/// `LANDLOCK_CREATE_RULESET_VERSION` of linux/landlock.h.
const LANDLOCK_VERSION: c_uint = 1;

/// `SECCOMP_SET_MODE_FILTER` of linux/seccomp.h.
const SET_MODE_FILTER: c_uint = 1;
/// `SECCOMP_FILTER_FLAG_NEW_LISTENER` of linux/seccomp.h.
const NEW_LISTENER: c_uint = 1 << 3;
/// `SECCOMP_RET_ALLOW` and `SECCOMP_RET_USER_NOTIF` of linux/seccomp.h.
const ALLOW: u32 = 0x7fff_0000;
const NOTIFY: u32 = 0x7fc0_0000;

/// `SECCOMP_IOCTL_NOTIF_RECV` and `_SEND`: `_IOWR('!', 0, struct seccomp_notif)` of 80 bytes and
/// `_IOWR('!', 1, struct seccomp_notif_resp)` of 24.
const RECEIVE: c_ulong = 0xc050_2100;
const SEND: c_ulong = 0xc018_2101;

/// `struct seccomp_notif` of linux/seccomp.h, with `struct seccomp_data` in it.
#[repr(C)]
#[derive(Debug, Default)]
struct Notification {
    id: u64,
    pid: u32,
    flags: u32,
    number: i32,
    architecture: u32,
    instruction: u64,
    arguments: [u64; 6],
}

/// `struct seccomp_notif_resp`.
#[repr(C)]
#[derive(Debug)]
struct Answer {
    id: u64,
    value: i64,
    error: i32,
    flags: u32,
}

const _: () = assert!(size_of::<Notification>() == 80 && size_of::<Answer>() == 24);

fn checked(result: c_long) -> io::Result<c_long> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}

/// Landlock's ABI version.
///
/// # Errors
/// ENOSYS before Linux 5.13, EOPNOTSUPP where it is switched off.
pub(crate) fn landlock_abi() -> io::Result<i64> {
    // SAFETY: with this flag landlock_create_ruleset(2) takes a null pointer and a size of 0, makes
    // no ruleset, and reads and writes no memory of ours.
    let version = unsafe {
        libc::syscall(
            libc::SYS_landlock_create_ruleset,
            std::ptr::null::<c_void>(),
            0_usize,
            LANDLOCK_VERSION,
        )
    };
    checked(version)
}

const fn statement(code: u16, k: u32) -> libc::sock_filter {
    libc::sock_filter {
        code,
        jt: 0,
        jf: 0,
        k,
    }
}

/// Opcodes of linux/bpf_common.h: a word from the data into the accumulator, compare with a
/// constant, return one.
const LOAD: u16 = 0x20;
const EQUAL: u16 = 0x15;
const RETURN: u16 = 0x06;

/// A filter that allows every call, for the calling thread until its end.
///
/// # Errors
/// What seccomp(2) answers: EACCES without no_new_privs.
pub(crate) fn filter_nothing() -> io::Result<()> {
    install(&[statement(RETURN, ALLOW)], 0).map(drop)
}

/// A filter for the calling thread that notifies a listener of getppid(2) and allows all else.
///
/// # Errors
/// What seccomp(2) answers: EINVAL before Linux 5.0.
pub(crate) fn notify_of_getppid() -> io::Result<OwnedFd> {
    let number = u32::try_from(libc::SYS_getppid).map_err(io::Error::other)?;
    let equal = libc::sock_filter {
        code: EQUAL,
        jt: 0,
        jf: 1,
        k: number,
    };
    let filter = [
        // The number is the first word of `struct seccomp_data`.
        statement(LOAD, 0),
        equal,
        statement(RETURN, NOTIFY),
        statement(RETURN, ALLOW),
    ];
    let listener = install(&filter, NEW_LISTENER)?;
    let listener = c_int::try_from(listener).map_err(io::Error::other)?;
    // SAFETY: with NEW_LISTENER seccomp(2) answered a descriptor that it has just opened, which
    // nothing else knows of.
    Ok(unsafe { OwnedFd::from_raw_fd(listener) })
}

fn install(filter: &[libc::sock_filter], flags: c_uint) -> io::Result<c_long> {
    let program = libc::sock_fprog {
        len: u16::try_from(filter.len()).map_err(io::Error::other)?,
        filter: filter.as_ptr().cast_mut(),
    };
    // SAFETY: the kernel copies the program and its instructions, whose length `len` tells, and keeps
    // no pointer; it does not write to them. Both outlive the call.
    let installed = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            SET_MODE_FILTER,
            flags,
            &raw const program,
        )
    };
    checked(installed)
}

/// Waits for one notification and answers it with `value`.
///
/// # Errors
/// What the ioctls answer.
pub(crate) fn answer_one(listener: BorrowedFd<'_>, value: i64) -> io::Result<()> {
    let mut notification = Notification::default();
    // SAFETY: the ioctl writes one `struct seccomp_notif`, of the size asserted above, through the
    // pointer, which is to one, all zeros as it demands, borrowed mutably for the call alone.
    let received =
        unsafe { libc::ioctl(listener.as_raw_fd(), RECEIVE as _, &raw mut notification) };
    checked(received.into())?;
    let answer = Answer {
        id: notification.id,
        value,
        error: 0,
        flags: 0,
    };
    // SAFETY: the ioctl reads one `struct seccomp_notif_resp`, of the size asserted above, through the
    // pointer, which is to one that outlives the call.
    let sent = unsafe { libc::ioctl(listener.as_raw_fd(), SEND as _, &raw const answer) };
    checked(sent.into()).map(drop)
}

/// The number that getppid(2) answers, from the kernel or from who was notified of it.
pub(crate) fn parent() -> i64 {
    // SAFETY: getppid(2) takes no argument and touches no memory.
    unsafe { libc::syscall(libc::SYS_getppid) }
}

/// Reads memory of another process into `into`: how many bytes.
///
/// # Errors
/// What process_vm_readv(2) answers: EPERM where ptrace access is refused.
pub(crate) fn read_memory(pid: Pid, address: usize, into: &mut [u8]) -> io::Result<usize> {
    let local = libc::iovec {
        iov_base: into.as_mut_ptr().cast(),
        iov_len: into.len(),
    };
    let remote = libc::iovec {
        iov_base: std::ptr::without_provenance_mut(address),
        iov_len: into.len(),
    };
    // SAFETY: the kernel writes at most `iov_len` bytes through `local`, which is all of `into`,
    // borrowed mutably for the call. `remote` is an address of the other process: a wrong one is an
    // error there (EFAULT). One of each is what the counts say.
    let read = unsafe {
        libc::process_vm_readv(
            pid.as_raw_nonzero().get(),
            &raw const local,
            1,
            &raw const remote,
            1,
            0,
        )
    };
    usize::try_from(read).map_err(|_| io::Error::last_os_error())
}

/// Maps a writable page and makes it executable instead.
///
/// # Errors
/// What mmap(2) and mprotect(2) answer.
pub(crate) fn make_executable() -> io::Result<()> {
    const LENGTH: usize = 4096;
    // SAFETY: an anonymous private mapping at an address of the kernel's choice replaces none.
    let page = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            LENGTH,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        )
    };
    if page == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the pages are those mapped above, whole, and nothing refers to them. Nothing jumps there.
    let changed = unsafe { libc::mprotect(page, LENGTH, libc::PROT_READ | libc::PROT_EXEC) };
    let result = checked(changed.into()).map(drop);
    // SAFETY: as above; the mapping is not used after this.
    unsafe { libc::munmap(page, LENGTH) };
    result
}

/// Enters a user namespace of its own. The process must have one thread.
///
/// # Errors
/// What unshare(2) answers: EPERM or ENOSPC where they are not allowed.
pub(crate) fn enter_user_namespace() -> io::Result<()> {
    // SAFETY: CLONE_NEWUSER changes the credentials of the calling process only; with more than one
    // thread it fails (EINVAL). No memory is touched.
    let entered = unsafe { libc::unshare(libc::CLONE_NEWUSER) };
    checked(entered.into()).map(drop)
}
