//! Finds the occurrences of every trigger in one pass over the bytes as they lie.
//!
//! Two levels, after the idea of Teddy (Hyperscan; see the `aho-corasick` crate's packed searchers)
//! with classes in place of literals: triggers are spread over 32 buckets. Look-ups for each of the
//! four positions, of many bytes at a time where the processor can, mark the offsets whose four
//! positions agree on a bucket; of what is marked, the sets of all triggers that have each of the
//! bytes at its position are intersected, which is exact. All tables are computed at compile time;
//! nothing is built at start. Knows bytes and triggers only; what an occurrence means is for others
//! to say.

use crate::inspect::trigger::{PAST_END, Trigger, WIDTH};
use crate::rule::Family;

mod grouping;
#[cfg(target_arch = "aarch64")]
mod neon;
#[cfg(any(test, not(target_arch = "aarch64")))]
mod scalar;
mod tables;
#[cfg(target_arch = "x86_64")]
mod x86;

use self::tables::{HOLDING, MAYBE, Set, owners};

/// An offset at which triggers occur.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) at: usize,
    pub(crate) owners: Owners,
}

impl Candidate {
    /// The same in a text that begins elsewhere.
    pub(crate) const fn moved_to(self, at: usize) -> Self {
        Self { at, ..self }
    }
}

/// Who asked for the triggers of a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Owners(u16);

impl Owners {
    const ENCODING: u16 = 1 << Family::ALL.len();
    const KEY: u16 = Self::ENCODING << 1;

    /// Whether a key may end here whose value a trigger encodes.
    pub(crate) const fn key(self) -> bool {
        self.0 & Self::KEY != 0
    }

    /// The owners without the keys'.
    pub(crate) const fn without_key(self) -> Self {
        Self(self.0 & !Self::KEY)
    }

    pub(crate) const fn is_empty(self) -> bool {
        self.0 == 0
    }

    const fn all() -> Self {
        Self(u16::MAX)
    }

    /// Whether an encoding is introduced here.
    pub(crate) const fn encoding(self) -> bool {
        self.0 & Self::ENCODING != 0
    }

    /// The indices into [`Family::ALL`] of the families that have a trigger here.
    pub(crate) fn families(self) -> impl Iterator<Item = usize> {
        let mut left = self.0 & (Self::ENCODING - 1);
        core::iter::from_fn(move || {
            let index = left.trailing_zeros() as usize;
            (left != 0).then(|| {
                left &= left - 1;
                index
            })
        })
    }
}

/// Candidates found in one go: enough for an event of a few KiB, so that it is scanned in one call.
const BATCH: usize = 32;

/// A forward search for candidates.
#[derive(Debug)]
pub(crate) struct Candidates<'b> {
    bytes: &'b [u8],
    batch: Batch,
    taken: usize,
    /// Where the search goes on when the batch is used up.
    next: usize,
}

#[derive(Debug)]
struct Batch {
    found: [Candidate; BATCH],
    len: usize,
    /// Offsets looked at closely, of which `found` are some.
    looked: usize,
    /// Whose triggers are of interest.
    wanted: Owners,
}

impl Batch {
    /// Adds a candidate; false if there is no room for it.
    #[inline(never)]
    fn add(&mut self, at: usize, sets: [&Set; WIDTH]) -> bool {
        let owners = Owners(owners(sets) & self.wanted.0);
        if owners.is_empty() {
            return true;
        }
        let Some(free) = self.found.get_mut(self.len) else {
            return false;
        };
        *free = Candidate { at, owners };
        self.len += 1;
        true
    }
}

/// Offsets that are marked in one go: a bit of a word each.
const LANES: usize = 64;

/// Words of marks that are made before the first marked offset is verified.
const WORDS: usize = 4;

/// Offsets that the words have bits for.
const TILE: usize = LANES * WORDS;

/// A bit for each offset that triggers may occur at, from some offset on.
type Marks = [u64; WORDS];

