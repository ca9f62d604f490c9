//! The mappings of this process, as /proc/self/maps lists them (proc_pid_maps(5)).

use guard_hook::shared::TextKey;

use crate::arch;
use crate::sections::Sections;
use crate::sys::{Descriptor, Errno};

/// One mapping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mapping<'m> {
    /// Address of the first byte.
    pub start: usize,
    /// Address behind the last byte.
    pub end: usize,
    /// `r`, `w`, `x`, `p` or `-`.
    pub permissions: [u8; 4],
    /// Where it begins in the file.
    pub offset: u64,
    /// Of the file: major number times 2^32 and minor number.
    pub device: u64,
    /// Of the file; 0 where there is none.
    pub inode: u64,
    /// The file, or a name in brackets; empty for plain memory.
    pub name: &'m [u8],
}

impl Mapping<'_> {
    /// Whether there is a file behind it.
    pub const fn is_file(&self) -> bool {
        self.inode != 0
    }

    /// Which part of which file it is.
    pub const fn key(&self) -> TextKey {
        TextKey {
            device: self.device,
            inode: self.inode,
            offset: self.offset,
            length: (self.end - self.start) as u64,
        }
    }

    /// What of it is code, if its file says so.
    pub fn sections(&self) -> Option<Sections> {
        Sections::named(self.name, self.inode, self.offset)
    }

    /// Whether it is code from a file, and private, so that a change does not reach the file.
    pub fn is_code(&self) -> bool {
        let [_, _, execute, private] = self.permissions;
        execute == b'x' && private == b'p' && self.is_file()
    }

    /// Whether it may be written.
    pub const fn is_writable(&self) -> bool {
        let [_, write, ..] = self.permissions;
        write == b'w'
    }

    /// Whether it may be read. Code need not be, to run.
    pub fn is_readable(&self) -> bool {
        self.permissions.first() == Some(&b'r')
    }
}

/// Bytes of a line that are looked at.
const LONGEST: usize = 8192;

/// Calls `each` with every mapping, until it returns false. Names are cut where a line does not fit
/// the buffer: a line feed in a name takes four bytes there, and paths have no greatest length.
///
/// # Errors
/// When the list cannot be read.
pub fn each(mut each: impl FnMut(&Mapping<'_>) -> bool) -> Result<(), Errno> {
    let file = Descriptor::open(c"/proc/self/maps", 0)?;
    let mut buffer = [0; LONGEST];
    let mut held = 0;
    // Of a line whose beginning was looked at.
    let mut is_rest = false;
    loop {
        let room = buffer.get_mut(held..).unwrap_or_default();
        let length = file.read(room)?;
        if length == 0 {
            return Ok(());
        }
        held += length;
        let mut rest = buffer.get(..held).unwrap_or_default();
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let (line, next) = rest.split_at(end);
            if !is_rest && parse(line).is_some_and(|mapping| !each(&mapping)) {
                return Ok(());
            }
            is_rest = false;
            rest = next.get(1..).unwrap_or_default();
        }
        let left = rest.len();
        if left == LONGEST {
            if !is_rest && parse(rest).is_some_and(|mapping| !each(&mapping)) {
                return Ok(());
            }
            is_rest = true;
            held = 0;
            continue;
        }
        buffer.copy_within(held - left..held, 0);
        held = left;
    }
}

/// Whether nobody has written to the pages between two addresses, a private mapping of a file, since
/// they were mapped: such pages are copies, which /proc/self/pagemap tells from the file's own
/// (pagemap(5)). Not where the kernel does not say.
pub fn is_as_in_file(start: usize, end: usize) -> bool {
    const IS_FILES: u64 = 1 << 61;
    // Present, or swapped out.
    const IS_THERE: u64 = 3 << 62;
    let is_files = |entry: &[u8; 8]| {
        let entry = u64::from_le_bytes(*entry);
        entry & IS_THERE == 0 || entry & IS_FILES != 0
    };
    let Ok(file) = Descriptor::open(c"/proc/self/pagemap", 0) else {
        return false;
    };
    let mut buffer = [0; 2048];
    let (mut page, last) = (start / arch::page(), end.div_ceil(arch::page()));
    while page < last {
        let most = (last - page).saturating_mul(8).min(buffer.len());
        let room = buffer.get_mut(..most).unwrap_or_default();
        let length = file.read_at(room, (page as u64) * 8).unwrap_or(0);
        let (entries, _) = room.get(..length).unwrap_or_default().as_chunks::<8>();
        if entries.is_empty() || !entries.iter().all(is_files) {
            return false;
        }
        page += entries.len();
    }
    true
}

fn parse(line: &[u8]) -> Option<Mapping<'_>> {
    let (range, rest) = split(line, b' ')?;
    let (start, end) = split(range, b'-')?;
    let (permissions, rest) = split(rest, b' ')?;
    let (offset, rest) = split(rest, b' ')?;
    let (device, rest) = split(rest, b' ')?;
    let (major, minor) = split(device, b':')?;
    let (inode, rest) = split(rest, b' ').unwrap_or((rest, &[]));
    let (start, end) = (hexadecimal(start)?, hexadecimal(end)?);
    Some(Mapping {
        start,
        end: end.max(start),
        permissions: *permissions.first_chunk()?,
        offset: hexadecimal(offset)? as u64,
        device: (hexadecimal(major)? as u64) << 32 | hexadecimal(minor)? as u64,
        inode: decimal(inode)?,
        name: rest.trim_ascii_start(),
    })
}

fn split(text: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let position = text.iter().position(|byte| *byte == at)?;
    Some((text.get(..position)?, text.get(position + 1..)?))
}

fn hexadecimal(text: &[u8]) -> Option<usize> {
    let mut value = 0_usize;
    for byte in text {
        let digit = char::from(*byte).to_digit(16)?;
        value = value.checked_mul(16)?.checked_add(digit as usize)?;
    }
    Some(value)
}

fn decimal(text: &[u8]) -> Option<u64> {
    text.iter().try_fold(0_u64, |value, byte| {
        let digit = char::from(*byte).to_digit(10)?;
        value.checked_mul(10)?.checked_add(digit.into())
    })
}
