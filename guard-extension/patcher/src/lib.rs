//! System-call sites in machine code: found, verified, and patches planned, on bytes alone.
//!
//! Everything here is a pure function over byte slices: no memory is written, mapped or allocated,
//! nothing panics on any input, and work is linear in the text. Whoever calls it (the preload
//! library, the loader, `guard scan`) owns the mapping and carries a [`Patch`] out.
//!
//! # Order of work
//!
//! ```
//! use guard_patcher::{Kind, Place, Reach, Site, Text, x86_64};
//!
//! # let is_checked = |number: u32| number == 42;
//! # let bytes = [0xb8, 0x2a, 0, 0, 0, 0x0f, 0x05, 0xc3, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc];
//! # let (text_address, entry, island) = (0x40_0000, 0x7f00_0000_0000, 0x41_0000);
//! let text = Text::new(&bytes, text_address);
//! // An island is memory within reach of the text (+-2 GB): a header, then trampolines.
//! let header = x86_64::header(entry, is_checked);
//! let mut next = island + header.len() as u64;
//!
//! let mut room = [Site::NONE; 64];
//! let mut planner = x86_64::Planner::new();
//! let mut from = Some(0);
//! while let Some(start) = from {
//!     let batch = x86_64::survey(text, start, None, Reach::All, &mut room);
//!     for site in batch.sites {
//!         if site.kind == Kind::Call && site.number.is_some_and(|number| !is_checked(number)) {
//!             continue; // left as it is: its number is constant and needs no check
//!         }
//!         match planner.plan(text, site, Place { trampoline: next, header: island }) {
//!             // Write the trampoline at `next`, then every entry of `writes`, in order.
//!             Ok(patch) => next += patch.trampoline().len() as u64,
//!             // The site stays open: count it and say why.
//!             Err(reason) => println!("{:#x}: {reason}", text.address_of(site.offset)),
//!         }
//!     }
//!     from = batch.next;
//! }
//! # assert!(next > island + header.len() as u64);
//! ```
//!
//! # The contract between a trampoline and the entry (x86_64)
//!
//! A trampoline jumps to the entry address given to [`x86_64::header`]; it does not call. Then:
//!
//! - every register but rcx and r11 is as it was at the site: rax holds the call's number, rdi,
//!   rsi, rdx, r10, r8 and r9 its arguments; the flags, rsp and all memory are as at the site.
//!   Nothing has been pushed: the 128 bytes below rsp (the red zone) may be live, what lies below
//!   them is free as far as the stack reaches (Go: some 250 bytes in all).
//! - rcx holds the *resume address* R; r11 holds nothing (the instruction clobbers both anyway).
//! - **At R stands a `syscall` instruction.** Jumping there with the registers of the site makes
//!   the call on the caller's stack, with the caller's signal mask, and goes on behind the site.
//!   This is how clone, vfork and rt_sigreturn are let through, and every call with `Proceed`.
//!   Other register values may be put in first. rcx and r11 are free for the jump.
//! - **At R + 2** ([`RESUME_RETURN`]) execution goes on behind the site with whatever rax holds:
//!   the way back with a result of one's own. All other registers, the flags included, must be as
//!   at the site (the kernel keeps them); rcx and r11 may hold anything.
//!
//! A signal may arrive, and its handler may longjmp away, between any two instructions: a
//! trampoline holds nothing that would have to be released.
//!
//! # The contract (aarch64)
//!
//! `svc` leaves no register free, so a trampoline makes two with the stack. At the entry:
//!
//! - sp is 32 below that of the site; x16 and x17 of the site lie at \[sp\] and \[sp + 8\] (the
//!   16 bytes below the site's sp are left alone: Go keeps a frame pointer there);
//! - x16 holds the resume address R, x17 nothing; everything else is as at the site: number in
//!   x8, arguments in x0 to x5, flags.
//! - At R stands code that restores x16, x17 and sp, makes the call, and goes on behind the site;
//!   at R + 12 ([`aarch64::RESUME_RETURN`]) code that restores them and goes on with the x0 given.
//!   Both take sp, \[sp\] and \[sp + 8\] as they were at the entry.

#![no_std]
#![forbid(unsafe_code)]
#![warn(missing_docs)]

#[cfg(test)]
extern crate std;

pub mod aarch64;
pub mod elf;
mod header;
mod landings;
mod patch;
mod site;
mod text;
pub mod x86_64;

pub use patch::{How, Patch, Place, TRAMPOLINE_MAX, Unplaceable, WRITE_MAX, Write};
pub use site::{Batch, Kind, Reach, Site};
pub use text::Text;

/// What to add to the resume address to come back with a result instead of making the call.
pub use x86_64::RESUME_RETURN;
