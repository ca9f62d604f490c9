//! A mapping of our own for what does not fit into fixed memory: arguments of a program to start.
#![allow(unsafe_code, reason = "maps memory")]

use core::slice;

use super::number;
use super::raw::{Errno, checked, syscall};

/// Memory of our own, zero at first; unmapped when it is dropped.
#[derive(Debug)]
pub(crate) struct Area {
    base: usize,
    length: usize,
}

impl Area {
    /// Maps at least `length` bytes.
    pub(crate) fn map(length: usize) -> Result<Self, Errno> {
        // PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS (mmap(2)).
        let args = [0, length, 3, 0x22, usize::MAX, 0];
        // SAFETY: without an address to keep to, the kernel chooses one where nothing is.
        let base = checked(unsafe { syscall(number::MMAP, args) })?;
        Ok(Self { base, length })
    }

    pub(crate) fn bytes(&mut self) -> &mut [u8] {
        // SAFETY: the mapping is readable and writable for its length, page-aligned, ours alone, and
        // lives as long as self; the borrow of self keeps a second slice away.
        unsafe { slice::from_raw_parts_mut(self.base as *mut u8, self.length) }
    }

    /// Where it begins, for the kernel.
    pub(crate) const fn base(&self) -> usize {
        self.base
    }

    pub(crate) const fn length(&self) -> usize {
        self.length
    }

    /// Hands the area on: [`Area::held`] takes it back.
    pub(crate) fn keep(self) -> (usize, usize) {
        let parts = (self.base, self.length);
        core::mem::forget(self);
        parts
    }

    /// Takes back what [`Area::keep`] handed on.
    pub(crate) const fn held((base, length): (usize, usize)) -> Self {
        Self { base, length }
    }
}

impl Drop for Area {
    fn drop(&mut self) {
        // SAFETY: the mapping was made here, and the slices into it are gone with the borrows.
        let _ = unsafe { syscall(number::MUNMAP, [self.base, self.length, 0, 0, 0, 0]) };
    }
}
