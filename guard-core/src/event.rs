//! The shape of Lambda events: which trigger sent one, which of its bytes a caller controls, which
//! are encoded, where its batch records lie.
//!
//! Everything here works on the raw bytes of the event, borrows from them and copies nothing. None
//! of it fails: bytes that are not JSON, or end early, are an event of kind
//! [`TriggerKind::Custom`] in which everything is the caller's. Every function is linear in the
//! event's length, uses a fixed amount of memory, and does not recurse.
//!
//! ```
//! use guard_core::event::{Origin, TriggerKind, Walk};
//!
//! let event = br#"{"Records":[{"messageId":"1","receiptHandle":"h","body":"hello"}]}"#;
//! let kind = TriggerKind::of(event);
//! assert_eq!(kind, TriggerKind::Sqs);
//!
//! let mut walk = Walk::new(event, kind);
//! let location = walk.locate(59);
//! assert_eq!(event[location.string.unwrap()], *b"hello");
//! assert_eq!((location.origin, location.record), (Origin::Caller, Some(0)));
//! let mut pointer = String::new();
//! walk.write_pointer(&mut pointer).unwrap();
//! assert_eq!(pointer, "/Records/0/body");
//! ```
//!
//! Must not know: rules, modes, verdicts.

mod cursor;
mod encoded;
mod kind;
mod limits;
mod principal;
mod records;
mod shape;
mod walk;

pub(crate) use encoded::{Encoded, Values};
pub use encoded::{EncodedValue, EncodedValues, Encoding, encoded_values};
pub use kind::TriggerKind;
pub use limits::{LimitExceeded, Limits};
pub use principal::{Principal, principal};
pub use records::{Record, Records, records, without};
pub use walk::{Location, Origin, Place, Walk, write_pointer};
