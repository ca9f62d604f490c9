//! Finds any of some patterns in bytes.
//!
//! Wu and Manber's method ("A fast algorithm for multi-pattern searching", 1994): a table says how
//! far the three bytes at the end of a window allow to move on. Chosen over an automaton because
//! the patterns, some hundreds at most, are built at INIT, where every microsecond is paid for by
//! each cold start: this table costs a few writes for each pattern.

use core::ops::Range;

/// How many bytes the table looks at together.
const BLOCK: usize = 3;
/// Bits of the table's index. A sixteenth of it is in use by a dozen secrets.
const BITS: u32 = 13;
/// No window is longer: a distance has to fit into a byte, and longer ones gain nothing.
const LONGEST_WINDOW: usize = 64;

pub(super) struct Search {
    /// Sorted by the index of their window's last block.
    patterns: Vec<Pattern>,
    /// How many bytes of each pattern the table covers: the length of the shortest one.
    window: usize,
    longest: usize,
    /// How far to move the window if its last block has this index.
    distances: Vec<u8>,
}

struct Pattern {
    index: usize,
    bytes: Vec<u8>,
    variable: usize,
}

/// A pattern found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) variable: usize,
    pub(super) span: Range<usize>,
}

impl Search {
    /// For patterns of at least [`BLOCK`] bytes and what each belongs to; shorter ones are left
    /// out.
    pub(super) fn new(patterns: Vec<(Vec<u8>, usize)>) -> Self {
        let lengths = || {
            patterns
                .iter()
                .map(|(bytes, _)| bytes.len())
                .filter(|n| *n >= BLOCK)
        };
        let window = lengths().min().unwrap_or(BLOCK).min(LONGEST_WINDOW);
        let longest = lengths().max().unwrap_or(0);
        let farthest = u8::try_from(window - BLOCK + 1).unwrap_or(1);
        let mut distances = vec![farthest; 1 << BITS];
        let mut sorted = Vec::with_capacity(patterns.len());
        for (bytes, variable) in patterns {
            let Some(covered) = bytes.get(..window) else {
                continue;
            };
            let mut index = 0;
            for (distance, block) in (0_u8..).zip(covered.windows(BLOCK).rev()) {
                let at = index_of(block);
                if let Some(entry) = distances.get_mut(at) {
                    *entry = distance.min(*entry);
                }
                if distance == 0 {
                    index = at;
                }
            }
            sorted.push(Pattern {
                index,
                bytes,
                variable,
            });
        }
        sorted.sort_by_key(|pattern| pattern.index);
        Self {
            patterns: sorted,
            window,
            longest,
            distances,
        }
    }

    /// The length of the longest pattern.
    pub(super) const fn longest(&self) -> usize {
        self.longest
    }

    /// The pattern in `bytes` that ends first; of several that end there, the one that starts
    /// first.
    pub(super) fn find(&self, bytes: &[u8]) -> Option<Found> {
        if self.patterns.is_empty() {
            return None;
        }
        let mut best: Option<Found> = None;
        let before_block = self.window - BLOCK;
        let mut at = before_block;
        while let Some(block) = bytes.get(at..at + BLOCK) {
            let start = at - before_block;
            if best.as_ref().is_some_and(|found| start >= found.span.end) {
                break;
            }
            let index = index_of(block);
            let distance = self.distances.get(index).copied().unwrap_or(1);
            if distance > 0 {
                at += usize::from(distance);
                continue;
            }
            let rest = bytes.get(start..).unwrap_or_default();
            for pattern in self
                .with_index(index)
                .filter(|p| rest.starts_with(&p.bytes))
            {
                let end = start + pattern.bytes.len();
                if best.as_ref().is_none_or(|found| end < found.span.end) {
                    best = Some(Found {
                        variable: pattern.variable,
                        span: start..end,
                    });
                }
            }
            at += 1;
        }
        best
    }

    /// How many of the last bytes of `bytes` are the start of a pattern that goes on after them;
    /// the most if several are.
    pub(super) fn unfinished(&self, bytes: &[u8]) -> usize {
        let most = bytes.len().min(self.longest.saturating_sub(1));
        let last = bytes.get(bytes.len() - most..).unwrap_or_default();
        let starts = |tail: &[u8]| {
            self.patterns
                .iter()
                .any(|p| p.bytes.len() > tail.len() && p.bytes.starts_with(tail))
        };
        (0..most)
            .find(|start| last.get(*start..).is_some_and(&starts))
            .map_or(0, |start| most - start)
    }

    fn with_index(&self, index: usize) -> impl Iterator<Item = &Pattern> {
        let from = self
            .patterns
            .partition_point(|pattern| pattern.index < index);
        let rest = self.patterns.get(from..).unwrap_or_default();
        rest.iter()
            .take_while(move |pattern| pattern.index == index)
    }
}

/// The table's index for a block.
fn index_of(block: &[u8]) -> usize {
    let word = block
        .iter()
        .fold(0_u32, |word, byte| (word << 8) | u32::from(*byte));
    // Fibonacci hashing: the upper bits of the product depend on all of the word.
    (word.wrapping_mul(0x9e37_79b1) >> (32 - BITS)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn naive(patterns: &[(Vec<u8>, usize)], bytes: &[u8]) -> Option<Range<usize>> {
        for end in 0..=bytes.len() {
            for start in 0..end {
                if patterns
                    .iter()
                    .any(|(pattern, _)| *pattern == bytes[start..end])
                {
                    return Some(start..end);
                }
            }
        }
        None
    }

    fn next(seed: &mut u64, below: u64) -> usize {
        *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        usize::try_from((*seed >> 33) % below).unwrap()
    }

    #[test]
    fn finds_what_the_naive_search_finds() {
        let mut seed = 3;
        let mut hits = 0;
        for _ in 0..3000 {
            let letters = 1 + next(&mut seed, 4) as u64;
            let mut text = |len: usize| -> Vec<u8> {
                (0..len)
                    .map(|_| b'a' + u8::try_from(next(&mut seed, letters)).unwrap())
                    .collect()
            };
            let patterns: Vec<(Vec<u8>, usize)> = [3, 4, 5, 9, 70]
                .iter()
                .map(|len| (text(*len), *len))
                .collect();
            let bytes = text(90);
            let found = Search::new(patterns.clone()).find(&bytes);
            hits += usize::from(found.is_some());
            assert_eq!(found.map(|f| f.span), naive(&patterns, &bytes));
        }
        assert!(hits > 1000 && hits < 3000, "{hits}");
    }

    #[test]
    fn nothing_is_found_without_patterns() {
        assert_eq!(Search::new(Vec::new()).find(b"anything at all"), None);
        assert_eq!(Search::new(Vec::new()).unfinished(b"anything at all"), 0);
    }

    #[test]
    fn the_start_of_a_pattern_is_unfinished() {
        let search = Search::new(vec![(b"abcabd".to_vec(), 0), (b"cabx".to_vec(), 1)]);
        for (bytes, wanted) in [
            ("", 0),
            ("x", 0),
            ("a", 1),
            ("xabca", 4),
            ("abcab", 5),
            ("abcabcab", 5),
            ("zzcab", 3),
        ] {
            assert_eq!(search.unfinished(bytes.as_bytes()), wanted, "{bytes}");
        }
    }
}
