//! The prefilter's tables, computed from the triggers at compile time.

use super::grouping::GROUPING;
use crate::inspect::encoding;
#[cfg(test)]
use crate::inspect::trigger::Class;
#[cfg(target_arch = "x86_64")]
use crate::inspect::trigger::PAST_END;
use crate::inspect::trigger::{Trigger, WIDTH};
use crate::rule::{Family, RULES};

/// Sets of triggers that share one bit of the first look-up.
pub(super) const BUCKETS: usize = 32;

/// Triggers a bucket holds at the most: bits of [`EXACT`]'s words.
pub(super) const BUCKET_SIZE: usize = 16;

/// A trigger and the bit its owner has in a candidate's set.
#[derive(Clone, Copy)]
struct Entry {
    trigger: Trigger,
    owner: u8,
}

pub(super) const TRIGGERS: usize = {
    let mut n = 0;
    let mut owner = 0;
    while owner < OWNERS_IN_ALL {
        n += triggers_of(owner).len();
        owner += 1;
    }
    assert!(
        n <= BUCKETS * BUCKET_SIZE,
        "more triggers than the buckets hold"
    );
    n
};

/// The families, the encodings and the keys of encoded values.
const OWNERS_IN_ALL: usize = Family::ALL.len() + 2;

const _: () = assert!(OWNERS_IN_ALL <= u16::BITS as usize, "more owners than bits");

const fn triggers_of(owner: usize) -> &'static [Trigger] {
    if owner < Family::ALL.len() {
        RULES[owner].triggers
    } else if owner == Family::ALL.len() {
        encoding::TRIGGERS
    } else {
        encoding::KEYS
    }
}

static ENTRIES: [Entry; TRIGGERS] = {
    let none = Entry {
        trigger: encoding::TRIGGERS[0],
        owner: 0,
    };
    let mut entries = [none; TRIGGERS];
    let mut n = 0;
    let mut owner = 0;
    while owner < OWNERS_IN_ALL {
        let triggers = triggers_of(owner);
        let mut i = 0;
        while i < triggers.len() {
            entries[n] = Entry {
                trigger: triggers[i],
                owner: to_u8(owner),
            };
            n += 1;
            i += 1;
        }
        owner += 1;
    }
    entries
};

/// The bucket of each trigger. Which one has no bearing on what is found, only on how many first
/// looks are in vain: [`GROUPING`] was made on benign events.
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

/// `[position][byte]`: the buckets (bits) that hold a trigger whose class at the position holds the
/// byte.
pub(super) static MAYBE: [[u32; 256]; WIDTH] = {
    let mut maybe = [[0; 256]; WIDTH];
    let mut t = 0;
    while t < TRIGGERS {
        let mut position = 0;
        while position < WIDTH {
            let mut byte = 0;
            while byte < 256 {
                if ENTRIES[t].trigger.classes[position].contains(to_u8(byte)) {
                    maybe[position][byte] |= 1 << ASSIGNED[t];
                }
                byte += 1;
            }
            position += 1;
        }
        t += 1;
    }
    maybe
};

/// Vectors look eight buckets up at a time: one bit of a byte each.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
pub(super) const GROUPS: usize = BUCKETS / 8;

/// For one group and one position: the buckets that a low nibble and a high nibble are in. A byte
/// can be in a bucket's class only if both its nibbles are.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
#[repr(C, align(16))]
pub(super) struct Nibbles {
    pub(super) low: [u8; 16],
    pub(super) high: [u8; 16],
}

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
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
            let mut byte = 0;
            while byte < 256 {
                if ENTRIES[t].trigger.classes[position].contains(to_u8(byte)) {
                    at.low[byte & 15] |= 1 << (bucket % 8);
                    at.high[byte >> 4] |= 1 << (bucket % 8);
                }
                byte += 1;
            }
            position += 1;
        }
        t += 1;
    }
    nibbles
};

/// For one group and one position: the buckets that a byte of ASCII is in, exactly, and those that
/// another byte's high nibble is in. The last of ASCII also stands for what is past the end.
#[cfg(target_arch = "x86_64")]
#[repr(C, align(64))]
pub(super) struct Bytes {
    pub(super) ascii: [u8; 128],
    pub(super) high: [u8; 16],
}

#[cfg(target_arch = "x86_64")]
pub(super) static BYTES: [[Bytes; WIDTH]; GROUPS] = {
    const ZERO: Bytes = Bytes {
        ascii: [0; 128],
        high: [0; 16],
    };
    let mut bytes = [const { [const { ZERO }; WIDTH] }; GROUPS];
    let mut t = 0;
    while t < TRIGGERS {
        let bucket = ASSIGNED[t] as usize;
        let mut position = 0;
        while position < WIDTH {
            let at = &mut bytes[bucket / 8][position];
            let mut byte = 0;
            while byte < 256 {
                if ENTRIES[t].trigger.classes[position].contains(to_u8(byte)) {
                    if byte < 128 {
                        at.ascii[byte] |= 1 << (bucket % 8);
                    } else {
                        if byte == PAST_END as usize {
                            at.ascii[LAST as usize] |= 1 << (bucket % 8);
                        }
                        at.high[byte >> 4] |= 1 << (bucket % 8);
                    }
                }
                byte += 1;
            }
            position += 1;
        }
        t += 1;
    }
    bytes
};

/// The last byte of ASCII, DEL.
#[cfg(target_arch = "x86_64")]
pub(super) const LAST: u8 = 0x7f;

/// `[bucket][position][byte]`: the triggers of the bucket (bits, in order of assignment) whose class
/// at the position holds the byte. The conjunction over four positions is exact.
pub(super) static EXACT: [[[u16; 256]; WIDTH]; BUCKETS] = {
    let mut exact = [[[0; 256]; WIDTH]; BUCKETS];
    let mut sizes = [0; BUCKETS];
    let mut t = 0;
    while t < TRIGGERS {
        let bucket = ASSIGNED[t] as usize;
        let mut position = 0;
        while position < WIDTH {
            let mut byte = 0;
            while byte < 256 {
                if ENTRIES[t].trigger.classes[position].contains(to_u8(byte)) {
                    exact[bucket][position][byte] |= 1 << sizes[bucket];
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

/// `[bucket][trigger in it]`: the owner's bit; none behind the last one.
pub(super) static OWNERS: [[u16; BUCKET_SIZE + 1]; BUCKETS] = {
    let mut owners = [[0; BUCKET_SIZE + 1]; BUCKETS];
    let mut sizes = [0; BUCKETS];
    let mut t = 0;
    while t < TRIGGERS {
        let bucket = ASSIGNED[t] as usize;
        owners[bucket][sizes[bucket]] = 1 << ENTRIES[t].owner;
        sizes[bucket] += 1;
        t += 1;
    }
    owners
};

#[expect(
    clippy::cast_possible_truncation,
    reason = "callers count bytes, buckets or owners"
)]
const fn to_u8(n: usize) -> u8 {
    n as u8
}

/// The class of a trigger at a position.
#[cfg(test)]
pub(super) const fn class(t: usize, position: usize) -> Class {
    ENTRIES[t].trigger.classes[position]
}

/// The owners of the triggers at `bytes[at..]`, found one trigger after the other.
#[cfg(test)]
pub(super) fn naive(bytes: &[u8], at: usize) -> u16 {
    ENTRIES
        .iter()
        .filter(|entry| entry.trigger.occurs(bytes, at))
        .fold(0, |owners, entry| owners | 1 << entry.owner)
}
