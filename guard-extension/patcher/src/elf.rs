//! The parts of an ELF file that patching needs: what is loaded where, which of it is code, the
//! build id, the dynamic section.
//!
//! Total over hostile bytes: a field that points outside of the file yields nothing. 64-bit
//! little-endian files only. Source: elf(5), System V ABI (gABI) chapters 4 and 5.

use core::fmt;

/// An ELF file, or as much of one as its headers lie in.
#[derive(Debug, Clone, Copy)]
pub struct Elf<'f> {
    file: &'f [u8],
    machine: Machine,
    is_fixed: bool,
    entry: u64,
    segments: Table,
    sections: Table,
}

/// The processor that a file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Machine {
    /// `EM_AARCH64`.
    Aarch64,
    /// Any other, by its number.
    Other(u16),
    /// `EM_X86_64`.
    X86_64,
}

/// Why bytes are no ELF file that this reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotElf {
    /// The magic number is missing.
    Magic,
    /// 32-bit or big-endian.
    Class,
    /// Neither a program nor a library.
    Kind(u16),
    /// The header is cut short, or its tables have entries of another size.
    Header,
}

impl fmt::Display for NotElf {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Magic => formatter.write_str("not an ELF file"),
            Self::Class => formatter.write_str("not a 64-bit little-endian ELF file"),
            Self::Kind(kind) => write!(
                formatter,
                "neither a program nor a library, but ELF type {kind}"
            ),
            Self::Header => formatter.write_str("the ELF header is damaged"),
        }
    }
}

impl core::error::Error for NotElf {}

/// A program header (`Elf64_Phdr`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Segment {
    /// `p_type`.
    pub kind: u32,
    /// `p_flags`: bit 0 execute, 1 write, 2 read.
    pub flags: u32,
    /// In the file.
    pub offset: u64,
    /// Where it is loaded, before relocation.
    pub address: u64,
    /// Bytes in the file.
    pub file_size: u64,
    /// Bytes in memory.
    pub memory_size: u64,
    /// `p_align`.
    pub align: u64,
}

/// `p_type` of what is loaded.
pub const PT_LOAD: u32 = 1;
/// `p_type` of the dynamic section.
pub const PT_DYNAMIC: u32 = 2;
/// `p_type` of the dynamic loader's path.
pub const PT_INTERP: u32 = 3;
/// `p_type` of notes.
pub const PT_NOTE: u32 = 4;
/// `p_type` of the program headers themselves.
pub const PT_PHDR: u32 = 6;

impl Segment {
    /// Whether it is loaded and may be executed.
    pub const fn is_code(&self) -> bool {
        self.kind == PT_LOAD && self.flags & 1 != 0
    }
}

/// Bytes of a file that are loaded and may be executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Code<'f> {
    /// Where they are loaded, before relocation.
    pub address: u64,
    /// In the file.
    pub offset: u64,
    /// As they are in the file.
    pub bytes: &'f [u8],
}

/// Where a table of headers lies.
#[derive(Debug, Clone, Copy)]
struct Table {
    offset: u64,
    entry: u64,
    count: u64,
}

impl Table {
    const EMPTY: Self = Self {
        offset: 0,
        entry: 0,
        count: 0,
    };

    fn entries(self, file: &[u8]) -> impl Iterator<Item = &[u8]> {
        (0..self.count).map_while(move |at| {
            let offset = self.offset.checked_add(at.checked_mul(self.entry)?)?;
            part(file, offset, self.entry)
        })
    }
}

impl<'f> Elf<'f> {
    /// Reads the header. `file` must reach as far as the tables that are wanted.
    ///
    /// # Errors
    ///
    /// When the bytes are no 64-bit little-endian ELF program or library.
    pub fn parse(file: &'f [u8]) -> Result<Self, NotElf> {
        if file.get(..4) != Some(b"\x7fELF") {
            return Err(NotElf::Magic);
        }
        // ELFCLASS64, ELFDATA2LSB
        if file.get(4..6) != Some(&[2, 1]) {
            return Err(NotElf::Class);
        }
        let kind = u16_at(file, 16).ok_or(NotElf::Header)?;
        // ET_EXEC, ET_DYN
        if !matches!(kind, 2 | 3) {
            return Err(NotElf::Kind(kind));
        }
        Self::header(file, kind).ok_or(NotElf::Header)
    }

    fn header(file: &'f [u8], kind: u16) -> Option<Self> {
        let segments = Table {
            offset: u64_at(file, 32)?,
            entry: u16_at(file, 54)?.into(),
            count: u16_at(file, 56)?.into(),
        };
        let sections = Table {
            offset: u64_at(file, 40)?,
            entry: u16_at(file, 58)?.into(),
            count: u16_at(file, 60)?.into(),
        };
        // sizeof(Elf64_Phdr); a file without section headers is fine.
        (segments.entry == 56).then_some(())?;
        Some(Self {
            file,
            machine: match u16_at(file, 18)? {
                62 => Machine::X86_64,
                183 => Machine::Aarch64,
                other => Machine::Other(other),
            },
            is_fixed: kind == 2,
            entry: u64_at(file, 24)?,
            segments,
            sections: if sections.entry == 64 {
                sections
            } else {
                Table::EMPTY
            },
        })
    }

    /// The processor it is for.
    pub const fn machine(&self) -> Machine {
        self.machine
    }

