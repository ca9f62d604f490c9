//! The middleware against a real Runtime API, on loopback.

mod event;
mod function;
mod layer;
mod runtime_api;
