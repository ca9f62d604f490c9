//! The patcher on the programs of this machine: compared with a disassembler, and run patched.

#![cfg(all(target_arch = "x86_64", target_os = "linux"))]
#![allow(
    clippy::cast_possible_truncation,
    clippy::unwrap_used,
    reason = "these are tests, of files that fit into memory"
)]

mod apply;
mod corpus;
mod elf;
mod objdump;
mod programs;
mod rewrite;
