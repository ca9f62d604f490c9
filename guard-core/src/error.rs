//! What is wrong with a policy, and where.
//!
//! Knows positions and wording, not what any setting accepts.

use std::fmt;

use crate::policy::{Mode, Policy};

/// Longest stretch of a wrong entry that a message repeats, in characters.
const QUOTED: usize = 80;

/// One error in a policy: where, what was found, what is accepted. Shown on one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyError {
    pub(crate) setting: String,
    pub(crate) place: Place,
    pub(crate) entry: Option<String>,
    pub(crate) reason: String,
    pub(crate) accepted: String,
}

/// Where a setting was written.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// In the file of `GUARD_POLICY`.
    File {
        /// The file.
        path: String,
        /// Line, from 1.
        line: usize,
        /// Column in characters, from 1.
        column: usize,
    },
    /// In the variable of the setting's name.
    Variable {
        /// Byte of the value at which the problem begins, from 0.
        offset: usize,
    },
}

impl PolicyError {
    /// The variable, or the file's key.
    #[must_use]
    pub fn setting(&self) -> &str {
        &self.setting
    }

    /// Where the problem begins.
    #[must_use]
    pub const fn place(&self) -> &Place {
        &self.place
    }

    /// The entry of a list that is wrong, if the setting is a list.
    #[must_use]
    pub fn entry(&self) -> Option<&str> {
        self.entry.as_deref()
    }

    /// What was found, in quotes, and why it is wrong.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// What is accepted in its place.
    #[must_use]
    pub fn accepted(&self) -> &str {
        &self.accepted
    }
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::File { path, line, column } => {
                write!(
                    f,
                    "{}:{line}:{column}: {}: ",
                    path.escape_debug(),
                    self.setting
                )?;
            }
            Place::Variable { offset } => write!(f, "{}: byte {offset}: ", self.setting)?,
        }
        // Most reasons begin with the entry that they are about.
        if let Some(entry) = self.entry.as_deref().map(quote)
            && !self.reason.starts_with(&entry)
        {
            write!(f, "entry {entry}: ")?;
        }
        write!(f, "{}; accepted: {}", self.reason, self.accepted)
    }
}

impl std::error::Error for PolicyError {}

/// Every error of a policy, in the order of the settings table.
#[derive(Clone)]
pub struct PolicyErrors {
    pub(crate) errors: Vec<PolicyError>,
    pub(crate) mode: Option<Mode>,
    pub(crate) readable: Box<Policy>,
}

impl PolicyErrors {
    /// The errors; there is at least one.
    #[must_use]
    pub fn errors(&self) -> &[PolicyError] {
        &self.errors
    }

    /// The mode that decides what follows: an error at INIT in `enforce`, a loud status in
    /// `monitor`. A mode that could not be read counts as `enforce`, since one was asked for.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.mode.unwrap_or(Mode::Enforce)
    }

    /// What could be read: settings with an error are at their default, wrong entries are left
    /// out. Fit for monitoring beside a loud status, not for enforcing.
    #[must_use]
    pub const fn readable(&self) -> &Policy {
        &self.readable
    }
}

/// The same lines as to display: an error that leaves `main` is printed this way.
impl fmt::Debug for PolicyErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for PolicyErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.errors.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for PolicyErrors {}

/// `text` in quotes, on one line, cut to a bounded length.
pub(crate) fn quote(text: &str) -> String {
    let mut quoted = String::from("\"");
    quoted.extend(text.chars().take(QUOTED).flat_map(char::escape_debug));
    if text.chars().nth(QUOTED).is_some() {
        quoted.push_str("...");
    }
    quoted.push('"');
    quoted
}
