//! The fields of a form, many at a time.
//!
//! A form is many short values, most of them encoded and nearly all of them harmless: searching
//! each in a buffer of its own costs more than the search. Here names and values are decoded one
//! behind the other into one buffer and searched at once; only what has a candidate that deserves a
//! closer look is then searched as the unit it is.

use super::{CLEARED, FIELD, Hits, OVERLAP, Progress, Scan, Work};
use crate::inspect::decode::{Decoder, Layer, Source};
use crate::inspect::document::{Container, Unit};
use crate::inspect::prefilter::Candidates;
use crate::inspect::text::Text;
use crate::inspect::trigger::{PAST_END, WIDTH};

/// Decoded bytes that are searched at once, and names and values.
const BYTES: usize = 4 << 10;
const PARTS: usize = 256;

/// The same for forms up to a length that nearly all have: clearing more would cost as much as
/// searching them.
const SHORT: usize = 640;
const SHORT_BYTES: usize = 768;
const SHORT_PARTS: usize = 32;

/// Names and values longer than this are searched by themselves.
const LONGEST: usize = 1 << 10;

/// What keeps a trigger from reaching from one part into the next.
const GAP: [u8; WIDTH - 1] = [PAST_END; WIDTH - 1];

/// Names and values decoded one behind the other.
struct Batch<'a> {
    bytes: &'a mut [u8],
    len: usize,
    parts: &'a mut [Part],
    count: usize,
}

/// A name or value: where it is in the form, and where its decoded bytes end.
#[derive(Debug, Clone, Copy)]
struct Part {
    /// The separator before its field, or the form's beginning.
    from: usize,
    at: usize,
    end: usize,
}

impl Part {
    const NONE: Self = Self {
        from: 0,
        at: 0,
        end: 0,
    };
}

impl<'a> Batch<'a> {
    const fn new(bytes: &'a mut [u8], parts: &'a mut [Part]) -> Self {
        Self {
            bytes,
            len: 0,
            parts,
            count: 0,
        }
    }

    /// Takes `encoded`, which stands at `at` in the field from `from` on; false if there is no room.
    fn take(&mut self, encoded: &[u8], from: usize, at: usize) -> bool {
        let room = encoded.len() + GAP.len();
        let (Some(free), Some(part)) = (
            self.bytes.get_mut(self.len..self.len + room),
            self.parts.get_mut(self.count),
        ) else {
            return false;
        };
        let decoded = Decoder::new(Layer::Form, encoded).read(free);
        self.len += decoded;
        *part = Part {
            from,
            at,
            end: self.len,
        };
        self.count += 1;
        for byte in GAP {
            if let Some(free) = self.bytes.get_mut(self.len) {
                *free = byte;
                self.len += 1;
            }
        }
        true
    }
}

impl Scan {
    /// Searches a form, or a window of one, as `divided` does other containers.
    pub(super) fn fields(
        &mut self,
        progress: &mut Progress,
        text: &Text<'_>,
        depth: u32,
        hits: &mut Hits,
    ) -> usize {
        if text.bytes.len() <= SHORT {
            self.fields_within::<SHORT_BYTES, SHORT_PARTS>(progress, text, depth, hits)
        } else {
            self.fields_within::<BYTES, PARTS>(progress, text, depth, hits)
        }
    }

    /// The same with a batch of so many bytes and parts.
    #[inline(never)]
    fn fields_within<const B: usize, const P: usize>(
        &mut self,
        progress: &mut Progress,
        text: &Text<'_>,
        depth: u32,
        hits: &mut Hits,
    ) -> usize {
        let (mut bytes, mut parts) = ([0; B], [Part::NONE; P]);
        let batch = Batch::new(&mut bytes, &mut parts);
        self.each_field(batch, progress, text, depth, hits)
    }

