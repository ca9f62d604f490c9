//! Writing over code: pages are data meanwhile, or the kernel writes; none becomes writable and
//! executable at once that was not so before.

use core::mem::MaybeUninit;

use guard_hook::shared::KnownText;
use guard_patcher::Write;

use super::island::Island;
use super::{BATCH, State};
use crate::arch;
use crate::sys::{self, Descriptor, map, number};

/// What is to be written to a text once its trampolines are there.
pub(super) struct Writes {
    list: [MaybeUninit<Write>; 2 * BATCH],
    pub(super) length: usize,
    /// How many sites they belong to.
    pub(super) sites: u32,
}

impl Writes {
    pub(super) fn add(&mut self, write: Write) {
        if let Some(place) = self.list.get_mut(self.length) {
            place.write(write);
            self.length += 1;
        }
    }

    /// Returns how many sites were not written.
    pub(super) fn carry_out(
        &mut self,
        text: usize,
        state: State,
        island: &mut Option<Island>,
    ) -> u32 {
        let mut is_done = self.length == 0;
        if let Some((island, (first, pages))) = island.as_mut().zip(self.pages(text))
            && island.seal().is_ok()
        {
            is_done = true;
            // No thread runs this code yet: the program has one thread, which is here, or the code
            // was mapped just now. So it may be data for a moment, and is never both.
            let args = |access| [first, pages, access, 0, 0, 0];
            let access = args(map::READ | map::WRITE);
            // SAFETY: the pages hold code that nobody runs, and stay readable.
            let is_data =
                !arch::is_sealed() && unsafe { sys::call(number::MPROTECT, access) }.is_ok();
            let memory = match is_data {
                true => None,
                false => Descriptor::open(c"/proc/self/mem", 2).ok(),
            };
            for write in self.list.iter().take(self.length) {
                // SAFETY: those up to the length were written by `add`.
                let write = unsafe { write.assume_init_ref() };
                is_done &= put(
                    memory.as_ref(),
                    is_data,
                    text + write.offset() as usize,
                    write.bytes(),
                );
            }
            if is_data {
                let access = args(state.access());
                // SAFETY: as they were before. Had it failed, the program would end at its next call
                // to this code, which is what is left.
                let _ = unsafe { sys::call(number::MPROTECT, access) };
            }
        }
        self.length = 0;
        let sites = core::mem::take(&mut self.sites);
        if is_done { 0 } else { sites }
    }

    /// The pages that are written to: address and length.
    fn pages(&self, text: usize) -> Option<(usize, usize)> {
        let mut bounds = None;
        for write in self.list.iter().take(self.length) {
            // SAFETY: those up to the length were written by `add`.
            let write = unsafe { write.assume_init_ref() };
            let start = text + write.offset() as usize;
            let (low, high) = bounds.unwrap_or((start, start));
            bounds = Some((low.min(start), high.max(start + write.bytes().len())));
        }
        let (low, high) = bounds?;
        let first = low & !(arch::page() - 1);
        Some((first, (high - first).next_multiple_of(arch::page())))
    }
}

/// Writes over code: directly where it is data for the moment, else through the kernel. Returns
/// whether it is written.
fn put(memory: Option<&Descriptor>, is_data: bool, at: usize, bytes: &[u8]) -> bool {
    if is_data {
        // SAFETY: the pages are writable, and nobody runs or reads them.
        unsafe { core::ptr::copy_nonoverlapping(bytes.as_ptr(), at as *mut u8, bytes.len()) };
        true
    } else if let Some(memory) = memory {
        let args = [memory.raw(), bytes.as_ptr().addr(), bytes.len(), at, 0, 0];
        // SAFETY: the kernel reads the slice and writes over code that is to be replaced, which no
        // reference of ours is read through at the same time.
        let written = unsafe { sys::call(number::PWRITE64, args) };
        written == Ok(bytes.len())
    } else {
        false
    }
}

/// The pages of a text that hold its sites, data from before they are read: a page that is read, and
/// then written to, is mapped twice, the second time as a copy, and so much more is there whose
/// protection changes. Code again when dropped.
pub(super) struct Data([usize; 6]);

impl Data {
    /// Nothing where code cannot be made data.
    pub(super) fn of_sites(start: usize, length: usize, known: &KnownText<'_>) -> Option<Self> {
        const PAGE: usize = 4096;
        // madvise(2); kernels before 5.14 refuse.
        const POPULATE_WRITE: usize = 23;
        let pages = || {
            let offsets = known.sites.iter().filter_map(arch::offset);
            offsets.map(|offset| offset as usize & !(PAGE - 1))
        };
        let (low, high) = (pages().min()?, pages().max()? + PAGE);
        if arch::is_sealed() || high > length.next_multiple_of(PAGE) {
            return None;
        }
        let mut args = [start + low, high - low, map::READ | map::WRITE, 0, 0, 0];
        // SAFETY: the pages hold code that nobody runs, and stay readable.
        unsafe { sys::call(number::MPROTECT, args) }.ok()?;
        args[2] = map::READ | map::EXEC;
        let data = Self(args);
        let mut run = low..low;
        for page in pages().chain([usize::MAX]) {
            if page == run.end {
                run.end += PAGE;
            } else if !(run.clone()).contains(&page) {
                let args = [start + run.start, run.len(), POPULATE_WRITE, 0, 0, 0];
                // SAFETY: what is there stays as it is, in pages of its own.
                let made = unsafe { sys::call(number::MADVISE, args) };
                if made.is_err() {
                    break;
                }
                run = page..page.saturating_add(PAGE);
            }
        }
        Some(data)
    }
}

impl Drop for Data {
    fn drop(&mut self) {
        // SAFETY: as they were before, as in `carry_out`.
        let _ = unsafe { sys::call(number::MPROTECT, self.0) };
    }
}
