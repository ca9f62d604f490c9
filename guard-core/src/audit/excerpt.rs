//! What stands at a finding, with everything masked that could be somebody's data.

use core::ops::Range;

/// The bytes at and around a finding, to be masked when they are written.
#[derive(Debug, Clone)]
pub struct Excerpt<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) span: Range<usize>,
}

impl<'a> Excerpt<'a> {
    /// The finding at `span` of `bytes`.
    #[must_use]
    pub const fn new(bytes: &'a [u8], span: Range<usize>) -> Self {
        Self { bytes, span }
    }
}
