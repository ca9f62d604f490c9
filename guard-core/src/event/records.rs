//! The records of a batch.

use core::ops::Range;

use super::TriggerKind;
use super::cursor::{Cursor, Step};
use super::shape::Role;

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
    /// None for a kind without batches.
    cursor: Option<Cursor<'e>>,
    /// Which array the record last answered is in, counted over the event.
    array: usize,
}

impl<'e> Iterator for Records<'e> {
    type Item = Record<'e>;

    fn next(&mut self) -> Option<Record<'e>> {
        let cursor = self.cursor.as_mut()?;
        let event = cursor.event();
        let mut found: Option<Record<'e>> = None;
        loop {
            let step = cursor.step();
            let Some(index) = cursor.record() else {
                match step {
                    // An array that has records starts with one.
                    Step::Open { .. } => self.array += 1,
                    Step::End => return None,
                    _ => {}
                }
                continue;
            };
            let (start, end) = match step {
                Step::Open { at } | Step::Close { at } => (at, at + 1),
                Step::Key { start, end } | Step::String { start, end } => {
                    (start - 1, (end + 1).min(event.len()))
                }
                Step::Scalar { start, end } => (start, end),
                // The event breaks off inside of a record: what is there of it is the record.
                Step::End => {
                    self.cursor = None;
                    return found.map(|mut record| {
                        record.span.end = event.len();
                        record
                    });
                }
            };
            let record = found.get_or_insert(Record {
                index,
                span: start..end,
                id: None,
                group: None,
            });
            record.span.end = end;
            if let Step::String { start, end } = step {
                let text = event.get(start..end);
                match cursor.node().role {
                    Role::Id => record.id = record.id.or(text),
                    Role::Group => record.group = record.group.or(text),
                    Role::None | Role::Record | Role::Header | Role::Body => {}
                }
            }
            if cursor.record_ended() {
                return found;
            }
        }
    }
}

/// The records of `event`; none if `kind` does not deliver batches.
#[must_use]
pub const fn records(event: &[u8], kind: TriggerKind) -> Records<'_> {
    let cursor = if kind.delivers_batches() {
        Some(Cursor::new(event, kind))
    } else {
        None
    };
    Records { cursor, array: 0 }
}

/// `event` without the records for whose index `keep` says no, and without the commas that go with
/// them; every other byte stays as it is.
#[must_use]
pub fn without(event: &[u8], kind: TriggerKind, keep: impl Fn(usize) -> bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(event.len());
    // Up to where bytes are written or left out.
    let mut done = 0;
    // The array, and whether a record of it was kept.
    let mut array = 0;
    let mut kept = false;
    // A removed record that starts an array takes with it what separates it from the next one.
    let mut leading = false;
    let mut previous_end = 0;
    let mut all = records(event, kind);
    while let Some(record) = all.next() {
        if all.array != array {
            array = all.array;
            kept = false;
            leading = false;
        }
        if leading {
            done = record.span.start;
            leading = false;
        }
        if keep(record.index) {
            kept = true;
        } else if kept {
            out.extend_from_slice(event.get(done..previous_end).unwrap_or_default());
            done = record.span.end;
        } else {
            out.extend_from_slice(event.get(done..record.span.start).unwrap_or_default());
            done = record.span.end;
            leading = true;
        }
        previous_end = record.span.end;
    }
    out.extend_from_slice(event.get(done..).unwrap_or_default());
    out
}
