//! Any bytes as HTTP between a runtime and its API: heads, chunks, trailers and paths, by the
//! properties that the crate's own tests hold them to.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| guard_extension::http_holds(data));
