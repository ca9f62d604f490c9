//! What a plan says: bytes to write, and why there is none.

use core::fmt;

/// The longest trampoline, in bytes.
pub const TRAMPOLINE_MAX: usize = 128;
/// The longest write to a text, in bytes.
pub const WRITE_MAX: usize = 32;

/// Where things of a patch will lie.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::exhaustive_structs, reason = "built by callers")]
pub struct Place {
    /// Address that the trampoline will be written to. On aarch64 a multiple of 4.
    pub trampoline: u64,
    /// Address that the header (`x86_64::header`, `aarch64::header`) is written to.
    pub header: u64,
}

/// Bytes to write over a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Write {
    offset: u32,
    bytes: Bytes<WRITE_MAX>,
}

impl Write {
    pub(crate) const fn new(offset: u32, bytes: Bytes<WRITE_MAX>) -> Self {
        Self { offset, bytes }
    }

    /// Of the first byte, in the text.
    pub const fn offset(&self) -> u32 {
        self.offset
    }

    /// The new bytes.
    pub fn bytes(&self) -> &[u8] {
        self.bytes.as_slice()
    }

    /// Offset behind the last byte.
    pub(crate) fn end(&self) -> u32 {
        self.offset.saturating_add(self.bytes.len())
    }
}

/// How a site is made to pass through its trampoline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum How {
    /// A long jump over what comes before the site; the call's own instruction stays, and is jumped
    /// back to: its address means something to a cancelled thread (musl, glibc from 2.41 on).
    Ahead,
    /// A short jump to a long one in padding close by; no instruction is moved.
    Cave,
    /// A long jump over the site and instructions around it, which run in the trampoline.
    Displaced,
    /// One instruction replaced by another of the same size.
    Replaced,
}

/// A plan for one site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patch {
    pub(crate) how: How,
    pub(crate) trampoline: Bytes<TRAMPOLINE_MAX>,
    pub(crate) resume: u8,
    pub(crate) cave: Option<Write>,
    pub(crate) site: Write,
}

impl Patch {
    /// How the site is made to pass through the trampoline.
    pub const fn how(&self) -> How {
        self.how
    }

    /// The trampoline's bytes, to be written first; a multiple of 16 of them.
    pub fn trampoline(&self) -> &[u8] {
        self.trampoline.as_slice()
    }

    /// Where in the trampoline the resume address R of the contract is.
    pub const fn resume(&self) -> u8 {
        self.resume
    }

    /// What to write to the text, in this order.
    pub fn writes(&self) -> impl Iterator<Item = &Write> {
        self.cave.iter().chain([&self.site])
    }
}

/// Why a site cannot be made to pass through a trampoline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unplaceable {
    /// Too many patches before this one lie close to it.
    Crowded,
    /// It could not be settled whether the bytes are an instruction.
    Doubtful,
    /// There is no padding near, and no instruction around the site can be moved: a branch lands
    /// on it, it is a call, or its bytes cannot be read.
    NoRoom,
    /// The trampoline is not within reach of a jump, or of what a displaced instruction refers to.
    OutOfReach,
}

impl fmt::Display for Unplaceable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Crowded => "too many other sites within 300 bytes",
            Self::Doubtful => "the bytes may or may not be an instruction",
            Self::NoRoom => "no padding near, and the instructions around it cannot be moved",
            Self::OutOfReach => "the trampoline is out of reach",
        })
    }
}

impl core::error::Error for Unplaceable {}

/// At most N bytes; what does not fit marks the whole as overfull.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bytes<const N: usize> {
    bytes: [u8; N],
    /// Beyond N when something did not fit.
    length: usize,
}

impl<const N: usize> Bytes<N> {
    pub(crate) const fn new() -> Self {
        Self {
            bytes: [0; N],
            length: 0,
        }
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) {
        let end = self.length.saturating_add(bytes.len());
        if let Some(room) = self.bytes.get_mut(self.length..end) {
            room.copy_from_slice(bytes);
        }
        self.length = end;
    }

    pub(crate) const fn is_overfull(&self) -> bool {
        self.length > N
    }

    #[expect(clippy::cast_possible_truncation, reason = "arrays here are small")]
    pub(crate) const fn len(&self) -> u32 {
        self.length as u32
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    /// Fills up to a multiple of `unit` with `byte`.
    pub(crate) fn pad(&mut self, unit: usize, byte: u8) {
        while !self.length.is_multiple_of(unit) && !self.is_overfull() {
            self.push(&[byte]);
        }
    }
}
