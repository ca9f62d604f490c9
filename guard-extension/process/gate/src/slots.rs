//! Memory and stacks for calls that are under way.
//!
//! A slot belongs to one thread from the entry of a checked call until its end. Slots lie in chunks;
//! a chunk begins with a word per slot that names the thread holding it, 0 for none. The entry
//! claims the first free one by a single exchange and appends a chunk when there is none, so that
//! nobody ever waits for anybody.
//!
//! A slot can be left behind, since a program may leave a call that is under way: a signal handler
//! jumps out of it (longjmp), a child of vfork becomes another program inside it, a thread is ended
//! in it, and the child of fork has copies of the slots of threads that it does not have. Each is
//! found out here and the slot taken back. Where that were ever wrong, the call's end notices that
//! its slot is not its own any more and goes back to the program with what lies on the program's
//! stack, see [`entry`](crate::entry).

use core::sync::atomic::{AtomicPtr, AtomicU32, AtomicUsize, Ordering};

use guard_hook::{Call, Scratch};

use crate::arch::{Frame, VECTORS};
use crate::sys::{self, Errno, number};

/// Slots in a chunk.
pub const COUNT: usize = 64;
/// Bytes of a slot: what is in [`Slot`], and the stack behind it.
pub const SIZE: usize = 64 << 10;
/// Bytes at the beginning of a chunk.
pub const HEAD: usize = 4096;
/// Bytes of a chunk.
pub const CHUNK: usize = HEAD + COUNT * SIZE;
/// What the hook is promised, and what patching a library that was just mapped needs.
const STACK: usize = 20 << 10;

const _: () = assert!(size_of::<Slot>() + STACK <= SIZE);
const _: () = assert!(size_of::<Chunk>() <= HEAD);

/// One call under way.
#[derive(Debug)]
#[repr(C, align(64))]
pub struct Slot {
    /// The vector registers as the program left them.
    pub vectors: [u128; VECTORS],
    /// The call to make in place of the program's.
    pub instead: Call,
    /// The result to go back with.
    pub result: isize,
    /// The word of the chunk that says whose slot this is.
    pub claim: *const AtomicU32,
    /// What lies on the program's stack.
    pub frame: *mut Frame,
    /// [`IN_CALL`] or anything else.
    pub state: u64,
    /// Not 0 when nobody has to be asked after the call in place of the program's, if its result is
    /// no error, or `ENOENT`.
    pub hands_on: u64,
    /// The program's own call.
    pub call: Call,
    /// Whether code is mapped by the call, to be patched afterwards.
    pub maps_code: bool,
    /// Whether the call in place of the program's is the hook's, which is to be asked afterwards.
    pub is_hooks: bool,
    /// Whether the kernel was told to free the slot when the process becomes another program.
    pub is_watched: bool,
    /// The hook's memory.
    pub scratch: Scratch,
}

/// The state of a slot whose thread is in a call that it makes in place of the program's, on the
/// program's stack, where signals come through.
pub const IN_CALL: u64 = 1;

/// The head of a chunk.
#[derive(Debug)]
#[repr(C)]
pub struct Chunk {
    /// Whose slots they are: thread ids, 0 for none.
    pub claims: [AtomicU32; COUNT],
    /// The next chunk.
    pub next: AtomicPtr<Self>,
}

/// The first chunk; there once [`prepare`] was called.
pub static FIRST: AtomicPtr<Chunk> = AtomicPtr::new(core::ptr::null_mut());

/// A page that the kernel clears in a child of fork (MADV_WIPEONFORK, madvise(2)): it holds the
/// process id, of which a child of vfork finds its parent's.
static PROCESS: AtomicPtr<AtomicU32> = AtomicPtr::new(core::ptr::null_mut());

/// Makes the first chunk.
///
/// # Errors
/// Those of mmap(2).
pub fn prepare() -> Result<(), Errno> {
    const WIPE_ON_FORK: usize = 18;
    const NO_HUGE_PAGES: usize = 15;
    let page = sys::map_new(4096)?;
    // Kernels before 4.14 refuse; then slots that a parent's threads held stay claimed in a child.
    // SAFETY: the page is ours, and nothing refers to it yet.
    let _ = unsafe { sys::call(number::MADVISE, [page, 4096, WIPE_ON_FORK, 0, 0, 0]) };
    let page = page as *mut AtomicU32;
    // SAFETY: the page is mapped, aligned and never unmapped.
    unsafe { &*page }.store(sys::process_id(), Ordering::Relaxed);
    let chunk = sys::map_new(CHUNK)?;
    // A huge page would be 2 MB for the few KB that are used.
    // SAFETY: the memory is ours, and nothing refers to it yet.
    let _ = unsafe { sys::call(number::MADVISE, [chunk, CHUNK, NO_HUGE_PAGES, 0, 0, 0]) };
    PROCESS.store(page, Ordering::Release);
    FIRST.store(chunk as *mut Chunk, Ordering::Release);
    Ok(())
}

/// Notices that the process is a fork of the one that claimed the slots, and frees those that have
/// no thread here.
#[inline]
pub fn settle(own: &Slot) {
    // SAFETY: `prepare` has stored a page that is never unmapped, before any text was patched.
    let Some(process) = (unsafe { PROCESS.load(Ordering::Relaxed).as_ref() }) else {
        return;
    };
    if process.load(Ordering::Relaxed) == 0 {
        let id = sys::process_id();
        sweep(own, |thread| sys::is_alive(id, thread));
        process.store(id, Ordering::Relaxed);
    }
}

