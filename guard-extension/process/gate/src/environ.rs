//! Variables that the program was started with.
//!
//! The loader reads them where the kernel put them, before any other code runs. A constructor gets no
//! arguments from every libc, and what it gets may have been changed: it reads the kernel's file, and
//! the program's memory where that cannot be opened, which a program can bring about for those that
//! it starts (landlock(7), RLIMIT_NOFILE).

use core::ffi::{CStr, c_char};
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::sys::{Descriptor, Errno};
use crate::text;

/// Where the vector of variables lies, ended by a null pointer; 0 where nobody has said so.
static GIVEN: AtomicUsize = AtomicUsize::new(0);
/// Whether the kernel has said so.
static IS_CERTAIN: AtomicBool = AtomicBool::new(false);

/// Longest vector of arguments that is believed.
const MOST: usize = 1 << 20;

/// Says where the kernel put the variables, and that nobody has had a chance to change them.
pub fn given(variables: *const usize) {
    GIVEN.store(variables.addr(), Ordering::Relaxed);
    IS_CERTAIN.store(true, Ordering::Relaxed);
}

/// The same, from what a constructor may have got: glibc's get arguments as main does, musl's none,
/// so that anything may stand there.
pub fn maybe_given(count: usize, arguments: usize, variables: usize) {
    let is_plausible = (1..MOST).contains(&count)
        && arguments >= 4096
        && arguments.is_multiple_of(8)
        && arguments.checked_add(8 * (count + 1)) == Some(variables)
        && text::is_readable(arguments, variables + 8);
    if is_plausible {
        GIVEN.store(variables, Ordering::Relaxed);
    }
}

/// Copies the value of the variable that begins with `prefix` (`NAME=`) to `into`, and returns its
/// length; nothing when there is none, or it is longer than `into`.
///
/// # Errors
/// Nobody knows which variables there are.
pub fn variable(prefix: &[u8], into: &mut [u8]) -> Result<Option<usize>, Errno> {
    let vector = GIVEN.load(Ordering::Relaxed);
    let in_memory = |into: &mut [u8]| in_memory(vector as *const usize, prefix, into);
    if IS_CERTAIN.load(Ordering::Relaxed) {
        return Ok(in_memory(into));
    }
    match Descriptor::open(c"/proc/self/environ", 0) {
        Ok(file) => listed(&file, prefix, into),
        Err(error) if vector == 0 => Err(error),
        Err(_) => Ok(in_memory(into)),
    }
}

fn in_memory(vector: *const usize, prefix: &[u8], into: &mut [u8]) -> Option<usize> {
    for index in 0..MOST {
        let place = vector.wrapping_add(index);
        // SAFETY: the vector is the kernel's, and no element before was the null pointer that ends it.
        let text = unsafe { place.read() };
        if text == 0 {
            return None;
        }
        // SAFETY: the kernel's strings end in a NUL byte, and the stack lives for ever.
        let text = unsafe { CStr::from_ptr(text as *const c_char) };
        // As of the kernel's file: of several, the first that has room.
        if let Some(value) = text.to_bytes().strip_prefix(prefix)
            && let Some(to) = into.get_mut(..value.len())
        {
            to.copy_from_slice(value);
            return Some(value.len());
        }
    }
    None
}

fn listed(file: &Descriptor, prefix: &[u8], into: &mut [u8]) -> Result<Option<usize>, Errno> {
    let mut buffer = [0; 4096];
    // Bytes of the current string that were seen; beyond the prefix when it matched.
    let mut at = 0;
    let mut matches = true;
    loop {
        let length = file.read(&mut buffer)?;
        if length == 0 {
            return Ok(None);
        }
        for byte in buffer.get(..length).unwrap_or_default() {
            match byte {
                0 if matches && at >= prefix.len() => return Ok(Some(at - prefix.len())),
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
