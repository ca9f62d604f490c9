//! Guard as a Lambda layer, and the `guard` command.
#![warn(missing_docs)]

pub mod cli;
pub mod settings;
