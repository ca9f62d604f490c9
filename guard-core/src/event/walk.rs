//! Where a byte offset stands in an event.

use core::fmt;
use core::ops::Range;

use super::cursor::{Cursor, LEVELS, Step};
use super::encoded::body_encoding;
use super::shape::Role;
use super::{Encoding, TriggerKind};
use crate::json::Unescaped;

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
    cursor: Cursor<'e>,
    kind: TriggerKind,
    step: Step,
    /// Whether the HTTP body is base64, once that was asked.
    body_encoding: Option<Encoding>,
}

impl<'e> Walk<'e> {
    /// How many levels of nesting are named in pointers. Deeper ones are counted, not named.
    pub const LEVELS: usize = LEVELS;

    /// At the start of `event`, which came from `kind`.
    #[must_use]
    pub const fn new(event: &'e [u8], kind: TriggerKind) -> Self {
        let cursor = Cursor::new(event, kind);
        Self {
            cursor,
            kind,
            step: Step::Scalar { start: 0, end: 0 },
            body_encoding: None,
        }
    }

    /// Where `offset` stands. Offsets must not decrease from call to call (an earlier one is
    /// answered with the place last located); all calls together are linear in the event.
    ///
    /// An offset between values (a comma, a colon, white space) stands where the next value or key
    /// does, outside of strings.
    pub fn locate(&mut self, offset: usize) -> Location {
        while offset >= self.cursor.position() && self.step != Step::End {
            self.step = self.cursor.step();
        }
        let node = self.cursor.node();
        let mut location = Location {
            string: None,
            place: Place::Value,
            origin: Origin::Caller,
            encoding: Encoding::Plain,
            record: self.cursor.record(),
            depth: self.cursor.depth(),
        };
        match self.step {
            Step::Key { start, end } => {
                location.string = inside(start, end, offset);
                location.place = Place::Key;
                location.origin = self.cursor.key_origin();
            }
            Step::String { start, end } => {
                location.string = inside(start, end, offset);
                location.origin = node.origin;
                location.encoding = node.encoding;
                match node.role {
                    Role::Header => location.place = Place::Header,
                    Role::Body => location.encoding = self.body_encoding(),
                    Role::None | Role::Record | Role::Id | Role::Group => {}
                }
            }
            Step::Scalar { .. } | Step::Open { .. } | Step::Close { .. } => {
                location.origin = node.origin;
                location.encoding = node.encoding;
            }
            Step::End => {}
        }
        location
    }

    /// Writes the JSON Pointer (RFC 6901) of the place last located; a key has that of its member.
    /// Below [`Walk::LEVELS`] the pointer is that of the innermost level that is named. Bytes that
    /// are not UTF-8, and lone surrogates, become U+FFFD.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write_pointer(&self, out: &mut impl fmt::Write) -> fmt::Result {
        for frame in self.cursor.path() {
            if !frame.named {
                break;
            }
            out.write_char('/')?;
            if frame.array {
                write!(out, "{}", frame.start)?;
            } else {
                let range = frame.start as usize..frame.end as usize;
                write_component(self.cursor.event().get(range).unwrap_or_default(), out)?;
            }
        }
        Ok(())
    }

    fn body_encoding(&mut self) -> Encoding {
        let (event, kind) = (self.cursor.event(), self.kind);
        *self
            .body_encoding
            .get_or_insert_with(|| body_encoding(event, kind))
    }
}

/// The string at `start..end` if `offset` is in it or at one of its quotes.
fn inside(start: usize, end: usize, offset: usize) -> Option<Range<usize>> {
    (offset + 1 >= start && offset <= end).then_some(start..end)
}

/// Writes one component of a pointer: a JSON string's content with its escapes undone and those of
/// RFC 6901 done.
fn write_component(raw: &[u8], out: &mut impl fmt::Write) -> fmt::Result {
    for c in Unescaped::new(raw) {
        match c {
            '~' => out.write_str("~0")?,
            '/' => out.write_str("~1")?,
            c => out.write_char(c)?,
        }
    }
    Ok(())
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
