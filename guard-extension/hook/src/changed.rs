//! Where code lies that was made to pass the check.
//!
//! A kernel that is told that such memory is not needed, or that has to move it and leave the place
//! as it was, takes it from the file again: without the check. So the calls that do that are
//! compared with this list. The entry does so itself, for most of them are about other memory.
//!
//! Nothing is taken off when code is unmapped: what was there is found out when a call meets it, by
//! whoever can tell what is mapped, see [`Changed::retain`].

use core::sync::atomic::{AtomicUsize, Ordering};

/// How many ranges there may be: one for each library that makes system calls of its own.
pub const MOST: usize = 256;

/// The ranges. `repr(C)`: read by machine code.
#[derive(Debug)]
#[repr(C)]
pub struct Changed {
    /// Those in use are among as many first ones.
    used: AtomicUsize,
    /// First address, and the one behind the last; zeros where there is none.
    ranges: [[AtomicUsize; 2]; MOST],
}

impl Changed {
    /// No ranges.
    pub(crate) const fn new() -> Self {
        Self {
            used: AtomicUsize::new(0),
            ranges: [const { [const { AtomicUsize::new(0) }; 2] }; MOST],
        }
    }

    /// Adds a range, before anybody knows where it is. Returns whether there was room.
    pub fn add(&self, start: usize, end: usize) -> bool {
        for ([first, behind], used) in self.ranges.iter().zip(1..) {
            let claimed = first.compare_exchange(0, start, Ordering::Relaxed, Ordering::Relaxed);
            if claimed.is_ok() {
                behind.store(end, Ordering::Release);
                self.used.fetch_max(used, Ordering::Release);
                return true;
            }
        }
        false
    }

    /// Whether memory has something in common with a range. The kernel rounds its length up to
    /// pages, at the beginning of which ranges begin.
    #[must_use]
    pub fn meets(&self, start: usize, length: usize) -> bool {
        let Some(end) = start.checked_add(length) else {
            return true;
        };
        self.all()
            .any(|[first, behind]| first < end && start < behind)
    }

    /// Takes those ranges off of which `is_there` says no.
    pub fn retain(&self, mut is_there: impl FnMut(usize, usize) -> bool) {
        for [first, behind] in &self.ranges {
            let (start, end) = (
                first.load(Ordering::Acquire),
                behind.load(Ordering::Acquire),
            );
            if end != 0 && !is_there(start, end) {
                let freed = behind.compare_exchange(end, 0, Ordering::AcqRel, Ordering::Relaxed);
                if freed.is_ok() {
                    first.store(0, Ordering::Release);
                }
            }
        }
    }

    /// Calls `each` with every range.
    pub fn each(&self, mut each: impl FnMut(usize, usize, usize)) {
        for (index, [first, behind]) in self.all().enumerate() {
            if behind != 0 {
                each(index, first, behind);
            }
        }
    }

    fn all(&self) -> impl Iterator<Item = [usize; 2]> + '_ {
        let used = self.used.load(Ordering::Acquire);
        self.ranges.iter().take(used).map(|[first, behind]| {
            [
                first.load(Ordering::Acquire),
                behind.load(Ordering::Acquire),
            ]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_met_where_they_lie_until_they_are_gone() {
        let changed = Changed::new();
        assert!(!changed.meets(0, usize::MAX));
        assert!(changed.add(0x4000, 0x8000) && changed.add(0x2_0000, 0x2_1000));
        for (start, length, meets) in [
            (0x3000, 0x1000, false),
            (0x3000, 0x1001, true),
            (0x4000, 0, false),
            (0x5000, 1, true),
            (0x7fff, 1, true),
            (0x8000, 0x1_8000, false),
            (0x8000, 0x1_8001, true),
            (0x3_0000, 0x1000, false),
            (0x3_0000, usize::MAX, true),
        ] {
            assert_eq!(changed.meets(start, length), meets, "{start:x} {length:x}");
        }
        changed.retain(|start, _| start != 0x4000);
        assert!(!changed.meets(0x5000, 1) && changed.meets(0x2_0000, 1));
        for index in 2..=MOST {
            assert!(changed.add(index << 32, (index << 32) + 1));
        }
        assert!(!changed.add(1, 2));
        let mut count = 0;
        changed.each(|_, _, _| count += 1);
        assert_eq!(count, MOST);
    }
}
