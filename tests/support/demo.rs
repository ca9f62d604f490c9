//! The demo's events, and how to see what a function did with one.

use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::Value;

use crate::Result;
use crate::emulator::Emulator;
use crate::http::Response;

/// A benign or hostile event for the order service.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// Its file beside the manifest.
    pub file: String,
    /// What sends such events.
    pub trigger: String,
    /// What the sender is after.
    pub name: String,
    /// How, if by an attack.
    pub attack: Option<String>,
    /// Text that occurs when the function did what the sender is after.
    pub shows: String,
    /// How often, at least.
    #[serde(default = "once")]
    pub times: usize,
    /// Where.
    #[serde(default)]
    pub place: Place,
    /// What to call that; `{n}` stands for how often the text occurred.
    pub done: String,
    /// The event itself.
    #[serde(skip)]
    pub bytes: Vec<u8>,
}

/// Where an event's effect shows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// In the function's response.
    #[default]
    Response,
    /// At the start of a line of the function's log.
    Log,
}

/// What became of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The sender got what it was after, in the words of the manifest.
    Done(String),
    /// The guard answered instead of the function: the status or error type, and the rule.
    Blocked(String),
    /// Neither.
    Other(String),
}

#[derive(Deserialize)]
struct Manifest {
    event: Vec<Event>,
}

const fn once() -> usize {
    1
}

/// The events of `tests/data/demo`, in the order they are sent.
///
/// # Errors
///
/// The file that cannot be read, and why.
pub fn events() -> Result<Vec<Event>> {
    let folder = crate::root().join("tests/data/demo");
    let read = |name: &str| {
        let path = folder.join(name);
        std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))
    };
    let manifest: Manifest =
        toml::from_str(&read("manifest.toml")?).map_err(|error| format!("manifest: {error}"))?;
    let mut events = manifest.event;
    for event in &mut events {
        event.bytes = read(&event.file)?.into_bytes();
    }
    Ok(events)
}

/// Sends every event to a function with Guard and to one without: what went otherwise than with attacks
/// blocked and answers to benign events unchanged.
///
/// # Errors
///
/// When the events cannot be read or an emulator breaks off.
pub fn surprises(guarded: &mut Emulator, plain: &mut Emulator) -> Result<Vec<String>> {
    let mut surprises = Vec::new();
    for event in events()? {
        let (_, expected) = event.send(plain)?;
        let (outcome, response) = event.send(guarded)?;
        let is_good = match event.attack {
            Some(_) => matches!(outcome, Outcome::Blocked(_)),
            None => response == expected,
        };
        if !is_good {
            surprises.push(format!("{}: {outcome:?}", event.file));
        }
    }
    Ok(surprises)
}

impl Event {
    /// Sends the event and looks what became of it.
    ///
    /// # Errors
    ///
    /// When the emulator breaks off.
    pub fn send(&self, emulator: &mut Emulator) -> Result<(Outcome, Response)> {
        let before = emulator.output().len();
        let response = emulator.invoke(&self.bytes)?;
        let outcome = match denial(&response.body) {
            Some(denial) => Outcome::Blocked(denial),
            None => match self.effects(&response, emulator, before) {
                n if n >= self.times => Outcome::Done(self.done.replace("{n}", &n.to_string())),
                _ => Outcome::Other(failure(&response.body)),
            },
        };
        Ok((outcome, response))
    }

    /// How often the text shows.
    fn effects(&self, response: &Response, emulator: &Emulator, before: usize) -> usize {
        if self.place == Place::Response {
            return String::from_utf8_lossy(&response.body)
                .matches(&self.shows)
                .count();
        }
        // The emulator copies the log on its own time, after the response.
        let start = Instant::now();
        loop {
            let output = emulator.output();
            let lines = output.get(before..).unwrap_or_default().lines();
            let found = lines.filter(|line| line.starts_with(&self.shows)).count();
            if found >= self.times || start.elapsed() > Duration::from_millis(500) {
                return found;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

/// Status or error type and rule, where a response is the guard's.
fn denial(body: &[u8]) -> Option<String> {
    let response: Value = serde_json::from_slice(body).ok()?;
    if response["statusCode"] == 403 {
        let body: Value = serde_json::from_str(response["body"].as_str()?).ok()?;
        return Some(format!("403 {}", body["rule"].as_str()?));
    }
    let kind = response["errorType"]
        .as_str()
        .filter(|kind| kind.starts_with("Guard"))?;
    let message = response["errorMessage"].as_str().unwrap_or_default();
    // "blocked by rule sql.tautology (request 7f3c)"
    let rule = message
        .split(' ')
        .find(|word| word.contains('.'))
        .unwrap_or_default();
    Some(format!("{kind} {rule}"))
}

fn failure(body: &[u8]) -> String {
    let response: Value = serde_json::from_slice(body).unwrap_or_default();
    match response["errorMessage"].as_str() {
        Some(message) => format!("failed: {message}"),
        None => String::from_utf8_lossy(body).chars().take(60).collect(),
    }
}
