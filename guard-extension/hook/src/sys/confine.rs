//! Keeps a thread of ours from making what is not wanted, by the kernel's own rules (landlock(7)).
//!
//! bind(2) makes a file, and takes a path only: whoever moves a folder on the way meanwhile has the
//! kernel make it elsewhere. The path cannot be put differently, as it becomes the socket's name.
#![allow(unsafe_code, reason = "system calls")]

use super::call::Fd;
use super::number;
use super::raw::{Errno, checked, syscall};

/// Makes a local socket's file (`LANDLOCK_ACCESS_FS_MAKE_SOCK`).
const MAKE_SOCKET: u64 = 1 << 9;
/// Asks which version there is (`LANDLOCK_CREATE_RULESET_VERSION`).
const VERSION: usize = 1;
/// `LANDLOCK_RULE_PATH_BENEATH`.
const BENEATH: usize = 1;
/// `PR_SET_NO_NEW_PRIVS` (prctl(2)), without which a thread needs privileges for rules.
const NO_NEW_PRIVILEGES: usize = 38;

/// `struct landlock_path_beneath_attr`, which is packed.
#[repr(C, packed)]
struct Beneath {
    allowed: u64,
    folder: i32,
}

/// Whether the kernel has such rules: from Linux 5.13 on, if they are switched on.
pub(crate) fn can_confine() -> bool {
    // SAFETY: without a structure nothing is read; only asks.
    let version = unsafe { syscall(number::LANDLOCK_CREATE_RULESET, [0, 0, VERSION, 0, 0, 0]) };
    version > 0
}

/// From now on this thread makes local sockets nowhere but below `folder`, for good: for threads
/// that end with one piece of work.
///
/// # Errors
/// Those of the calls of landlock(7).
pub(crate) fn make_sockets_below(folder: Option<&Fd>) -> Result<(), Errno> {
    let handled = MAKE_SOCKET;
    let at = core::ptr::from_ref(&handled).expose_provenance();
    let args = [at, size_of_val(&handled), 0, 0, 0, 0];
    // SAFETY: reads as many bytes as the structure of the first version has; ours.
    let rules = checked(unsafe { syscall(number::LANDLOCK_CREATE_RULESET, args) }).map(Fd::held)?;
    if let Some(folder) = folder {
        let rule = Beneath {
            allowed: MAKE_SOCKET,
            folder: super::int(folder.number()),
        };
        let at = core::ptr::from_ref(&rule).expose_provenance();
        let args = [rules.number(), BENEATH, at, 0, 0, 0];
        // SAFETY: reads a structure of ours.
        checked(unsafe { syscall(number::LANDLOCK_ADD_RULE, args) })?;
    }
    // Where that is refused, it may be in force already, or not be needed.
    // SAFETY: no memory involved, holds for this thread.
    let _ = unsafe { syscall(number::PRCTL, [NO_NEW_PRIVILEGES, 1, 0, 0, 0, 0]) };
    let args = [rules.number(), 0, 0, 0, 0, 0];
    // SAFETY: no memory involved, holds for this thread.
    checked(unsafe { syscall(number::LANDLOCK_RESTRICT_SELF, args) }).map(drop)
}
