//! The middleware against a real Runtime API, on loopback.
#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

mod bad_events;
#[allow(unreachable_pub, reason = "a file of the rig's, which publishes it")]
#[path = "../../../tests/support/bad_input.rs"]
mod bad_input;
mod event;
mod function;
mod layer;
mod runtime_api;
