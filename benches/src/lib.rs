//! Workloads and instruments shared by the benchmarks.

pub mod alloc;
#[cfg(feature = "all")]
pub mod automata;
pub mod events;
#[cfg(feature = "all")]
pub mod hostile;
#[cfg(feature = "all")]
pub mod middleware;
pub mod plant;
#[cfg(feature = "all")]
pub mod worst;
