//! The rig: real parts around the code under test, none of them ours.
//!
//! [`fetch`] brings Amazon's Runtime Interface Emulator and cargo-lambda from their Python wheels,
//! [`isolation`] gives a test namespaces of its own, [`jail`] a process what Lambda refuses, [`function`] builds the function under test,
//! [`emulator`] and [`cargo_lambda`] run it, [`extension`] and [`layer`] attach the layer, [`http`]
//! talks to them, [`servers`] runs databases, [`clients`] brings the clients and compilers of other languages, [`example`] their
//! example functions. [`kept`] keeps what is fetched or built. [`bad_input`] is what no event should be, [`demo`] holds the events of the demo and what they do, [`case`] the
//! inspector's cases and their variants.

#![expect(
    clippy::exhaustive_enums,
    reason = "only this package's tests and programs match on them"
)]

pub mod bad_input;
pub mod cargo_lambda;
pub mod case;
pub mod client;
pub mod clients;
pub mod demo;
pub mod emulator;
pub mod example;
pub mod extension;
pub mod fetch;
pub mod function;
pub mod host;
pub mod http;
pub mod isolation;
pub mod jail;
pub mod kept;
pub mod layer;
pub mod process;
pub mod servers;

use std::path::PathBuf;

/// The repository.
#[must_use]
pub fn root() -> PathBuf {
    let mut root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    root.pop();
    root
}

/// Where cargo builds to, and where the rig keeps what it fetched.
#[must_use]
pub fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// What a rig step says when it cannot go on: one line.
pub type Result<T> = std::result::Result<T, String>;

/// Prints why a test did not run, or fails where nothing may be left out: in CI everything that a
/// test needs has been installed, and a skip would be a hole.
///
/// # Panics
///
/// When the variable `CI` is `true`.
pub fn skip(test: &str, reason: &str) {
    assert!(
        std::env::var("CI").as_deref() != Ok("true"),
        "{test}: cannot run: {reason}"
    );
    eprintln!("{test}: skipped: {reason}");
}
