//! Guard as a Lambda layer, and the `guard` command.
//!
//! One binary with three uses. Lambda starts it from `/opt/extensions/guard`: then it registers as
//! an external extension and stands between the function's runtime and the Runtime API, where it
//! inspects events, answers blocked ones and keeps the function's secrets in ([`lifecycle`]). Started
//! as `/opt/guard/wrap` it is the exec wrapper that starts the runtime behind the extension
//! ([`wrap`]). Anything else is the command line ([`cli`]).
//!
//! Outbound connections, files and programs are decided about inside the function's own programs,
//! where that can be had (the process tier); the status record says whether it is.
#![deny(unsafe_code)]
#![warn(missing_docs)]

pub mod cli;
pub mod egress;
pub mod endpoint;
mod exit;
mod findings;
mod http;
pub mod lifecycle;
mod metrics;
mod process;
mod proxy;
mod records;
mod rendezvous;
pub mod settings;
mod status;
mod sys;
mod time;
mod tmp;
mod unwrapped;
pub mod wire;
pub mod wrap;

/// Fails when `data`, read as what passes between a runtime and its API, shows a property of the
/// reader broken that is to hold for any bytes. For the fuzzer.
#[cfg(fuzzing)]
pub fn http_holds(data: &[u8]) {
    http::properties::hold(data);
}
