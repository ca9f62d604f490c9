//! Which system calls pass through a check, on each architecture, and why.
//!
//! One table. The tier that patches call sites takes the numbers from it that need a trampoline's
//! attention; a filter in the kernel can be made from the same rows. Knows numbers and reasons; what
//! is decided about a call is the business of the modules that its treatment names.

mod table;

use crate::sys::number;
use table::ROWS;
pub use table::{CALLS, Name};

/// One system call.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Row {
    /// Which call.
    pub call: Name,
    /// Its name as in syscalls(2).
    pub name: &'static str,
    /// Its number on x86_64, if it exists there.
    pub x86_64: Option<u16>,
    /// Its number on aarch64 and every other architecture with the generic table.
    pub aarch64: Option<u16>,
    /// Who decides about it.
    pub treatment: Treatment,
    /// Why it is treated so.
    pub reason: &'static str,
}

impl Row {
    /// The number on the architecture that this is built for.
    #[must_use]
    pub const fn number(&self) -> Option<u16> {
        if cfg!(target_arch = "x86_64") {
            self.x86_64
        } else {
            self.aarch64
        }
    }
}

/// Who decides about a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Treatment {
    /// Paths and what is done to the files they lead to.
    File,
    /// The kernel's wide or privileged interfaces.
    Kernel,
    /// Memory that becomes code.
    Memory,
    /// Sockets and addresses.
    Network,
    /// Other processes, and what would undo the guard.
    Process,
    /// Starting programs.
    Program,
    /// Not looked at; the row says why.
    Unchecked,
}

/// The highest number of any architecture that the table was made from (Linux 6.17). Calls beyond
/// it are newer than this build: they are refused as unknown, as an older kernel would.
pub const LAST: usize = 469;

const LEN: usize = LAST + 1;

/// Position in [`CALLS`] by number, from 1; 0 for a number without a row.
static INDEX: [u8; LEN] = index();

const fn index() -> [u8; LEN] {
    let mut index = [0; LEN];
    let mut at = 0;
    while at < ROWS.len() {
        if let Some(number) = ROWS[at].number() {
            assert!(index[number as usize] == 0, "two rows have one number");
            assert!(at < u8::MAX as usize, "the index holds bytes");
            #[allow(clippy::cast_possible_truncation, reason = "compared above")]
            let position = (at + 1) as u8;
            index[number as usize] = position;
        }
        at += 1;
    }
    index
}

/// The row of a number of this architecture.
#[must_use]
pub fn row(number: usize) -> Option<&'static Row> {
    let position = usize::from(*INDEX.get(number)?);
    CALLS.get(position.checked_sub(1)?)
}

/// Whether a call has to be decided about. True of every number beyond the table, among them those
/// of the x32 interface, which are flagged by bit 30.
#[must_use]
pub const fn is_checked(number: usize) -> bool {
    number > LAST || BITS[number / 64] >> (number % 64) & 1 == 1
}

/// Which calls pass through the tier that patches: those that are decided about, and those that make
/// a child without its parent's threads, which has to be noticed there.
#[must_use]
pub const fn passes(number: u32) -> bool {
    // These two are no calls of their own elsewhere.
    const FORK: usize = 57;
    const VFORK: usize = 58;
    let number = number as usize;
    is_checked(number)
        || matches!(number, number::CLONE | number::CLONE3)
        || cfg!(target_arch = "x86_64") && matches!(number, FORK | VFORK)
}

/// [`is_checked`] for the numbers up to [`LAST`], a bit each, the lowest first; for trampolines.
pub static CHECKED: [u64; LEN.div_ceil(64)] = BITS;

const BITS: [u64; LEN.div_ceil(64)] = {
    let mut bits = [0; LEN.div_ceil(64)];
    let mut at = 0;
    while at < ROWS.len() {
        if let Some(number) = ROWS[at].number()
            && !matches!(ROWS[at].treatment, Treatment::Unchecked)
        {
            bits[number as usize / 64] |= 1 << (number % 64);
        }
        at += 1;
    }
    bits
};
