//! The region that programs write: records and statuses.
//!
//! | words | |
//! |---|---|
//! | 0, 1 | magic, version |
//! | 2, 3 | number of record slots (a power of two), number of status slots |
//! | 4 | number of words that remember what was recorded |
//! | 8 | position of the next record |
//! | 16 | records that found no room |
//! | 24 | position that the reader is at |
//! | 64.. | status slots of 16 words |
//! | then | record slots of 64 words |
//! | then | hashes of what was recorded, [`SEEN`] words |
//!
//! Records are a bounded queue with a turn word per slot (Vyukov's): a slot at position `p` of the
//! sequence may be written while its turn is `p`, and read while its turn is `p + 1`; the reader
//! hands it on as `p + slots`. Nobody waits: a writer that finds no room counts it and goes on. A
//! writer that is killed before it hands its record over leaves a gap, which the reader skips when
//! it has seen it [`PATIENCE`] times.

use core::net::{IpAddr, Ipv6Addr};
use core::sync::atomic::{AtomicU64, Ordering};

use super::VERSION;
use super::words::{LayoutError, copy_bytes, get, put_bytes, set};

const MAGIC: u64 = u64::from_ne_bytes(*b"GRDring\0");
const NEXT: usize = 8;
const DROPPED: usize = 16;
const READ: usize = 24;
const STATUSES: usize = 64;
const STATUS: usize = 16;
const RECORD: usize = 64;
/// Where a record's text begins in its slot.
const RECORD_TEXT: usize = 8;
/// Bytes of text that a record holds.
pub const TEXT: usize = 8 * (RECORD - RECORD_TEXT);
/// Bytes of a program's name in a status.
const STATUS_TEXT: usize = 64;
/// Hashes of what was recorded already, of all programs together: more than a function has files.
const SEEN: usize = 4096;
/// Places in a row where a hash may stand.
const NEIGHBOURS: usize = 8;
/// Times that the reader meets a record that is not finished, before it gives it up.
const PATIENCE: u32 = 16;

macro_rules! bytes {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $value:literal,)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        #[repr(u8)]
        pub enum $name {
            $($(#[$doc])* $variant = $value,)*
        }

        impl $name {
            /// From the byte in a record.
            #[must_use]
            pub const fn from_byte(byte: u8) -> Option<Self> {
                match byte {
                    $($value => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }
    };
}

bytes! {
    /// What a record is about.
    Kind {
        /// A connection or datagram to an address without a learned name: `address`, `port`,
        /// `protocol`.
        Address = 1,
        /// A program: its path.
        Exec = 2,
        /// A connection or datagram to a learned name: the name, `address`, `port`, `protocol`.
        Host = 3,
        /// An interface of the kernel that is closed, or a call that is not known: `text` is the
        /// call's name or empty.
        Kernel = 4,
        /// A name that was looked up, without a port: the name.
        Lookup = 5,
        /// A file that is read: its path.
        Read = 6,
        /// A kind of socket that policies do not know: `port` is its family, `protocol` its type.
        Socket = 7,
        /// Something aimed at another process or at the guard: `text` says what.
        Tamper = 8,
        /// A file below /tmp, refused by `GUARD_TMP`: its path.
        Tmp = 9,
        /// A program that was started and cannot be guarded: its path.
        Unguarded = 10,
        /// A local socket: its path, or its abstract name with the NUL byte that begins it.
        Unix = 11,
        /// A file that is changed: its path.
        Write = 12,
    }
}

bytes! {
    /// What became of the operation.
    Outcome {
        /// It was refused.
        Denied = 1,
        /// It was used, and the policy does not restrict its kind.
        Used = 2,
        /// It went through and would be refused in enforce mode.
        Would = 3,
    }
}

/// One record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "writers fill in all of it")]
pub struct Record<'t> {
    /// What it is about.
    pub kind: Kind,
    /// What became of it.
    pub outcome: Outcome,
    /// Whether it happened in the init phase.
    pub is_init: bool,
    /// Whether `text` is shorter than it was.
    pub is_cut: bool,
    /// Number of the system call.
    pub call: u16,
    /// The error that the program got, positive; 0 when it got none.
    pub errno: u16,
    /// The process.
    pub pid: u32,
    /// Its thread.
    pub tid: u32,
    /// Nanoseconds of `CLOCK_REALTIME`.
    pub time: u64,
    /// Where to.
    pub address: Option<IpAddr>,
    /// Port there, in the machine's byte order.
    pub port: u16,
    /// Its transport: 6 or 17; for [`Kind::Socket`] the type.
    pub protocol: u8,
    /// Path or name, at most [`TEXT`] bytes.
    pub text: &'t [u8],
}

/// What a program says of itself when it starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "writers fill in all of it")]
pub struct Status<'t> {
    /// The process. Never 0.
    pub pid: u32,
    /// Sites found in its text.
    pub found: u32,
    /// Of those, how many pass through the check.
    pub patched: u32,
    /// Of those, how many need no check, their number being a constant.
    pub left: u32,
    /// Of those, how many could not be placed.
    pub open: u32,
    /// Microseconds that patching took.
    pub micros: u32,
    /// First bytes of the build id of the program's largest object (NT_GNU_BUILD_ID), or 0.
    pub build: u64,
    /// End of the program's path, at most 64 bytes.
    pub program: &'t [u8],
}

/// The ring as a program writes it.
#[derive(Debug, Clone, Copy)]
pub struct Ring<'a> {
    words: &'a [AtomicU64],
    statuses: &'a [AtomicU64],
    records: &'a [AtomicU64],
    seen: &'a [AtomicU64],
}

