//! Which parts of a file are code, as its section headers say.
//!
//! Linkers before binutils 2.31, gold, and all that are told to save pages put read-only data into
//! the segment of the code. What looks like a system call there is part of a table: it must stay as
//! it is. A file without section headers, or one that cannot be read, is code all over.
//!
//! Nobody but the program's user can have a file say otherwise that he may not write to: of others,
//! all is searched. Root may write to any; of root's, it is believed what goes with where the program
//! begins.

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
        (pread(file, &mut head, 0)? == head.len() && is_believed(file)).then_some(())?;
        // Where a program begins (elf(5)); libraries begin nowhere.
        let entry = u64::from_le_bytes(*head.get(24..)?.first_chunk()?);
        let mut has_entry = entry == 0;
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
                    && let Some((address, offset, size)) = code_section(header)
                {
                    has_entry |= (address..address.saturating_add(size)).contains(&entry);
                    sections.add(offset, offset.checked_add(size)?)?;
                }
                at += 1;
            }
        }
        (sections.length > 0 && has_entry).then_some(sections)
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

/// Whether programs of this user could not have written a file: another user's that others may not
/// write, or one on a file system mounted read-only. What root runs is root's.
fn is_believed(file: usize) -> bool {
    // SAFETY: takes no arguments and changes nothing.
    let user = unsafe { sys::call(number::GETEUID, [0; 6]) };
    if user == Ok(0) {
        return true;
    }
    // struct stat: mode and owner at 24 and 28, on aarch64 at 16 and 24 (asm/stat.h).
    let mut stat = [0_u32; 36];
    let args = [file, stat.as_mut_ptr().addr(), 0, 0, 0, 0];
    // SAFETY: the kernel writes a struct stat into the array, which is as long or longer.
    let is_told = unsafe { sys::call(number::FSTAT, args) }.is_ok();
    let (mode, owner) = match cfg!(target_arch = "x86_64") {
        true => (stat[6], stat[7]),
        false => (stat[4], stat[6]),
    };
    if is_told && user != Ok(owner as usize) && mode & 0o022 == 0 {
        return true;
    }
    // struct statfs: the flags are the 11th word, the first of them ST_RDONLY (statfs(2)).
    let mut system = [0_u64; 32];
    let args = [file, system.as_mut_ptr().addr(), 0, 0, 0, 0];
    // SAFETY: the kernel writes a struct statfs, of 15 words, into the array.
    unsafe { sys::call(number::FSTATFS, args) }.is_ok() && system[10] & 1 == 1
}

fn pread(file: usize, into: &mut [u8], at: u64) -> Option<usize> {
    let at = usize::try_from(at).ok()?;
    let args = [file, into.as_mut_ptr().addr(), into.len(), at, 0, 0];
    // SAFETY: the kernel writes into the slice, at most its length.
    unsafe { sys::call(number::PREAD64, args) }.ok()
}
