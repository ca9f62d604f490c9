//! Names learned from answers of the forwarder: which of them an address belongs to.
//!
//! A table in shared memory: one writer, the extension; readers in every program under guard, whose
//! mapping is read-only. A slot holds one name of one address. Slots are found by the address's
//! hash, in a run of [`PROBES`]; there are no marks for removed ones, since nothing is removed:
//! what has expired is overwritten.
//!
//! A slot's version is odd while it is written. A reader takes what it read only if the version was
//! even and the same before and after; meanwhile it may have read anything, which is why everything
//! is an atomic word and every length is checked.

use core::hint::spin_loop;
use core::net::{IpAddr, Ipv6Addr};
use core::sync::atomic::{AtomicU64, Ordering, fence};

use guard_core::policy::compiled::MAX_NAME;

use crate::shared::words::{copy_bytes, get, put_bytes, set};

/// Words of a slot: version, 2 of address, expiry, length, 32 of name.
pub(crate) const SLOT: usize = 40;
const HIGH: usize = 1;
const LOW: usize = 2;
const EXPIRY: usize = 3;
const LENGTH: usize = 4;
const NAME: usize = 5;

/// Slots looked at for one address, from its hash on: also the most names that an address has.
const PROBES: usize = 32;

/// How often a slot is read anew that was being written. A write takes some fifty instructions; a
/// writer that was stopped in one leaves the slot unreadable until it goes on.
const RETRIES: usize = 256;

/// The table, for either side.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NameTable<'a> {
    words: &'a [AtomicU64],
    slots: usize,
}

impl<'a> NameTable<'a> {
    /// A table of `slots` slots at the beginning of `words`; zeros are an empty one.
    pub(crate) const fn new(words: &'a [AtomicU64], slots: usize) -> Self {
        Self { words, slots }
    }

    /// Calls `found` with every name of an address that holds after `now`, until it returns true.
    pub(crate) fn find(&self, of: IpAddr, now: u64, mut found: impl FnMut(&[u8]) -> bool) -> bool {
        let mut name = [0; 256];
        for slot in self.probes(of) {
            let Some(length) = read(slot, of, now, &mut name) else {
                continue;
            };
            if name.get(..length).is_some_and(&mut found) {
                return true;
            }
        }
        false
    }

    /// Notes that `name` holds for `address` until `expiry`. Returns false when the name is too
    /// long, or when one that still holds at `now` had to give way: the one that expires first.
    pub(crate) fn learn(&self, address: IpAddr, name: &[u8], expiry: u64, now: u64) -> bool {
        if name.is_empty() || name.len() > MAX_NAME {
            return false;
        }
        let mut held = [0; 256];
        let mut best: Option<(&[AtomicU64], u64)> = None;
        for slot in self.probes(address) {
            let is_same = read(slot, address, 0, &mut held)
                .and_then(|length| held.get(..length))
                .is_some_and(|held| held.eq_ignore_ascii_case(name));
            let until = get(slot, EXPIRY);
            if is_same {
                // One word, so that no reader misses the name meanwhile.
                set(slot, EXPIRY, expiry.max(until));
                return true;
            }
            if best.is_none_or(|(_, first)| until < first) {
                best = Some((slot, until));
            }
        }
        let Some((slot, until)) = best else {
            return false;
        };
        write(slot, address, name, expiry);
        until <= now
    }

    fn probes(&self, address: IpAddr) -> impl Iterator<Item = &'a [AtomicU64]> + use<'a> {
        let (words, slots) = (self.words, self.slots);
        let (high, low) = bits(address);
        // Multiplication by an odd constant spreads neighbours (Knuth 6.4).
        let hash = (high ^ low.rotate_left(29)).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 24;
        let start = usize::try_from(hash).unwrap_or(0);
        (0..PROBES.min(slots)).filter_map(move |probe| {
            let first = start
                .wrapping_add(probe)
                .checked_rem(slots)?
                .checked_mul(SLOT)?;
            words.get(first..first.checked_add(SLOT)?)
        })
    }
}

/// Addresses are kept as IPv6, IPv4 mapped.
pub(crate) fn bits(address: IpAddr) -> (u64, u64) {
    let bits = match address.to_canonical() {
        IpAddr::V4(v4) => v4.to_ipv6_mapped(),
        IpAddr::V6(v6) => v6,
    }
    .to_bits();
    #[allow(clippy::cast_possible_truncation, reason = "the two halves")]
    ((bits >> 64) as u64, bits as u64)
}

/// The address of [`bits`].
pub(crate) fn address(high: u64, low: u64) -> IpAddr {
    let bits = u128::from(high) << 64 | u128::from(low);
    IpAddr::V6(Ipv6Addr::from_bits(bits)).to_canonical()
}

/// The name's length, if the slot is about this address and holds after `now`.
fn read(slot: &[AtomicU64], of: IpAddr, now: u64, name: &mut [u8; 256]) -> Option<usize> {
    let version = slot.first()?;
    for _ in 0..RETRIES {
        let before = version.load(Ordering::Acquire);
        if before % 2 == 1 {
            spin_loop();
            continue;
        }
        let matches = (get(slot, HIGH), get(slot, LOW)) == bits(of) && get(slot, EXPIRY) > now;
        let length = usize::try_from(get(slot, LENGTH)).unwrap_or(usize::MAX);
        if matches {
            copy_bytes(slot, NAME, name);
        }
        // What was read before is older than what is read after.
        fence(Ordering::Acquire);
        if version.load(Ordering::Relaxed) == before {
            return (matches && before != 0 && (1..=MAX_NAME).contains(&length)).then_some(length);
        }
    }
    None
}

