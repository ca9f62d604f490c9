//! Events made to be as dear as possible to inspect: what begins like an attack, again and again.

use std::fmt::{self, Write};
use std::fs;
use std::io;
use std::path::Path;

use crate::events::{Event, Values, http};

/// Where in an event a unit is repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// A text, one unit behind the other.
    Text,
    /// Fields of a form.
    Fields,
    /// Strings of a JSON array, in a body.
    Strings,
}

impl Place {
    /// Every place.
    pub const ALL: [Self; 3] = [Self::Text, Self::Fields, Self::Strings];
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Text => "text",
            Self::Fields => "fields",
            Self::Strings => "strings",
        })
    }
}

/// Openings that a confirmation has to follow up, without what would end it with a finding.
const OPENINGS: [&str; 32] = [
    "\"", "'", "' or ", "' or a ", "\\", "%27", "%25", "%2525", "&#39;", "&amp;", "\\u0027",
    "\\x27", "../a", "${", "{{", "{{a", "<a ", "<a b='", "(select ", "/*", "--", ";id ", "|cat ",
    "$(", "`", "union ", "a=", "a=1&", "[{\"", "\u{ff07}", "ส%25", "中文%25",
];

/// What an attacker may repeat: the openings, and of each test case, attack or benign sibling, the
/// whole, its beginnings and its ends. The cases are made for each trigger of each family, so these
/// are what passes a family's context and is refused by its confirmation, among others.
///
/// # Errors
///
/// If the case files cannot be read.
pub fn units(cases: &Path) -> io::Result<Vec<String>> {
    /// Longer ones repeat too little of what they are about.
    const LONGEST: usize = 4096;
    let mut units: Vec<String> = OPENINGS
        .iter()
        .map(|opening| (*opening).to_owned())
        .collect();
    for file in fs::read_dir(cases)? {
        let text = fs::read_to_string(file?.path())?;
        let table: toml::Table = toml::from_str(&text).map_err(io::Error::other)?;
        for case in table
            .get("case")
            .and_then(toml::Value::as_array)
            .into_iter()
            .flatten()
        {
            let Some(input) = case.get("input").and_then(toml::Value::as_str) else {
                continue;
            };
            let chars: Vec<char> = input.chars().take(LONGEST).collect();
            let len = chars.len();
            let cuts = [len / 4, len / 2, 3 * len / 4, len.saturating_sub(1)];
            units.push(chars.iter().collect());
            for cut in cuts {
                units.push(chars.iter().take(cut).collect());
            }
            for cut in &cuts[..3] {
                units.push(chars.iter().skip(*cut).collect());
            }
        }
    }
    units.sort();
    units.dedup();
    units.retain(|unit| !unit.is_empty());
    Ok(units)
}

/// `unit` repeated to about `len` bytes in the body of an HTTP event.
#[must_use]
pub fn hostile(unit: &str, place: Place, len: usize) -> Event {
    let (part, kind) = match place {
        Place::Text => (unit.to_owned(), "text/plain"),
        Place::Fields => (
            format!("a={}&", percent(unit)),
            "application/x-www-form-urlencoded",
        ),
        Place::Strings => (
            format!("{},", serde_json::Value::from(unit)),
            "application/json",
        ),
    };
    let body = part.repeat(len.div_ceil(part.len()));
    let body = match place {
        Place::Strings => format!("[{}]", body.trim_end_matches(',')),
        Place::Text | Place::Fields => body,
    };
    http(&mut Values::new(7), kind, &body, false)
}

/// As forms encode it.
fn percent(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte {
            b' ' => encoded.push('+'),
            b'-' | b'.' | b'_' | b'*' => encoded.push(byte.into()),
            _ if byte.is_ascii_alphanumeric() => encoded.push(byte.into()),
            _ => {
                let _ = write!(encoded, "%{byte:02X}");
            }
        }
    }
    encoded
}
