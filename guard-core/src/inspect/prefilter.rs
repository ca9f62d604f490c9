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

use self::tables::{BUCKET_SIZE, BUCKETS, EXACT, OWNERS};

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
    fn is_full(&self) -> bool {
        self.len == BATCH
    }

    /// Adds what the set bits of `marked` stand for: offsets from `at` on in the buckets that
    /// `buckets` tells. Says where to go on if that is too much.
    #[inline(always)]
    fn take(
        &mut self,
        bytes: &[u8],
        at: usize,
        mut marked: u64,
        buckets: impl Fn(usize) -> [u8; 4],
    ) -> Option<usize> {
        while marked != 0 {
            let lane = marked.trailing_zeros() as usize;
            marked &= marked - 1;
            let rest = bytes.get(at + lane..)?;
            if self.is_full() {
                return Some(at + lane);
            }
            let window = match rest.first_chunk() {
                Some(window) => *window,
                None => core::array::from_fn(|i| rest.get(i).copied().unwrap_or(PAST_END)),
            };
            self.verify(at + lane, u32::from_le_bytes(buckets(lane % 64)), window);
        }
        None
    }

    /// Adds `at` if triggers of the marked `buckets` occur there in earnest. `window` holds the four
    /// bytes at `at`.
    #[inline(always)]
    fn verify(&mut self, at: usize, mut buckets: u32, window: [u8; 4]) {
        let [a, b, c, d] = window.map(usize::from);
        let mut owners = 0;
        while buckets != 0 {
            let bucket = buckets.trailing_zeros() as usize % BUCKETS;
            buckets &= buckets - 1;
            let [first, second, third, fourth] = &EXACT[bucket];
            let mut triggers = first[a] & second[b] & third[c] & fourth[d];
            while triggers != 0 {
                owners |= 1 << OWNERS[bucket][triggers.trailing_zeros() as usize % BUCKET_SIZE];
                triggers &= triggers - 1;
            }
        }
        if owners != 0
            && let Some(free) = self.found.get_mut(self.len)
        {
            *free = Candidate {
                at,
                owners: Owners(owners),
            };
            self.len += 1;
        }
    }
}

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
