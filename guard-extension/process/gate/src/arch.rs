//! What depends on the processor: the way in and out, and what code looks like. Each architecture
//! gives the same names:
//!
//! - [`guard_gate_entry`], where trampolines lead, and the [`Frame`] it puts on the caller's stack;
//! - [`VECTORS`], how many times 16 bytes the vector registers take in a slot;
//! - [`survey`], [`Planner`], [`header`] and [`follow`]: sites and patches;
//! - [`ISLAND`], [`ALIGN`] and [`REACH`]: where trampolines can lie;
//! - [`is_sealed`] and [`renew`]: what to mind when code is written over.

#[cfg(target_arch = "aarch64")]
mod aarch64;
#[cfg(target_arch = "x86_64")]
mod x86_64;

#[cfg(target_arch = "aarch64")]
pub use aarch64::*;
#[cfg(target_arch = "x86_64")]
pub use x86_64::*;
