//! The prefilter's tables, computed from the triggers at compile time.

use super::grouping;
use crate::inspect::encoding;
#[cfg(test)]
use crate::inspect::trigger::Class;
#[cfg(any(test, target_arch = "x86_64"))]
use crate::inspect::trigger::PAST_END;
use crate::inspect::trigger::{Trigger, WIDTH};
use crate::rule::{Family, RULES};

/// Sets of triggers that share one bit of the first look-up.
pub(super) const BUCKETS: usize = 32;

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

/// The triggers of all owners.
pub(super) fn triggers() -> impl Iterator<Item = Trigger> {
    ENTRIES.iter().map(|entry| entry.trigger)
}

/// The bucket of each trigger. Which one has no bearing on what is found, only on how many first
/// looks are in vain: the groupings were made on benign events.
const fn assigned(grouping: &[u8]) -> [u8; TRIGGERS] {
    let mut assigned = [0; TRIGGERS];
    let mut t = 0;
    while t < TRIGGERS {
        // Triggers have come or gone: correct with any grouping, and the test of the groupings says
        // how to make them anew.
        assigned[t] = if grouping.len() == TRIGGERS {
            grouping[t]
        } else {
            to_u8(t % BUCKETS)
        };
        t += 1;
    }
    assigned
}

const KIND_BUCKETS: [u8; TRIGGERS] = assigned(grouping::BY_KIND);

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
const NIBBLE_BUCKETS: [u8; TRIGGERS] = assigned(grouping::BY_NIBBLES);

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
                    maybe[position][byte] |= 1 << KIND_BUCKETS[t];
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
#[cfg(any(test, target_arch = "x86_64", target_arch = "aarch64"))]
pub(super) const GROUPS: usize = BUCKETS / 8;

/// For one group and one position: the buckets that a byte's lowest four bits (`low`) and the four
/// from the fourth on (`high`) are in. A byte can be in a bucket's class only if both are. They share
/// a bit, and the highest, which no ASCII has, is in none: that tells more bytes of the others apart
/// than two halves would, 60 marks in a KiB where those left 170 (2026-11-23).
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
        let bucket = NIBBLE_BUCKETS[t] as usize;
        let mut position = 0;
        while position < WIDTH {
            let at = &mut nibbles[bucket / 8][position];
            let mut byte = 0;
            while byte < 256 {
                if ENTRIES[t].trigger.classes[position].contains(to_u8(byte)) {
                    at.low[byte & 15] |= 1 << (bucket % 8);
                    at.high[byte >> 3 & 15] |= 1 << (bucket % 8);
                }
                byte += 1;
            }
            position += 1;
        }
        t += 1;
    }
    nibbles
};

/// Kinds of bytes that whole look-ups tell apart: as many as a vector has places.
#[cfg(target_arch = "x86_64")]
pub(super) const KINDS: usize = 64;

/// The kind of a byte. Letters of both cases are of one kind, so are most digits, most control
/// characters, and rare letters.
#[cfg(any(test, target_arch = "x86_64"))]
pub(super) const fn kind(byte: u8) -> u8 {
    match byte.to_ascii_lowercase() {
        letter @ b'a'..=b'i' => letter - b'a',
        letter @ b'k'..=b'p' => letter - b'k' + 9,
        letter @ b'r'..=b'y' => letter - b'r' + 15,
        b'j' | b'q' | b'z' => 23,
        b'0' => 24,
        b'1' | b'2' => 25,
        b'3'..=b'9' => 26,
        mark @ b' '..=b'/' => mark - b' ' + 27,
        mark @ b':'..=b'@' => mark - b':' + 43,
        mark @ b'['..=b']' => mark - b'[' + 50,
        b'^' | b'~' => 53,
        b'_' => 54,
        b'`' => 55,
        mark @ b'{'..=b'}' => mark - b'{' + 56,
        PAST_END => 63,
        0..=0x1f | 0x7f => 59,
        0x80..=0xbf => 60,
        0xc0 | 0xc1 | 0xe0 => 61,
        0xc2 | 0xef => 62,
        _ => 63,
    }
}

