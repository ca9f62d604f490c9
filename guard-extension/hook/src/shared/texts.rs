//! What is known of the system-call sites of files, so that not every program searches them again.
//!
//! Written by the extension, which looks for itself through files that the function cannot change;
//! only read by programs. A file is what the kernel says it is, device and inode, never what it says
//! of itself: a copied build id leads nowhere.
//!
//! | words | |
//! |---|---|
//! | 0 | number of texts, written last |
//! | 1.. | texts of 8 words each: 0 device, 1 inode, 2 offset in the file, 3 length, 4 sites found and left alone, 5 sites left open and number of words, 6 first word, 7 the device as stat(2) names it, 0 where the file has another inode there |
//! | behind | words of all texts, whose meaning is the patcher's |

use core::sync::atomic::{AtomicU64, Ordering};

use super::words::{get, set};

/// Texts that are kept: a runtime has some dozens of libraries, Python one for each module in C.
const TEXTS: usize = 126;
/// Words of one.
const TEXT: usize = 8;
/// Words for sites of all: some hundred for a libc, few for any other library.
const SITES: usize = 3000;
const FIRST: usize = 1 + TEXTS * TEXT;

/// Words of the table.
pub(super) const LENGTH: usize = FIRST + SITES;

/// Which part of a file is mapped as code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_structs, reason = "both sides fill it in")]
pub struct TextKey {
    /// Of the file, as proc_pid_maps(5) shows it: major number times 2^32 and minor number.
    pub device: u64,
    /// Of the file.
    pub inode: u64,
    /// Where the mapping begins in the file.
    pub offset: u64,
    /// How long it is, in bytes.
    pub length: u64,
}

/// Who names a file: file systems of several parts have devices that only one of both knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums, reason = "both sides name files")]
pub enum NamedBy {
    /// The list of mappings, proc_pid_maps(5).
    Maps,
    /// stat(2) of an open file.
    Stat,
}

/// What is known of a text.
#[derive(Debug, Clone, Copy)]
#[allow(clippy::exhaustive_structs, reason = "both sides fill it in")]
pub struct KnownText<'a> {
    /// Sites found.
    pub found: u32,
    /// Those whose number is constant and needs no check.
    pub left: u32,
    /// Those that cannot be placed.
    pub open: u32,
    /// A word for each of the others, for the patcher.
    pub sites: &'a [AtomicU64],
}

/// The table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Texts<'a>(pub(super) &'a [AtomicU64]);

impl<'a> Texts<'a> {
    /// The text, or one without sites that it is a part of.
    pub(super) fn find(self, key: &TextKey, named: NamedBy) -> Option<KnownText<'a>> {
        let device = match named {
            NamedBy::Maps => 0,
            NamedBy::Stat if key.device == 0 => return None,
            NamedBy::Stat => 7,
        };
        let count = self.count();
        let end = key.offset.checked_add(key.length)?;
        let at = (0..count).map(|index| 1 + index * TEXT).find(|at| {
            let word = |field| get(self.0, at + field);
            let is_file = [word(device), word(1)] == [key.device, key.inode];
            let is_whole = [word(2), word(3)] == [key.offset, key.length];
            let is_part = || {
                let is_empty = word(4) == 0 && word(5) == 0;
                is_empty && word(2) <= key.offset && end <= word(2).saturating_add(word(3))
            };
            is_file && (is_whole || is_part())
        })?;
        let (low, high) = halves(get(self.0, at + 4));
        let (open, words) = halves(get(self.0, at + 5));
        let first = usize::try_from(get(self.0, at + 6)).ok()?;
        let sites = self.0.get(first..)?.get(..words as usize)?;
        Some(KnownText {
            found: low,
            left: high,
            open,
            sites,
        })
    }

    /// Adds a text; false when there is no room. There is one writer.
    pub(super) fn add(self, key: &TextKey, stat: u64, counts: [u32; 3], sites: &[u64]) -> bool {
        let index = self.count();
        let first = match index.checked_sub(1) {
            None => FIRST,
            Some(last) => {
                let at = 1 + last * TEXT;
                let (_, words) = halves(get(self.0, at + 5));
                usize::try_from(get(self.0, at + 6)).unwrap_or(LENGTH) + words as usize
            }
        };
        let (Ok(words), true) = (
            u32::try_from(sites.len()),
            index < TEXTS && first + sites.len() <= LENGTH,
        ) else {
            return false;
        };
        for (at, word) in sites.iter().enumerate() {
            set(self.0, first + at, *word);
        }
        let [found, left, open] = counts.map(u64::from);
        let fields = [
            key.device,
            key.inode,
            key.offset,
            key.length,
            found | left << 32,
            open | u64::from(words) << 32,
            first as u64,
            stat,
        ];
        for (field, value) in fields.into_iter().enumerate() {
            set(self.0, 1 + index * TEXT + field, value);
        }
        if let Some(count) = self.0.first() {
            count.store(index as u64 + 1, Ordering::Release);
        }
        true
    }

    pub(super) fn count(self) -> usize {
        let count = self
            .0
            .first()
            .map_or(0, |count| count.load(Ordering::Acquire));
        usize::try_from(count).unwrap_or(0).min(TEXTS)
    }
}

