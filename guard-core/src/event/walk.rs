//! Where a byte offset stands in an event.

use core::fmt;
use core::ops::Range;

use super::{Encoding, TriggerKind};

/// Who chose the bytes of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Origin {
    /// Whoever caused the event; also everything of which we are not sure.
    Caller,
    /// The platform: identifiers, ARNs, times, signatures, region names.
    Platform,
}

/// What role a string plays in the event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Place {
    /// A value, or bytes that are in no string.
    Value,
    /// The key of an object's member.
    Key,
    /// The value of an HTTP request's header or cookie.
    Header,
}

/// Where an offset stands, see [`Walk::locate`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Location {
    /// The innermost string, its quotes excluded; none where the offset is outside of strings. A
    /// string that the event's end cuts off ends there.
    pub string: Option<Range<usize>>,
    /// What role it plays.
    pub place: Place,
    /// Who chose its bytes.
    pub origin: Origin,
    /// How its content is encoded.
    pub encoding: Encoding,
    /// The batch record that it is in, counted from 0 over the whole event.
    pub record: Option<usize>,
    /// How many objects and arrays it is in.
    pub depth: usize,
}

/// A forward-only cursor that says where byte offsets of an event stand.
#[derive(Debug, Clone)]
pub struct Walk<'e> {
    event: &'e [u8],
}

impl<'e> Walk<'e> {
    /// How many levels of nesting are named in pointers. Deeper ones are counted, not named.
    pub const LEVELS: usize = 64;

    /// At the start of `event`, which came from `kind`.
    #[must_use]
    pub fn new(event: &'e [u8], kind: TriggerKind) -> Self {
        let _ = kind;
        Self { event }
    }

    /// Where `offset` stands. Offsets must not decrease from call to call (an earlier one is
    /// answered with the place last located); all calls together are linear in the event.
    pub fn locate(&mut self, offset: usize) -> Location {
        let _ = (offset, self.event);
        todo!()
    }

    /// Writes the JSON Pointer (RFC 6901) of the place last located; a key has that of its member.
    /// Below [`Walk::LEVELS`] the pointer is that of the innermost level that is named.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write_pointer(&self, out: &mut impl fmt::Write) -> fmt::Result {
        let _ = out;
        todo!()
    }
}

/// Writes the JSON Pointer of the value or key at `offset` of `event`; walks the event up to there.
///
/// # Errors
/// Those of `out`.
pub fn write_pointer(event: &[u8], offset: usize, out: &mut impl fmt::Write) -> fmt::Result {
    let mut walk = Walk::new(event, TriggerKind::Custom);
    walk.locate(offset);
    walk.write_pointer(out)
}
