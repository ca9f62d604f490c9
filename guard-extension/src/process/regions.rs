//! The memory that guarded programs see: two files without a name, mapped here.
//!
//! The sealed region is handed out as a descriptor that only reads, of a file that nobody can make
//! writable any more (F_SEAL_FUTURE_WRITE, fcntl(2)); this mapping, made before, is the only writer.
#![allow(unsafe_code, reason = "mapping memory that is shared")]

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::net::IpAddr;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};
use std::ptr;
use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use guard_core::policy::CompiledPolicy;
use guard_hook::shared::{LayoutError, Record, Ring, RingReader, SealedWriter, Settings, Status};
use guard_hook::sys::region;
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, ftruncate, memfd_create};
use rustix::io::Errno;
use rustix::mm::{MapFlags, ProtFlags, mmap};
use rustix::process::{Pid, test_kill_process};
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};

/// Addresses that names were learned for: some hundreds are in use at a time.
const NAMES: usize = 1024;
/// Records that programs may write between two looks at the ring.
const RECORDS: usize = 1024;
/// Programs that run at a time and have a status.
const STATUSES: usize = 64;
/// Most kinds of programs that are listed at the end.
const MOST_LISTED: usize = 16;

/// Both regions, for as long as this process lives: programs' memory does not go away under them.
#[derive(Debug)]
pub(super) struct Regions {
    sealed: Mutex<SealedWriter<'static>>,
    sealed_file: File,
    ring: Ring<'static>,
    ring_file: OwnedFd,
    reader: Mutex<RingReader<'static>>,
    programs: Mutex<Programs>,
}

impl Regions {
    /// Makes both.
    pub(super) fn create(image: &[u8], settings: &Settings<'_>) -> io::Result<Self> {
        let damaged = |_| io::Error::other("the layout does not fit");
        let (file, words) = make(c"guard-sealed", SealedWriter::size(image.len(), NAMES))?;
        let sealed = SealedWriter::create(words, image, NAMES, settings).map_err(damaged)?;
        // Kernels before 5.1 do not know it; there the descriptor's mode is what is left.
        let _ = fcntl_add_seals(&file, SealFlags::FUTURE_WRITE);
        seal(&file)?;
        let sealed_file = File::open(format!("/proc/self/fd/{}", file.as_raw_fd()))?;
        let (ring_file, words) = make(c"guard-ring", Ring::size(RECORDS, STATUSES))?;
        seal(&ring_file)?;
        let ring = Ring::create(words, RECORDS, STATUSES).map_err(damaged)?;
        Ok(Self {
            sealed: Mutex::new(sealed),
            sealed_file,
            ring,
            ring_file,
            reader: Mutex::new(ring.reader()),
            programs: Mutex::default(),
        })
    }

    /// What a guarded program gets, in this order.
    pub(super) fn descriptors(&self) -> [BorrowedFd<'_>; 2] {
        [self.sealed_file.as_fd(), self.ring_file.as_fd()]
    }

    /// The sealed region's file, as programs get it.
    pub(super) const fn sealed_file(&self) -> &File {
        &self.sealed_file
    }

    /// The sealed region.
    pub(super) fn sealed(&self) -> std::sync::MutexGuard<'_, SealedWriter<'static>> {
        self.sealed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The policy, as guarded programs read it.
    pub(super) fn policy(&self) -> Result<CompiledPolicy<'static>, LayoutError> {
        self.sealed().view().policy()
    }

    /// An address belongs to a name for this long.
    pub(super) fn learn(&self, address: IpAddr, name: &str, holds: Option<Duration>) {
        let now = u64::try_from(clock_gettime(ClockId::Boottime).tv_sec).unwrap_or(0);
        let expiry = holds.map_or(u64::MAX, |holds| now.saturating_add(holds.as_secs()));
        self.sealed().learn(address, name.as_bytes(), expiry, now);
    }