impl<'a> Ring<'a> {
    /// Bytes that a region needs, a multiple of 4096. `records` is rounded up to a power of two.
    #[must_use]
    pub const fn size(records: usize, statuses: usize) -> usize {
        (8 * (STATUSES + statuses * STATUS + records.next_power_of_two() * RECORD + SEEN))
            .next_multiple_of(4096)
    }

    /// Lays out memory, which is zero and at least [`Self::size`] long. The extension's part.
    ///
    /// # Errors
    /// When it is too short.
    pub fn create(
        words: &'a [AtomicU64],
        records: usize,
        statuses: usize,
    ) -> Result<Self, LayoutError> {
        if words.len() < Self::size(records, statuses) / 8 {
            return Err(LayoutError::Length);
        }
        set(words, 2, records.next_power_of_two() as u64);
        set(words, 3, statuses as u64);
        set(words, 4, SEEN as u64);
        set(words, 1, VERSION);
        set(words, 0, MAGIC);
        let ring = Self::new(words)?;
        for (index, slot) in ring.records.chunks_exact(RECORD).enumerate() {
            set(slot, 0, index as u64);
        }
        Ok(ring)
    }

    /// Checks the frame. `words` is the whole mapping.
    ///
    /// # Errors
    /// When it is not a region that this version made.
    pub fn new(words: &'a [AtomicU64]) -> Result<Self, LayoutError> {
        if get(words, 0) != MAGIC {
            return Err(LayoutError::Magic);
        }
        if get(words, 1) != VERSION {
            return Err(LayoutError::Version);
        }
        Self::frame(words).ok_or(LayoutError::Length)
    }

    fn frame(words: &'a [AtomicU64]) -> Option<Self> {
        let records = usize::try_from(get(words, 2)).ok()?;
        let statuses = usize::try_from(get(words, 3)).ok()?;
        let first = STATUSES.checked_add(statuses.checked_mul(STATUS)?)?;
        let end = first.checked_add(records.checked_mul(RECORD)?)?;
        let last = end.checked_add(usize::try_from(get(words, 4)).ok()?)?;
        records.is_power_of_two().then_some(Self {
            words,
            statuses: words.get(STATUSES..first)?,
            records: words.get(first..end)?,
            seen: words.get(end..last)?,
        })
    }

