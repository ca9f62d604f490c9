//! Files that are mapped as code: libraries.
//!
//! Code that a program makes itself, in memory without a file, is a compiler at work as far as
//! anybody can tell; it is not restricted.

use crate::calls::Name;
use crate::files::{EACCES, name_of};
use crate::process::Process;
use crate::programs::{is_firm, may_start};
use crate::scratch::Scratch;
use crate::sys::{self, Fd};
use crate::{Answer, Call, Next};

const PROT_EXEC: usize = 4;
const MAP_ANONYMOUS: usize = 0x20;

/// The descriptor that is mapped.
#[derive(Debug)]
pub(crate) struct Memory {
    held: Option<usize>,
}

impl Memory {
    pub(crate) const fn new() -> Self {
        Self { held: None }
    }
}

/// Decides about the calls whose treatment is `Memory`.
pub(crate) fn decide(
    process: &Process<'_>,
    name: Name,
    call: &Call,
    scratch: &mut Scratch,
) -> Answer {
    let [_, _, protection, flags, descriptor, _] = call.args;
    if name != Name::Mmap || protection & PROT_EXEC == 0 || flags & MAP_ANONYMOUS != 0 {
        return Answer::Proceed;
    }
    // Of our own, so that no other thread puts another file in its place.
    let own = match sys::duplicate(descriptor) {
        Ok(own) => own,
        Err(_) if !process.enforces() => return Answer::Proceed,
        // Also without room for another descriptor: the program can see to that, and what is not
        // looked at is not mapped.
        Err(errno) => return Answer::Return(errno.result()),
    };
    let [real, names] = &mut scratch.real;
    let [full, _] = &mut scratch.given;
    let goes_on = match name_of(own.number(), real) {
        // Memory under the name of a file: as without one.
        Ok(()) if !real.bytes().starts_with(b"/") || real.bytes().starts_with(b"/memfd:") => true,
        // What the function's own code could not have put there came with the function: programs
        // load libraries late, which starts nothing.
        Ok(()) if is_firm(process, real, full, names) => true,
        Ok(()) => may_start(process, call.number, real.bytes(), names),
        Err(_) => !process.enforces(),
    };
    if !goes_on {
        return Answer::Return(-isize::from(EACCES.cast_signed()));
    }
    let mut made = *call;
    made.args[4] = own.number();
    scratch.code.held = Some(own.keep());
    Answer::Instead(made)
}

/// Continues after the mapping.
pub(crate) fn after(scratch: &mut Scratch, result: isize) -> Next {
    drop(scratch.code.held.take().map(Fd::held));
    Next::Done(result)
}
