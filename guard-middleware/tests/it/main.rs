//! The middleware against a real Runtime API, on loopback.

mod event;
mod http;
mod layer;
mod partial;
mod runtime_api;
mod secret;
mod function;
