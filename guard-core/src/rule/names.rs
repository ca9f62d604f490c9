//! Sets of names to look words up in, grouped by the compiler.
//!
//! Families ask for the words around their candidates, which an attacker can make many: a look-up
//! is one table read and a comparison of numbers for each name of the same two letters.

/// What is compared as a number: names are rarely longer.
const KEY: usize = 16;

/// Groups of names by five bits of each of the first two bytes, which letters differ in.
const GROUPS: usize = 1 << 10;

/// Some names and where each stood in the list they were made from.
pub(super) struct Names<const N: usize> {
    /// Where each group begins in the arrays below; the last entry is their length.
    groups: [u16; GROUPS + 1],
    keys: [u128; N],
    names: [&'static [u8]; N],
    places: [u16; N],
}

impl<const N: usize> Names<N> {
    /// Names in lower case. Of equal ones the first counts.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the first line checks that places fit"
    )]
    pub(super) const fn new(list: [&'static [u8]; N]) -> Self {
        assert!(N < u16::MAX as usize, "too many names");
        let mut groups = [0; GROUPS + 1];
        let mut i = 0;
        while i < N {
            groups[group(list[i]) + 1] += 1;
            i += 1;
        }
        i = 0;
        while i < GROUPS {
            groups[i + 1] += groups[i];
            i += 1;
        }
        let mut next = groups;
        let mut names = [[].as_slice(); N];
        let (mut keys, mut places) = ([0; N], [0; N]);
        i = 0;
        while i < N {
            let slot = &mut next[group(list[i])];
            names[*slot as usize] = list[i];
            keys[*slot as usize] = key(list[i]);
            places[*slot as usize] = i as u16;
            *slot += 1;
            i += 1;
        }
        Self {
            groups,
            keys,
            names,
            places,
        }
    }

    /// The place of `word`.
    pub(super) fn find(&self, word: &[u8]) -> Option<usize> {
        self.search(word, loaded(word))
    }

    /// The place of `word`, in any case.
    pub(super) fn find_folded(&self, word: &[u8]) -> Option<usize> {
        self.search(word, folded(loaded(word)))
    }

    /// Whether any name may begin with these two letters, in either case.
    pub(super) const fn may_begin_with(&self, first: u8, second: u8) -> bool {
        let group = ((first & 31) as usize) << 5 | (second & 31) as usize;
        self.groups[group] != self.groups[group + 1]
    }

    fn search(&self, word: &[u8], key: u128) -> Option<usize> {
        let group = group(word);
        let range = usize::from(self.groups[group])..usize::from(self.groups[group + 1]);
        for i in range {
            let same = self.keys.get(i) == Some(&key)
                && self.names.get(i).is_some_and(|name| {
                    name.len() == word.len()
                        && (name.len() <= KEY
                            || name
                                .get(KEY..)
                                .zip(word.get(KEY..))
                                .is_some_and(|(a, b)| a.eq_ignore_ascii_case(b)))
                });
            if same {
                return self.places.get(i).map(|place| usize::from(*place));
            }
        }
        None
    }

    /// Whether one of the names begins with `word`, in any case.
    pub(super) fn any_begins_with(&self, word: &[u8]) -> bool {
        let (first, last) = match word {
            [] => return true,
            // Every group of the first letter.
            [_] => (group(word), group(word) + 32),
            _ => (group(word), group(word) + 1),
        };
        let range = usize::from(self.groups[first])..usize::from(self.groups[last]);
        let (key, mask) = (folded(loaded(word)), covering(word.len()));
        let keys = self.keys.get(range.clone()).unwrap_or_default().iter();
        let mut names = self.names.get(range).unwrap_or_default().iter().zip(keys);
        names.any(|(name, other)| {
            other & mask == key & mask
                && name.len() >= word.len()
                && (word.len() <= KEY
                    || name
                        .get(KEY..word.len())
                        .zip(word.get(KEY..))
                        .is_some_and(|(a, b)| a.eq_ignore_ascii_case(b)))
        })
    }
}

/// The bytes of a key that a word of `len` bytes decides.
const fn covering(len: usize) -> u128 {
    if len >= KEY {
        u128::MAX
    } else {
        (1 << (8 * len)) - 1
    }
}

/// The group of a word's first two bytes: the same for both cases of a letter.
const fn group(word: &[u8]) -> usize {
    let first = if word.is_empty() { 0 } else { word[0] & 31 };
    let second = if word.len() < 2 { 0 } else { word[1] & 31 };
    (first as usize) << 5 | second as usize
}

const fn key(word: &[u8]) -> u128 {
    let mut bytes = [0; KEY];
    let mut i = 0;
    while i < word.len() && i < KEY {
        bytes[i] = word[i];
        i += 1;
    }
    u128::from_le_bytes(bytes)
}

/// The same as `key`, copied at once.
fn loaded(word: &[u8]) -> u128 {
    if let Some(head) = word.first_chunk() {
        return u128::from_le_bytes(*head);
    }
    let mut bytes = [0; KEY];
    if let Some(slot) = bytes.get_mut(..word.len()) {
        slot.copy_from_slice(word);
    }
    u128::from_le_bytes(bytes)
}

/// Each of sixteen bytes in lower case.
const fn folded(bytes: u128) -> u128 {
    const ONES: u128 = u128::from_le_bytes([1; KEY]);
    let low = bytes & (ONES * 0x7f);
    // The top bit of a byte says whether it is at least `A`, and whether it is beyond `Z`.
    let from = low + ONES * (0x80 - b'A' as u128);
    let beyond = low + ONES * (0x7f - b'Z' as u128);
    let upper = (from ^ beyond) & !bytes & (ONES * 0x80);
    bytes | upper >> 2
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: [&[u8]; 7] = [
        b"id",
        b"ifconfig",
        b"a",
        b"id",
        b"seventeen-letters",
        b"seventeen-lettres",
        b"_x",
    ];
    static NAMES: Names<7> = Names::new(LIST);

    #[test]
    fn words_are_found_where_they_stood() {
        for (place, name) in LIST.iter().enumerate().filter(|(place, _)| *place != 3) {
            assert_eq!(NAMES.find(name), Some(place));
            assert_eq!(NAMES.find_folded(&name.to_ascii_uppercase()), Some(place));
        }
        for other in [&b""[..], b"i", b"ID", b"id\0", b"idx", b"seventeen-letter"] {
            assert_eq!(NAMES.find(other), None);
        }
    }

    #[test]
    fn beginnings_are_told() {
        for beginning in [&b""[..], b"i", b"If", b"ifconfig", b"SEVENTEEN-LETTR", b"_"] {
            assert!(NAMES.any_begins_with(beginning));
            if let [first, second, ..] = beginning {
                assert!(NAMES.may_begin_with(*first, *second));
            }
        }
        for other in [&b"b"[..], b"ix", b"ifconfigs", b"__"] {
            assert!(!NAMES.any_begins_with(other));
        }
        assert!(!NAMES.may_begin_with(b'i', b'x'));
    }

    #[test]
    fn bytes_are_folded_alone() {
        for byte in 0..=u8::MAX {
            let bytes = [byte; KEY];
            let lower = bytes.map(|byte: u8| byte.to_ascii_lowercase());
            assert_eq!(folded(u128::from_le_bytes(bytes)).to_le_bytes(), lower);
        }
    }
}
