//! Finds a function's own secrets in bytes that are about to leave it.
//!
//! Exact matching of values known from the environment; nothing is guessed from looks.
//!
//! Must not know: where the pairs came from, what becomes of a response.

mod scanner;

pub use scanner::{Leak, Scanner};

/// The values that must not leave.
pub struct Secrets {
    _private: (),
}

impl core::fmt::Debug for Secrets {
    /// Names only, never values.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Secrets").finish_non_exhaustive()
    }
}

impl Secrets {
    /// Those among `variables` (name, value) whose name says that they are secret: the function's
    /// AWS credentials, and names with `SECRET`, `PASSWORD`, `TOKEN`, `API_KEY`, `PRIVATE_KEY`.
    #[must_use]
    pub fn from_variables<N: AsRef<str>, V: AsRef<[u8]>>(
        variables: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        let _ = variables.into_iter().count();
        todo!()
    }

    /// Whether there is nothing to look for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        todo!()
    }

    /// The first secret in `bytes`.
    #[must_use]
    pub fn find(&self, bytes: &[u8]) -> Option<Leak<'_>> {
        let _ = bytes;
        todo!()
    }

    /// Looks at a response piece by piece.
    #[must_use]
    pub const fn scanner(&self) -> Scanner<'_> {
        Scanner::new(self)
    }
}
