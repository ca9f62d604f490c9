//! Policy, event model and zero-copy injection inspector of Guard.
//!
//! Without the default feature `std` only [`policy::compiled`] is left, with `core` alone.
#![cfg_attr(not(feature = "std"), no_std)]
#![warn(missing_docs)]

#[cfg(feature = "std")]
pub mod audit;
#[cfg(feature = "std")]
pub mod decide;
#[cfg(feature = "std")]
pub mod error;
#[cfg(feature = "std")]
pub mod event;
#[cfg(feature = "std")]
pub mod inspect;
#[cfg(feature = "std")]
mod json;
pub mod policy;
#[cfg(feature = "std")]
pub mod reply;
#[cfg(feature = "std")]
mod rule;
#[cfg(feature = "std")]
pub mod secret;
#[cfg(feature = "std")]
pub mod verdict;

#[cfg(feature = "std")]
pub use error::{PolicyError, PolicyErrors};
#[cfg(feature = "std")]
pub use inspect::{Finding, Inspector};
#[cfg(feature = "std")]
pub use policy::Policy;
#[cfg(feature = "std")]
pub use rule::{Families, Family, RuleId};
