//! Files that are mapped as code: libraries.
//!
//! Code that a program makes itself, in memory without a file, is a compiler at work as far as
//! anybody can tell; it is not restricted.

use guard_core::policy::Decision;

use crate::calls::{self, Name};
use crate::files::{EACCES, is_below, name_of};
use crate::process::Process;
use crate::programs::{is_called_loader, is_firm, may_start};
use crate::record::{Subject, goes_on};
use crate::scratch::Scratch;
use crate::shared::Kind;
use crate::sys::{self, Fd};
use crate::{Answer, Call, Next};

const PROT_WRITE: usize = 2;
const PROT_EXEC: usize = 4;
const MAP_PRIVATE: usize = 2;
const MAP_TYPE: usize = 0xf;
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
        // Memory under the name of a file: as without one, unless it is mapped as libraries are.
        Ok(()) if is_memory(real.bytes()) => {
            let is_library = flags & MAP_TYPE == MAP_PRIVATE;
            let phase = process.sealed.phase();
            !is_library
                || !process.policy.exec(real.bytes(), phase).is_denied()
                || may_start(process, call.number, real.bytes(), names)
        }
        // The libraries of a program that may run, unless anybody may have put them there.
        Ok(()) if is_asked_for(process) && !is_anybodys(real.bytes()) => true,
        // What the function's own code could not have put there came with the function: programs
        // load libraries late, which starts nothing.
        Ok(()) if !is_started(process, real.bytes()) && is_firm(process, real, full, names) => true,
        Ok(()) => may_start(process, call.number, real.bytes(), names),
        Err(_) => !process.enforces(),
    };
    if !goes_on {
        return Answer::Return(-isize::from(EACCES.cast_signed()));
    }
    let mut made = *call;
    // Of a file that stays: code of the program's own, so that it can be changed to pass the check.
    let path = real.bytes();
    let is_shared = flags & MAP_TYPE != MAP_PRIVATE && protection & PROT_WRITE == 0;
    let is_lasting = !is_memory(path) && !path.ends_with(b" (deleted)");
    if is_shared && is_lasting && process.enforces() {
        made.args[3] = flags & !MAP_TYPE | MAP_PRIVATE;
    }
    made.args[4] = own.number();
    scratch.code.held = Some(own.keep());
    Answer::Instead(made)
}

/// Whether a dynamic loader that was started by itself maps the program that it is to run, which
/// starts it. Libraries are called so.
fn is_started(process: &Process<'_>, path: &[u8]) -> bool {
    let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    let is_library = name.windows(3).any(|part| part == b".so");
    let is_loader = is_called_loader(process.program) || process.program == process.children.loader;
    is_loader && !process.program.is_empty() && !is_library
}

/// Whether what the kernel calls so is no file.
fn is_memory(path: &[u8]) -> bool {
    !path.starts_with(b"/") || path.starts_with(b"/memfd:")
}

/// Whether what is mapped is what the program itself asks for to be linked.
fn is_asked_for(process: &Process<'_>) -> bool {
    process.local.is_linking() && !process.local.is_steered()
}

/// Whether a path is in a place that everybody may write.
fn is_anybodys(path: &[u8]) -> bool {
    [b"/tmp".as_slice(), b"/var/tmp", b"/dev/shm"]
        .iter()
        .any(|place| is_below(path, place))
}

/// Decides about a call that would bring back code as it was before its calls were made to pass
/// through the check: nobody but who changed it can tell.
pub(crate) fn uncovers(process: &Process<'_>, call: &Call) -> Answer {
    const EPERM: u16 = 1;
    let name = calls::row(call.number).map_or(b"".as_slice(), |row| row.name.as_bytes());
    let subject = Subject::new(Kind::Tamper, name);
    match goes_on(process, call.number, &subject, Decision::Denied, EPERM) {
        true => Answer::Proceed,
        false => Answer::Return(-isize::from(EPERM.cast_signed())),
    }
}

/// Continues after the mapping.
pub(crate) fn after(scratch: &mut Scratch, result: isize) -> Next {
    drop(scratch.code.held.take().map(Fd::held));
    Next::Done(result)
}
