//! The first instructions: the loader relocates itself, as nobody does it for a program without a
//! dynamic loader.

use core::cell::UnsafeCell;
use core::ptr;
use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering};

use crate::start;

#[cfg(target_arch = "aarch64")]
mod aarch64;
#[cfg(target_arch = "x86_64")]
mod x86_64;

#[cfg(target_arch = "aarch64")]
use aarch64 as machine;
#[cfg(target_arch = "x86_64")]
use x86_64 as machine;

pub(crate) use machine::MACHINE;

/// Bytes of the loader's own stack: more than the 48 KiB with which it has worked on the program's.
const STACK: usize = 64 << 10;

/// The loader's own stack. The program's holds its arguments alone, however little a limit
/// (RLIMIT_STACK, getrlimit(2)) leaves of it.
#[repr(C, align(4096))]
struct OwnStack(UnsafeCell<[u8; STACK]>);

// SAFETY: nothing refers to it but the stack pointer of the only thread.
unsafe impl Sync for OwnStack {}

static OWN: OwnStack = OwnStack(UnsafeCell::new([0; STACK]));

/// What [`until_linked`] was given, for the code above.
static FLAG: AtomicPtr<AtomicBool> = AtomicPtr::new(ptr::null_mut());
static ENTRY: AtomicUsize = AtomicUsize::new(0);

unsafe extern "C" {
    /// Sets the stack pointer and jumps to a program's entry.
    pub(crate) fn guard_loader_jump(stack: usize, entry: usize) -> !;
    /// Lowers the flag and jumps to the program's entry. Not a function: it is jumped to.
    safe fn guard_loader_linked();
}

/// Raises the flag and returns what to hand to a dynamic loader for the program's entry: code that
/// lowers it, and goes on at the entry.
pub(crate) fn until_linked(entry: usize, flag: &'static AtomicBool) -> usize {
    flag.store(true, Ordering::Relaxed);
    FLAG.store(ptr::from_ref(flag).cast_mut(), Ordering::Relaxed);
    ENTRY.store(entry, Ordering::Relaxed);
    guard_loader_linked as *const () as usize
}

/// An entry of the dynamic section (elf(5)).
#[repr(C)]
struct Dynamic {
    tag: i64,
    value: usize,
}

/// A relocation with addend.
#[repr(C)]
struct Rela {
    offset: usize,
    info: u64,
    addend: usize,
}

/// Applies the loader's own relocations, all of which are relative, before anything is used that
/// needs them.
unsafe extern "C" fn begin(stack: usize, base: usize, mut dynamic: *const Dynamic) -> ! {
    const DT_RELA: i64 = 7;
    const DT_RELASZ: i64 = 8;
    let (mut table, mut length) = (0, 0);
    loop {
        // SAFETY: the dynamic section ends in an entry with tag 0.
        let entry = unsafe { &*dynamic };
        match entry.tag {
            0 => break,
            DT_RELA => table = base + entry.value,
            DT_RELASZ => length = entry.value,
            _ => {}
        }
        dynamic = dynamic.wrapping_add(1);
    }
    for index in 0..length / size_of::<Rela>() {
        let rela = (table as *const Rela).wrapping_add(index);
        // SAFETY: it lies in the table that the linker wrote.
        let rela = unsafe { &*rela };
        if rela.info & 0xffff_ffff == machine::RELATIVE {
            let place = (base + rela.offset) as *mut usize;
            // SAFETY: the linker says that a pointer of ours lies there.
            unsafe { place.write_unaligned(base + rela.addend) };
        }
    }
    start::start(stack)
}
