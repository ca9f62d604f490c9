//! Finds a function's own secrets in bytes that are about to leave it.
//!
//! Exact matching of values known from the environment, as they stand and as they come out of the
//! usual encoders; nothing is guessed from looks. Encoded twice (base64 of gzip, say), split or
//! reordered, a secret is not found: this catches mistakes and simple theft, not a thief who can run
//! code.
//!
//! Must not know: where the variables came from, what becomes of a response.

mod forms;
mod names;
mod scanner;
mod search;

use core::fmt;

use search::Search;

pub use scanner::{Leak, Scanner};

/// The values that must not leave.
pub struct Secrets {
    names: Vec<String>,
    search: Search,
}

impl fmt::Debug for Secrets {
    /// Names only, never values.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secrets")
            .field("names", &self.names)
            .finish_non_exhaustive()
    }
}

impl Secrets {
    /// Those among `variables` (name, value) whose name says that they are secret: AWS's
    /// credentials, and names with `SECRET`, `PASSWORD`, `TOKEN`, `API_KEY`, `PRIVATE_KEY` and the
    /// like in them, in any case. Left out are names that say that the value only points to a secret
    /// (`_ARN`, `_NAME`, `_URL`) or is public, and values that are too short or too common to be
    /// one.
    ///
    /// `AWS_ACCESS_KEY_ID` is not looked for, nor `AWS_SESSION_TOKEN` in percent-encoding: both
    /// stand in every presigned URL, which functions give to their callers on purpose.
    #[must_use]
    pub fn from_variables<N: AsRef<str>, V: AsRef<[u8]>>(
        variables: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        let mut names = Vec::new();
        let mut patterns = Vec::new();
        for (name, value) in variables {
            let (name, value) = (name.as_ref(), value.as_ref());
            if !names::is_secret(name) || !names::is_worth_it(value) {
                continue;
            }
            let forms = forms::of(value, name != names::SESSION_TOKEN);
            patterns.extend(forms.into_iter().map(|form| (form, names.len())));
            names.push(name.to_owned());
        }
        Self {
            names,
            search: Search::new(patterns),
        }
    }

    /// Whether there is nothing to look for.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The names of the variables whose values are looked for.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// The secret in `bytes` that ends first.
    #[must_use]
    pub fn find(&self, bytes: &[u8]) -> Option<Leak<'_>> {
        self.search.find(bytes).map(|found| self.leak(&found, 0))
    }

    /// Looks at a response piece by piece.
    #[must_use]
    pub const fn scanner(&self) -> Scanner<'_> {
        Scanner::new(self)
    }

    fn leak(&self, found: &search::Found, before: u64) -> Leak<'_> {
        Leak {
            name: self.names.get(found.variable).map_or("", String::as_str),
            start: before + found.span.start as u64,
            end: before + found.span.end as u64,
        }
    }
}