    /// Adds a record unless one with this hash was added before, by whichever program; one that
    /// found no room is tried again the next time. Where the table is crowded a later hash takes
    /// the place of an earlier one, so that a record may come twice.
    pub fn push_once(&self, hash: u64, record: impl FnOnce() -> bool) {
        // Zero is an empty place.
        let hash = hash | 1;
        let count = self.seen.len().saturating_sub(NEIGHBOURS) as u64 + 1;
        let first = (hash >> 32)
            .checked_rem(count)
            .and_then(|at| usize::try_from(at).ok());
        let places = first.and_then(|at| self.seen.get(at..)?.get(..NEIGHBOURS));
        let places = places.unwrap_or_default();
        let mut taken = None;
        for place in places {
            let held = match place.load(Ordering::Relaxed) {
                0 => place.compare_exchange(0, hash, Ordering::Relaxed, Ordering::Relaxed),
                held => Err(held),
            };
            match held {
                Err(held) if held == hash => return,
                Err(_) => {}
                Ok(_) => {
                    taken = Some(place);
                    break;
                }
            }
        }
        let crowded = || {
            let at = usize::try_from(hash >> 1).unwrap_or(0) % NEIGHBOURS;
            let place = places.get(at)?;
            place.store(hash, Ordering::Relaxed);
            Some(place)
        };
        let place = taken.or_else(crowded);
        if !record()
            && let Some(place) = place
        {
            let _ = place.compare_exchange(hash, 0, Ordering::Relaxed, Ordering::Relaxed);
        }
    }

    /// Adds a record; returns false when there is no room. Never waits.
    #[allow(clippy::must_use_candidate, reason = "a loss is counted in the ring")]
    pub fn push(&self, record: &Record<'_>) -> bool {
        let (Some(next), Some(dropped)) = (self.words.get(NEXT), self.words.get(DROPPED)) else {
            return false;
        };
        // Bounded, since others may be faster every time.
        for _ in 0..64 {
            let position = next.load(Ordering::Relaxed);
            let Some(turn) = self.slot(position).and_then(|slot| slot.first()) else {
                break;
            };
            let at = turn.load(Ordering::Acquire);
            if at.wrapping_sub(position) > u64::MAX / 2 {
                break;
            }
            let ahead = position.wrapping_add(1);
            if at == position
                && next
                    .compare_exchange(position, ahead, Ordering::Relaxed, Ordering::Relaxed)
                    .is_ok()
            {
                if let Some(slot) = self.slot(position) {
                    write(slot, record);
                }
                // Fails when the reader has given the slot up in the meantime.
                let handed =
                    turn.compare_exchange(position, ahead, Ordering::Release, Ordering::Relaxed);
                return handed.is_ok();
            }
        }
        dropped.fetch_add(1, Ordering::Relaxed);
        false
    }

    /// Says what became of this process's sites. Takes the slot of the same process or an empty one;
    /// returns false when there is none.
    #[allow(clippy::must_use_candidate, reason = "a status is for information")]
    pub fn report(&self, status: &Status<'_>) -> bool {
        let pid = u64::from(status.pid);
        for slot in self.statuses.chunks_exact(STATUS) {
            let Some(owner) = slot.first() else {
                return false;
            };
            let held = owner.compare_exchange(0, pid, Ordering::AcqRel, Ordering::Acquire);
            if held.is_ok() || held == Err(pid) {
                // Zero while it is written, so that a reader waits for the whole.
                set(slot, 7, 0);
                set(slot, 1, pair(status.found, status.patched));
                set(slot, 2, pair(status.left, status.open));
                set(slot, 3, u64::from(status.micros));
                set(slot, 4, status.build);
                let cut = status.program.len().saturating_sub(STATUS_TEXT);
                let end = status.program.get(cut..).unwrap_or_default();
                put_bytes(slot, 8, end);
                if let Some(word) = slot.get(7) {
                    word.store(end.len() as u64 + 1, Ordering::Release);
                }
                return true;
            }
        }
        false
    }

