//! Workloads and instruments shared by the benchmarks.

pub mod alloc;
pub mod events;
pub mod hostile;
pub mod middleware;
pub mod plant;
pub mod worst;
