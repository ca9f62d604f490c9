//! Memory that one decision works in.

use crate::text::PathText;
use crate::{code, files, network, programs, tamper};

/// Copies of the program's arguments, and what is kept between `decide` and `after`. One for each
/// call that is under way; its content means nothing before `decide`.
#[derive(Debug)]
#[repr(C, align(64))]
pub struct Scratch {
    /// The first and the second path as the program gave them.
    pub(crate) given: [PathText; 2],
    /// Where they lead.
    pub(crate) real: [PathText; 2],
    pub(crate) files: files::Memory,
    pub(crate) programs: programs::Memory,
    pub(crate) code: code::Memory,
    pub(crate) tamper: tamper::Memory,
    pub(crate) network: network::Memory,
}

impl Scratch {
    /// Empty memory.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            given: [const { PathText::new() }; 2],
            real: [const { PathText::new() }; 2],
            files: files::Memory::new(),
            programs: programs::Memory::new(),
            code: code::Memory::new(),
            tamper: tamper::Memory::new(),
            network: network::Memory::new(),
        }
    }
}

impl Default for Scratch {
    fn default() -> Self {
        Self::new()
    }
}
