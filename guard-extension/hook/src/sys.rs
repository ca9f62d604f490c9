//! What needs `unsafe`: calls to the kernel from our own text, the program's memory, shared regions.
//!
//! The calls here are never patched. None blocks.

pub mod memory;
mod raw;
pub mod region;

pub use raw::{Errno, SysResult, syscall};
