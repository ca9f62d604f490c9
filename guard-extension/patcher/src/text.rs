//! Executable bytes and the address they run at. Knows nothing of instructions.

/// Executable bytes with the address of the first.
///
/// At most 4 GiB of them count: offsets are 32 bits wide, and no longer text exists whose
/// branches could reach all of it.
#[derive(Debug, Clone, Copy)]
pub struct Text<'t> {
    bytes: &'t [u8],
    address: u64,
}

impl<'t> Text<'t> {
    /// `bytes` as they run at `address`.
    pub fn new(bytes: &'t [u8], address: u64) -> Self {
        let most = usize::try_from(u32::MAX).unwrap_or(usize::MAX);
        Self {
            bytes: bytes.get(..most).unwrap_or(bytes),
            address,
        }
    }

    /// The bytes.
    pub const fn bytes(&self) -> &'t [u8] {
        self.bytes
    }

    /// Where the first byte runs.
    pub const fn address(&self) -> u64 {
        self.address
    }

    /// Where the byte at `offset` runs.
    pub fn address_of(&self, offset: u32) -> u64 {
        self.address.wrapping_add(u64::from(offset))
    }

    /// The bytes from `offset` on; none when it lies behind the end.
    pub(crate) fn from(&self, offset: usize) -> &'t [u8] {
        self.bytes.get(offset..).unwrap_or_default()
    }

    /// Up to the end, as an offset.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "`new` keeps no more than u32::MAX"
    )]
    pub(crate) const fn len(&self) -> u32 {
        self.bytes.len() as u32
    }
}
