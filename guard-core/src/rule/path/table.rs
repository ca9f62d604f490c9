//! Tables of names in which those that begin alike stand together, so that a text is compared with
//! what they share once.

use super::name::{Weight, step};

/// A name and how sure it makes us.
pub(super) type Entry = (&'static [u8], Weight);

/// Longest name of a table.
const LONGEST: usize = 63;

/// Names by their first letter, in the order they were listed in.
pub(super) struct Table<const N: usize> {
    /// Where the names of each letter begin.
    letters: [u8; 33],
    /// The second bytes of the names of each letter, five bits of each.
    seconds: [u32; 32],
    entries: [Entry; N],
    /// How many bytes a name shares with the one before it.
    shared: [u8; N],
}

impl<const N: usize> Table<N> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "checked at compile time: counts and lengths fit"
    )]
    pub(super) const fn new(list: &[Entry]) -> Self {
        assert!(N == list.len() && N < 256, "a table of some names");
        let mut letters = [0; 33];
        let mut seconds = [0; 32];
        let mut entries: [Entry; N] = [(&[], Weight::Step); N];
        let mut shared = [0; N];
        let (mut letter, mut count) = (0, 0);
        while letter < 32 {
            let mut i = 0;
            while i < N {
                let name = list[i].0;
                assert!(name.len() > 1 && name.len() <= LONGEST, "a name's length");
                assert!(name[0] != b'/' && name[1] != b'/', "a name's first bytes");
                if (name[0] & 31) as usize == letter {
                    seconds[letter] |= 1 << (name[1] & 31);
                    entries[count] = list[i];
                    if count > letters[letter] as usize {
                        shared[count] = alike(entries[count - 1].0, name) as u8;
                    }
                    count += 1;
                }
                i += 1;
            }
            letter += 1;
            letters[letter] = count as u8;
        }
        Self {
            letters,
            seconds,
            entries,
            shared,
        }
    }

    /// The first of the names that `bytes[at..]` begins with and that ends at a boundary: where it
    /// ends and how sure it makes us.
    pub(super) fn find(&self, bytes: &[u8], at: usize) -> Option<(usize, Weight)> {
        let letter = usize::from(bytes.get(at)? & 31);
        let second = bytes.get(at + 1)? & 31;
        if self.seconds[letter] & 1 << second == 0 {
            return None;
        }
        let range = usize::from(self.letters[letter])..usize::from(self.letters[letter + 1]);
        // Behind how many bytes of a name the text is where.
        let mut ends = [at; LONGEST + 1];
        let mut matched = 0;
        let entries = self.entries.get(range.clone())?.iter();
        for ((name, weight), shared) in entries.zip(self.shared.get(range)?) {
            let shared = usize::from(*shared);
            if shared > matched {
                // Not the one before, so not this.
                continue;
            }
            matched = shared;
            while let Some(wanted) = name.get(matched)
                && let Some(end) = step(*wanted, bytes, ends[matched & LONGEST])
            {
                matched += 1;
                ends[matched & LONGEST] = end;
            }
            let end = ends[matched & LONGEST];
            let open = name.last().is_some_and(|b| matches!(b, b'/' | b'.' | b'_'));
            // `apache2`, `auth.log`, `passwd-`, `passwd~`: a log's or daemon's name may go on.
            let goes_on = bytes.get(end).is_some_and(u8::is_ascii_alphabetic);
            if matched == name.len() && (open || !goes_on) {
                return Some((end, *weight));
            }
        }
        None
    }
}

const fn alike(a: &[u8], b: &[u8]) -> usize {
    let mut i = 0;
    while i < a.len() && i < b.len() && a[i] == b[i] {
        i += 1;
    }
    i
}
