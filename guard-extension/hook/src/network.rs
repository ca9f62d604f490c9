//! Sockets: families, types, addresses, options.

use crate::calls::Name;
use crate::{Answer, Call, Next, Process, Scratch};

/// What these calls keep between [`decide`] and [`after`], and their copies of the program's
/// structures.
#[derive(Debug)]
pub(crate) struct Memory {}

impl Memory {
    pub(crate) const fn new() -> Self {
        Self {}
    }
}

/// Decides about the calls whose treatment is `Network`.
pub(crate) fn decide(
    _process: &Process<'_>,
    _name: Name,
    _call: &Call,
    _scratch: &mut Scratch,
) -> Answer {
    Answer::Proceed
}

/// Continues after a call that [`decide`] answered with another one.
pub(crate) fn after(
    _process: &Process<'_>,
    _name: Name,
    _call: &Call,
    _scratch: &mut Scratch,
    result: isize,
) -> Next {
    Next::Done(result)
}
