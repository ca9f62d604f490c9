//! Events made to be as dear as possible to inspect.

use std::fs;
use std::io;
use std::path::Path;

use crate::events::{Event, Values, http};

/// What an attacker repeats, and the event that holds it.
#[derive(Debug)]
pub struct Hostile {
    /// What is repeated.
    pub unit: String,
    /// The event.
    pub event: Event,
}

/// Openings that a confirmation has to follow up, without what would end it with a finding.
const OPENINGS: [&str; 30] = [
    "\"", "'", "' or ", "' or a ", "\\", "%27", "%25", "%2525", "&#39;", "&amp;", "\\u0027",
    "\\x27", "../a", "${", "{{", "{{a", "<a ", "<a b='", "(select ", "/*", "--", ";id ", "|cat ",
    "$(", "`", "union ", "a=", "a=1&", "[{\"", "\u{ff07}",
];

/// Events of about `len` bytes: each opening, and each beginning of each test case's attack,
/// repeated in the body of an HTTP event.
///
/// # Errors
///
/// If the case files cannot be read.
pub fn events(cases: &Path, len: usize) -> io::Result<Vec<Hostile>> {
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
            let chars: Vec<char> = input.chars().collect();
            for part in [2, 3, 4] {
                let beginning: String = chars.iter().take(chars.len() * part / 4).collect();
                if !beginning.is_empty() && beginning.len() < len / 4 {
                    units.push(beginning);
                }
            }
        }
    }
    units.sort();
    units.dedup();
    Ok(units.into_iter().map(|unit| hostile(unit, len)).collect())
}

/// `unit` repeated to about `len` bytes in the body of an HTTP event.
#[must_use]
pub fn hostile(unit: String, len: usize) -> Hostile {
    let body = unit.repeat(len.div_ceil(unit.len()));
    Hostile {
        event: http(&mut Values::new(7), "text/plain", &body, false),
        unit,
    }
}
