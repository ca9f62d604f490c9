//! Brings a program's system calls before the hook, inside the program, and carries out its answers.
//!
//! A patched site jumps to its trampoline, and that to the [`entry`]. From there on a call runs on a
//! stack of ours ([`slots`]), with all signals blocked and the vector registers put aside, until the
//! hook has answered; the call itself is made on the program's stack with its registers and its
//! signal mask, as if nothing had been in between.
//!
//! [`start`] is what happens once in a process: the regions that the extension shares are mapped,
//! and the program's text is patched ([`text`]). Nothing here allocates, uses a libc, thread-local
//! storage or a lock, starts a thread or leaves a descriptor open.
#![no_std]
#![warn(missing_docs)]
#![cfg(all(
    any(target_arch = "x86_64", target_arch = "aarch64"),
    target_os = "linux"
))]

#[allow(missing_docs, reason = "each name is described in `arch`")]
pub mod arch;
mod covered;
pub mod entry;
pub mod environ;
pub mod maps;
mod rendezvous;
pub mod sections;
pub mod slots;
pub mod start;
#[allow(missing_docs, reason = "named as in the manual pages")]
pub mod sys;
pub mod text;
