//! Programs as files (elf(5)): what kind they are, and how they are mapped.

use core::ffi::CStr;

use guard_gate::sys::{self, Descriptor, Errno, map, number};
use guard_gate::text::State;

use crate::begin::MACHINE;

/// Not a program (errno(3)).
pub(crate) const ENOEXEC: Errno = Errno(8);
/// What is named as a dynamic loader is none (`ELIBBAD`, errno(3)).
pub(crate) const BAD_LIBRARY: Errno = Errno(80);
const ENOMEM: Errno = Errno(12);

const PAGE: usize = 4096;
/// What programs begin with. Of the 12 bytes that follow, kernels look at nothing.
const MAGIC: &[u8] = b"\x7fELF";
const FILE_HEADER: usize = 64;
const PROGRAM_HEADER: usize = 56;
/// Most program headers: kernels read a page of them (fs/binfmt_elf.c, load_elf_phdrs). Wherever in the
/// file they are: tools that add to a program put them behind everything else.
const MOST: usize = PAGE / PROGRAM_HEADER;

const PT_LOAD: u32 = 1;
const PT_INTERP: u32 = 3;
const PT_PHDR: u32 = 6;

/// The headers of a file.
#[derive(Debug)]
pub(crate) struct Head<'b> {
    /// Of the file.
    bytes: &'b [u8],
    /// Of its parts.
    parts: &'b [u8],
}

/// Room for a [`Head`]. Programs may start with little stack: it is not handed around.
pub(crate) type Room = [u8; FILE_HEADER + MOST * PROGRAM_HEADER];
pub(crate) const EMPTY: Room = [0; FILE_HEADER + MOST * PROGRAM_HEADER];

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// A program with a dynamic loader.
    Dynamic,
    /// A program without one.
    Static,
    /// Anything else: a script, or nothing that can be started.
    Other,
}

/// One program header.
#[derive(Debug, Clone, Copy)]
struct Part {
    kind: u32,
    flags: u32,
    offset: usize,
    address: usize,
    in_file: usize,
    in_memory: usize,
    align: usize,
}

/// A mapped program.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Image {
    /// Where it begins.
    pub(crate) entry: usize,
    /// Its program headers in memory.
    pub(crate) headers: usize,
    /// How many.
    pub(crate) count: usize,
    /// What is added to the addresses in the file.
    pub(crate) base: usize,
}

impl<'b> Head<'b> {
    /// Reads it.
    pub(crate) fn read(file: &Descriptor, room: &'b mut Room) -> Result<Self, Errno> {
        let (head, table) = room.split_at_mut(FILE_HEADER);
        let mut head = Self {
            bytes: fill(file, head, 0)?,
            parts: &[],
        };
        // What stands there in another file, a script say, leads nowhere.
        if head.bytes.starts_with(MAGIC) {
            let length = head.count().min(MOST) * PROGRAM_HEADER;
            let table = table.get_mut(..length).unwrap_or_default();
            head.parts = fill(file, table, head.table() as u64)?;
        }
        Ok(head)
    }

    /// What the file is.
    pub(crate) fn form(&self) -> Form {
        const EXECUTABLE: u16 = 2;
        const SHARED: u16 = 3;
        let is_program = self.bytes.starts_with(MAGIC)
            && self.half(18) == MACHINE
            && matches!(self.half(16), EXECUTABLE | SHARED)
            && usize::from(self.half(54)) == PROGRAM_HEADER;
        match self.parts().any(|part| part.kind == PT_INTERP) {
            _ if !is_program => Form::Other,
            true => Form::Dynamic,
            false => Form::Static,
        }
    }

