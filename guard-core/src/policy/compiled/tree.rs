//! Trees over host labels and path components, as they lie in the image.
//!
//! The children of a node lie side by side, sorted by key: a step is a binary search. Knows how to
//! step, not what a node allows.

use core::cmp::Ordering;

use super::layout::{Table, word};

/// A tree of one kind, whose nodes have `ROW` bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tree<'a, const ROW: usize> {
    pub(super) nodes: Table<'a, ROW>,
    pub(super) bytes: Table<'a, 1>,
}

/// Bytes before what nodes of the two kinds do not share.
pub(super) const NODE_HEAD: usize = 16;

impl<'a, const ROW: usize> Tree<'a, ROW> {
    /// The row of the root, unless the tree is empty.
    #[inline]
    pub(super) fn root(self) -> Option<&'a [u8]> {
        self.nodes.get(0)
    }

    /// The key that leads to a node.
    #[inline]
    pub(super) fn key(self, node: &[u8]) -> Option<&'a [u8]> {
        self.bytes.slice(word(node, 0)?, word(node, 4)?)
    }

    /// First child and number of children.
    #[inline]
    pub(super) fn children(node: &[u8]) -> Option<(usize, usize)> {
        Some((word(node, 8)?, word(node, 12)?))
    }

    /// The child of `node` under `key`, each byte of which is passed through `fold` first.
    #[inline]
    pub(super) fn child(self, node: &[u8], key: &[u8], fold: fn(u8) -> u8) -> Option<&'a [u8]> {
        let (first, count) = Self::children(node)?;
        let (mut low, mut high) = (first, first.checked_add(count)?);
        while low < high {
            let middle = low + (high - low) / 2;
            let row = self.nodes.get(middle)?;
            match compare(self.key(row)?, key, fold) {
                Ordering::Equal => return Some(row),
                Ordering::Less => low = middle + 1,
                Ordering::Greater => high = middle,
            }
        }
        None
    }

    /// Whether every node's key and children are inside the image, children after their parent
    /// (so that no walk can turn in circles) and in order.
    pub(super) fn is_sound(self) -> bool {
        (0..self.nodes.count()).all(|index| self.is_node_sound(index) == Some(true))
    }

    fn is_node_sound(self, index: usize) -> Option<bool> {
        let node = self.nodes.get(index)?;
        self.key(node)?;
        let (first, count) = Self::children(node)?;
        let end = first.checked_add(count)?;
        if count == 0 {
            return Some(true);
        }
        if first <= index || end > self.nodes.count() {
            return Some(false);
        }
        let mut previous = self.key(self.nodes.get(first)?)?;
        for child in first + 1..end {
            let key = self.key(self.nodes.get(child)?)?;
            if compare(previous, key, |byte| byte) != Ordering::Less {
                return Some(false);
            }
            previous = key;
        }
        Some(true)
    }
}

/// Order of a stored key against a folded query. A loop of its own, since comparing slices calls
/// `memcmp`, which a program without libc would have to bring.
#[inline]
pub(super) fn compare(stored: &[u8], query: &[u8], fold: fn(u8) -> u8) -> Ordering {
    for (left, right) in stored.iter().zip(query) {
        match left.cmp(&fold(*right)) {
            Ordering::Equal => {}
            unequal => return unequal,
        }
    }
    stored.len().cmp(&query.len())
}
