//! What a function is allowed to do.
//!
//! A [`Policy`] is read whole from variables, and from a file if one is named, with every error
//! listed. It is then compiled to a [`CompiledPolicy`], whose decisions need nothing but its bytes.
//! Knows text and rules; not where the text came from, and not how an operation is seen or
//! refused.

pub mod compiled;
mod operation;

pub use compiled::{CompiledPolicy, ImageError};
pub use operation::{Access, Decision, EntryId, Operation, Origin, Phase, Protocol};

// What is behind the feature reads and writes text; what is not decides.
#[cfg(feature = "std")]
mod written;
#[cfg(feature = "std")]
pub use written::*;

#[cfg(feature = "std")]
mod aws;
#[cfg(feature = "std")]
mod choice;
#[cfg(feature = "std")]
mod document;
#[cfg(feature = "std")]
pub use document::read_text;
#[cfg(feature = "std")]
mod effect;
#[cfg(feature = "std")]
mod egress;
#[cfg(feature = "std")]
mod file;
#[cfg(feature = "std")]
mod list;
#[cfg(feature = "std")]
mod near;
#[cfg(feature = "std")]
mod platform;
#[cfg(feature = "std")]
pub mod settings;
