//! Finds the occurrences of every trigger in one pass over the bytes as they lie.
//!
//! Two levels, after the idea of Teddy (Hyperscan; see the `aho-corasick` crate's packed searchers)
//! with classes in place of literals: triggers are spread over 32 buckets; for each of the four
//! positions look-ups (of 64 bytes at a time where the processor can) say which buckets a byte may be in, and an offset whose four positions
//! agree on a bucket is then checked exactly by four table reads. All tables are computed at compile
//! time; nothing is built at start. Knows bytes and triggers only; what an occurrence means is for
//! others to say.

use crate::inspect::trigger::PAST_END;
use crate::rule::Family;

mod grouping;
mod scalar;
mod tables;
#[cfg(target_arch = "x86_64")]
mod x86;

use self::tables::{BUCKET_SIZE, BUCKETS, EXACT, MAYBE, OWNERS};

/// An offset at which triggers occur.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) at: usize,
    pub(crate) owners: Owners,
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
}

impl Batch {
    /// Adds `at` if triggers occur there in earnest; false if there is no room for it.
    ///
    /// Most marks are of one bucket and are in vain, so what is not so is all that branches.
    #[inline(always)]
    fn verify(&mut self, bytes: &[u8], at: usize) -> bool {
        let Some(rest) = bytes.get(at..) else {
            return true;
        };
        let [a, b, c, d] = match rest.first_chunk() {
            Some(window) => *window,
            None => core::array::from_fn(|i| rest.get(i).copied().unwrap_or(PAST_END)),
        }
        .map(usize::from);
        /// Stands behind the last trigger of a bucket, for there being none.
        const NONE: u32 = 1 << BUCKET_SIZE;
        let [first, second, third, fourth] = &MAYBE;
        let mut buckets = first[a] & second[b] & third[c] & fourth[d];
        let mut owners = 0;
        loop {
            let bucket = buckets.trailing_zeros() as usize % BUCKETS;
            buckets &= buckets.wrapping_sub(1);
            let [first, second, third, fourth] = &EXACT[bucket];
            let mut triggers = first[a] & second[b] & third[c] & fourth[d];
            loop {
                let trigger = (u32::from(triggers) | NONE).trailing_zeros() as usize;
                owners |= OWNERS[bucket][trigger % (BUCKET_SIZE + 1)];
                triggers &= triggers.wrapping_sub(1);
                if triggers == 0 {
                    break;
                }
            }
            if buckets == 0 {
                break;
            }
        }
        match self.found.get_mut(self.len) {
            Some(free) => {
                *free = Candidate {
                    at,
                    owners: Owners(owners),
                };
                self.len += usize::from(owners != 0);
                true
            }
            None => owners == 0,
        }
    }
}

/// Vectors of 64 offsets that are marked before the first of them is verified.
const VECTORS: usize = 16;

/// A bit for each offset that triggers may occur at, from some offset on.
type Marks = [u64; VECTORS];

/// Marked offsets that are verified in one go.
const LIST: usize = 128;

/// Fills `batch` with the candidates from `from` on; returns where to go on.
///
/// `mark` marks offsets from the one it is given on; it may mark too many, and past the end. Few
/// are, and where is hard to predict for a processor; so they are gathered without asking whether
/// there is another, and verified in a loop of their own.
#[inline(always)]
fn fill(
    bytes: &[u8],
    from: usize,
    batch: &mut Batch,
    mark: impl Fn(&[u8], usize) -> Marks,
) -> usize {
    let mut at = from;
    while at < bytes.len() {
        let mut list = [0u16; LIST];
        let mut listed = 0;
        let mut base = 0;
        for (i, marks) in mark(bytes, at).into_iter().enumerate() {
            let count = marks.count_ones() as usize;
            let mut left = marks;
            let mut take = |place: usize| {
                list[(listed + place) % LIST] = base + (left.trailing_zeros() as u16 & 63);
                left &= left.wrapping_sub(1);
            };
            for place in 0..FEW {
                take(place);
            }
            if count > FEW {
                for place in FEW..count {
                    take(place);
                }
            }
            listed += count;
            base += 64;
            if listed > LIST - 64 || i == VECTORS - 1 {
                for offset in list.iter().take(listed) {
                    let at = at + usize::from(*offset);
                    if !batch.verify(bytes, at) {
                        return at;
                    }
                }
                listed = 0;
            }
        }
        at += 64 * VECTORS;
    }
    bytes.len()
}

/// Marks of one vector that are taken whether they are there or not.
const FEW: usize = 3;

impl<'b> Candidates<'b> {
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
            },
            taken: 0,
            next: from,
        }
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
    scalar::search(bytes, from, batch)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::RULES;

    fn all(search: Search, bytes: &[u8]) -> Vec<Candidate> {
        let mut candidates = Candidates::new(bytes, 0);
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
        let searches: Vec<(&str, Search)> = vec![("best", search), ("scalar", scalar::search)];
        searches
    }

    /// Bytes that triggers are made of, with some that they are not.
    fn random_bytes(seed: &mut u64, len: usize) -> Vec<u8> {
        let alphabet =
            b"%2u00ff&#x;lt\\\"'<>=/.({[$:- sSeElLcCtTuUnNiIoOrRaAdD1\n\x1b\xef\xbc\x87\xc0\xafz";
        let mut next = || {
            *seed ^= *seed << 13;
            *seed ^= *seed >> 7;
            *seed ^= *seed << 17;
            usize::try_from(*seed >> 33).unwrap()
        };
        (0..len)
            .map(|_| alphabet[next() % alphabet.len()])
            .collect()
    }

    #[test]
    fn every_search_finds_what_the_naive_one_finds() {
        let mut seed = 0x9e37_79b9_7f4a_7c15;
        for len in (0..70).chain([127, 128, 129, 1000, 4096]) {
            let mut bytes = random_bytes(&mut seed, len);
            for rules in &RULES {
                for trigger in rules.triggers {
                    let at = usize::try_from(seed >> 40).unwrap() % (len + 1);
                    for (class, place) in trigger.classes.iter().zip(bytes.iter_mut().skip(at)) {
                        *place = (0..=255).find(|byte| class.contains(*byte)).unwrap();
                    }
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
