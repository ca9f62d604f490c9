//! x86_64: `syscall` instructions, found among bytes of any length, and jumps put in their place.

mod boundary;
mod cave;
mod decode;
mod landing;
mod number;
mod plan;
mod scan;
mod survey;
mod tables;
mod trampoline;

pub use decode::{Flow, Instruction, LENGTH_MAX, decode};
pub use plan::Planner;
pub use survey::survey;

/// What to add to the resume address to come back with a result instead of making the call.
pub const RESUME_RETURN: u64 = 2;

/// Numbers below this have an entry in the header's table; all others are checked.
pub const TABLE: usize = 512;

/// Size of a header in bytes: the table, the entry address, padding.
pub const HEADER: usize = TABLE + 16;

/// What trampolines share, to be written within 2 GiB of them, 16-byte aligned.
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