    /// Whether it has to be loaded at the addresses it names (`ET_EXEC`).
    pub const fn is_fixed(&self) -> bool {
        self.is_fixed
    }

    /// Where it starts, before relocation.
    pub const fn entry(&self) -> u64 {
        self.entry
    }

    /// Of the program headers, in the file.
    pub const fn segments_offset(&self) -> u64 {
        self.segments.offset
    }

    /// The program headers.
    pub fn segments(&self) -> impl Iterator<Item = Segment> + use<'f> {
        self.segments.entries(self.file).filter_map(segment)
    }

    /// What is loaded to be executed: the sections that say so, or, in a file without, the whole
    /// segments, which may hold data too.
    ///
    /// Linkers before binutils 2.31 put read-only data into the segment of the code: bytes there
    /// that look like a system call must not be touched, so sections are worth their read.
    pub fn code(&self) -> impl Iterator<Item = Code<'f>> + use<'f> {
        let file = self.file;
        let has_sections = self.sections().next().is_some();
        let whole = self
            .segments()
            .filter(move |segment| !has_sections && segment.is_code())
            .map(|segment| (segment.address, segment.offset, segment.file_size));
        self.sections()
            .chain(whole)
            .filter_map(move |(address, offset, size)| {
                let bytes = part(file, offset, size)?;
                Some(Code {
                    address,
                    offset,
                    bytes,
                })
            })
    }

    /// Address, offset and size of the executable sections.
    fn sections(&self) -> impl Iterator<Item = (u64, u64, u64)> + use<'f> {
        self.sections.entries(self.file).filter_map(code_section)
    }

    /// Where the section headers are in the file, and how many, for one who reads them piece by
    /// piece; nothing in a file without.
    pub fn section_headers(&self) -> Option<(u64, u64)> {
        (self.sections.count > 0).then_some((self.sections.offset, self.sections.count))
    }

    /// The dynamic loader that the file asks for; none in a static program.
    pub fn interpreter(&self) -> Option<&'f [u8]> {
        let segment = self.segments().find(|segment| segment.kind == PT_INTERP)?;
        let path = part(self.file, segment.offset, segment.file_size)?;
        path.split(|byte| *byte == 0).next()
    }

    /// The build id (`NT_GNU_BUILD_ID`), as the linker hashed the file: some 20 bytes.
    pub fn build_id(&self) -> Option<&'f [u8]> {
        let file = self.file;
        self.segments()
            .filter(|segment| segment.kind == PT_NOTE)
            .find_map(|segment| build_id(part(file, segment.offset, segment.file_size)?))
    }

    /// Tags and values of the dynamic section, up to `DT_NULL`.
    pub fn dynamic(&self) -> impl Iterator<Item = (u64, u64)> + use<'f> {
        let file = self.file;
        self.segments()
            .filter(|segment| segment.kind == PT_DYNAMIC)
            .take(1)
            .filter_map(move |segment| part(file, segment.offset, segment.file_size))
            .flat_map(|bytes| bytes.as_chunks::<16>().0)
            .map_while(|entry| Some((u64_at(entry, 0)?, u64_at(entry, 8)?)))
            .take_while(|(tag, _)| *tag != 0)
    }
}

/// Size of a section header (`Elf64_Shdr`).
pub const SECTION_HEADER: usize = 64;

/// Address, offset and size of a section that is code, of its header.
pub fn code_section(header: &[u8]) -> Option<(u64, u64, u64)> {
    // SHT_PROGBITS; SHF_ALLOC and SHF_EXECINSTR.
    let is_code = u32_at(header, 4)? == 1 && u64_at(header, 8)? & 6 == 6;
    is_code.then_some((
        u64_at(header, 16)?,
        u64_at(header, 24)?,
        u64_at(header, 32)?,
    ))
}

/// The build id among notes as they are in a file or in memory.
pub fn build_id(mut notes: &[u8]) -> Option<&[u8]> {
    while !notes.is_empty() {
        let name_size = u32_at(notes, 0)?;
        let size = u32_at(notes, 4)?;
        let name_end = 12u64.checked_add(name_size.into())?.next_multiple_of(4);
        let end = name_end.checked_add(size.into())?;
        // NT_GNU_BUILD_ID
        if u32_at(notes, 8)? == 3 && notes.get(12..16) == Some(b"GNU\0") {
            return part(notes, name_end, size.into());
        }
        notes = notes.get(usize::try_from(end.next_multiple_of(4)).ok()?..)?;
    }
    None
}

fn segment(entry: &[u8]) -> Option<Segment> {
    Some(Segment {
        kind: u32_at(entry, 0)?,
        flags: u32_at(entry, 4)?,
        offset: u64_at(entry, 8)?,
        address: u64_at(entry, 16)?,
        file_size: u64_at(entry, 32)?,
        memory_size: u64_at(entry, 40)?,
        align: u64_at(entry, 48)?,
    })
}

fn part(bytes: &[u8], offset: u64, size: u64) -> Option<&[u8]> {
    let start = usize::try_from(offset).ok()?;
    let end = start.checked_add(usize::try_from(size).ok()?)?;
    bytes.get(start..end)
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes
        .get(at..)?
        .first_chunk()
        .map(|bytes| u16::from_le_bytes(*bytes))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes
        .get(at..)?
        .first_chunk()
        .map(|bytes| u32::from_le_bytes(*bytes))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes
        .get(at..)?
        .first_chunk()
        .map(|bytes| u64::from_le_bytes(*bytes))
}
