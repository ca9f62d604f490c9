//! Decisions made inside this process: real policies, real files, the answers carried out by real
//! system calls.
#![allow(unsafe_code, reason = "the tests make system calls by number")]
#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "tests"
)]
#![allow(clippy::cast_possible_wrap, clippy::cast_sign_loss, reason = "tests")]

mod files;
mod native;
mod programs;
mod race;
mod support;
mod tamper;
