//! What Guard decides about a system call, inside the program that makes it.
//!
//! (number, arguments) becomes an operation, the policy decides about it, and the answer says what
//! is to be done: make the call, make another one in its place, or return a result. Whoever catches
//! the calls brings them in and carries the answers out:
//!
//! ```text
//! site ─► trampoline ─► is_checked? ─► decide ─► Proceed          make it as it is
//!                                         ├────► Return(result)   do not make it
//!                                         └────► Instead(call) ─► make that one ─► after ─┬► Done
//!                                                     ▲                                   │
//!                                                     └──────────────── Again(call) ──────┘
//! ```
//!
//! [`decide`] and [`after`] run between two instructions of a program that knows nothing of them.
//! They use `core` alone: no libc, thread-local storage, allocation, lock or panic. They need less
//! than 16 KiB of stack, which must not be the program's, all signals blocked, and the vector
//! registers saved by the caller. What they ask of the kernel themselves does not block. Calls that
//! may block are answered by [`Answer::Instead`], so that they run on the program's stack, with its
//! signal mask.
//!
//! The program's memory is read once, through copies that survive a bad pointer, and a call that is
//! allowed is made with the copy: what was decided about is what happens, whatever other threads do
//! in between.
//!
//! # Types to know
//!
//! - [`Call`], [`Answer`], [`Next`], [`Scratch`], [`Process`]: the interface.
//! - [`calls::CALLS`]: which calls are checked, and why.
//! - [`shared`]: the regions of memory that the extension shares with the programs it guards.
#![no_std]
#![warn(missing_docs)]

#[cfg(test)]
extern crate std;

pub mod calls;
mod code;
mod files;
mod names;
mod network;
mod process;
mod programs;
mod record;
mod scratch;
pub mod shared;
mod surface;
pub mod sys;
mod tamper;
mod text;

pub use calls::is_checked;
pub use process::{Children, Local, Process};
pub use scratch::Scratch;

pub use programs::may_run;
pub use record::temporary;

use calls::{Name, Row, Treatment};

/// One system call, as it is in the registers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
#[allow(clippy::exhaustive_structs, reason = "the kernel's calling convention")]
pub struct Call {
    /// Its number on this architecture.
    pub number: usize,
    /// Its arguments, also those that it does not take.
    pub args: [usize; 6],
}

/// What is to be done about a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums, reason = "callers must handle every answer")]
pub enum Answer {
    /// Make it as it is.
    Proceed,
    /// Make this one on the caller's stack, then ask [`after`]. Its pointers lead into the
    /// [`Scratch`], which stays claimed until [`Next::Done`].
    Instead(Call),
    /// Do not make it; this is its result as the kernel gives it, errors negative.
    Return(isize),
}

/// What is to be done after a call that was made in place of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums, reason = "callers must handle every answer")]
pub enum Next {
    /// The result for the program.
    Done(isize),
    /// Make this one too, in the same way, and ask again.
    Again(Call),
}

/// Decides about a call for which [`is_checked`] is true. Others proceed.
#[must_use]
pub fn decide(process: &Process<'_>, call: &Call, scratch: &mut Scratch) -> Answer {
    if !process.records() {
        return Answer::Proceed;
    }
    let Some(row) = calls::row(call.number) else {
        return match is_checked(call.number) {
            true => surface::unknown(process, call),
            false => Answer::Proceed,
        };
    };
    match treatment(row, call) {
        Treatment::File => files::decide(process, row.call, call, scratch),
        Treatment::Kernel => surface::decide(process, row, call),
        Treatment::Memory => code::decide(process, row.call, call, scratch),
        Treatment::Network => network::decide(process, row.call, call, scratch),
        Treatment::Process => tamper::decide(process, row, call, scratch),
        Treatment::Program => programs::decide(process, row.call, call, scratch),
        Treatment::Unchecked => Answer::Proceed,
    }
}

/// Who decides about this call: some do several things.
fn treatment(row: &Row, call: &Call) -> Treatment {
    let [_, second, ..] = call.args;
    match row.call {
        Name::Ioctl if files::changes_by_control(second) => Treatment::File,
        _ => row.treatment,
    }
}

/// Decides in the place of [`decide`] about a call that would bring back code as it was before its
/// calls were made to pass through the check: a madvise(2) that drops changed pages, or a mremap(2)
/// that lengthens their mapping. Whoever changed the code knows where it lies.
#[must_use]
pub fn uncovers(process: &Process<'_>, call: &Call) -> Answer {
    match process.records() {
        true => code::uncovers(process, call),
        false => Answer::Proceed,
    }
}

/// Continues after the call of an [`Answer::Instead`] or a [`Next::Again`]. `call` is the program's
/// own call, as given to [`decide`]; `result` is what the kernel returned for the other one.
#[must_use]
pub fn after(process: &Process<'_>, call: &Call, scratch: &mut Scratch, result: isize) -> Next {
    let Some(row) = calls::row(call.number) else {
        return Next::Done(result);
    };
    match treatment(row, call) {
        Treatment::File => files::after(process, row.call, call, scratch, result),
        Treatment::Memory => code::after(scratch, result),
        Treatment::Network => network::after(process, row.call, call, scratch, result),
        Treatment::Process => tamper::after(scratch, result),
        Treatment::Program => programs::after(process, scratch, result),
        Treatment::Kernel | Treatment::Unchecked => Next::Done(result),
    }
}

/// Whether [`after`] would do no more than hand on the result of the call that [`decide`] has just
/// answered with, if that result is no error, or `ENOENT` (errno(3)). It need not be called then.
#[must_use]
pub fn hands_on(process: &Process<'_>, call: &Call, scratch: &Scratch) -> bool {
    calls::row(call.number).is_some_and(|row| match treatment(row, call) {
        Treatment::File => files::hands_on(process, row.call, scratch),
        Treatment::Network => network::hands_on(row.call, scratch),
        _ => false,
    })
}
