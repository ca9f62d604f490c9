//! Variables that the program was started with.
//!
//! Read from the kernel, as a constructor gets no arguments from every libc.

use crate::sys::Descriptor;

/// Copies the value of the variable that begins with `prefix` (`NAME=`) to `into`, and returns its
/// length; nothing when there is none, or it is longer than `into`.
pub fn variable(prefix: &[u8], into: &mut [u8]) -> Option<usize> {
    let file = Descriptor::open(c"/proc/self/environ", 0).ok()?;
    let mut buffer = [0; 4096];
    // Bytes of the current string that were seen; beyond the prefix when it matched.
    let mut at = 0;
    let mut matches = true;
    loop {
        let length = file.read(&mut buffer).ok()?;
        if length == 0 {
            return None;
        }
        for byte in buffer.get(..length)? {
            match byte {
                0 if matches && at >= prefix.len() => return Some(at - prefix.len()),
                0 => (at, matches) = (0, true),
                _ if !matches => {}
                byte => {
                    matches = match prefix.get(at) {
                        Some(expected) => expected == byte,
                        None => into
                            .get_mut(at - prefix.len())
                            .map(|to| *to = *byte)
                            .is_some(),
                    };
                    at += 1;
                }
            }
        }
    }
}
