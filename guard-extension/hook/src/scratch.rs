//! Memory that one decision works in.

use crate::network;

/// Longest path the kernel takes, with its final NUL (`PATH_MAX`, limits.h).
pub(crate) const PATH: usize = 4096;

/// Copies of the program's arguments, and what is kept between `decide` and `after`. One for each
/// call that is under way; its content means nothing before `decide`.
#[derive(Debug)]
#[repr(C, align(64))]
pub struct Scratch {
    /// The first and the second path as the program gave them.
    pub(crate) given: [[u8; PATH]; 2],
    /// Where they lead.
    pub(crate) real: [[u8; PATH]; 2],
    pub(crate) network: network::Memory,
}

impl Scratch {
    /// Empty memory.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            given: [[0; PATH]; 2],
            real: [[0; PATH]; 2],
            network: network::Memory::new(),
        }
    }
}

impl Default for Scratch {
    fn default() -> Self {
        Self::new()
    }
}
