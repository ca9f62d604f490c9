//! Looks for secrets in a response that comes in pieces.

use core::fmt;

use super::Secrets;

/// A secret found.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Leak<'s> {
    /// The variable that holds it.
    pub name: &'s str,
    /// The offset at which it starts, counted from the first byte of the response.
    pub start: u64,
    /// The offset just past it.
    pub end: u64,
}

/// Finds secrets in a response that comes in pieces, across their borders.
///
/// Keeps only those last bytes that may be the start of a secret, so at most as many as the longest
/// form of a secret has, and most of the time none. What it answers does not depend on how the
/// response is cut into pieces.
#[derive(Clone)]
pub struct Scanner<'s> {
    secrets: &'s Secrets,
    /// The last bytes fed that may be the start of a secret.
    carry: Vec<u8>,
    /// How many bytes were fed.
    fed: u64,
}

impl fmt::Debug for Scanner<'_> {
    /// How much is held back, not what: it may be most of a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scanner")
            .field("held_back", &self.carry.len())
            .field("fed", &self.fed)
            .finish_non_exhaustive()
    }
}

impl<'s> Scanner<'s> {
    pub(super) const fn new(secrets: &'s Secrets) -> Self {
        Self {
            secrets,
            carry: Vec::new(),
            fed: 0,
        }
    }

    /// Looks at the next piece; answers the secret that ends first in it. The rest of a piece that
    /// holds one is not looked at, and the next piece is taken as the start of something new.
    pub fn feed(&mut self, piece: &[u8]) -> Option<Leak<'s>> {
        let search = &self.secrets.search;
        let before = self.fed;
        self.fed += piece.len() as u64;
        if self.carry.is_empty() {
            if let Some(found) = search.find(piece) {
                return Some(self.secrets.leak(&found, before));
            }
            let kept = piece.len() - search.unfinished(piece);
            self.carry
                .extend_from_slice(piece.get(kept..).unwrap_or_default());
            return None;
        }

        // What starts in the carried bytes ends before the longest pattern does.
        let carried = self.carry.len();
        let reach = piece.len().min(search.longest());
        self.carry
            .extend_from_slice(piece.get(..reach).unwrap_or_default());
        let found = search.find(&self.carry);
        if let Some(found) = found {
            let leak = self.secrets.leak(&found, before - carried as u64);
            self.carry.clear();
            return Some(leak);
        }
        if reach < piece.len() {
            if let Some(found) = search.find(piece) {
                self.carry.clear();
                return Some(self.secrets.leak(&found, before));
            }
            let kept = piece.len() - search.unfinished(piece);
            self.carry.clear();
            self.carry
                .extend_from_slice(piece.get(kept..).unwrap_or_default());
        } else {
            let kept = self.carry.len() - search.unfinished(&self.carry);
            self.carry.drain(..kept);
        }
        None
    }

    /// How many of the last bytes fed may be the start of a secret: who wants to be able to cut
    /// before one keeps that many back until the next call.
    #[must_use]
    pub const fn held_back(&self) -> usize {
        self.carry.len()
    }
}