/// Fills `batch` with the candidates from `from` on; returns where to go on.
///
/// `mark` marks the offsets that bytes begin at: [`WORDS`] words, or what it takes for bytes that
/// are fewer. It may mark too many, and past the end. `meet` says whether four sets have a trigger
/// in common.
#[inline(always)]
fn fill(
    bytes: &[u8],
    from: usize,
    batch: &mut Batch,
    mark: impl Fn(&[u8]) -> Marks,
    meet: impl Fn([&Set; WIDTH]) -> bool,
) -> usize {
    let mut at = from;
    let mut offsets = [0; MARKED];
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        let mut marked = 0;
        let words = rest.len().div_ceil(LANES);
        for (word, marks) in mark(rest).iter().take(words).enumerate() {
            marked = spread(*marks, word, &mut offsets, marked);
        }
        let marked = offsets.get(..marked).unwrap_or_default();
        let mut verify = |at: usize, window: [u8; WIDTH]| {
            if !maybe(window) {
                return true;
            }
            batch.looked += 1;
            let sets = sets(window);
            !meet(sets) || batch.add(at, sets)
        };
        // Where all windows lie in the bytes, nobody has to ask for each whether it does.
        if let Some(tile) = rest.first_chunk::<{ TILE + WIDTH - 1 }>() {
            for offset in marked {
                let offset = usize::from(*offset) % TILE;
                let window = core::array::from_fn(|i| tile[offset + i]);
                if !verify(at + offset, window) {
                    return at + offset;
                }
            }
        } else {
            for offset in marked {
                let offset = usize::from(*offset);
                if let Some(window) = window(rest, offset)
                    && !verify(at + offset, window)
                {
                    return at + offset;
                }
            }
        }
        at += TILE;
    }
    bytes.len()
}

/// Room for the offsets of all marks, and for what [`spread`] writes behind them.
const MARKED: usize = TILE + FEW;

/// Marks of a word that are taken without a branch for each: many words have no more.
const FEW: usize = 4;

/// Writes the offsets of a word's marks behind the `marked` that are there; how many are there then.
#[expect(clippy::cast_possible_truncation, reason = "TILE is far below 2^16")]
#[inline(always)]
fn spread(marks: u64, word: usize, offsets: &mut [u16; MARKED], marked: usize) -> usize {
    let end = marked + marks.count_ones() as usize;
    let mut left = marks;
    let mut at = marked;
    while let Some(places) = offsets.get_mut(at..at + FEW) {
        for place in places {
            *place = (word * LANES + left.trailing_zeros() as usize) as u16;
            left &= left.wrapping_sub(1);
        }
        at += FEW;
        if at >= end {
            break;
        }
    }
    end
}

/// Whether a window's four bytes agree on a bucket.
#[inline(always)]
fn maybe([a, b, c, d]: [u8; WIDTH]) -> bool {
    let [first, second, third, fourth] = &MAYBE;
    first[usize::from(a)] & second[usize::from(b)] & third[usize::from(c)] & fourth[usize::from(d)]
        != 0
}

/// The triggers that each byte of a window may be part of.
#[inline(always)]
fn sets([a, b, c, d]: [u8; WIDTH]) -> [&'static Set; WIDTH] {
    let [first, second, third, fourth] = &HOLDING;
    [
        &first[usize::from(a)],
        &second[usize::from(b)],
        &third[usize::from(c)],
        &fourth[usize::from(d)],
    ]
}

/// The bytes at `bytes[at..]` that a trigger may span, if there are any.
#[inline(always)]
fn window(bytes: &[u8], at: usize) -> Option<[u8; WIDTH]> {
    match bytes.get(at..at + WIDTH).and_then(<[u8]>::first_chunk) {
        Some(window) => Some(*window),
        None => last_window(bytes, at),
    }
}

/// The same at the end of the bytes.
#[cold]
#[inline(never)]
fn last_window(bytes: &[u8], at: usize) -> Option<[u8; WIDTH]> {
    let rest = bytes.get(at..).filter(|rest| !rest.is_empty())?;
    Some(core::array::from_fn(|i| {
        rest.get(i).copied().unwrap_or(PAST_END)
    }))
}

/// Asks `mark` for the marks of one word after the other. What it takes of them past the last block
/// that lies in the bytes is copied to where a whole block can be read, with `padding` behind it.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
#[inline(always)]
fn each_block<const BLOCK: usize>(
    bytes: &[u8],
    padding: u8,
    mark: impl Fn(&[u8; BLOCK]) -> u64,
) -> Marks {
    let mut marks = Marks::default();
    let mut rest = bytes;
    for marks in &mut marks {
        if rest.is_empty() {
            break;
        }
        *marks = match rest.first_chunk() {
            Some(block) => mark(block),
            None => {
                let mut padded = [padding; BLOCK];
                if let Some(begin) = padded.get_mut(..rest.len()) {
                    begin.copy_from_slice(rest);
                }
                mark(&padded)
            }
        };
        rest = rest.get(LANES..).unwrap_or_default();
    }
    marks
}

impl<'b> Candidates<'b> {
    /// A search from `from` on for everything but the keys of encoded values.
    pub(crate) const fn new(bytes: &'b [u8], from: usize) -> Self {
        const NONE: Candidate = Candidate {
            at: 0,
            owners: Owners(0),
        };
        Self {
            bytes,
            batch: Batch {
                found: [NONE; BATCH],
                len: 0,
                looked: 0,
                wanted: Owners::all().without_key(),
            },
            taken: 0,
            next: from,
        }
    }

    /// The same, and the keys of encoded values.
    pub(crate) const fn with_keys(mut self) -> Self {
        self.batch.wanted = Owners::all();
        self
    }

