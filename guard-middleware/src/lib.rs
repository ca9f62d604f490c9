//! Guard for Rust Lambda handlers.
