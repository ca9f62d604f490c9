//! How large an event may be, told before anything parses it.

use core::fmt;

use crate::json::{Lexer, Token};

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
        write!(
            f,
            "{} is {}, exceeded at byte {}",
            self.rule, self.limit, self.at
        )
    }
}

impl core::error::Error for LimitExceeded {}

impl Limits {
    /// Whether `event` keeps to the limits.
    ///
    /// # Errors
    /// The first limit that it exceeds.
    pub fn check(&self, event: &[u8]) -> Result<(), LimitExceeded> {
        if let Some(limit) = self.bytes
            && event.len() > limit
        {
            return Err(LimitExceeded {
                rule: "limit.bytes",
                limit,
                at: limit,
            });
        }
        if self.depth.is_none() && self.values.is_none() {
            return Ok(());
        }
        self.check_structure(event)
    }

    fn check_structure(&self, event: &[u8]) -> Result<(), LimitExceeded> {
        let most_depth = self.depth.unwrap_or(usize::MAX);
        let most_values = self.values.unwrap_or(usize::MAX);
        let (mut depth, mut values) = (0_usize, 0_usize);
        let mut lexer = Lexer::new(event);
        loop {
            let at = match lexer.next() {
                Token::Open { at, .. } => {
                    depth += 1;
                    if depth > most_depth {
                        let limit = most_depth;
                        return Err(LimitExceeded {
                            rule: "limit.depth",
                            limit,
                            at,
                        });
                    }
                    at
                }
                Token::String { start, .. } => {
                    if lexer.colon_follows() {
                        continue;
                    }
                    start - 1
                }
                Token::Scalar { start, .. } => start,
                Token::Close { .. } => {
                    depth = depth.saturating_sub(1);
                    continue;
                }
                Token::Comma | Token::Colon => continue,
                Token::End => return Ok(()),
            };
            values += 1;
            if values > most_values {
                return Err(LimitExceeded {
                    rule: "limit.values",
                    limit: most_values,
                    at,
                });
            }
        }
    }
}
