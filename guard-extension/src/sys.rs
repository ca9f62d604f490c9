//! System calls that no safe wrapper at hand offers: the extension's only unsafe code.
//!
//! One function for each call, safe to call from anywhere. Must not know: what the calls are for.

pub(crate) mod probe;
