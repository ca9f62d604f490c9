//! The prefilter's tables, computed from the triggers at compile time.

use super::grouping::GROUPING;
use crate::inspect::encoding;
use crate::inspect::trigger::{Class, Trigger, WIDTH};
use crate::rule::{Family, RULES};

/// Sets of triggers that share one bit in the vector look-ups.
pub(super) const BUCKETS: usize = 16;

/// Triggers a bucket holds at the most: bits of [`Exact`]'s words.
pub(super) const BUCKET_SIZE: usize = 32;

/// A trigger, or a part of one, and the bit its owner has in a candidate's set.
#[derive(Clone, Copy)]
struct Entry {
    trigger: Trigger,
    owner: u8,
}

/// Triggers, divided where the nibble look-ups would blur them.
struct Entries {
    list: [Entry; BUCKETS * BUCKET_SIZE],
    len: usize,
}

impl Entries {
    const fn push(&mut self, entry: Entry) {
        assert!(
            self.len < BUCKETS * BUCKET_SIZE,
            "more triggers than the buckets hold"
        );
        self.list[self.len] = entry;
        self.len += 1;
    }

    /// Adds `entry`, divided at `position` if that is worth it: `[;|]` is looked up as low nibbles
    /// b, c and high nibbles 3, 7, which takes in `<` and `{` as well, and more so with each byte.
    const fn push_parts(&mut self, entry: Entry, position: usize) {
        if position == DIVIDED {
            self.push(entry);
            return;
        }
        let class = &entry.trigger.classes[position];
        let cover = cover(class);
        let covered = cover.low.count_ones() * cover.high.count_ones();
        if class.len() > SMALL || covered < 2 * class.len() {
            self.push_parts(entry, position + 1);
            return;
        }
        let (parts, n) = parts(class);
        let mut i = 0;
        while i < n {
            let trigger = with_class(entry.trigger, position, parts[i]);
            self.push_parts(Entry { trigger, ..entry }, position + 1);
            i += 1;
        }
    }
}

/// The positions that triggers are divided at: the first tells most.
const DIVIDED: usize = 1;

/// Classes of more bytes than this are letters and digits for the most part: not divided.
const SMALL: u32 = 16;

const fn with_class(mut trigger: Trigger, position: usize, class: Class) -> Trigger {
    trigger.classes[position] = class;
    trigger
}

/// A class in parts that the nibble look-ups tell exactly: bytes whose high nibbles go with the same
/// low ones.
const fn parts(class: &Class) -> ([Class; 16], usize) {
    let mut parts = [Class::NONE; 16];
    let mut lows = [0u16; 16];
    let mut n = 0;
    let mut high = 0;
    while high < 16 {
        let low = class.row(high);
        if low != 0 {
            let mut part = 0;
            while part < n && lows[part] != low {
                part += 1;
            }
            if part == n {
                lows[n] = low;
                n += 1;
            }
            parts[part] = parts[part].with_row(high, low);
        }
        high += 1;
    }
    (parts, n)
}

const ENTRIES: Entries = {
    let none = Entry {
        trigger: encoding::TRIGGERS[0],
        owner: 0,
    };
    let mut entries = Entries {
        list: [none; BUCKETS * BUCKET_SIZE],
        len: 0,
    };
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
            entries.push_parts(
                Entry {
                    trigger: triggers[i],
                    owner: to_u8(owner),
                },
                0,
            );
            i += 1;
        }
        owner += 1;
    }
    entries
};

pub(super) const TRIGGERS: usize = ENTRIES.len;

/// For one position: the low and the high nibbles (bits) that a trigger has there.
#[derive(Clone, Copy)]
pub(super) struct Cover {
    pub(super) low: u16,
    pub(super) high: u16,
}

const fn cover(class: &Class) -> Cover {
    let mut cover = Cover { low: 0, high: 0 };
    let mut high = 0;
    while high < 16 {
        let low = class.row(high);
        if low != 0 {
            cover.low |= low;
            cover.high |= 1 << high;
        }
        high += 1;
    }
    cover
}

pub(super) const COVERS: [[Cover; WIDTH]; TRIGGERS] = {
    let mut covers = [[Cover { low: 0, high: 0 }; WIDTH]; TRIGGERS];
    let mut t = 0;
    while t < TRIGGERS {
        let mut position = 0;
        while position < WIDTH {
            covers[t][position] = cover(&ENTRIES.list[t].trigger.classes[position]);
            position += 1;
        }
        t += 1;
    }
    covers
};

/// The bucket of each trigger. Which one has no bearing on what is found, only on how many of the
/// vector look-ups' hits are in vain: `grouping` made the list on benign events.
const ASSIGNED: [u8; TRIGGERS] = {
    let mut assigned = [0; TRIGGERS];
    let mut t = 0;
    while t < TRIGGERS {
        // Triggers have come or gone: correct with any grouping, and the test of the grouping says
        // how to make it anew.
        assigned[t] = if GROUPING.len() == TRIGGERS {
            GROUPING[t]
        } else {
            to_u8(t % BUCKETS)
        };
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
    const ZERO: Nibbles = Nibbles {
        low: [0; 16],
        high: [0; 16],
    };
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
pub(super) type Exact = [[[u32; BUCKETS]; 256]; WIDTH];

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
                if ENTRIES.list[t].trigger.classes[position].contains(to_u8(byte)) {
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
        owners[bucket][sizes[bucket]] = ENTRIES.list[t].owner;
        sizes[bucket] += 1;
        t += 1;
    }
    owners
};

#[expect(
    clippy::cast_possible_truncation,
    reason = "callers count bytes or buckets"
)]
const fn to_u8(n: usize) -> u8 {
    n as u8
}

/// The owners of the triggers at `bytes[at..]`, found one trigger after the other.
#[cfg(test)]
pub(super) fn naive(bytes: &[u8], at: usize) -> u16 {
    ENTRIES.list[..TRIGGERS]
        .iter()
        .filter(|entry| entry.trigger.occurs(bytes, at))
        .fold(0, |owners, entry| owners | 1 << entry.owner)
}
