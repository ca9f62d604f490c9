//! Looks for secrets in a response that comes in pieces.

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
#[derive(Debug, Clone)]
pub struct Scanner<'s> {
    secrets: &'s Secrets,
}

impl<'s> Scanner<'s> {
    pub(super) const fn new(secrets: &'s Secrets) -> Self {
        Self { secrets }
    }

    /// Looks at the next piece; answers the first secret that ends in it.
    pub fn feed(&mut self, piece: &[u8]) -> Option<Leak<'s>> {
        let _ = (piece, self.secrets);
        todo!()
    }

    /// How many of the last bytes fed may be the start of a secret: who wants to be able to cut
    /// before one keeps that many back until the next call.
    #[must_use]
    pub fn held_back(&self) -> usize {
        todo!()
    }
}