    /// Calls `each` with every status that is complete.
    pub fn statuses(&self, mut each: impl FnMut(&Status<'_>)) {
        let mut text = [0; STATUS_TEXT];
        for slot in self.statuses.chunks_exact(STATUS) {
            let length = slot.get(7).map_or(0, |word| word.load(Ordering::Acquire));
            let Some(length) = usize::try_from(length).ok().and_then(|l| l.checked_sub(1)) else {
                continue;
            };
            copy_bytes(slot, 8, &mut text);
            let (found, patched) = halves(get(slot, 1));
            let (left, open) = halves(get(slot, 2));
            each(&Status {
                pid: halves(get(slot, 0)).1,
                found,
                patched,
                left,
                open,
                micros: halves(get(slot, 3)).1,
                build: get(slot, 4),
                program: text.get(..length).unwrap_or(&text),
            });
        }
    }

    /// Frees the status slots of processes for which `is_gone` says so. The extension's part.
    pub fn sweep(&self, mut is_gone: impl FnMut(u32) -> bool) {
        for slot in self.statuses.chunks_exact(STATUS) {
            let pid = halves(get(slot, 0)).1;
            if pid != 0 && is_gone(pid) {
                set(slot, 7, 0);
                if let Some(owner) = slot.first() {
                    owner.store(0, Ordering::Release);
                }
            }
        }
    }

    /// Records that found no room since the region was made.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        get(self.words, DROPPED)
    }

    /// Takes records out. There is one reader, in the extension.
    #[must_use]
    pub fn reader(&self) -> RingReader<'a> {
        RingReader {
            ring: *self,
            stuck: 0,
        }
    }

    fn slot(&self, position: u64) -> Option<&'a [AtomicU64]> {
        let slots = (self.records.len() / RECORD) as u64;
        let index = usize::try_from(position.checked_rem(slots)?).ok()?;
        self.records.get(index * RECORD..)?.get(..RECORD)
    }
}

/// Takes records out of the ring.
#[derive(Debug)]
pub struct RingReader<'a> {
    ring: Ring<'a>,
    /// Times that the record at the reader's position was found unfinished.
    stuck: u32,
}

impl RingReader<'_> {
    /// Calls `each` with the records that are there, at most as many as there are slots, and
    /// returns how many could not be read: given up, or with values that no writer of ours sets.
    pub fn drain(&mut self, mut each: impl FnMut(&Record<'_>)) -> u64 {
        let ring = self.ring;
        let slots = (ring.records.len() / RECORD) as u64;
        let mut lost = 0;
        let mut text = [0; TEXT];
        for _ in 0..slots {
            let position = get(ring.words, READ);
            let Some(slot) = ring.slot(position) else {
                break;
            };
            let Some(turn) = slot.first() else {
                break;
            };
            if turn.load(Ordering::Acquire) == position.wrapping_add(1) {
                match read(slot, &mut text) {
                    Some(record) => each(&record),
                    None => lost += 1,
                }
            } else {
                let claimed = get(ring.words, NEXT).wrapping_sub(position);
                if claimed == 0 {
                    break;
                }
                self.stuck += 1;
                if self.stuck < PATIENCE {
                    break;
                }
                lost += 1;
            }
            self.stuck = 0;
            turn.store(position.wrapping_add(slots), Ordering::Release);
            set(ring.words, READ, position.wrapping_add(1));
        }
        lost
    }
}

fn pair(high: u32, low: u32) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}

fn halves(word: u64) -> (u32, u32) {
    #[allow(clippy::cast_possible_truncation, reason = "the two halves")]
    ((word >> 32) as u32, word as u32)
}

