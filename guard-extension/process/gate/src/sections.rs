//! Which parts of a file are code, as its section headers say.
//!
//! Linkers before binutils 2.31, gold, and all that are told to save pages put read-only data into
//! the segment of the code. What looks like a system call there is part of a table: it must stay as
//! it is. A file without section headers, or one that cannot be read, is code all over.
//!
//! What a file says is believed. Who writes a file that says otherwise, and can have it run, runs
//! machine code of his own, which need not come from a file.

use core::ffi::CStr;

use guard_patcher::elf::{Elf, SECTION_HEADER, code_section};

use crate::sys::{self, Descriptor, number};

/// Sections of code that are kept; programs have five or six.
const MOST: usize = 64;
/// Headers of more sections are not read.
const HEADERS: u64 = 2048;

/// Parts of a file that are code.
#[derive(Debug)]
pub struct Sections {
    /// Where the text begins in the file.
    begin: u64,
    /// First byte and the one behind the last.
    parts: [(u64, u64); MOST],
    length: usize,
}

impl Sections {
    /// Of the file with the number `inode` that a mapping names, for text that begins at `begin`.
    pub fn named(name: &[u8], inode: u64, begin: u64) -> Option<Self> {
        const O_NONBLOCK: usize = 0o4000;
        let mut path = [0; 4096];
        path.get_mut(..name.len())?.copy_from_slice(name);
        let path = CStr::from_bytes_until_nul(&path).ok()?;
        let file = Descriptor::open(path, O_NONBLOCK).ok()?;
        // struct stat: the number is the second word (stat(3type), asm/stat.h).
        let mut stat = [0_u64; 18];
        let args = [file.raw(), stat.as_mut_ptr().addr(), 0, 0, 0, 0];
        // SAFETY: the kernel writes a struct stat into the array, which is as long or longer.
        unsafe { sys::call(number::FSTAT, args) }.ok()?;
        (stat[1] == inode).then_some(())?;
        Self::read(file.raw(), begin)
    }

    /// Of the file behind a descriptor.
    pub fn read(file: usize, begin: u64) -> Option<Self> {
        let mut head = [0; SECTION_HEADER];
        (pread(file, &mut head, 0)? == head.len()).then_some(())?;
        let (offset, count) = Elf::parse(&head).ok()?.section_headers()?;
        (count <= HEADERS).then_some(())?;
        let mut sections = Self {
            begin,
            parts: [(0, 0); MOST],
            length: 0,
        };
        let mut headers = [0; 32 * SECTION_HEADER];
        let mut at = 0;
        while at < count {
            let part = offset.checked_add(at * SECTION_HEADER as u64)?;
            let read = pread(file, &mut headers, part)?;
            let (whole, _) = headers.get(..read)?.as_chunks::<SECTION_HEADER>();
            (!whole.is_empty()).then_some(())?;
            for header in whole {
                if at < count
                    && let Some((_, offset, size)) = code_section(header)
                {
                    sections.add(offset, offset.checked_add(size)?)?;
                }
                at += 1;
            }
        }
        (sections.length > 0).then_some(sections)
    }

    fn add(&mut self, start: u64, end: u64) -> Option<()> {
        *self.parts.get_mut(self.length)? = (start, end);
        self.length += 1;
        Some(())
    }

    /// Whether the byte at `offset` of the text is code.
    pub fn has(&self, offset: u32) -> bool {
        let at = self.begin.saturating_add(offset.into());
        let mut parts = self.parts.iter().take(self.length);
        parts.any(|(start, end)| (*start..*end).contains(&at))
    }
}

fn pread(file: usize, into: &mut [u8], at: u64) -> Option<usize> {
    let at = usize::try_from(at).ok()?;
    let args = [file, into.as_mut_ptr().addr(), into.len(), at, 0, 0];
    // SAFETY: the kernel writes into the slice, at most its length.
    unsafe { sys::call(number::PREAD64, args) }.ok()
}
