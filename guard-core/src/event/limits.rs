//! How large an event may be, told before anything parses it.

use core::fmt;

use crate::json::{Lexer, Token};

pub use crate::policy::Limits;

/// An event exceeds a limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitExceeded {
    rule: &'static str,
    limit: u64,
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
    pub const fn limit(&self) -> u64 {
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
            && let Ok(at) = usize::try_from(limit)
            && event.len() > at
        {
            return Err(LimitExceeded {
                rule: "limit.bytes",
                limit,
                at,
            });
        }
        if self.depth.is_none() && self.values.is_none() {
            return Ok(());
        }
        self.check_structure(event)
    }

    fn check_structure(&self, event: &[u8]) -> Result<(), LimitExceeded> {
        let most_depth = self.depth.unwrap_or(u64::MAX);
        let most_values = self.values.unwrap_or(u64::MAX);
        let (mut depth, mut values) = (0_u64, 0_u64);
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
