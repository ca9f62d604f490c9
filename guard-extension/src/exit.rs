//! Exit codes, as sysexits.h numbers them.

use std::io::{self, ErrorKind};

/// The command line is not understood, or the policy not readable.
pub(crate) const USAGE: u8 = 64;
/// What the policy requires is not there.
pub(crate) const TIER: u8 = 69;
/// A fault of the guard itself, or of what it stands on.
pub(crate) const FAULT: u8 = 70;

/// What shells answer for a program that cannot be started.
pub(crate) fn not_started(error: &io::Error) -> u8 {
    match error.kind() {
        ErrorKind::NotFound => 127,
        _ => 126,
    }
}
