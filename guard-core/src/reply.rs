//! What the sender of a blocked event gets.
//!
//! Replies name the rule and the request, never the payload or the policy.
//!
//! Must not know: why a rule matched, how a reply travels.

use crate::event::TriggerKind;

mod merge;

pub use merge::{MergeError, merge_failures};

/// What becomes of a blocked event that has no HTTP caller (`GUARD_ON_BLOCK`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum OnBlock {
    /// The whole event errors; its source keeps it.
    #[default]
    Fail,
    /// The handler gets the clean records, the source is told which ones failed. Right only where
    /// the event source mapping has `ReportBatchItemFailures`.
    Partial,
    /// The handler gets the clean records, the blocked ones are gone.
    Drop,
}

/// A blocked event.
#[derive(Debug, Clone, Copy)]
pub struct Blocked<'a> {
    /// The whole event.
    pub event: &'a [u8],
    /// Its trigger.
    pub kind: TriggerKind,
    /// The indices of the blocked records, in increasing order; empty when a finding lies outside
    /// of the records, or there are none: then the whole event is blocked.
    pub records: &'a [usize],
    /// The rule that matched.
    pub rule: &'a str,
    /// The invocation's request id.
    pub request_id: &'a str,
    /// What to do where there is no HTTP caller.
    pub on_block: OnBlock,
}

/// What to do with a blocked event.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Answer {
    /// Answer the invocation with this JSON; do not call the handler.
    Respond(Vec<u8>),
    /// End the invocation with an error; do not call the handler.
    Fail {
        /// Stable name of the error, `Guard.Blocked`.
        error_type: &'static str,
        /// `blocked by rule sql.tautology (request 7f3c)`.
        error_message: String,
    },
    /// Call the handler with the clean part of the event.
    Deliver(Trimmed),
}

/// The clean part of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Trimmed {
    /// The event without the withheld records, every other byte as it was.
    pub event: Vec<u8>,
    /// What to add to the batch item failures of the handler's response, by [`merge_failures`];
    /// empty when nothing is to be added (then the response goes out as it is).
    pub failures: Vec<String>,
    /// The indices of the records that the handler does not get: the blocked ones and those
    /// withheld with them to keep an order.
    pub withheld: Vec<usize>,
}

/// What to do with `blocked`.
#[must_use]
pub fn answer(blocked: &Blocked<'_>) -> Answer {
    let _ = blocked;
    todo!()
}
