//! How a compiled policy is laid out in bytes, and reads that cannot leave them.
//!
//! All numbers are little-endian and unaligned; all references are indexes or offsets from the
//! start of their section, so that the image can be mapped anywhere, read-only. Knows rows and
//! sections, not what they mean.

/// First bytes of every image.
pub(super) const MAGIC: [u8; 4] = *b"GRDP";
/// Raised whenever the layout or the meaning of a field changes.
pub(super) const VERSION: u16 = 1;
/// Magic, version, flags, length, mode, three zero bytes; then offset and count of each section.
pub(super) const HEADER: usize = 16 + 8 * SECTIONS;
/// Number of sections.
pub(super) const SECTIONS: usize = 8;

/// Restricted kinds of operations, as bits of the header's flags.
pub(super) mod flag {
    pub(in crate::policy::compiled) const EGRESS: u16 = 1;
    pub(in crate::policy::compiled) const READ: u16 = 2;
    pub(in crate::policy::compiled) const WRITE: u16 = 4;
    pub(in crate::policy::compiled) const EXEC: u16 = 8;
    pub(in crate::policy::compiled) const ALL: u16 = EGRESS | READ | WRITE | EXEC;
}

/// A table of the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub(super) enum Section {
    /// Tree of labels, from the last one: key (u32 offset, u32 length), first child and number of
    /// children (u32), first rule and number of rules (u32).
    HostNodes = 0,
    /// Scope (u8), protocol (u8), first and last port, entry (u16).
    HostRules = 1,
    /// Tree of path components: key and children as above, six entries + 1 (u16, 0 for none).
    PathNodes = 2,
    /// Prefix length (u8, three zero bytes), first rule and number of rules (u32).
    AddressGroups = 3,
    /// Network (16 bytes, as IPv6), protocol (u8, a zero byte), first and last port, entry (u16).
    AddressRules = 4,
    /// Path (u32 offset, u32 length), entry (u16, two zero bytes).
    Unix = 5,
    /// Origin (u8, three zero bytes), text (u32 offset, u32 length).
    Entries = 6,
    /// Bytes that the other sections refer to.
    Bytes = 7,
}

/// Bytes in a row of each section.
pub(super) mod row {
    pub(in crate::policy::compiled) const HOST_NODE: usize = 24;
    pub(in crate::policy::compiled) const HOST_RULE: usize = 8;
    pub(in crate::policy::compiled) const PATH_NODE: usize = 28;
    pub(in crate::policy::compiled) const ADDRESS_GROUP: usize = 12;
    pub(in crate::policy::compiled) const ADDRESS_RULE: usize = 24;
    pub(in crate::policy::compiled) const UNIX: usize = 12;
    pub(in crate::policy::compiled) const ENTRY: usize = 12;
}

/// The byte at `at`.
#[inline]
pub(super) fn byte(bytes: &[u8], at: usize) -> Option<u8> {
    bytes.get(at).copied()
}

/// The two-byte number at `at`.
#[inline]
pub(super) fn short(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// The four-byte number at `at`.
#[inline]
pub(super) fn word(bytes: &[u8], at: usize) -> Option<usize> {
    // A target has at least 32 bits: Lambda has 64.
    usize::try_from(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?)).ok()
}

/// The rows of one section, `ROW` bytes each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Table<'a, const ROW: usize>(&'a [u8]);

impl<'a, const ROW: usize> Table<'a, ROW> {
    /// The section as the header describes it, if it lies inside the image.
    pub(super) fn new(image: &'a [u8], section: Section) -> Option<Self> {
        let at = 16 + 8 * section as usize;
        let (offset, count) = (word(image, at)?, word(image, at + 4)?);
        let end = offset.checked_add(count.checked_mul(ROW)?)?;
        image.get(offset..end).map(Self)
    }

    /// Number of rows.
    #[inline]
    pub(super) const fn count(self) -> usize {
        self.0.len() / ROW
    }

    /// One row.
    #[inline]
    pub(super) fn get(self, index: usize) -> Option<&'a [u8]> {
        let start = index.checked_mul(ROW)?;
        self.0.get(start..start.checked_add(ROW)?)
    }

    /// `length` rows of one byte, from `offset`.
    #[inline]
    pub(super) fn slice(self, offset: usize, length: usize) -> Option<&'a [u8]> {
        self.0.get(offset..offset.checked_add(length)?)
    }
}
