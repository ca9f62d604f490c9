//! Values as they were given, and the entries of lists, each with its place.
//!
//! Knows separators and positions, not what an entry may say.

use crate::error::{Place, PolicyError};

/// Most entries of one list. Bounds memory, and with it what a hostile file can cost at start.
pub(super) const MAX_ENTRIES: usize = 8192;

/// A stretch of a value.
#[derive(Debug, Clone)]
pub(super) struct Text {
    pub(super) text: String,
    pub(super) place: Place,
}

/// The value of one setting.
#[derive(Debug, Clone)]
pub(super) enum Given {
    /// Entries that came apart already: an array of the file, and where it begins.
    Entries(Place, Vec<Text>),
    /// One text: a variable, or a string, number or boolean of the file.
    Whole(Text),
}

/// What is wrong inside one entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    /// Byte of the entry.
    pub(super) at: usize,
    pub(super) reason: String,
    pub(super) accepted: String,
}

impl Fault {
    pub(super) fn new(at: usize, reason: impl Into<String>, accepted: impl Into<String>) -> Self {
        Self {
            at,
            reason: reason.into(),
            accepted: accepted.into(),
        }
    }
}

impl Text {
    /// Where byte `at` of the text lies. In a file the column is right as long as the string has
    /// no escapes before it.
    fn at(&self, at: usize) -> Place {
        match &self.place {
            Place::Variable { offset } => Place::Variable {
                offset: offset + at,
            },
            Place::File { path, line, column } => {
                let before = self.text.get(..at).unwrap_or(&self.text);
                let column = column + before.chars().count();
                Place::File {
                    path: path.clone(),
                    line: *line,
                    column,
                }
            }
        }
    }

    /// The error that `fault` is, in a setting or in one entry of it.
    pub(super) fn error(&self, setting: &str, fault: Fault, is_entry: bool) -> PolicyError {
        PolicyError {
            setting: setting.to_owned(),
            place: self.at(fault.at),
            entry: is_entry.then(|| self.text.clone()),
            reason: fault.reason,
            accepted: fault.accepted,
        }
    }
}

impl Given {
    /// The value as a whole, which an array has none of.
    pub(super) fn whole(&self) -> Text {
        match self {
            Self::Entries(place, _) => Text {
                text: String::new(),
                place: place.clone(),
            },
            Self::Whole(text) => text.clone(),
        }
    }

    /// The entries: none for an empty text.
    pub(super) fn entries(&self, separator: char) -> Vec<Text> {
        match self {
            Self::Entries(_, entries) => entries.clone(),
            Self::Whole(whole) if whole.text.is_empty() => Vec::new(),
            Self::Whole(whole) => {
                let mut rest = Text {
                    text: String::new(),
                    place: whole.place.clone(),
                };
                // One more than are accepted, so that too many are seen to be.
                let pieces = whole.text.split(separator).take(MAX_ENTRIES + 1);
                let parts = pieces.map(|piece| {
                    piece.clone_into(&mut rest.text);
                    let lead = piece.len() - piece.trim_ascii_start().len();
                    let part = Text {
                        text: piece.trim_ascii().to_owned(),
                        place: rest.at(lead),
                    };
                    rest.text.push(separator);
                    rest.place = rest.at(rest.text.len());
                    part
                });
                parts.collect()
            }
        }
    }
}