    /// Takes out what programs wrote; how many records could not be read.
    pub(super) fn drain(&self, each: impl FnMut(&Record<'_>)) -> u64 {
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        reader.drain(each)
    }

    /// Records that found no room.
    pub(super) fn dropped(&self) -> u64 {
        self.ring.dropped()
    }

    /// Takes down what programs that have ended said of their sites, and frees their places for
    /// others. Calls `open` with every program that has sites which pass by the check, once.
    pub(super) fn collect(&self, mut open: impl FnMut(&Status<'_>)) {
        let mut programs = self.programs();
        self.ring.statuses(|status| {
            if status.open > 0 && programs.told.insert(status.pid) {
                open(status);
            }
            if is_gone(status.pid) {
                programs.add(status);
            }
        });
        self.ring.sweep(|pid| {
            let gone = is_gone(pid);
            if gone {
                programs.told.remove(&pid);
            }
            gone
        });
    }

    /// What is known of the sites of programs, and how many programs there were.
    pub(super) fn summary(&self) -> (Vec<Value>, usize) {
        let mut programs = self.programs();
        self.ring.statuses(|status| programs.add(status));
        let list = std::mem::take(&mut programs.list);
        (list.iter().map(Kind::members).collect(), programs.total)
    }

    fn programs(&self) -> std::sync::MutexGuard<'_, Programs> {
        self.programs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What programs said of their sites.
#[derive(Debug, Default)]
struct Programs {
    /// Of the first kinds.
    list: Vec<Kind>,
    total: usize,
    /// Those whose open sites were told.
    told: BTreeSet<u32>,
}

impl Programs {
    fn add(&mut self, status: &Status<'_>) {
        self.total += 1;
        if let Some(kind) = self.list.iter_mut().find(|kind| kind.is_of(status)) {
            kind.count += 1;
            kind.micros = kind.micros.max(status.micros);
        } else if self.list.len() < MOST_LISTED {
            self.list.push(Kind {
                program: String::from_utf8_lossy(status.program).into_owned(),
                sites: [status.found, status.patched, status.left, status.open],
                count: 1,
                micros: status.micros,
            });
        }
    }
}

/// Processes of one program with the same sites.
#[derive(Debug)]
struct Kind {
    program: String,
    /// Found, patched, left alone, open.
    sites: [u32; 4],
    count: u64,
    /// Of the slowest start.
    micros: u32,
}

impl Kind {
    fn is_of(&self, status: &Status<'_>) -> bool {
        self.sites == [status.found, status.patched, status.left, status.open]
            && self.program == String::from_utf8_lossy(status.program)
    }

    fn members(&self) -> Value {
        let [found, patched, left, open] = self.sites;
        json!({
            "program": self.program,
            "count": self.count,
            "found": found,
            "patched": patched,
            "left": left,
            "open": open,
            "micros": self.micros,
        })
    }
}

fn is_gone(pid: u32) -> bool {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    pid.is_none_or(|pid| test_kill_process(pid) == Err(Errno::SRCH))
}

/// A file without a name, mapped writable for ever.
fn make(name: &std::ffi::CStr, length: usize) -> io::Result<(OwnedFd, &'static [AtomicU64])> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    // Not to be started as a program; kernels before 6.3 do not know the flag.
    let file = match memfd_create(name, flags | MemfdFlags::NOEXEC_SEAL) {
        Err(Errno::INVAL) => memfd_create(name, flags)?,
        file => file?,
    };
    ftruncate(&file, length as u64)?;
    let access = ProtFlags::READ | ProtFlags::WRITE;
    // SAFETY: a new mapping at an address of the kernel's choice, which overlaps nothing.
    let base = unsafe { mmap(ptr::null_mut(), length, access, MapFlags::SHARED, &file, 0) }?;
    // SAFETY: the mapping is page-aligned, this long, readable, writable and never unmapped; the
    // file cannot shrink once it is sealed, which happens before anybody else has it; others who
    // write it are other processes.
    Ok((file, unsafe { region::words(base.cast(), length) }))
}

/// It keeps its length, and the seals.
fn seal(file: &OwnedFd) -> io::Result<()> {
    fcntl_add_seals(file, SealFlags::SHRINK | SealFlags::GROW)?;
    Ok(fcntl_add_seals(file, SealFlags::SEAL)?)
}
