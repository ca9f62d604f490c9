//! Policy, event model and zero-copy injection inspector of Guard.
#![warn(missing_docs)]

pub mod inspect;
mod rule;

pub use inspect::{Finding, Inspector};
pub use rule::{Families, Family, RuleId};
