//! The prefilter's tables, computed from the triggers at compile time.

use crate::inspect::encoding;
use crate::inspect::trigger::{Trigger, WIDTH};
use crate::rule::{Family, RULES};

/// Sets of triggers that share one bit in the vector look-ups.
pub(super) const BUCKETS: usize = 16;

/// Triggers a bucket holds at the most: bits of [`Exact`]'s words.
const BUCKET_SIZE: usize = 16;

const TRIGGERS: usize = count();

const fn count() -> usize {
    let mut n = encoding::TRIGGERS.len() + encoding::KEYS.len();
    let mut family = 0;
    while family < RULES.len() {
        n += RULES[family].triggers.len();
        family += 1;
    }
    n
}

/// A trigger and the bit its owner has in a candidate's set.
#[derive(Clone, Copy)]
struct Entry {
    trigger: Trigger,
    owner: u8,
}

const ENTRIES: [Entry; TRIGGERS] = entries();

const fn entries() -> [Entry; TRIGGERS] {
    const FIRST: Entry = Entry { trigger: encoding::TRIGGERS[0], owner: 0 };
    let mut entries = [FIRST; TRIGGERS];
    let mut n = 0;
    let mut owner = 0;
    while owner < Family::ALL.len() + 2 {
        let triggers = if owner < Family::ALL.len() {
            RULES[owner].triggers
        } else if owner == Family::ALL.len() {
            encoding::TRIGGERS
        } else {
            encoding::KEYS
        };
        let mut i = 0;
        while i < triggers.len() {
            #[expect(clippy::cast_possible_truncation, reason = "at most 16 owners")]
            let entry = Entry { trigger: triggers[i], owner: owner as u8 };
            entries[n] = entry;
            n += 1;
            i += 1;
        }
        owner += 1;
    }
    entries
}

/// How often each byte value stands in benign events, in 1/4096 of all bytes, rounded up.
///
/// Classes of bytes are grouped by it so that few of the vector look-ups' hits are in vain; it has
/// no bearing on what is found. Counted over Lambda's sample events, 2026-11.
const fn frequency(byte: u8) -> u64 {
    match byte {
        b'"' => 420,
        b' ' => 60,
        b':' | b',' | b'-' | b'.' | b'/' => 100,
        b'{' | b'}' | b'_' | b'=' | b'\\' => 25,
        b'[' | b']' | b'(' | b')' | b';' | b'&' | b'%' | b'+' => 10,
        b'0'..=b'9' => 70,
        b'e' | b't' | b'a' | b'o' | b'i' | b's' | b'r' | b'n' => 170,
        b'c' | b'd' | b'u' | b'm' | b'l' | b'p' => 100,
        b'b' | b'f' | b'g' | b'h' | b'k' | b'q' | b'v' | b'w' | b'x' | b'y' => 45,
        b'A'..=b'Z' | b'j' | b'z' => 15,
        _ => 3,
    }
}

/// For one position: the low and the high nibbles that a bucket's triggers have there.
#[derive(Clone, Copy)]
struct Cover {
    low: u16,
    high: u16,
}

const EMPTY: [Cover; WIDTH] = [Cover { low: 0, high: 0 }; WIDTH];

const COVERS: [[Cover; WIDTH]; TRIGGERS] = {
    let mut covers = [EMPTY; TRIGGERS];
    let mut t = 0;
    while t < TRIGGERS {
        let mut position = 0;
        while position < WIDTH {
            let mut byte = 0;
            while byte < 256 {
                if ENTRIES[t].trigger.classes[position].contains(to_u8(byte)) {
                    covers[t][position].low |= 1 << (byte & 15);
                    covers[t][position].high |= 1 << (byte >> 4);
                }
                byte += 1;
            }
            position += 1;
        }
        t += 1;
    }
    covers
};

/// The frequencies of the bytes by high nibble, then low.
const FREQUENCIES: [[u64; 16]; 16] = {
    let mut rows = [[0; 16]; 16];
    let mut byte = 0;
    while byte < 256 {
        rows[byte >> 4][byte & 15] = frequency(to_u8(byte));
        byte += 1;
    }
    rows
};

/// About how many of 2^40 offsets of a benign event a bucket with `cover` marks.
const fn marks(cover: &[Cover; WIDTH]) -> u64 {
    let mut product: u64 = 1;
    let mut position = 0;
    while position < WIDTH {
        let mut sum = 0;
        let mut highs = cover[position].high;
        while highs != 0 {
            let row = &FREQUENCIES[highs.trailing_zeros() as usize];
            let mut lows = cover[position].low;
            while lows != 0 {
                sum += row[lows.trailing_zeros() as usize];
                lows &= lows - 1;
            }
            highs &= highs - 1;
        }
        product *= sum / 4 + 1;
        position += 1;
    }
    product
}

