//! Any bytes as an instruction: its length lies in the bytes, and does not depend on what follows.

#![no_main]

use guard_patcher::x86_64::{LENGTH_MAX, decode};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut rest = bytes;
    while let Some(instruction) = decode(rest) {
        let length = instruction.len() as usize;
        assert!((1..=LENGTH_MAX).contains(&length));
        let (now, later) = rest.split_at(length);
        assert_eq!(decode(now), Some(instruction));
        assert_eq!(decode(&now[..length - 1]), None);
        let mut other = now.to_vec();
        other.extend([0xff; 16]);
        assert_eq!(decode(&other), Some(instruction));
        rest = later;
    }
});
