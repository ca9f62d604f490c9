//! The proxy between a runtime and a Runtime API that does what no real one would be made to do:
//! break off, stall, talk nonsense. Everything is on loopback; the proxy is the real program.
#![allow(clippy::unwrap_used, reason = "what fails in a test is to end it")]

mod events;
mod faults;
mod responses;
mod rig;
mod smuggling;