const fn joined(a: &[Cover; WIDTH], b: &[Cover; WIDTH]) -> [Cover; WIDTH] {
    let mut both = *a;
    let mut position = 0;
    while position < WIDTH {
        both[position].low |= b[position].low;
        both[position].high |= b[position].high;
        position += 1;
    }
    both
}

/// The bucket of each trigger: greedily where it adds the fewest marks.
#[allow(long_running_const_eval, reason = "some hundred triggers times buckets; a second at the most")]
const ASSIGNED: [u8; TRIGGERS] = {
    assert!(TRIGGERS <= BUCKETS * BUCKET_SIZE, "more triggers than the buckets hold");
    let mut assigned = [0; TRIGGERS];
    let mut covers = [EMPTY; BUCKETS];
    let mut costs = [0; BUCKETS];
    let mut sizes = [0; BUCKETS];
    let mut t = 0;
    while t < TRIGGERS {
        let (mut best, mut least) = (BUCKETS, u64::MAX);
        let mut bucket = 0;
        while bucket < BUCKETS {
            if sizes[bucket] < BUCKET_SIZE {
                let added = marks(&joined(&covers[bucket], &COVERS[t])) - costs[bucket];
                if added < least {
                    (best, least) = (bucket, added);
                }
            }
            bucket += 1;
        }
        assigned[t] = to_u8(best);
        covers[best] = joined(&covers[best], &COVERS[t]);
        costs[best] = marks(&covers[best]);
        sizes[best] += 1;
        t += 1;
    }
    assigned
};

/// For one group of eight buckets and one position: the buckets (bits) that a low nibble and a high
/// nibble are in. A byte is in a bucket's class only if both its nibbles are.
#[repr(C, align(16))]
pub(super) struct Nibbles {
    pub(super) low: [u8; 16],
    pub(super) high: [u8; 16],
}

pub(super) const GROUPS: usize = BUCKETS / 8;

pub(super) static NIBBLES: [[Nibbles; WIDTH]; GROUPS] = {
    const ZERO: Nibbles = Nibbles { low: [0; 16], high: [0; 16] };
    let mut nibbles = [const { [const { ZERO }; WIDTH] }; GROUPS];
    let mut t = 0;
    while t < TRIGGERS {
        let bucket = ASSIGNED[t] as usize;
        let mut position = 0;
        while position < WIDTH {
            let at = &mut nibbles[bucket / 8][position];
            let mut nibble = 0;
            while nibble < 16 {
                if COVERS[t][position].low & 1 << nibble != 0 {
                    at.low[nibble] |= 1 << (bucket % 8);
                }
                if COVERS[t][position].high & 1 << nibble != 0 {
                    at.high[nibble] |= 1 << (bucket % 8);
                }
                nibble += 1;
            }
            position += 1;
        }
        t += 1;
    }
    nibbles
};

/// `[position][byte][bucket]`: the triggers of the bucket (bits, in order of assignment) whose class
/// at the position holds the byte. The conjunction over four positions is exact.
pub(super) type Exact = [[[u16; BUCKETS]; 256]; WIDTH];

pub(super) static EXACT: Exact = {
    let mut exact = [[[0; BUCKETS]; 256]; WIDTH];
    let mut sizes = [0; BUCKETS];
    let mut t = 0;
    while t < TRIGGERS {
        let bucket = ASSIGNED[t] as usize;
        let mut position = 0;
        while position < WIDTH {
            let mut byte = 0;
            while byte < 256 {
                if ENTRIES[t].trigger.classes[position].contains(to_u8(byte)) {
                    exact[position][byte][bucket] |= 1 << sizes[bucket];
                }
                byte += 1;
            }
            position += 1;
        }
        sizes[bucket] += 1;
        t += 1;
    }
    exact
};

/// `[bucket][trigger in it]`: the owner's bit.
pub(super) static OWNERS: [[u8; BUCKET_SIZE]; BUCKETS] = {
    let mut owners = [[0; BUCKET_SIZE]; BUCKETS];
    let mut sizes = [0; BUCKETS];
    let mut t = 0;
    while t < TRIGGERS {
        let bucket = ASSIGNED[t] as usize;
        owners[bucket][sizes[bucket]] = ENTRIES[t].owner;
        sizes[bucket] += 1;
        t += 1;
    }
    owners
};

#[expect(clippy::cast_possible_truncation, reason = "callers count bytes or buckets")]
const fn to_u8(n: usize) -> u8 {
    n as u8
}

/// The owners of the triggers at `bytes[at..]`, found one trigger after the other.
#[cfg(test)]
pub(super) fn naive(bytes: &[u8], at: usize) -> u16 {
    ENTRIES
        .iter()
        .filter(|entry| entry.trigger.occurs(bytes, at))
        .fold(0, |owners, entry| owners | 1 << entry.owner)
}
