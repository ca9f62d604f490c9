//! The proxy between a runtime and a Runtime API that does what no real one would be made to do:
//! break off, stall, talk nonsense. Everything is on loopback; the proxy is the real program.
#![allow(clippy::unwrap_used, reason = "what fails in a test is to end it")]

#[allow(unreachable_pub, reason = "a file of the rig's, which publishes it")]
#[path = "../../../tests/support/bad_input.rs"]
mod bad_input;
mod events;
mod faults;
mod responses;
mod rig;
mod smuggling;