/// Whether this process shares its memory with the one that it came from, as children of vfork do.
pub fn is_borrowed() -> bool {
    // SAFETY: as in `settle`.
    let Some(process) = (unsafe { PROCESS.load(Ordering::Relaxed).as_ref() }) else {
        return false;
    };
    process.load(Ordering::Relaxed) != sys::process_id()
}

/// Frees slots that their threads have left behind: those of this thread that a jump out of a
/// signal handler passed over, and, when slots run short, those of threads that are gone.
#[inline]
pub fn reclaim(own: &Slot) {
    static SHORTAGES: AtomicUsize = AtomicUsize::new(0);
    let Some((thread, index)) = owner(own) else {
        return;
    };
    each_before(own, |claim, slot| {
        if claim.load(Ordering::Relaxed) == thread && is_abandoned(slot, own) {
            release(claim, thread);
        }
    });
    // Seldom enough for a program that has so many calls under way for a good reason.
    if index >= COUNT - 16 && SHORTAGES.fetch_add(1, Ordering::Relaxed).is_multiple_of(64) {
        let id = sys::process_id();
        // A child of vfork is the first thread of a process of its own.
        sweep(own, |thread| {
            sys::is_alive(id, thread) || sys::is_alive(thread, thread)
        });
    }
}

/// Has the kernel free the slot when this process, a child of vfork, becomes another program: it
/// clears the word then (set_tid_address(2)), as it does when the process ends.
pub fn watch(slot: &mut Slot) {
    set_tid_address(slot.claim.addr());
    slot.is_watched = true;
}

/// Undoes [`watch`] for a child of vfork that did not become another program.
pub fn unwatch(slot: &mut Slot) {
    if slot.is_watched {
        set_tid_address(0);
        slot.is_watched = false;
    }
}

fn set_tid_address(address: usize) {
    // SAFETY: the word is one of a chunk's, which are never unmapped, or there is none.
    let _ = unsafe { sys::call(number::SET_TID_ADDRESS, [address, 0, 0, 0, 0, 0]) };
}

fn release(claim: &AtomicU32, thread: u32) {
    let _ = claim.compare_exchange(thread, 0, Ordering::Release, Ordering::Relaxed);
}

fn sweep(own: &Slot, is_alive: impl Fn(u32) -> bool) {
    each(|claim, slot| {
        let thread = claim.load(Ordering::Relaxed);
        if !core::ptr::eq(slot, own) && thread != 0 && !is_alive(thread) {
            release(claim, thread);
        }
        true
    });
}

/// The thread that holds a slot, and the slot's index in its chunk.
fn owner(own: &Slot) -> Option<(u32, usize)> {
    // SAFETY: the entry has stored the address of the claim's word, which is never unmapped.
    let thread = unsafe { own.claim.as_ref() }?.load(Ordering::Relaxed);
    // Chunks are page-aligned, and claims their first words.
    Some((thread, own.claim.addr() % HEAD / size_of::<AtomicU32>()))
}

/// Calls `visit` with the slots in front of this one.
fn each_before(own: &Slot, mut visit: impl FnMut(&AtomicU32, &Slot)) {
    each(|claim, slot| {
        if core::ptr::eq(claim, own.claim) {
            return false;
        }
        visit(claim, slot);
        true
    });
}

/// Calls `visit` with every slot until it returns false.
fn each(mut visit: impl FnMut(&AtomicU32, &Slot) -> bool) {
    let mut at = FIRST.load(Ordering::Acquire);
    // SAFETY: chunks are whole when they are linked, and never unmapped.
    while let Some(chunk) = unsafe { at.as_ref() } {
        for (index, claim) in chunk.claims.iter().enumerate() {
            let slot = at.addr() + HEAD + index * SIZE;
            // SAFETY: the slot lies in the chunk; memory that nobody has claimed yet is zero, which
            // is a valid slot. Of slots that others work in only words are read, and what they say
            // is taken for nothing but a hint.
            let slot = unsafe { &*(slot as *const Slot) };
            if !visit(claim, slot) {
                return;
            }
        }
        at = chunk.next.load(Ordering::Acquire);
    }
}

/// Whether the thread that holds both slots has left the call in `slot` behind, being in the call of
/// `own` now.
fn is_abandoned(slot: &Slot, own: &Slot) -> bool {
    if slot.state != IN_CALL {
        // While it is decided no signal comes through: the thread died then, and its id came again.
        return true;
    }
    // A handler that interrupted the call lies below it on the same stack, or on the alternate
    // stack. What lies at or below us on our own stack cannot have a live frame any more.
    let mut alternate = [0_usize; 3];
    let args = [0, alternate.as_mut_ptr().addr(), 0, 0, 0, 0];
    // SAFETY: the kernel writes a stack_t, three words, into the array (sigaltstack(2)).
    let _ = unsafe { sys::call(number::SIGALTSTACK, args) };
    let [start, _, length] = alternate;
    let is_alternate = |frame: *mut Frame| frame.addr().wrapping_sub(start) < length;
    match (is_alternate(slot.frame), is_alternate(own.frame)) {
        (true, false) => true,
        (false, true) => false,
        _ => slot.frame.addr() <= own.frame.addr(),
    }
}
