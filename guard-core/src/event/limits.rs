//! How large an event may be, told before anything parses it.

use core::fmt;

/// What an event may not exceed; what is not set is not looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    /// Length of the event in bytes.
    pub bytes: Option<usize>,
    /// Objects and arrays inside of each other; 1 is an object of plain values.
    pub depth: Option<usize>,
    /// Values of all kinds in all: objects, arrays, strings, numbers, literals; keys not.
    pub values: Option<usize>,
}

/// An event exceeds a limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitExceeded {
    rule: &'static str,
    limit: usize,
    at: usize,
}

impl LimitExceeded {
    /// The rule, as replies and records name it: `limit.bytes`, `limit.depth` or `limit.values`.
    #[must_use]
    pub const fn rule(&self) -> &'static str {
        self.rule
    }

    /// The limit that was exceeded.
    #[must_use]
    pub const fn limit(&self) -> usize {
        self.limit
    }

    /// The offset in the event at which it was.
    #[must_use]
    pub const fn at(&self) -> usize {
        self.at
    }
}

impl fmt::Display for LimitExceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is {}, exceeded at byte {}", self.rule, self.limit, self.at)
    }
}

impl core::error::Error for LimitExceeded {}

impl Limits {
    /// Whether `event` keeps to the limits.
    ///
    /// # Errors
    /// The first limit that it exceeds.
    pub fn check(&self, event: &[u8]) -> Result<(), LimitExceeded> {
        let _ = event;
        todo!()
    }
}