    /// At how many offsets triggers seemed to occur since this was asked last: what looking closely
    /// costs. The same on all processors.
    pub(crate) const fn looked(&mut self) -> usize {
        core::mem::replace(&mut self.batch.looked, 0)
    }

    /// Leaves out candidates before `offset`.
    pub(crate) fn skip_to(&mut self, offset: usize) {
        while self.taken < self.batch.len && self.batch.found[self.taken].at < offset {
            self.taken += 1;
        }
        if self.taken == self.batch.len {
            self.next = self.next.max(offset);
        }
    }
}

impl Iterator for Candidates<'_> {
    type Item = Candidate;

    #[inline]
    fn next(&mut self) -> Option<Candidate> {
        if self.taken == self.batch.len {
            if self.next >= self.bytes.len() {
                return None;
            }
            self.batch.len = 0;
            self.taken = 0;
            self.next = search(self.bytes, self.next, &mut self.batch);
        }
        let candidate = self.batch.found.get(..self.batch.len)?.get(self.taken)?;
        self.taken += 1;
        Some(*candidate)
    }
}

/// The triggers of all owners.
pub(crate) fn triggers() -> impl Iterator<Item = Trigger> {
    tables::triggers()
}

/// What [`search`] is, for one kind of processor.
#[cfg(test)]
type Search = fn(&[u8], usize, &mut Batch) -> usize;

/// Fills `batch` with the candidates from `from` on; returns where to go on.
fn search(bytes: &[u8], from: usize, batch: &mut Batch) -> usize {
    #[cfg(target_arch = "x86_64")]
    {
        if let Some(next) = x86::search(bytes, from, batch) {
            return next;
        }
    }
    #[cfg(target_arch = "aarch64")]
    return neon::search(bytes, from, batch);
    #[cfg(not(target_arch = "aarch64"))]
    scalar::search(bytes, from, batch)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;
    use crate::rule::RULES;

    fn all(search: Search, bytes: &[u8]) -> Vec<Candidate> {
        let mut candidates = Candidates::new(bytes, 0).with_keys();
        let mut found = Vec::new();
        let mut from = 0;
        while from < bytes.len() {
            candidates.batch.len = 0;
            from = search(bytes, from, &mut candidates.batch);
            found.extend_from_slice(&candidates.batch.found[..candidates.batch.len]);
        }
        found
    }

    fn searches() -> Vec<(&'static str, Search)> {
        let mut searches: Vec<(&str, Search)> = vec![("scalar", scalar::search)];
        #[cfg(target_arch = "x86_64")]
        searches.extend(x86::searches());
        #[cfg(target_arch = "aarch64")]
        searches.push(("neon", neon::search));
        searches
    }

    /// Bytes that triggers are made of, with some that they are not.
    fn random_bytes(random: &mut Random, len: usize) -> Vec<u8> {
        let alphabet =
            b"%2u00ff&#x;lt\\\"'<>=/.({[$:- sSeElLcCtTuUnNiIoOrRaAdD1\n\x1b\xef\xbc\x87\xc0\xafz";
        (0..len).map(|_| *random.one_of(alphabet)).collect()
    }

    #[test]
    fn every_search_finds_what_the_naive_one_finds() {
        let mut random = Random::new();
        for len in (0..70).chain([127, 128, 129, 1000, 4096]) {
            let mut bytes = random_bytes(&mut random, len);
            for trigger in RULES.iter().flat_map(|rules| rules.triggers) {
                let at = random.below(len + 1);
                for (class, place) in trigger.classes.iter().zip(bytes.iter_mut().skip(at)) {
                    let held: Vec<u8> = (0..=255).filter(|byte| class.contains(*byte)).collect();
                    *place = *random.one_of(&held);
                }
            }
            let naive: Vec<_> = (0..len)
                .map(|at| Candidate {
                    at,
                    owners: Owners(tables::naive(&bytes, at)),
                })
                .filter(|candidate| candidate.owners.0 != 0)
                .collect();
            for (name, search) in searches() {
                assert_eq!(
                    all(search, &bytes),
                    naive,
                    "{name} {}",
                    bytes.escape_ascii()
                );
            }
        }
    }

    #[test]
    fn skipping_leaves_out_what_lies_before() {
        let bytes = b"%20 %21 %22 ".repeat(100);
        let mut candidates = Candidates::new(&bytes, 0);
        assert_eq!(candidates.next().unwrap().at, 0);
        candidates.skip_to(6);
        assert_eq!(candidates.next().unwrap().at, 8);
        candidates.skip_to(1000);
        assert_eq!(candidates.next().unwrap().at, 1000);
        candidates.skip_to(bytes.len());
        assert_eq!(candidates.next(), None);
    }
}