#[allow(clippy::cast_possible_truncation, reason = "cut into halves")]
const fn halves(word: u64) -> (u32, u32) {
    (word as u32, (word >> 32) as u32)
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    fn table() -> Vec<AtomicU64> {
        (0..LENGTH).map(|_| AtomicU64::new(0)).collect()
    }

    const KEY: TextKey = TextKey {
        device: 1,
        inode: 2,
        offset: 4096,
        length: 8192,
    };

    #[test]
    fn what_was_added_is_found() {
        let words = table();
        let texts = Texts(&words);
        assert!(texts.find(&KEY, NamedBy::Maps).is_none());
        let other = TextKey { inode: 3, ..KEY };
        assert!(texts.add(&KEY, 0, [3, 1, 0], &[7, 8]));
        assert!(texts.add(&other, 0, [0, 0, 0], &[]));
        let found = texts.find(&KEY, NamedBy::Maps).unwrap();
        let sites: Vec<_> = found
            .sites
            .iter()
            .map(|s| s.load(Ordering::Relaxed))
            .collect();
        assert_eq!((found.found, found.left, found.open), (3, 1, 0));
        assert_eq!(sites, [7, 8]);
        assert!(texts.find(&other, NamedBy::Maps).unwrap().sites.is_empty());
        // A part is as good as the whole where there is nothing.
        let part = |key| TextKey { length: 1, ..key };
        assert!(texts.find(&part(KEY), NamedBy::Maps).is_none());
        assert!(texts.find(&part(other), NamedBy::Maps).is_some());
        let longer = TextKey {
            offset: 8192,
            ..other
        };
        assert!(texts.find(&longer, NamedBy::Maps).is_none());
        let endless = TextKey {
            length: u64::MAX,
            ..other
        };
        assert!(texts.find(&endless, NamedBy::Maps).is_none());
    }

    #[test]
    fn a_file_is_found_by_its_device_of_stat() {
        let words = table();
        let texts = Texts(&words);
        let other = TextKey { inode: 3, ..KEY };
        assert!(texts.add(&KEY, 7, [1, 1, 0], &[]));
        assert!(texts.add(&other, 0, [2, 2, 0], &[]));
        let named = |key| TextKey { device: 7, ..key };
        assert_eq!(texts.find(&named(KEY), NamedBy::Stat).unwrap().found, 1);
        assert!(texts.find(&KEY, NamedBy::Stat).is_none());
        assert!(texts.find(&named(KEY), NamedBy::Maps).is_none());
        // One without a device there is found by none, not even by that.
        let none = |device| TextKey { device, ..other };
        assert!(texts.find(&none(0), NamedBy::Stat).is_none());
        assert!(texts.find(&none(1), NamedBy::Stat).is_none());
    }

    #[test]
    fn it_fills_up_and_no_further() {
        let words = table();
        let texts = Texts(&words);
        assert!(!texts.add(&KEY, 0, [0; 3], &[0; SITES + 1]));
        assert!(texts.add(&KEY, 0, [0; 3], &[9; SITES]));
        assert!(!texts.add(&TextKey { inode: 5, ..KEY }, 0, [0; 3], &[1]));
        for inode in 10.. {
            if !texts.add(&TextKey { inode, ..KEY }, 0, [0; 3], &[]) {
                assert_eq!(inode, 10 + TEXTS as u64 - 1);
                break;
            }
        }
    }

    #[test]
    fn a_damaged_table_leads_nowhere() {
        let words = table();
        let texts = Texts(&words);
        assert!(texts.add(&KEY, 0, [0; 3], &[1]));
        words[7].store(u64::MAX, Ordering::Relaxed);
        assert!(texts.find(&KEY, NamedBy::Maps).is_none());
        words[0].store(u64::MAX, Ordering::Relaxed);
        assert!(!texts.add(&KEY, 0, [0; 3], &[1]));
    }
}
