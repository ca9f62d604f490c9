//! Any bytes where an encoded text is expected: base64 of a body, of gzip, a form, JSON in JSON.
#![no_main]

use guard_core::{Families, Inspector};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((kind, content)) = input.split_first() else {
        return;
    };
    let (before, after): (&[u8], &[u8]) = match kind % 6 {
        0 => (b"{\"body\":\"", b"\",\"isBase64Encoded\":true,\"requestContext\":{\"http\":{}}}"),
        1 => (b"{\"awslogs\":{\"data\":\"H4sIAAAAAAAA", b"\"}}"),
        2 => (b"{\"body\":\"a=", b"&b=1\"}"),
        3 => (b"{\"body\":\"{\\\"a\\\":\\\"", b"\\\"}\"}"),
        4 => (b"{\"body\":\"<a b='", b"'>\"}"),
        _ => (b"{\"body\":\"--b\\r\\nContent-Disposition: form-data; name=\\\"", b"\"}"),
    };
    let event = [before, content, after].concat();
    for finding in Inspector::new(Families::ALL).inspect(&event) {
        assert!(event.get(finding.span).is_some());
    }
});
