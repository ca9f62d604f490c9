//! The records of a batch.

use core::ops::Range;

use super::TriggerKind;

/// One record of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Record<'e> {
    /// Its place in the event, counted from 0 (over all topics and queues, where a trigger groups
    /// records by them).
    pub index: usize,
    /// Its bytes in the event.
    pub span: Range<usize>,
    /// What its source calls it: message id, sequence number, record id. Raw content of the JSON
    /// string.
    pub id: Option<&'e [u8]>,
    /// The FIFO message group that it belongs to. Raw content of the JSON string.
    pub group: Option<&'e [u8]>,
}

/// The records of an event, see [`records`].
#[derive(Debug, Clone)]
pub struct Records<'e> {
    event: &'e [u8],
}

impl<'e> Iterator for Records<'e> {
    type Item = Record<'e>;

    fn next(&mut self) -> Option<Record<'e>> {
        let _ = self.event;
        todo!()
    }
}

/// The records of `event`; none if `kind` does not deliver batches.
#[must_use]
pub fn records(event: &[u8], kind: TriggerKind) -> Records<'_> {
    let _ = kind;
    Records { event }
}

/// `event` without the records for whose index `keep` says no, and without the commas that go with
/// them; every other byte stays as it is.
#[must_use]
pub fn without(event: &[u8], kind: TriggerKind, keep: impl Fn(usize) -> bool) -> Vec<u8> {
    let _ = (event, kind, keep(0));
    todo!()
}