    /// The path of the dynamic loader.
    pub(crate) fn interpreter<'p>(
        &self,
        file: &Descriptor,
        into: &'p mut [u8],
    ) -> Result<&'p CStr, Errno> {
        let mut parts = self.parts();
        let part = parts.find(|part| part.kind == PT_INTERP).ok_or(ENOEXEC)?;
        let into = into.get_mut(..part.in_file).ok_or(ENOEXEC)?;
        let length = file.read_at(into, part.offset as u64)?;
        let read = into.get(..length).ok_or(ENOEXEC)?;
        CStr::from_bytes_until_nul(read).map_err(|_| ENOEXEC)
    }

    fn half(&self, at: usize) -> u16 {
        let bytes = self.bytes.get(at..).and_then(|bytes| bytes.first_chunk());
        bytes.map_or(0, |bytes| u16::from_le_bytes(*bytes))
    }

    fn table(&self) -> usize {
        word(self.bytes, 32)
    }

    fn count(&self) -> usize {
        usize::from(self.half(56))
    }

    fn parts(&self) -> impl Iterator<Item = Part> + '_ {
        (0..self.count().min(MOST)).filter_map(|index| {
            let at = index * PROGRAM_HEADER;
            let part = self.parts.get(at..)?.get(..PROGRAM_HEADER)?;
            let kind = word(part, 0);
            Some(Part {
                kind: (kind & 0xffff_ffff) as u32,
                flags: (kind >> 32) as u32,
                offset: word(part, 8),
                address: word(part, 16),
                in_file: word(part, 32),
                in_memory: word(part, 40),
                align: word(part, 48),
            })
        })
    }

    /// Maps the program as the kernel does.
    pub(crate) fn map(&self, file: &Descriptor) -> Result<Image, Errno> {
        const EXECUTABLE: u16 = 2;
        let loads = || self.parts().filter(|part| part.kind == PT_LOAD);
        let low = loads()
            .map(|part| down(part.address))
            .min()
            .ok_or(ENOEXEC)?;
        let high = loads()
            .map(|part| part.address.checked_add(part.in_memory))
            .try_fold(0, |high, end| Some(end?.max(high)))
            .ok_or(ENOEXEC)?;
        let length = up(high - low);
        let base = if self.half(16) == EXECUTABLE {
            reserve(low, length, map::FIXED_NOREPLACE)
                .filter(|start| *start == low)
                .ok_or(ENOMEM)?;
            0
        } else {
            let align = loads().map(|part| part.align).max().unwrap_or(PAGE);
            let align = if align.is_power_of_two() {
                align.max(PAGE)
            } else {
                PAGE
            };
            let start = reserve(0, length.checked_add(align).ok_or(ENOMEM)?, 0).ok_or(ENOMEM)?;
            // What is reserved around it stays so, without access.
            start.next_multiple_of(align).wrapping_sub(low)
        };
        for part in loads() {
            place(file, part, base)?;
        }
        let table = self.table();
        let headers = self
            .parts()
            .find(|part| part.kind == PT_PHDR)
            .map(|part| part.address)
            .or_else(|| {
                let within = |part: &Part| {
                    (part.offset..part.offset.saturating_add(part.in_file)).contains(&table)
                };
                loads()
                    .find(within)
                    .map(|part| table - part.offset + part.address)
            })
            .ok_or(ENOEXEC)?;
        Ok(Image {
            entry: base.wrapping_add(word(self.bytes, 24)),
            headers: base.wrapping_add(headers),
            count: self.count(),
            base,
        })
    }

    /// Calls `each` with the bounds of what is code in a mapped program, where it begins in the file,
    /// and what else it is.
    pub(crate) fn code(&self, image: &Image, mut each: impl FnMut(usize, usize, u64, State)) {
        for part in self.parts().filter(|part| part.kind == PT_LOAD) {
            let access = protection(part.flags);
            if access & map::EXEC != 0 {
                let start = image.base.wrapping_add(part.address);
                // Whole pages: what stands in the file around the part is mapped with it.
                let offset = part.offset.wrapping_sub(start - down(start));
                let end = up(start.wrapping_add(part.in_file));
                let state = State::mapped(access & map::WRITE != 0);
                each(down(start), end, offset as u64, state);
            }
        }
    }
}

/// As much as there is of what begins at an offset.
fn fill<'b>(file: &Descriptor, into: &'b mut [u8], at: u64) -> Result<&'b [u8], Errno> {
    let mut length = 0;
    while length < into.len() {
        let rest = into.get_mut(length..).unwrap_or_default();
        match file.read_at(rest, at.wrapping_add(length as u64))? {
            0 => break,
            read => length += read,
        }
    }
    Ok(into.get(..length).unwrap_or_default())
}

fn word(bytes: &[u8], at: usize) -> usize {
    let bytes = bytes.get(at..).and_then(|bytes| bytes.first_chunk());
    bytes.map_or(0, |bytes| u64::from_le_bytes(*bytes) as usize)
}

fn down(address: usize) -> usize {
    address & !(PAGE - 1)
}

fn up(address: usize) -> usize {
    down(address.saturating_add(PAGE - 1))
}

/// Address space without memory.
fn reserve(at: usize, length: usize, flags: usize) -> Option<usize> {
    let flags = map::PRIVATE | map::ANONYMOUS | map::NORESERVE | flags;
    // SAFETY: a new mapping where nothing is mapped.
    unsafe { sys::call(number::MMAP, [at, length, 0, flags, usize::MAX, 0]) }.ok()
}

fn protection(flags: u32) -> usize {
    // The bits are execute, write, read there; read, write, execute here.
    let bit = |from: u32, to: usize| if flags & from != 0 { to } else { 0 };
    // Code is read, to be patched.
    bit(4, map::READ) | bit(2, map::WRITE) | bit(1, map::EXEC | map::READ)
}

/// Maps one part over what was reserved.
fn place(file: &Descriptor, part: Part, base: usize) -> Result<(), Errno> {
    let start = base.wrapping_add(part.address);
    let access = protection(part.flags);
    let fixed = map::PRIVATE | map::FIXED;
    let file_end = start.wrapping_add(part.in_file);
    let end = start.wrapping_add(part.in_memory);
    let ahead = start - down(start);
    if part.in_file > 0 {
        let offset = part.offset.checked_sub(ahead).ok_or(ENOEXEC)?;
        let args = [
            down(start),
            part.in_file + ahead,
            access,
            fixed,
            file.raw(),
            offset,
        ];
        // SAFETY: replaces reserved address space only.
        unsafe { sys::call(number::MMAP, args) }?;
    }
    // What lies behind the file is zero: the rest of its last page, and pages of their own.
    let zero = if part.in_file > 0 {
        up(file_end)
    } else {
        down(start)
    };
    if part.in_file > 0 && part.in_memory > part.in_file && access & map::WRITE != 0 {
        // To the page's end, beyond the part's: dynamic loaders allocate from there, trusting that it
        // is zero.
        let length = zero - file_end;
        // SAFETY: the page was just mapped, writable.
        unsafe { core::ptr::write_bytes(file_end as *mut u8, 0, length) };
    }
    if up(end) > zero {
        let args = [
            zero,
            up(end) - zero,
            access,
            fixed | map::ANONYMOUS,
            usize::MAX,
            0,
        ];
        // SAFETY: replaces reserved address space only.
        unsafe { sys::call(number::MMAP, args) }?;
    }
    Ok(())
}

/// Opens a program to be read.
pub(crate) fn open(path: &CStr) -> Result<Descriptor, Errno> {
    Descriptor::open(path, 0)
}
