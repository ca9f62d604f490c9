//! The process tier, seen from outside: real programs that each try one thing, unguarded, denied,
//! allowed by the entry that the denial names, and in monitor mode.
#![allow(clippy::unwrap_used, reason = "what fails in a test is to end it")]

mod egress;
mod files;
mod languages;
mod names;
mod programs;
mod rig;
mod start;
mod storms;
mod surface;
