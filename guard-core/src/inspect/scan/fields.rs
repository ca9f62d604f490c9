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

/// A name or value that was undone, or is too long for a batch.
#[derive(Debug, Clone, Copy)]
struct Undone {
    /// Where it ends in the form.
    end: usize,
    /// What it became, behind what the batch holds.
    len: Option<usize>,
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

    /// Undoes the name or value that begins at `at` behind what the batch holds, without taking it.
    /// None if there is no room for it.
    #[inline(always)]
    fn undo(&mut self, text: &[u8], at: usize, is_name: bool) -> Option<Undone> {
        if self.count == self.parts.len() {
            return None;
        }
        let end = (self.bytes.len().checked_sub(GAP.len())?).min(self.len + LONGEST);
        let free = self.bytes.get_mut(self.len..end)?;
        let part = decode::form_part(text, at, is_name, free)?;
        Some(Undone {
            end: part.end,
            len: Some(part.len),
        })
    }

    /// Takes what was undone of the part at `at` in the field from `from` on.
    #[inline(always)]
    fn take(&mut self, len: usize, from: usize, at: usize) {
        self.len += len;
        if let Some(part) = self.parts.get_mut(self.count) {
            *part = Part {
                from,
                at,
                end: self.len,
            };
            self.count += 1;
        }
        if let Some(gap) = self.bytes.get_mut(self.len..self.len + GAP.len()) {
            gap.copy_from_slice(&GAP);
            self.len += GAP.len();
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
        // Where the field begins, or its value, and the separator before the field.
        let (mut at, mut from) = (0, 0);
        let mut is_name = true;
        while at < bytes.len() && !self.effort.is_spent() || !is_name {
            let part = self.undo(&mut batch, text, at, is_name, depth, hits);
            let named = is_name && bytes.get(part.end) == Some(&b'=');
            if !named && part.end == bytes.len() && !text.ends && at > bytes.len() / 2 {
                // The rest of it comes with the next window: it is looked at then, as a whole.
                self.flush(&mut batch, text, depth, hits);
                progress.inside = false;
                return at;
            }
            self.take(&mut batch, text, (from, at), part, depth, hits);
            at = part.end + 1;
            if !named {
                from = part.end;
            }
            is_name = !named;
        }
        self.flush(&mut batch, text, depth, hits);
        if text.ends {
            return bytes.len();
        }
        let (done, inside) = Container::Form.resume(bytes, OVERLAP);
        progress.inside = inside;
        done.max(1)
    }

    /// Undoes the name or value that begins at `at` behind what the batch holds, which is searched
    /// first if that makes room for it.
    #[inline(always)]
    fn undo(
        &mut self,
        batch: &mut Batch<'_>,
        text: &Text<'_>,
        at: usize,
        is_name: bool,
        depth: u32,
        hits: &mut Hits,
    ) -> Undone {
        if let Some(part) = batch.undo(text.bytes, at, is_name) {
            return part;
        }
        self.undo_first(batch, text, at, is_name, depth, hits)
    }

    /// The same with an empty batch.
    #[inline(never)]
    fn undo_first(
        &mut self,
        batch: &mut Batch<'_>,
        text: &Text<'_>,
        at: usize,
        is_name: bool,
        depth: u32,
        hits: &mut Hits,
    ) -> Undone {
        self.flush(batch, text, depth, hits);
        if let Some(part) = batch.undo(text.bytes, at, is_name) {
            return part;
        }
        let rest = text.bytes.get(at..).unwrap_or_default();
        let end = if is_name {
            memchr::memchr3(b'=', b'&', b'?', rest)
        } else {
            memchr::memchr2(b'&', b'?', rest)
        };
        Undone {
            end: at + end.unwrap_or(rest.len()),
            len: None,
        }
    }

    /// Adds the name or value at `at` of the field behind `from` to the batch.
    #[inline(always)]
    fn take(
        &mut self,
        batch: &mut Batch<'_>,
        text: &Text<'_>,
        (from, at): (usize, usize),
        part: Undone,
        depth: u32,
        hits: &mut Hits,
    ) {
        let encoded = part.end - at;
        if encoded == 0 {
            return;
        }
        batch.cost += FIELD + encoded / CLEARED;
        match part.len {
            Some(len) => batch.take(len, from, at),
            None => self.field(text, from, at, depth, hits),
        }
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
