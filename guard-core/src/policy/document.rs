//! The file of `GUARD_POLICY`: TOML, one key for each setting.
//!
//! Knows keys, types and positions in the file; what the values mean is the settings' business.
//! Reading the file is the caller's.

use std::cell::Cell;
use std::io::{self, Read};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::list::{Fault, Given, Text};
use super::near;
use super::settings::SETTINGS;
use crate::error::{Place, PolicyError, quote};

/// Largest file that is read. Far above any policy; it bounds what a mistake can cost at start.
const LARGEST: usize = 1 << 20;

/// Reads the text of a policy file, for
/// [`Policy::from_vars_and_file`](super::Policy::from_vars_and_file). No more of it than shows that
/// it is too large, which the policy then says.
///
/// # Errors
/// The reader's, and [`std::io::ErrorKind::InvalidData`] for what is not UTF-8.
pub fn read_text(reader: impl Read) -> io::Result<String> {
    let mut text = String::new();
    reader.take(LARGEST as u64 + 1).read_to_string(&mut text)?;
    Ok(text)
}

/// The values of a file, in the order of the settings table, and what is wrong with it.
#[derive(Debug, Default)]
pub(super) struct Document {
    pub(super) values: Vec<(&'static str, Given)>,
    pub(super) errors: Vec<PolicyError>,
}

/// Most errors of one kind that are reported: a damaged file can have one at every byte.
const MOST_ALIKE: usize = 64;

/// Turns byte offsets of the file into lines and columns.
struct Positions<'a> {
    path: &'a str,
    text: &'a str,
    /// Where lines begin.
    lines: Vec<usize>,
    /// Offset and column that were last asked for. Entries come in order: columns of a long line
    /// are counted on from there, so that a file costs linear time.
    last: Cell<(usize, usize)>,
}

impl<'a> Positions<'a> {
    fn new(path: &'a str, text: &'a str) -> Self {
        let newlines = text.match_indices('\n').map(|(at, _)| at + 1);
        let lines = std::iter::once(0).chain(newlines).collect();
        Self {
            path,
            text,
            lines,
            last: Cell::new((0, 1)),
        }
    }

    fn place(&self, offset: usize) -> Place {
        let line = self.lines.partition_point(|start| *start <= offset);
        let start = line
            .checked_sub(1)
            .and_then(|line| self.lines.get(line))
            .copied();
        let start = start.unwrap_or_default();
        let (from, counted) = match self.last.get() {
            last @ (from, _) if (start..=offset).contains(&from) => last,
            _ => (start, 1),
        };
        let column = counted
            + self
                .text
                .get(from..offset)
                .unwrap_or_default()
                .chars()
                .count();
        self.last.set((offset, column));
        Place::File {
            path: self.path.to_owned(),
            line,
            column,
        }
    }

    fn error(&self, setting: &str, offset: usize, fault: Fault) -> PolicyError {
        Text {
            text: String::new(),
            place: self.place(offset),
        }
        .error(setting, fault, false)
    }
}

/// Reads the file's text.
pub(super) fn parse(path: &str, text: &str) -> Document {
    let positions = Positions::new(path, text);
    let mut document = Document::default();
    if text.len() > LARGEST {
        let reason = format!("the file has {} bytes", text.len());
        let fault = Fault::new(0, reason, format!("at most {LARGEST}"));
        document
            .errors
            .push(positions.error("GUARD_POLICY", 0, fault));
        return document;
    }
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in errors.iter().take(MOST_ALIKE) {
        let at = error.span().map_or(0, |span| span.start);
        let fault = Fault::new(0, error.message().replace('\n', ", "), "TOML 1.0");
        document
            .errors
            .push(positions.error("GUARD_POLICY", at, fault));
    }
    // A damaged file gives values that nobody wrote: its own errors are enough.
    if !errors.is_empty() {
        return document;
    }
    let table = table.get_ref();
    let unknown = table
        .iter()
        .filter_map(|(key, _)| Some((key, unknown(key.get_ref())?)));
    for (key, fault) in unknown.take(MOST_ALIKE) {
        let error = positions.error(&plain(key.get_ref()), key.span().start, fault);
        document.errors.push(error);
    }
    for setting in SETTINGS {
        let Some((key, value)) = setting.key.and_then(|key| table.get_key_value(key)) else {
            continue;
        };
        match given(&positions, value) {
            Ok(given) => document.values.push((setting.variable, given)),
            Err((at, fault)) => {
                document
                    .errors
                    .push(positions.error(key.get_ref(), at, fault));
            }
        }
    }
    document.errors.sort_by_key(|error| match error.place {
        Place::File { line, column, .. } => (line, column),
        Place::Variable { .. } => (0, 0),
    });
    document
}

/// What is wrong with a key, if anything is.
fn unknown(key: &str) -> Option<Fault> {
    if SETTINGS.iter().any(|setting| setting.key == Some(key)) {
        return None;
    }
    let of_variable = SETTINGS
        .iter()
        .find(|setting| setting.variable.eq_ignore_ascii_case(key));
    let near = match of_variable {
        Some(setting) => setting.key,
        None => near::nearest(key, SETTINGS.iter().filter_map(|setting| setting.key)),
    };
    let reason = match (key, near) {
        ("policy" | "GUARD_POLICY", _) => "a policy file cannot name another".to_owned(),
        (_, Some(near)) => format!("no setting has this key (did you mean {}?)", quote(near)),
        (_, None) => "no setting has this key".to_owned(),
    };
    let keys: Vec<_> = SETTINGS.iter().filter_map(|setting| setting.key).collect();
    Some(Fault::new(0, reason, keys.join(", ")))
}

/// A key fit for one line of a message.
fn plain(key: &str) -> String {
    key.chars().take(40).flat_map(char::escape_debug).collect()
}

fn given(positions: &Positions<'_>, value: &Spanned<DeValue<'_>>) -> Result<Given, (usize, Fault)> {
    if let DeValue::Array(array) = value.get_ref() {
        let entries: Result<Vec<_>, _> = array.iter().map(|item| scalar(positions, item)).collect();
        return entries.map(|entries| Given::Entries(positions.place(value.span().start), entries));
    }
    scalar(positions, value).map(Given::Whole)
}

fn scalar(positions: &Positions<'_>, value: &Spanned<DeValue<'_>>) -> Result<Text, (usize, Fault)> {
    let start = value.span().start;
    let at = |offset: usize| positions.place(start + offset);
    match value.get_ref() {
        // Behind the opening quote.
        DeValue::String(text) => Ok(Text {
            text: text.to_string(),
            place: at(1),
        }),
        DeValue::Integer(number) => Ok(Text {
            text: number.to_string(),
            place: at(0),
        }),
        DeValue::Boolean(true) => Ok(Text {
            text: "on".to_owned(),
            place: at(0),
        }),
        DeValue::Boolean(false) => Ok(Text {
            text: "off".to_owned(),
            place: at(0),
        }),
        other => {
            let reason = format!("found a TOML {}", other.type_str());
            Err((
                start,
                Fault::new(
                    0,
                    reason,
                    "a string, a number, a boolean or an array of strings",
                ),
            ))
        }
    }
}
