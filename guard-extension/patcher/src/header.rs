//! What the trampolines of an island share: which numbers are checked, and where the entry is.

/// Numbers below this have an entry in the header's table; all others are checked.
pub const TABLE: usize = 512;

/// Size of a header in bytes: the table, the entry's address, padding.
pub const HEADER: usize = TABLE + 16;

/// The bytes of a header, for an address that is a multiple of 16 and within reach of its
/// trampolines: 2 GiB.
///
/// Numbers that `is_checked` is false for pass by the entry `entry` where the trampoline has to
/// look at run time.
pub fn header(entry: u64, is_checked: impl Fn(u32) -> bool) -> [u8; HEADER] {
    let mut header = [0; HEADER];
    for (number, byte) in (0..).zip(header.iter_mut().take(TABLE)) {
        *byte = is_checked(number).into();
    }
    for (to, from) in header.iter_mut().skip(TABLE).zip(entry.to_le_bytes()) {
        *to = from;
    }
    header
}
