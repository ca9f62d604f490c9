//! x86_64: `syscall` instructions, found among bytes of any length, and jumps put in their place.

mod boundary;
mod cave;
mod decode;
mod landing;
mod number;
mod plan;
mod recipe;
mod scan;
mod survey;
mod tables;
#[cfg(test)]
mod tests;
mod trampoline;

pub use crate::header::{HEADER, TABLE, header};
pub use decode::{Flow, Instruction, LENGTH_MAX, decode};
pub use plan::Planner;
pub use recipe::Recipe;
pub use scan::is_call;
pub use survey::{survey, survey_for};

/// What to add to the resume address to come back with a result instead of making the call.
pub const RESUME_RETURN: u64 = 2;

/// The number that takes the place of whatever a call of the 32-bit interface asks for: no call has
/// it, so that a kernel that is asked all the same answers that it knows none.
pub const FOREIGN: u32 = 0x7fff_0080;
