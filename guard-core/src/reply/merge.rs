//! Joins our batch item failures with the handler's own.

use core::fmt;

/// A handler's response to which batch item failures cannot be added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergeError {
    found: &'static str,
}

impl fmt::Display for MergeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "response is {}, accepted to add batch item failures: an object or null",
            self.found
        )
    }
}

impl core::error::Error for MergeError {}

/// `response` with `failures` among its `batchItemFailures`; each identifier once, the handler's
/// own first, other bytes as they are. An empty or null response is one without failures.
///
/// # Errors
/// When the response is neither: an array, a string, a number, or not JSON.
pub fn merge_failures(response: &[u8], failures: &[String]) -> Result<Vec<u8>, MergeError> {
    let _ = (response, failures);
    todo!()
}
