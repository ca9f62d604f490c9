//! The middleware against a real Runtime API, on loopback.
#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

mod event;
mod function;
mod layer;
mod runtime_api;
