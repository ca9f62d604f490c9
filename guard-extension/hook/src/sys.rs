//! What needs `unsafe`: calls to the kernel from our own text, the program's memory, shared regions.
//!
//! The calls here are never patched. None blocks.

mod apart;
mod area;
mod call;
mod confine;
pub mod errno;
pub mod memory;
pub mod number;
mod raw;
pub mod region;
pub(crate) mod socket;

pub(crate) use apart::{apart, apart_in_thread};
pub(crate) use area::Area;
pub(crate) use call::*;
pub(crate) use confine::{can_confine, make_sockets_below};
pub use raw::{Errno, SysResult, checked, syscall};
