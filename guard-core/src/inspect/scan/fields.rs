//! The fields of a form, many at a time.
//!
//! A form is many short values, most of them encoded and nearly all of them harmless: searching
//! each in a buffer of its own costs more than the search. Here names and values are decoded one
//! behind the other into one buffer and searched at once; only what has a candidate that deserves a
//! closer look is then searched as the unit it is.

use super::{CLEARED, FIELD, Hits, OVERLAP, Progress, Scan, Work};
use crate::inspect::decode;
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

/// Names and values that are longer than this when undone are searched by themselves.
const LONGEST: usize = 1 << 10;

/// What keeps a trigger from reaching from one part into the next.
const GAP: [u8; WIDTH - 1] = [PAST_END; WIDTH - 1];

/// Names and values decoded one behind the other.
struct Batch<'a> {
    bytes: &'a mut [u8],
    len: usize,
    parts: &'a mut [Part],
    count: usize,
    /// What taking the parts cost.
    cost: usize,
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

/// How far a form has been taken: where a name or value begins, which of the two, and the separator
/// before its field, or the form's beginning.
#[derive(Debug, Clone, Copy)]
struct Position {
    at: usize,
    is_name: bool,
    from: usize,
}

impl Position {
    /// Goes on behind a name or value that ends at `end`.
    #[inline(always)]
    fn pass(&mut self, text: &[u8], end: usize) {
        let named = self.is_name && text.get(end) == Some(&b'=');
        self.at = end + 1;
        if !named {
            self.from = end;
        }
        self.is_name = !named;
    }
}

impl<'a> Batch<'a> {
    const fn new(bytes: &'a mut [u8], parts: &'a mut [Part]) -> Self {
        Self {
            bytes,
            len: 0,
            parts,
            count: 0,
            cost: 0,
        }
    }

    /// Undoes names and values one behind the other, up to the form's last, which is left to the
    /// caller, or one that there is no room for.
    fn fill(&mut self, text: &[u8], position: &mut Position) {
        let (begin, count) = (position.at, self.count);
        while let Some((end, len)) = self.undo(text, position)
            && end < text.len()
        {
            self.take(position, end, len);
            position.pass(text, end);
        }
        self.cost += (self.count - count) * FIELD + (position.at - begin) / CLEARED;
    }

    /// Undoes a name or value behind what the batch holds, without taking it: where it ends in the
    /// form, and in the batch. None if there is no room for it.
    #[inline(always)]
    fn undo(&mut self, text: &[u8], position: &Position) -> Option<(usize, usize)> {
        if self.count == self.parts.len() {
            return None;
        }
        let room = (self.bytes.len().checked_sub(GAP.len())?).min(self.len + LONGEST);
        let out = self.bytes.get_mut(..room)?;
        decode::form_part(text, position.at, position.is_name, out, self.len)
    }

    /// Takes what was undone of a name or value, up to `end` in the form and `len` in the batch.
    #[inline(always)]
    fn take(&mut self, position: &Position, end: usize, len: usize) {
        if end == position.at {
            return;
        }
        if let Some(part) = self.parts.get_mut(self.count) {
            *part = Part {
                from: position.from,
                at: position.at,
                end: len,
            };
            self.count += 1;
        }
        if let Some(gap) = self.bytes.get_mut(len..len + GAP.len()) {
            gap.copy_from_slice(&GAP);
            self.len = len + GAP.len();
        }
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
        let mut position = Position {
            at: 0,
            is_name: true,
            from: 0,
        };
        while position.at < bytes.len() && !self.effort.is_spent() || !position.is_name {
            batch.fill(bytes, &mut position);
            // What stopped it is the last, or finds no room, which an empty batch has most of.
            let mut undone = batch.undo(bytes, &position);
            if undone.is_none() && batch.count > 0 {
                self.flush(&mut batch, text, depth, hits);
                undone = batch.undo(bytes, &position);
            }
            let Position { at, is_name, from } = position;
            let end = undone.map_or_else(|| part_end(bytes, at, is_name), |(end, _)| end);
            let named = is_name && bytes.get(end) == Some(&b'=');
            if !named && end == bytes.len() && !text.ends && at > bytes.len() / 2 {
                // The rest of it comes with the next window: it is looked at then, as a whole.
                self.flush(&mut batch, text, depth, hits);
                progress.inside = false;
                return at;
            }
            batch.cost += FIELD + (end - at) / CLEARED;
            match undone {
                Some((end, len)) => batch.take(&position, end, len),
                None => self.field(text, from, at, depth, hits),
            }
            position.pass(bytes, end);
        }
        self.flush(&mut batch, text, depth, hits);
        if text.ends {
            return bytes.len();
        }
        let (done, inside) = Container::Form.resume(bytes, OVERLAP);
        progress.inside = inside;
        done.max(1)
    }

    /// Searches what the batch holds and empties it.
    fn flush(&mut self, batch: &mut Batch<'_>, text: &Text<'_>, depth: u32, hits: &mut Hits) {
        // At most a batch was undone before this was known.
        let cost = core::mem::take(&mut batch.cost);
        if !self.effort.spend_on(Work::Dividing, cost) {
            return;
        }
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
    #[inline(never)]
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

/// Where the name or value that begins at `at` ends in a form.
#[cold]
fn part_end(form: &[u8], at: usize, is_name: bool) -> usize {
    let rest = form.get(at..).unwrap_or_default();
    let end = if is_name {
        memchr::memchr3(b'=', b'&', b'?', rest)
    } else {
        memchr::memchr2(b'&', b'?', rest)
    };
    at + end.unwrap_or(rest.len())
}