/// The kinds of all bytes.
#[cfg(target_arch = "x86_64")]
#[repr(C, align(64))]
pub(super) struct KindOf(pub(super) [[u8; 64]; 4]);

#[cfg(target_arch = "x86_64")]
pub(super) static KIND_OF: KindOf = {
    let mut kinds = [[0; 64]; 4];
    let mut byte = 0;
    while byte < 256 {
        kinds[byte / 64][byte % 64] = kind(to_u8(byte));
        byte += 1;
    }
    KindOf(kinds)
};

/// For one group and one position: the buckets that bytes of a kind may be in.
#[cfg(target_arch = "x86_64")]
#[repr(C, align(64))]
pub(super) struct ByKind(pub(super) [u8; KINDS]);

#[cfg(target_arch = "x86_64")]
pub(super) static BY_KIND: [[ByKind; WIDTH]; GROUPS] = {
    let mut tables = [const { [const { ByKind([0; KINDS]) }; WIDTH] }; GROUPS];
    let mut t = 0;
    while t < TRIGGERS {
        let bucket = KIND_BUCKETS[t] as usize;
        let mut position = 0;
        while position < WIDTH {
            let table = &mut tables[bucket / 8][position];
            let mut byte = 0;
            while byte < 256 {
                if ENTRIES[t].trigger.classes[position].contains(to_u8(byte)) {
                    table.0[kind(to_u8(byte)) as usize] |= 1 << (bucket % 8);
                }
                byte += 1;
            }
            position += 1;
        }
        t += 1;
    }
    tables
};

/// Words of a set of triggers: what a vector of 64 bytes holds.
const WORDS: usize = 8;

/// Words of it that are in use.
const USED: usize = TRIGGERS.div_ceil(u64::BITS as usize);

const _: () = assert!(USED <= WORDS, "more triggers than a set holds");

/// A set of triggers.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(super) struct Set(pub(super) [u64; WORDS]);

/// `[position][byte]`: the triggers whose class at the position holds the byte. What is in the sets
/// of all four positions occurs.
pub(super) static HOLDING: [[Set; 256]; WIDTH] = {
    let mut holding = [[Set([0; WORDS]); 256]; WIDTH];
    let mut t = 0;
    while t < TRIGGERS {
        let mut position = 0;
        while position < WIDTH {
            let mut byte = 0;
            while byte < 256 {
                if ENTRIES[t].trigger.classes[position].contains(to_u8(byte)) {
                    holding[position][byte].0[t / 64] |= 1 << (t % 64);
                }
                byte += 1;
            }
            position += 1;
        }
        t += 1;
    }
    holding
};

/// What is in all four sets.
#[inline(always)]
pub(super) fn common(sets: [&Set; WIDTH]) -> [u64; USED] {
    let [a, b, c, d] = sets;
    core::array::from_fn(|i| a.0[i] & b.0[i] & c.0[i] & d.0[i])
}

/// Whether a trigger is in all four sets.
#[inline(always)]
pub(super) fn meet(sets: [&Set; WIDTH]) -> bool {
    common(sets).into_iter().fold(0, |any, word| any | word) != 0
}

/// The bits of the owners of the triggers that are in all four sets.
pub(super) fn owners(sets: [&Set; WIDTH]) -> u16 {
    let mut owners = 0;
    for (word, mut left) in common(sets).into_iter().enumerate() {
        while left != 0 {
            let trigger = word * 64 + left.trailing_zeros() as usize;
            owners |= OWNER.get(trigger).copied().unwrap_or(0);
            left &= left - 1;
        }
    }
    owners
}

/// The bit of each trigger's owner.
static OWNER: [u16; TRIGGERS] = {
    let mut owner = [0; TRIGGERS];
    let mut t = 0;
    while t < TRIGGERS {
        owner[t] = 1 << ENTRIES[t].owner;
        t += 1;
    }
    owner
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
