//! libinjection, as ModSecurity's library brings it (Debian's `libmodsecurity3`).
#![allow(unsafe_code, reason = "a library in C")]

use std::ffi::{c_char, c_int};

use libloading::Library;

/// `int libinjection_sqli(const char* s, size_t slen, char fingerprint[8])`, libinjection.h.
type Sqli = unsafe extern "C" fn(*const c_char, usize, *mut c_char) -> c_int;
/// `int libinjection_xss(const char* s, size_t slen)`, libinjection.h.
type Xss = unsafe extern "C" fn(*const c_char, usize) -> c_int;

/// The loaded library.
#[derive(Debug)]
pub(crate) struct Libinjection {
    sqli: Sqli,
    xss: Xss,
    /// What the functions are part of.
    _library: Library,
}

impl Libinjection {
    /// Loads it.
    ///
    /// # Errors
    ///
    /// In one line, with what to install.
    pub(crate) fn load() -> Result<Self, String> {
        let missing = |error| format!("{error} (apt-get install libmodsecurity3)");
        // SAFETY: its constructors set up C++ streams and tables, and ask nothing of the caller.
        let library = unsafe { Library::new("libmodsecurity.so.3") }.map_err(missing)?;
        // SAFETY: the type is the header's.
        let sqli = *unsafe { library.get::<Sqli>(b"libinjection_sqli\0") }.map_err(missing)?;
        // SAFETY: the type is the header's.
        let xss = *unsafe { library.get::<Xss>(b"libinjection_xss\0") }.map_err(missing)?;
        Ok(Self {
            sqli,
            xss,
            _library: library,
        })
    }

    /// Whether a string is SQL injection or scripting.
    pub(crate) fn finds(&self, string: &[u8]) -> bool {
        let mut fingerprint: [c_char; 8] = [0; 8];
        let start = string.as_ptr().cast();
        // SAFETY: reads `len` bytes, and writes at most the eight of the fingerprint.
        let is_sql = unsafe { (self.sqli)(start, string.len(), fingerprint.as_mut_ptr()) } != 0;
        // SAFETY: reads `len` bytes.
        is_sql || unsafe { (self.xss)(start, string.len()) } != 0
    }
}
