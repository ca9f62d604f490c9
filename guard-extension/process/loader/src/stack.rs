//! What the kernel put on the stack: arguments, variables, and the auxiliary vector (getauxval(3)).

use core::ffi::{CStr, c_char};

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
        // SAFETY: callers stay within the vectors that the kernel made.
        unsafe { self.0.add(index).read() }
    }

    fn set(self, index: usize, value: usize) {
        // SAFETY: as in `get`.
        unsafe { self.0.add(index).write(value) }
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
        (0..).take_while(|index| self.get(first + index) != 0).count()
    }

    /// Says in the auxiliary vector which program runs.
    pub(crate) fn describe(self, headers: usize, count: usize, entry: usize, path: &CStr) {
        let mut at = self.count() + 2 + self.variable_count() + 1;
        loop {
            match self.get(at) {
                0 => break,
                AT_PHDR => self.set(at + 1, headers),
                AT_PHNUM => self.set(at + 1, count),
                AT_BASE => self.set(at + 1, 0),
                AT_ENTRY => self.set(at + 1, entry),
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
