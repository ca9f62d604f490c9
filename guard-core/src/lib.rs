//! Policy, event model and zero-copy injection inspector of Guard.
#![warn(missing_docs)]

pub mod audit;
pub mod decide;
pub mod error;
pub mod event;
pub mod inspect;
pub mod policy;
pub mod reply;
mod rule;
pub mod secret;
pub mod verdict;

pub use inspect::{Finding, Inspector};
pub use rule::{Families, Family, RuleId};
