//! What a family's rules are shown and what they answer.

use core::ops::Range;

use crate::rule::RuleId;

/// One caller-controlled text with every encoding undone, or a part of a very long one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Text<'t> {
    pub(crate) bytes: &'t [u8],
    /// Whether `bytes` begins where the text does.
    pub(crate) starts: bool,
    /// Whether `bytes` ends where the text does.
    pub(crate) ends: bool,
    pub(crate) place: Place<'t>,
}

/// Where a text stands in the document that holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place<'t> {
    /// A value, or a text that no structure holds.
    Value,
    /// The key of a JSON object's member or of a form field; with the document's bytes after the
    /// key (its closing quote excluded), still encoded as the document is.
    Key(&'t [u8]),
    /// A header's value (of an HTTP request, as its trigger's event holds it).
    Header,
}

impl<'t> Text<'t> {
    /// A whole value.
    #[cfg(test)]
    pub(crate) const fn value(bytes: &'t [u8]) -> Self {
        Self {
            bytes,
            starts: true,
            ends: true,
            place: Place::Value,
        }
    }
}

/// A confirmed rule and the bytes of the text that it matched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Match {
    pub(crate) rule: RuleId,
    pub(crate) span: Range<usize>,
}

/// What any event may spend, however short.
const FREE: u64 = 32 << 10;

/// What it may spend beyond that for each of its bytes. Of the benign texts at hand, put together by
/// kind into events of a MiB, the dearest takes 4 (referring URLs, one a line), most less than 2.
const SHARE: u64 = 6;

/// How much work confirming may still do for one event.
///
/// A candidate costs its author three or four bytes and us a look at up to some hundreds. What may
/// be spent in all is a small multiple of the event's length, so the worst event stays linear; an
/// event that uses it up is itself reported (`limit.effort`), never passed unlooked.
#[derive(Debug)]
pub(crate) struct Effort {
    left: u64,
}

impl Effort {
    pub(crate) const fn new(bytes: u64) -> Self {
        Self { left: bytes }
    }

    /// Notes that `bytes` were looked at; false once the event's share is used up, when the caller
    /// gives up with no match.
    #[must_use]
    pub(crate) fn spend(&mut self, bytes: usize) -> bool {
        match self.left.checked_sub(bytes as u64) {
            Some(left) => {
                self.left = left;
                true
            }
            None => {
                self.left = 0;
                false
            }
        }
    }

    /// The share of an input of `len` bytes.
    pub(crate) const fn for_input(len: usize) -> Self {
        Self::new(FREE + SHARE * len as u64)
    }

    /// Gives up what is left.
    pub(crate) const fn exhaust(&mut self) {
        self.left = 0;
    }

    pub(crate) const fn left(&self) -> u64 {
        self.left
    }

    pub(crate) const fn is_spent(&self) -> bool {
        self.left == 0
    }
}
