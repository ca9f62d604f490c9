//! libddwaf with the recommended rules, both out of the wheel of Datadog's tracer for Python.
#![allow(unsafe_code, reason = "a library in C")]

use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr;

use guard_tests::fetch::{DDWAF, DDWAF_RULES};
use libloading::Library;

/// `ddwaf_object`: 16 bytes in version 2, which this does not look into; with room to spare.
#[derive(Debug)]
#[repr(C, align(16))]
pub(crate) struct Object([u64; 8]);

impl Object {
    const EMPTY: Self = Self([0; 8]);
}

type Opaque = *mut c_void;

/// The loaded library and the rules. Types after version 2 of ddwaf.h.
#[derive(Debug)]
pub(crate) struct Ddwaf {
    handle: Opaque,
    allocator: Opaque,
    from_json: unsafe extern "C" fn(*mut Object, *const c_char, u32, Opaque) -> bool,
    destroy: unsafe extern "C" fn(*mut Object, Opaque),
    context: unsafe extern "C" fn(Opaque, Opaque) -> Opaque,
    eval: unsafe extern "C" fn(Opaque, *mut Object, Opaque, *mut Object, u64) -> c_int,
    end: unsafe extern "C" fn(Opaque),
    version: String,
    /// What the functions are part of.
    _library: Library,
}

impl Ddwaf {
    /// Fetches and loads it.
    ///
    /// # Errors
    ///
    /// In one line what is missing.
    pub(crate) fn load() -> Result<Self, String> {
        let (program, rules) = (DDWAF.path()?, DDWAF_RULES.path()?);
        let rules = std::fs::read_to_string(&rules)
            .map_err(|error| format!("{}: {error}", rules.display()))?;
        // SAFETY: its constructors ask nothing of the caller.
        let library = unsafe { Library::new(&program) }.map_err(|error| error.to_string())?;
        macro_rules! function {
            ($name:literal) => {
                // SAFETY: the type of the field is the header's.
                *unsafe { library.get(concat!($name, "\0").as_bytes()) }
                    .map_err(|error| error.to_string())?
            };
        }
        let version: unsafe extern "C" fn() -> *const c_char = function!("ddwaf_get_version");
        let allocator: unsafe extern "C" fn() -> Opaque = function!("ddwaf_get_default_allocator");
        let init: unsafe extern "C" fn(*const Object, *mut Object) -> Opaque =
            function!("ddwaf_init");
        // SAFETY: asks nothing of the caller.
        let version = unsafe { version() };
        // SAFETY: a constant string of the library.
        let version = unsafe { CStr::from_ptr(version) };
        let mut ddwaf = Self {
            handle: ptr::null_mut(),
            // SAFETY: there is always one.
            allocator: unsafe { allocator() },
            from_json: function!("ddwaf_object_from_json"),
            destroy: function!("ddwaf_object_destroy"),
            context: function!("ddwaf_context_init"),
            eval: function!("ddwaf_context_eval"),
            end: function!("ddwaf_context_destroy"),
            version: version.to_string_lossy().into_owned(),
            _library: library,
        };
        let mut rules = ddwaf.object(&rules);
        // SAFETY: the rules are an object of this library; no diagnostics are wanted.
        ddwaf.handle = unsafe { init(&raw const rules, ptr::null_mut()) };
        // SAFETY: an object of this library, not used any more.
        unsafe { (ddwaf.destroy)(&raw mut rules, ddwaf.allocator) };
        if ddwaf.handle.is_null() {
            return Err("libddwaf takes no rule".to_owned());
        }
        Ok(ddwaf)
    }

    /// Its version.
    pub(crate) fn version(&self) -> &str {
        &self.version
    }

    /// The request that an event in JSON is to it.
    pub(crate) fn request(&self, event: &str) -> Object {
        self.object(&format!(r#"{{"server.request.body":{event}}}"#))
    }

    fn object(&self, json: &str) -> Object {
        let mut object = Object::EMPTY;
        let length = u32::try_from(json.len()).unwrap_or(0);
        let start = json.as_ptr().cast();
        // SAFETY: reads `length` bytes, and writes an object, for which there is room.
        unsafe { (self.from_json)(&raw mut object, start, length, self.allocator) };
        object
    }

    /// Whether a rule matches.
    pub(crate) fn finds(&self, mut request: Object) -> bool {
        // Patience in microseconds: never to be cut short.
        const LONG: u64 = 10_000_000;
        const MATCH: c_int = 1;
        let mut result = Object::EMPTY;
        // SAFETY: the handle is not null and lives as long as this.
        let context = unsafe { (self.context)(self.handle, self.allocator) };
        // SAFETY: the context is new; the request is an object of this library and becomes the
        // context's; there is room for the result.
        let code = unsafe {
            (self.eval)(
                context,
                &raw mut request,
                self.allocator,
                &raw mut result,
                LONG,
            )
        };
        // SAFETY: an object of this library, not used any more.
        unsafe { (self.destroy)(&raw mut result, self.allocator) };
        // SAFETY: the context is not used any more.
        unsafe { (self.end)(context) };
        code == MATCH
    }
}
