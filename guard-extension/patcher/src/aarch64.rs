//! aarch64: `svc #0` words, and branches put in their place.

/// What to add to the resume address to come back with a result instead of making the call.
pub const RESUME_RETURN: u64 = 12;
