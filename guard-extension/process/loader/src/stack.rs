//! What the kernel put on the stack: arguments, variables, and the auxiliary vector (getauxval(3)).

use core::ffi::{CStr, c_char};

use crate::image::Image;

/// Keys of the auxiliary vector that say which program this is.
const AT_PHDR: usize = 3;
const AT_PHNUM: usize = 5;
const AT_BASE: usize = 7;
const AT_ENTRY: usize = 9;
const AT_EXECFN: usize = 31;

/// The words at the stack pointer of a program that begins.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stack(*mut usize);

impl Stack {
    /// From the stack pointer at the entry.
    pub(crate) const fn at(address: usize) -> Self {
        Self(address as *mut usize)
    }

    fn get(self, index: usize) -> usize {
        let word = self.0.wrapping_add(index);
        // SAFETY: callers stay within the vectors that the kernel made.
        unsafe { word.read() }
    }

    fn set(self, index: usize, value: usize) {
        let word = self.0.wrapping_add(index);
        // SAFETY: as in `get`.
        unsafe { word.write(value) }
    }

    /// Number of arguments.
    pub(crate) fn count(self) -> usize {
        self.get(0)
    }

    /// An argument below the number of arguments.
    pub(crate) fn argument(self, index: usize) -> &'static CStr {
        // SAFETY: the kernel's strings end in a NUL byte, and the stack lives for ever.
        unsafe { CStr::from_ptr(self.get(1 + index) as *const c_char) }
    }

    /// The vector of arguments from one on, ended by a null pointer.
    pub(crate) fn arguments_from(self, index: usize) -> *const usize {
        // SAFETY: as in `get`.
        unsafe { self.0.add(1 + index) }
    }

    /// The vector of variables, ended by a null pointer.
    pub(crate) fn variables(self) -> *const usize {
        self.arguments_from(self.count() + 1)
    }

    /// Number of variables.
    pub(crate) fn variable_count(self) -> usize {
        let first = self.count() + 2;
        (0..)
            .take_while(|index| self.get(first + index) != 0)
            .count()
    }

    /// Whether a variable that begins so has a value.
    pub(crate) fn says(self, prefix: &[u8]) -> bool {
        let first = self.count() + 2;
        (first..first + self.variable_count()).any(|at| {
            // SAFETY: the kernel's strings end in a NUL byte, and the stack lives for ever.
            let text = unsafe { CStr::from_ptr(self.get(at) as *const c_char) };
            let value = text.to_bytes().strip_prefix(prefix);
            value.is_some_and(|value| !value.is_empty())
        })
    }

    /// Takes variables that begin so away, and their text: what is preloaded later finds that the
    /// program is under guard already.
    pub(crate) fn forget(self, prefix: &[u8]) {
        let first = self.count() + 2;
        let mut kept = first;
        let mut at = first;
        while self.get(at) != 0 {
            let text = self.get(at);
            // SAFETY: the kernel's strings end in a NUL byte, and the stack lives for ever.
            let length = unsafe { CStr::from_ptr(text as *const c_char) }.count_bytes();
            // SAFETY: as above, and nothing refers to it but the vector.
            let bytes = unsafe { core::slice::from_raw_parts_mut(text as *mut u8, length) };
            if bytes.starts_with(prefix) {
                bytes.fill(0);
            } else {
                self.set(kept, text);
                kept += 1;
            }
            at += 1;
        }
        if kept == at {
            return;
        }
        // The null pointer, and the auxiliary vector behind it up to its own end, move up.
        self.set(kept, 0);
        loop {
            let (key, value) = (self.get(at + 1), self.get(at + 2));
            self.set(kept + 1, key);
            self.set(kept + 2, value);
            if key == 0 {
                return;
            }
            (kept, at) = (kept + 2, at + 2);
        }
    }

    /// Takes a library away from the front of `LD_PRELOAD`: the program needs it no more, and a
    /// dynamic loader that is the program would ask for a file that the policy need not list.
    pub(crate) fn unload(self, library: &[u8]) {
        const NAME: &[u8] = b"LD_PRELOAD=";
        let first = self.count() + 2;
        for at in first..first + self.variable_count() {
            let text = self.get(at);
            // SAFETY: the kernel's strings end in a NUL byte, and the stack lives for ever.
            let length = unsafe { CStr::from_ptr(text as *const c_char) }.count_bytes();
            // SAFETY: as above, and nothing refers to it but the vector.
            let bytes = unsafe { core::slice::from_raw_parts_mut(text as *mut u8, length) };
            let Some(rest) = bytes
                .strip_prefix(NAME)
                .and_then(|value| value.strip_prefix(library))
            else {
                continue;
            };
            match rest.first() {
                None => return self.forget(NAME),
                // The name goes to where the separator and what is before it ends.
                Some(b':' | b' ') => {
                    let skipped = length - rest.len() + 1 - NAME.len();
                    if let Some(to) = bytes.get_mut(skipped..skipped + NAME.len()) {
                        to.copy_from_slice(NAME);
                        self.set(at, text + skipped);
                    }
                    return;
                }
                Some(_) => {}
            }
        }
    }

    /// Says in the auxiliary vector which program runs, and where its dynamic loader lies; 0 without
    /// one.
    pub(crate) fn describe(self, image: &Image, base: usize, path: &CStr) {
        let mut at = self.count() + 2 + self.variable_count() + 1;
        loop {
            match self.get(at) {
                0 => break,
                AT_PHDR => self.set(at + 1, image.headers),
                AT_PHNUM => self.set(at + 1, image.count),
                AT_BASE => self.set(at + 1, base),
                AT_ENTRY => self.set(at + 1, image.entry),
                AT_EXECFN => self.set(at + 1, path.as_ptr().addr()),
                _ => {}
            }
            at += 2;
        }
    }

    /// Takes two arguments away from the front, which leaves the stack pointer aligned as it was,
    /// and returns the new stack pointer.
    pub(crate) fn without_two(self) -> usize {
        self.set(2, self.count() - 2);
        // SAFETY: there are more than two words.
        unsafe { self.0.add(2) }.addr()
    }
}