fn write(slot: &[AtomicU64], record: &Record<'_>) {
    let text = record.text.get(..TEXT).unwrap_or(record.text);
    let flags = u8::from(record.is_init)
        | u8::from(record.is_cut || record.text.len() > TEXT) << 1
        | u8::from(record.address.is_some()) << 2;
    let [call_low, call_high] = record.call.to_le_bytes();
    let [errno_low, errno_high] = record.errno.to_le_bytes();
    let head = [
        record.kind as u8,
        record.outcome as u8,
        flags,
        record.protocol,
        call_low,
        call_high,
        errno_low,
        errno_high,
    ];
    let bits = match record.address.map(|address| address.to_canonical()) {
        None => 0,
        Some(IpAddr::V4(v4)) => v4.to_ipv6_mapped().to_bits(),
        Some(IpAddr::V6(v6)) => v6.to_bits(),
    };
    set(slot, 1, u64::from_le_bytes(head));
    set(slot, 2, pair(record.pid, record.tid));
    set(slot, 3, record.time);
    #[allow(clippy::cast_possible_truncation, reason = "the two halves")]
    for (at, half) in [(4, (bits >> 64) as u64), (5, bits as u64)] {
        set(slot, at, half);
    }
    set(slot, 6, text.len() as u64 | u64::from(record.port) << 32);
    put_bytes(slot, RECORD_TEXT, text);
}

fn read<'t>(slot: &[AtomicU64], text: &'t mut [u8; TEXT]) -> Option<Record<'t>> {
    let [
        kind,
        outcome,
        flags,
        protocol,
        call_low,
        call_high,
        errno_low,
        errno_high,
    ] = get(slot, 1).to_le_bytes();
    let (pid, tid) = halves(get(slot, 2));
    let (port, length) = halves(get(slot, 6));
    copy_bytes(slot, RECORD_TEXT, text);
    let bits = u128::from(get(slot, 4)) << 64 | u128::from(get(slot, 5));
    Some(Record {
        kind: Kind::from_byte(kind)?,
        outcome: Outcome::from_byte(outcome)?,
        is_init: flags & 1 != 0,
        is_cut: flags & 2 != 0,
        call: u16::from_le_bytes([call_low, call_high]),
        errno: u16::from_le_bytes([errno_low, errno_high]),
        pid,
        tid,
        time: get(slot, 3),
        address: (flags & 4 != 0).then(|| IpAddr::V6(Ipv6Addr::from_bits(bits)).to_canonical()),
        port: u16::try_from(port).ok()?,
        protocol,
        text: text.get(..usize::try_from(length).ok()?)?,
    })
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    #[test]
    fn what_was_added_by_one_program_is_not_added_by_another() {
        let words: Vec<AtomicU64> = (0..Ring::size(4, 1) / 8)
            .map(|_| AtomicU64::new(0))
            .collect();
        let one = Ring::create(&words, 4, 1).unwrap();
        let other = Ring::new(&words).unwrap();
        let mut added = 0;
        for hash in 0..2000_u64 {
            let hash = hash.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            for ring in [one, other, one] {
                ring.push_once(hash, || {
                    added += 1;
                    true
                });
            }
        }
        assert_eq!(added, 2000);
    }

    #[test]
    fn what_found_no_room_is_tried_again() {
        let words: Vec<AtomicU64> = (0..Ring::size(4, 1) / 8)
            .map(|_| AtomicU64::new(0))
            .collect();
        let ring = Ring::create(&words, 4, 1).unwrap();
        let mut tries = 0;
        for _ in 0..3 {
            ring.push_once(77 << 33, || {
                tries += 1;
                tries == 2
            });
        }
        assert_eq!(tries, 2);
    }

    #[test]
    fn a_crowded_or_damaged_table_still_adds() {
        let words: Vec<AtomicU64> = (0..Ring::size(4, 1) / 8)
            .map(|_| AtomicU64::new(0))
            .collect();
        let ring = Ring::create(&words, 4, 1).unwrap();
        for word in ring.seen {
            word.store(u64::MAX, Ordering::Relaxed);
        }
        let mut added = 0;
        ring.push_once(5, || {
            added += 1;
            true
        });
        // A table that a program made too short.
        set(&words, 4, 3);
        Ring::new(&words).unwrap().push_once(5, || {
            added += 1;
            true
        });
        assert_eq!(added, 2);
    }
}
