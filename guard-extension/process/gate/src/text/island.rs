//! Memory for trampolines, within reach of jumps from a text: data while it is filled, code before the first jump
//! to it is written.

use guard_hook::calls::passes;
use guard_patcher::Place;

use crate::arch::{self, ALIGN, ISLAND, REACH, guard_gate_entry};
use crate::sys::{self, Errno, map, number};

/// Memory for trampolines.
pub(super) struct Island {
    start: usize,
    used: usize,
    is_code: bool,
}

impl Island {
    /// An island within reach of all of the text.
    pub(super) fn near(start: usize, end: usize) -> Option<Self> {
        // Where the kernel puts libraries it puts this, too: nearly always within reach of them.
        if start > REACH
            && let Some(island) = Self::anywhere(start, end)
        {
            return Some(island);
        }
        // Below first: what lies above a program's data is the room that its heap grows into.
        let mut distance = ISLAND;
        while distance < REACH {
            let below = start.checked_sub(distance).filter(|low| end - low < REACH);
            if let Some(island) = below.and_then(Self::at) {
                return Some(island);
            }
            distance += distance.clamp(ISLAND, 4 << 20);
        }
        distance = 0;
        while distance < REACH {
            let above = end.checked_add(distance)?;
            if above - start < REACH
                && let Some(island) = Self::at(above)
            {
                return Some(island);
            }
            distance += distance.clamp(ISLAND, 4 << 20);
        }
        None
    }

    /// Where the kernel likes, if that is within reach.
    fn anywhere(start: usize, end: usize) -> Option<Self> {
        let is_near = |address: usize| {
            let is_below = address < start && end - address < REACH;
            let is_above = address >= end && address - start < REACH;
            address.is_multiple_of(ALIGN) && (is_below || is_above)
        };
        Self::mapped(0, 0, is_near)
    }

    fn at(address: usize) -> Option<Self> {
        let address = address & !(ALIGN - 1);
        // A kernel before 4.17 takes the address for a hint.
        Self::mapped(address, map::FIXED_NOREPLACE, |start| start == address)
    }

    fn mapped(address: usize, flags: usize, is_good: impl Fn(usize) -> bool) -> Option<Self> {
        let flags = map::PRIVATE | map::ANONYMOUS | flags;
        let access = map::READ | map::WRITE;
        let args = [address, ISLAND, access, flags, usize::MAX, 0];
        // SAFETY: a new mapping where nothing is mapped.
        let start = unsafe { sys::call(number::MMAP, args) }.ok()?;
        if !is_good(start) {
            // SAFETY: the mapping is ours, and nothing refers to it.
            let _ = unsafe { sys::call(number::MUNMAP, [start, ISLAND, 0, 0, 0, 0]) };
            return None;
        }
        let header = arch::header(guard_gate_entry as *const () as u64, passes);
        let mut island = Self {
            start,
            used: 0,
            is_code: false,
        };
        island.add(&header);
        island.used = island.used.next_multiple_of(16);
        Some(island)
    }

    pub(super) const fn has_room(&self) -> bool {
        !self.is_code && self.used + guard_patcher::TRAMPOLINE_MAX <= ISLAND
    }

    pub(super) const fn place(&self) -> Place {
        Place {
            trampoline: (self.start + self.used) as u64,
            header: self.start as u64,
        }
    }

    pub(super) fn add(&mut self, bytes: &[u8]) {
        let to = (self.start + self.used) as *mut u8;
        // SAFETY: the island is ours, writable until it is code, and has room for a trampoline or,
        // being new, for the header.
        unsafe { core::ptr::copy_nonoverlapping(bytes.as_ptr(), to, bytes.len()) };
        self.used += bytes.len();
    }

    /// Makes it code; what follows needs another island.
    pub(super) fn seal(&mut self) -> Result<(), Errno> {
        if !self.is_code {
            let args = [self.start, ISLAND, map::READ | map::EXEC, 0, 0, 0];
            // SAFETY: the island is ours; nothing writes it from here on.
            unsafe { sys::call(number::MPROTECT, args) }?;
            self.is_code = true;
        }
        Ok(())
    }
}
