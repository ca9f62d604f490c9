//! System calls of the gate's own, from its own text, which is never patched.

use core::ffi::CStr;

use guard_hook::sys::{checked, syscall};

pub use guard_hook::sys::{Errno, number};

/// Protections and flags of mmap(2).
pub mod map {
    pub const READ: usize = 1;
    pub const WRITE: usize = 2;
    pub const EXEC: usize = 4;
    pub const SHARED: usize = 1;
    pub const PRIVATE: usize = 2;
    pub const FIXED: usize = 0x10;
    pub const ANONYMOUS: usize = 0x20;
    pub const NORESERVE: usize = 0x4000;
    pub const FIXED_NOREPLACE: usize = 0x10_0000;
}

/// Makes a call; errors are those of the kernel.
///
/// # Safety
/// The call with these arguments must be sound where it is made: memory that it reads or writes is
/// the caller's to hand out, and it does not change mappings that anybody holds references to.
#[inline]
pub unsafe fn call(number: usize, args: [usize; 6]) -> Result<usize, Errno> {
    // SAFETY: the caller vouches for the call.
    checked(unsafe { syscall(number, args) })
}

/// A descriptor, closed when dropped.
#[derive(Debug)]
pub struct Descriptor(usize);

impl Drop for Descriptor {
    fn drop(&mut self) {
        // SAFETY: the descriptor is ours, nobody uses it after this.
        let _ = unsafe { call(number::CLOSE, [self.0, 0, 0, 0, 0, 0]) };
    }
}

impl Descriptor {
    /// Takes over a descriptor that a call has just returned.
    pub const fn owned(raw: usize) -> Self {
        Self(raw)
    }

    /// Its number.
    pub const fn raw(&self) -> usize {
        self.0
    }

    /// Opens a file, close-on-exec. `flags` as in open(2): 0 to read, 2 to read and write.
    ///
    /// # Errors
    /// Those of open(2).
    pub fn open(path: &CStr, flags: usize) -> Result<Self, Errno> {
        const AT_FDCWD: usize = -100_isize as usize;
        const O_CLOEXEC: usize = 0o2_000_000;
        let args = [AT_FDCWD, path.as_ptr().addr(), flags | O_CLOEXEC, 0, 0, 0];
        // SAFETY: the path ends in a NUL byte and outlives the call.
        unsafe { call(number::OPENAT, args) }.map(Self)
    }

    /// Reads from where it stands.
    ///
    /// # Errors
    /// Those of read(2).
    pub fn read(&self, into: &mut [u8]) -> Result<usize, Errno> {
        let args = [self.0, into.as_mut_ptr().addr(), into.len(), 0, 0, 0];
        // SAFETY: the kernel writes into the slice, at most its length.
        unsafe { call(number::READ, args) }
    }

    /// Reads at a position.
    ///
    /// # Errors
    /// Those of pread(2).
    pub fn read_at(&self, into: &mut [u8], at: u64) -> Result<usize, Errno> {
        let at = usize::try_from(at).unwrap_or(usize::MAX);
        let args = [self.0, into.as_mut_ptr().addr(), into.len(), at, 0, 0];
        // SAFETY: the kernel writes into the slice, at most its length.
        unsafe { call(number::PREAD64, args) }
    }
}

/// Device and inode of an open file, as stat(2) names them.
pub fn identity(file: usize) -> Option<(u64, u64)> {
    // struct stat: 144 bytes, or 128, device and inode the first two words (asm/stat.h).
    let mut stat = [0_u64; 18];
    let args = [file, stat.as_mut_ptr().addr(), 0, 0, 0, 0];
    // SAFETY: the kernel writes a struct stat into the array.
    unsafe { call(number::FSTAT, args) }.ok()?;
    Some((stat[0], stat[1]))
}

/// Writes a line to standard error, as far as that takes it.
pub fn complain(parts: &[&[u8]]) {
    let mut line = [0_u8; 512];
    let mut length = 0;
    for part in parts {
        for byte in *part {
            if let Some(to) = line.get_mut(length) {
                *to = *byte;
                length += 1;
            }
        }
    }
    // SAFETY: the kernel reads the line, which outlives the call.
    let _ = unsafe { call(number::WRITE, [2, line.as_ptr().addr(), length, 0, 0, 0]) };
}

/// Ends the process.
pub fn exit(code: u8) -> ! {
    loop {
        // SAFETY: nothing of this process is used afterwards.
        let _ = unsafe { call(number::EXIT_GROUP, [usize::from(code), 0, 0, 0, 0, 0]) };
    }
}

/// The process.
pub fn process_id() -> u32 {
    // SAFETY: takes no arguments and changes nothing.
    unsafe { call(number::GETPID, [0; 6]) }
        .ok()
        .and_then(|pid| u32::try_from(pid).ok())
        .unwrap_or(0)
}

/// Whether a thread of a process exists.
pub fn is_alive(process: u32, thread: u32) -> bool {
    const ESRCH: Errno = Errno(3);
    // SAFETY: signal 0 is not delivered.
    let asked = unsafe {
        call(
            number::TGKILL,
            [process as usize, thread as usize, 0, 0, 0, 0],
        )
    };
    asked != Err(ESRCH)
}

/// Nanoseconds of the monotonic clock.
pub fn now() -> u64 {
    let mut time = [0_u64; 2];
    // SAFETY: the kernel writes a timespec, two words, into the array.
    let _ = unsafe {
        call(
            number::CLOCK_GETTIME,
            [1, time.as_mut_ptr().addr(), 0, 0, 0, 0],
        )
    };
    time[0].wrapping_mul(1_000_000_000).wrapping_add(time[1])
}

/// New private memory, zero. Chosen by the kernel.
///
/// # Errors
/// Those of mmap(2).
pub fn map_new(length: usize) -> Result<usize, Errno> {
    let flags = map::PRIVATE | map::ANONYMOUS | map::NORESERVE;
    let args = [0, length, map::READ | map::WRITE, flags, usize::MAX, 0];
    // SAFETY: a new mapping at an address that was free.
    unsafe { call(number::MMAP, args) }
}