fn write(slot: &[AtomicU64], address: IpAddr, name: &[u8], expiry: u64) {
    let version = get(slot, 0) & !1;
    set(slot, 0, version.wrapping_add(1));
    // What is written after is newer than the odd version.
    fence(Ordering::Release);
    let (high, low) = bits(address);
    for (at, value) in [
        (HIGH, high),
        (LOW, low),
        (EXPIRY, expiry),
        (LENGTH, name.len() as u64),
    ] {
        set(slot, at, value);
    }
    put_bytes(slot, NAME, name);
    if let Some(word) = slot.first() {
        word.store(version.wrapping_add(2), Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::net::Ipv4Addr;
    use std::string::{String, ToString};
    use std::sync::atomic::AtomicBool;
    use std::vec::Vec;
    use std::{format, thread};

    use super::*;

    fn memory(slots: usize) -> Vec<AtomicU64> {
        (0..slots * SLOT).map(|_| AtomicU64::new(0)).collect()
    }

    fn names(table: &NameTable<'_>, of: IpAddr, now: u64) -> Vec<String> {
        let mut found = Vec::new();
        table.find(of, now, |name| {
            found.push(String::from_utf8(name.to_vec()).unwrap());
            false
        });
        found
    }

    fn v4(last: u32) -> IpAddr {
        Ipv4Addr::from_bits(0x0a00_0000 + last).into()
    }

    #[test]
    fn names_hold_until_they_expire_and_longer_when_learned_again() {
        let memory = memory(64);
        let table = NameTable::new(&memory, 64);
        assert!(names(&table, v4(1), 0).is_empty());
        assert!(table.learn(v4(1), b"a.example", 100, 0));
        assert!(table.learn(v4(1), b"b.example", 50, 0));
        assert_eq!(names(&table, v4(1), 49), ["a.example", "b.example"]);
        assert_eq!(names(&table, v4(1), 50), ["a.example"]);
        assert!(table.learn(v4(1), b"B.example", 200, 60));
        assert_eq!(names(&table, v4(1), 150), ["b.example"]);
        // Not shortened.
        assert!(table.learn(v4(1), b"b.example", 70, 60));
        assert_eq!(names(&table, v4(1), 150), ["b.example"]);
        let mapped: IpAddr = "::ffff:10.0.0.1".parse().unwrap();
        assert_eq!(names(&table, mapped, 150), ["b.example"]);
        assert!(names(&table, v4(2), 0).is_empty());
        assert!(!table.learn(v4(1), &[b'a'; 254], 100, 0) && !table.learn(v4(1), b"", 100, 0));
    }

    #[test]
    fn of_too_many_the_first_to_expire_gives_way() {
        let memory = memory(PROBES);
        let table = NameTable::new(&memory, PROBES);
        for index in 0..40_u32 {
            let name = format!("n{index}.example");
            let kept_all = table.learn(v4(index), name.as_bytes(), 1000 + u64::from(index), 0);
            assert_eq!(kept_all, index < 32, "{index}");
        }
        for index in 0..40 {
            assert_eq!(names(&table, v4(index), 0).len(), usize::from(index >= 8));
        }
    }

    #[test]
    fn any_memory_is_read_without_harm() {
        let mut seed = 1_u64;
        for _ in 0..200 {
            let memory: Vec<AtomicU64> = (0..64 * SLOT + 7)
                .map(|_| {
                    seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    AtomicU64::new(if seed >> 62 == 0 { seed >> 60 } else { seed })
                })
                .collect();
            for slots in [0, 1, 64, 65, usize::MAX] {
                let table = NameTable::new(&memory, slots);
                assert!(
                    names(&table, v4(1), 0)
                        .iter()
                        .all(|name| name.len() <= MAX_NAME)
                );
            }
        }
    }

    /// Readers see a name or another one of the address, never parts of two, and never miss one
    /// that is only renewed.
    #[test]
    fn readers_see_whole_names_while_they_change() {
        let memory = memory(PROBES);
        let table = NameTable::new(&memory, PROBES);
        let is_done = AtomicBool::new(false);
        // Each name's letters are all the same, and its length tells which address it is of.
        let name_of = |address: u32, round: u32| {
            let letter = char::from(b'a' + u8::try_from(round % 26).unwrap());
            letter
                .to_string()
                .repeat(10 + usize::try_from(address).unwrap())
        };
        assert!(table.learn(v4(1000), b"stays.example", u64::MAX, 0));
        let seen = thread::scope(|scope| {
            let readers: Vec<_> = (0..3)
                .map(|_| {
                    scope.spawn(|| {
                        let mut seen = BTreeMap::new();
                        while !is_done.load(Ordering::Relaxed) {
                            for address in 0..64 {
                                for name in names(&table, v4(address), 0) {
                                    let first = name.chars().next().unwrap();
                                    assert!(name.chars().all(|c| c == first), "{name}");
                                    assert_eq!(name.len(), 10 + address as usize);
                                    *seen.entry(address).or_insert(0) += 1;
                                }
                            }
                            assert_eq!(names(&table, v4(1000), 0), ["stays.example"]);
                        }
                        seen.len()
                    })
                })
                .collect();
            for round in 0..20_000_u32 {
                let address = round % 64;
                let name = name_of(address, round / 64);
                let _ = table.learn(v4(address), name.as_bytes(), u64::from(round) + 1, 0);
                let _ = table.learn(v4(1000), b"stays.example", u64::MAX, 0);
            }
            is_done.store(true, Ordering::Relaxed);
            readers
                .into_iter()
                .map(|reader| reader.join().unwrap())
                .sum::<usize>()
        });
        assert!(seen > 0);
    }
}
