//! One JSON line for each decision.
//!
//! The line is bounded and valid JSON whatever the inputs hold. It never holds the payload; a
//! masked excerpt only where one was asked for ([`Excerpt`]).
//!
//! Must not know: where records go.

use core::fmt;
use core::ops::Range;

use crate::event::TriggerKind;
use crate::rule::Family;
use crate::verdict::{Mode, Verdict};

mod excerpt;
mod json;

pub use excerpt::Excerpt;

/// What was decided, about what, and where.
#[derive(Debug, Clone)]
pub struct AuditRecord<'a> {
    /// Milliseconds since the Unix epoch.
    pub time_ms: u64,
    /// The invocation's request id; none during INIT.
    pub request_id: Option<&'a str>,
    /// The X-Ray trace id.
    pub trace_id: Option<&'a str>,
    /// The function's name.
    pub function: Option<&'a str>,
    /// The rule that matched, or the rule of the policy that denied.
    pub rule: &'a str,
    /// What was decided.
    pub verdict: Verdict,
    /// The mode in which it was.
    pub mode: Mode,
    /// The tier that the guard runs at, as the status record spells it.
    pub tier: &'a str,
    /// How long the guard worked on the event, in microseconds.
    pub micros: u64,
    /// What it was decided about.
    pub subject: Subject<'a>,
}

/// What a decision is about.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Subject<'a> {
    /// A finding in an event.
    Finding(FindingSubject<'a>),
}

/// A finding in an event.
#[derive(Debug, Clone)]
pub struct FindingSubject<'a> {
    /// The trigger that sent the event.
    pub trigger: TriggerKind,
    /// JSON Pointer of the value that matched.
    pub source: &'a str,
    /// The family of the rule; none for limits.
    pub family: Option<Family>,
    /// The bytes of the event that matched.
    pub span: Range<usize>,
    /// On whose behalf the event came, as raw bytes of the event.
    pub principal: Option<&'a [u8]>,
    /// What stands there, masked.
    pub excerpt: Option<Excerpt<'a>>,
}

impl AuditRecord<'_> {
    /// Version of the schema, the value of the member `guard`.
    pub const SCHEMA: u32 = 1;
    /// No record is longer, its line feed included.
    pub const MAX_BYTES: usize = 4096;

    /// Writes the record as one line of JSON, line feed included; answers its length, or nothing
    /// when `out` is too short ([`AuditRecord::MAX_BYTES`] always suffices).
    pub fn write_json(&self, out: &mut [u8]) -> Option<usize> {
        let _ = out;
        todo!()
    }
}

impl fmt::Display for AuditRecord<'_> {
    /// The line without its line feed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let _ = f;
        todo!()
    }
}
