//! Code that was looked at, so that it stays as it was made.
//!
//! A private mapping of a file holds the changed pages until the program has the kernel drop them:
//! what is read there next is the file's text again, without the patches. Lengthening a mapping
//! brings more of the file. Moved code lies beside other code than it was searched with, and what was
//! changed in it leads elsewhere. All of that is told here, by a list of all text that was searched;
//! that it still is code of a file, by the kernel's list of mappings.

use core::sync::atomic::{AtomicUsize, Ordering, fence};

use guard_hook::Call;

use crate::sys::number;
use crate::{arch, maps, text};

/// Texts that are remembered: more than programs map. With more, every such call is looked at.
pub(crate) const MOST: usize = 512;
const PAGE: usize = 4096;

/// First byte and end of each. The entry compares them, too, for most calls are about other memory.
pub(crate) static TEXTS: [[AtomicUsize; 2]; MOST] =
    [const { [const { AtomicUsize::new(0) }; 2] }; MOST];
/// How many of the first ones may be in use; more than [`MOST`] when they do not suffice.
pub(crate) static USED: AtomicUsize = AtomicUsize::new(0);

/// Remembers a text, whose address nobody has been told yet.
pub(crate) fn remember(start: usize, end: usize) {
    for ([from, to], used) in TEXTS.iter().zip(1..) {
        let held = from.load(Ordering::Relaxed);
        // What lay there before is there no more.
        let is_replaced = held >= start && to.load(Ordering::Relaxed) <= end;
        if (held == 0 || is_replaced)
            && from
                .compare_exchange(held, start, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
        {
            to.store(end, Ordering::Release);
            USED.fetch_max(used, Ordering::Release);
            return;
        }
    }
    USED.store(usize::MAX, Ordering::Release);
}

/// Whether a call would bring code back as it is in its file.
pub(crate) fn uncovers(call: &Call) -> bool {
    let Some((start, end)) = touched(call) else {
        return false;
    };
    may_be_text(start, end) && is_code(start, end)
}

/// Whether a call's instruction begins in the text that ends at `seam` and ends in the one that
/// begins there. To be asked once a text is remembered.
pub(crate) fn is_straddled(seam: usize) -> bool {
    // Of two threads that map a text each, side by side, one finds the other's.
    fence(Ordering::SeqCst);
    let Some(before) = seam.checked_sub(1) else {
        return false;
    };
    let [first, second] = [before, seam].map(|at| (at, at.saturating_add(1)));
    if !may_be_text(first.0, first.1) || !may_be_text(second.0, second.1) {
        return false;
    }
    let is_call = match (text::byte(before), text::byte(seam)) {
        (Some(first), Some(second)) => arch::is_call(first, second),
        // What runs and cannot be read may be anything.
        _ => true,
    };
    is_call && is_code(first.0, first.1) && is_code(second.0, second.1)
}

/// Whether text between two addresses was searched, as far as is remembered.
fn may_be_text(start: usize, end: usize) -> bool {
    let is_known = TEXTS
        .iter()
        .any(|[from, to]| from.load(Ordering::Relaxed) < end && start < to.load(Ordering::Acquire));
    is_known || USED.load(Ordering::Relaxed) > MOST
}

/// Whether code of a file lies between two addresses. Without the list of mappings, which the program
/// can see to, nobody knows better.
fn is_code(start: usize, end: usize) -> bool {
    let mut is_code = false;
    let listed = maps::each(|mapping| {
        let [_, _, execute, _] = mapping.permissions;
        is_code |=
            execute == b'x' && mapping.is_file() && mapping.start < end && start < mapping.end;
        !is_code && mapping.start < end
    });
    is_code || listed.is_err()
}

/// The memory whose pages a call drops, or that it lengthens or moves to a place of the program's
/// choice: first byte and end.
fn touched(call: &Call) -> Option<(usize, usize)> {
    // madvise(2); asm-generic/mman-common.h
    const DONTNEED: usize = 4;
    const DONTNEED_LOCKED: usize = 24;
    const GUARD_INSTALL: usize = 102;
    // mremap(2)
    const FIXED: usize = 2;
    const DONTUNMAP: usize = 4;
    let [start, length, third, fourth, ..] = call.args;
    let whole = || start.saturating_add(length.max(1)).saturating_add(PAGE - 1);
    let end = match call.number {
        number::MADVISE => match third & 0xffff_ffff {
            DONTNEED | DONTNEED_LOCKED | GUARD_INSTALL => whole(),
            _ => return None,
        },
        // Moved without what it leaves behind, the old place holds the file's text.
        number::MREMAP if third > length || length == 0 || fourth & (FIXED | DONTUNMAP) != 0 => {
            whole()
        }
        _ => return None,
    };
    Some((start & !(PAGE - 1), end & !(PAGE - 1)))
}
