//! Calls on files by path.
//!
//! Knows which arguments are paths and what is done to them. Where a path leads is found in
//! [`resolve`], whether that may be used in [`judge`].

use crate::calls::Name;
use crate::process::Process;
use crate::scratch::Scratch;
use crate::sys::errno::{ENAMETOOLONG, ENOENT};
use crate::sys::{Errno, Fd, OpenHow, memory};
use crate::text::{DescriptorPath, PathText};
use crate::{Answer, Call, Next};

mod change;
mod judge;
mod open;
mod path;
mod resolve;
mod shape;
mod text;
mod there;

pub(crate) use judge::{EACCES, Wants, is_free, may_use};
pub(crate) use path::{append, climbs, is_below, of_process, split};
pub(crate) use resolve::{O_NOFOLLOW, entry, find, name_of, object};
pub(crate) use shape::changes_by_control;
pub(crate) use text::Spare;

pub(crate) use open::base;

/// How far a call has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    None,
    /// Opened by its path as text, without following links.
    Fast,
    /// The same, after its links were read.
    Text,
    /// Opened by the real path of what was found.
    Named,
    /// Opened through a descriptor.
    Reopen,
    /// Created by its real path.
    Create,
    /// Opened to be cut.
    Cut,
    /// Opened as the program asked.
    Watch,
    /// Another call than an open, made on descriptors.
    Plain,
}

/// What is kept between `decide` and `after`.
#[derive(Debug)]
pub(crate) struct Memory {
    step: Step,
    attempts: u8,
    request: open::Request,
    wants: Wants,
    how: OpenHow,
    link: DescriptorPath,
    pub(crate) leaf: DescriptorPath,
    second: DescriptorPath,
    held: [Option<usize>; 2],
}

impl Memory {
    pub(crate) const fn new() -> Self {
        Self {
            step: Step::None,
            attempts: 0,
            request: open::Request::new(),
            wants: Wants::READ,
            how: OpenHow {
                flags: 0,
                mode: 0,
                resolve: 0,
            },
            link: DescriptorPath::new(),
            leaf: DescriptorPath::new(),
            second: DescriptorPath::new(),
            held: [None; 2],
        }
    }

    /// Keeps a descriptor until `after`. There is room: a call needs two at most.
    fn hold(&mut self, descriptor: Fd) {
        if let Some(slot) = self.held.iter_mut().find(|slot| slot.is_none()) {
            *slot = Some(descriptor.keep());
        }
    }

    fn release(&mut self) -> Option<Fd> {
        self.held.iter_mut().find_map(Option::take).map(Fd::held)
    }
}

/// Decides about the calls whose treatment is `File`.
pub(crate) fn decide(
    process: &Process<'_>,
    name: Name,
    call: &Call,
    scratch: &mut Scratch,
) -> Answer {
    // A call that never came back, since a handler jumped out of it, may have left some behind.
    scratch.files.held = [None; 2];
    match name {
        Name::Open | Name::Openat | Name::Openat2 | Name::Creat => {
            open::decide(process, name, call, scratch)
        }
        _ => change::decide(process, name, call, scratch),
    }
}

/// Continues after a call that [`decide`] answered with another one.
pub(crate) fn after(
    process: &Process<'_>,
    name: Name,
    call: &Call,
    scratch: &mut Scratch,
    result: isize,
) -> Next {
    match name {
        Name::Open | Name::Openat | Name::Openat2 | Name::Creat => {
            open::after(process, call, scratch, result)
        }
        _ => {
            let result = match name {
                Name::Truncate if scratch.files.step == Step::Cut => change::cut(call, result),
                Name::Link | Name::Linkat if result == 0 && process.enforces() => {
                    change::linked(scratch)
                }
                _ => result,
            };
            while let Some(held) = scratch.files.release() {
                drop(held);
            }
            Next::Done(result)
        }
    }
}

/// Whether [`after`] hands on what it is given, if that is no error, or `ENOENT`.
pub(crate) fn hands_on(process: &Process<'_>, name: Name, scratch: &Scratch) -> bool {
    match name {
        Name::Open | Name::Openat | Name::Openat2 | Name::Creat => open::hands_on(process, scratch),
        _ => false,
    }
}

fn argument(call: &Call, index: usize) -> usize {
    call.args.get(index).copied().unwrap_or(0)
}

/// Copies a path; the error is what the kernel says of one that it cannot take.
pub(crate) fn path_argument(from: usize, into: &mut PathText) -> Result<(), Answer> {
    let refused = |errno: Errno| Answer::Return(errno.result());
    match memory::copy_string(from, into.room()) {
        Ok(Some(0)) => {
            into.clear();
            Err(refused(ENOENT))
        }
        Ok(Some(length)) => into.filled(length).ok_or_else(|| refused(ENAMETOOLONG)),
        Ok(None) => {
            into.clear();
            Err(refused(ENAMETOOLONG))
        }
        Err(errno) => {
            into.clear();
            Err(refused(errno))
        }
    }
}