    fn each_field(
        &mut self,
        mut batch: Batch<'_>,
        progress: &mut Progress,
        text: &Text<'_>,
        depth: u32,
        hits: &mut Hits,
    ) -> usize {
        let bytes = text.bytes;
        let mut from = 0;
        let mut start = 0;
        while start < bytes.len() && !self.effort.is_spent() {
            let rest = bytes.get(start..).unwrap_or_default();
            let end = memchr::memchr2(b'&', b'?', rest).map(|n| start + n);
            let field = start..end.unwrap_or(bytes.len());
            let equals = memchr::memchr(b'=', bytes.get(field.clone()).unwrap_or_default());
            let value = equals.map_or(start, |equals| start + equals + 1);
            if let Some(equals) = equals {
                self.part(&mut batch, text, (from, start, start + equals), depth, hits);
            }
            if end.is_none() && !text.ends && value > bytes.len() / 2 {
                // The rest of it comes with the next window: it is looked at then, as a whole.
                self.flush(&mut batch, text, depth, hits);
                progress.inside = false;
                return value;
            }
            self.part(&mut batch, text, (from, value, field.end), depth, hits);
            from = field.end;
            start = field.end + 1;
        }
        self.flush(&mut batch, text, depth, hits);
        if text.ends {
            return bytes.len();
        }
        let (done, inside) = Container::Form.resume(bytes, OVERLAP);
        progress.inside = inside;
        done.max(1)
    }

    /// Adds the name or value `bytes[at..end]` of the field behind `from` to the batch.
    fn part(
        &mut self,
        batch: &mut Batch<'_>,
        text: &Text<'_>,
        (from, at, end): (usize, usize, usize),
        depth: u32,
        hits: &mut Hits,
    ) {
        let encoded = text.bytes.get(at..end).unwrap_or_default();
        if encoded.is_empty()
            || !self
                .effort
                .spend_on(Work::Dividing, FIELD + encoded.len() / CLEARED)
        {
            return;
        }
        if encoded.len() <= LONGEST {
            if batch.take(encoded, from, at) {
                return;
            }
            self.flush(batch, text, depth, hits);
            if batch.take(encoded, from, at) {
                return;
            }
        }
        self.flush(batch, text, depth, hits);
        self.field(text, from, at, depth, hits);
    }

    /// Searches what the batch holds and empties it.
    fn flush(&mut self, batch: &mut Batch<'_>, text: &Text<'_>, depth: u32, hits: &mut Hits) {
        let mut candidates = Candidates::new(batch.bytes.get(..batch.len).unwrap_or_default(), 0);
        let mut parts = batch.parts.get(..batch.count).unwrap_or_default().iter();
        let mut part = parts.next();
        let mut begin = 0;
        while let Some(candidate) = candidates.next() {
            while let Some(passed) = part.filter(|part| part.end <= candidate.at) {
                begin = passed.end + GAP.len();
                part = parts.next();
            }
            let (Some(here), Some(at)) = (part, candidate.at.checked_sub(begin)) else {
                continue;
            };
            let decoded = batch.bytes.get(begin..here.end).unwrap_or_default();
            if !self.looked(&mut candidates) {
                break;
            }
            if self.deserves(decoded, candidate.moved_to(at)) {
                self.field(text, here.from, here.at, depth, hits);
                candidates.skip_to(here.end);
            }
        }
        // What was looked at behind the last candidate; whoever goes on asks what is left.
        let _ = self.looked(&mut candidates);
        batch.len = 0;
        batch.count = 0;
    }

    /// Searches the name or value that begins at `at`, behind the separator at `from`.
    fn field(&mut self, text: &Text<'_>, from: usize, at: usize, depth: u32, hits: &mut Hits) {
        if let Some(unit) = Container::Form.unit(text.bytes, from, at, false) {
            let unit = Unit {
                ends: unit.ends || text.ends,
                ..unit
            };
            self.unit(Container::Form, text.bytes, &unit, depth, hits);
        }
    }
}
