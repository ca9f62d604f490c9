//! The program's memory, through pointers that may lead anywhere.
//!
//! A page is asked about before it is touched: rt_sigprocmask(2) with an operation that does not
//! exist reads the set and then refuses, so that EFAULT tells what cannot be read. A page that
//! another thread unmaps between the question and the copy ends the program by a signal, as its own
//! access to it would.
#![allow(unsafe_code, reason = "reads and writes the memory of the program")]

use core::ptr;

use super::raw::{Errno, syscall};
use crate::sys::errno::EFAULT;

const PAGE: usize = 4096;
const RT_SIGPROCMASK: usize = if cfg!(target_arch = "x86_64") {
    14
} else {
    135
};
/// Size of the kernel's signal set.
const SET: usize = 8;

/// Copies `into.len()` bytes from the program's memory.
///
/// # Errors
/// `EFAULT` when any of it cannot be read.
pub fn copy_in(from: usize, into: &mut [u8]) -> Result<(), Errno> {
    if into.is_empty() {
        return Ok(());
    }
    let last = from.checked_add(into.len() - 1).ok_or(EFAULT)?;
    let mut page = from & !(PAGE - 1);
    loop {
        probe(page)?;
        match page.checked_add(PAGE) {
            Some(next) if next <= last => page = next,
            _ => break,
        }
    }
    // SAFETY: every page of the source was readable a moment ago and belongs to the program, whose
    // memory ours is not part of; the destination is a slice of this length.
    unsafe { ptr::copy_nonoverlapping(from as *const u8, into.as_mut_ptr(), into.len()) };
    Ok(())
}

/// Copies a string with its final NUL, and returns its length without it; `None` when it does not
/// end within `into`.
///
/// # Errors
/// `EFAULT` when it leaves readable memory before it ends.
pub fn copy_string(from: usize, into: &mut [u8]) -> Result<Option<usize>, Errno> {
    let mut done = 0;
    while done < into.len() {
        let at = from.checked_add(done).ok_or(EFAULT)?;
        probe(at & !(PAGE - 1))?;
        let rest = PAGE - at % PAGE;
        let end = into.len().min(done.saturating_add(rest));
        let Some(part) = into.get_mut(done..end) else {
            break;
        };
        for (offset, to) in part.iter_mut().enumerate() {
            // SAFETY: the byte lies in the page that was readable a moment ago; volatile, since
            // other threads of the program may be writing it.
            let byte = unsafe { ptr::read_volatile((at + offset) as *const u8) };
            *to = byte;
            if byte == 0 {
                return Ok(Some(done + offset));
            }
        }
        done = end;
    }
    Ok(None)
}

/// Reads much of the program's memory piece by piece, asking about each page once in a row.
#[derive(Debug)]
pub(crate) struct Reader {
    /// A page that can be read.
    page: Option<usize>,
}

impl Reader {
    pub(crate) const fn new() -> Self {
        Self { page: None }
    }

    fn look(&mut self, page: usize) -> Result<(), Errno> {
        if self.page != Some(page) {
            probe(page)?;
            self.page = Some(page);
        }
        Ok(())
    }

    /// One pointer or word.
    pub(crate) fn word(&mut self, at: usize) -> Result<usize, Errno> {
        const LAST: usize = size_of::<usize>() - 1;
        self.look(at & !(PAGE - 1))?;
        let last = at.checked_add(LAST).ok_or(EFAULT)?;
        if last & !(PAGE - 1) != at & !(PAGE - 1) {
            self.look(last & !(PAGE - 1))?;
        }
        // SAFETY: the word's pages were readable a moment ago; unaligned, since nobody says that it
        // is aligned.
        Ok(unsafe { ptr::read_unaligned(at as *const usize) })
    }

    /// Copies a string without its NUL into `into`, as far as there is room, and returns its length,
    /// which may be more; at most `most` bytes are looked at: `None` when no NUL is among them.
    pub(crate) fn string(
        &mut self,
        from: usize,
        into: &mut [u8],
        most: usize,
    ) -> Result<Option<usize>, Errno> {
        for length in 0..most {
            let at = from.checked_add(length).ok_or(EFAULT)?;
            self.look(at & !(PAGE - 1))?;
            // SAFETY: the byte's page was readable a moment ago; volatile, since other threads of
            // the program may be writing it.
            let byte = unsafe { ptr::read_volatile(at as *const u8) };
            if byte == 0 {
                return Ok(Some(length));
            }
            if let Some(to) = into.get_mut(length) {
                *to = byte;
            }
        }
        Ok(None)
    }
}

/// Copies bytes into the program's memory.
///
/// # Errors
/// `EFAULT` when it cannot be written. What was written before the page that failed stays.
pub fn copy_out(to: usize, bytes: &[u8]) -> Result<(), Errno> {
    let mut done = 0;
    while let Some(rest) = bytes.get(done..).filter(|rest| !rest.is_empty()) {
        // The calls that ask take the null pointer for none at all.
        let at = to.checked_add(done).filter(|at| *at != 0).ok_or(EFAULT)?;
        let part = rest.get(..PAGE - at % PAGE).unwrap_or(rest);
        probe_write(at, part.len())?;
        // SAFETY: the page can be written and belongs to the program, whose memory ours is not
        // part of; the source is a slice of this length.
        unsafe { ptr::copy_nonoverlapping(part.as_ptr(), at as *mut u8, part.len()) };
        done += part.len();
    }
    Ok(())
}

/// Whether a page can be read.
fn probe(page: usize) -> Result<(), Errno> {
    // Not its first word, which in the first page of all would be no set.
    let set = page | SET;
    // SAFETY: with an unknown operation the call changes nothing; it reads 8 bytes of the program's
    // memory or says that it cannot (rt_sigprocmask(2)).
    let result = unsafe { syscall(RT_SIGPROCMASK, [usize::MAX, set, 0, SET, 0, 0]) };
    if result == EFAULT.result() {
        Err(EFAULT)
    } else {
        Ok(())
    }
}

/// Whether memory can be written, which is about to be: the kernel stores the signal mask at its
/// beginning. Less than a set's length is asked about with getcpu(2), which stores 4 bytes, or taken
/// for writable when it can be read.
fn probe_write(at: usize, length: usize) -> Result<(), Errno> {
    const GETCPU: usize = if cfg!(target_arch = "x86_64") {
        309
    } else {
        168
    };
    let result = if length >= SET {
        // SAFETY: without a set the call only stores the mask, into memory that is overwritten next.
        unsafe { syscall(RT_SIGPROCMASK, [0, 0, at, SET, 0, 0]) }
    } else if length >= 4 {
        // SAFETY: stores 4 bytes into memory that is overwritten next.
        unsafe { syscall(GETCPU, [at, 0, 0, 0, 0, 0]) }
    } else {
        return probe(at & !(PAGE - 1));
    };
    if result == EFAULT.result() {
        Err(EFAULT)
    } else {
        Ok(())
    }
}
