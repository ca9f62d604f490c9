//! The inspector beside what others look for injection with, on the same events, in one run:
//! libinjection (C) and Datadog's libddwaf with its recommended rules.
//!
//! Both are given less to do than the inspector: neither reads JSON. libinjection gets each string
//! of an event, taken out beforehand; libddwaf the parsed event, as a request's body, built
//! beforehand. What is timed is their looking alone.

use std::hint::black_box;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Instant;

use guard_benches::events::{self, Event};
use guard_core::{Families, Inspector};
use guard_tests::host;
use serde_json::Value;

#[path = "peers/ddwaf.rs"]
mod ddwaf;
#[path = "peers/libinjection.rs"]
mod libinjection;

use ddwaf::Ddwaf;
use libinjection::Libinjection;

const ROUNDS: usize = 15;
const EVENTS: usize = 3000;

/// What each of them has to find, so that its figure is that of something that works.
const ATTACKS: [&str; 2] = [
    "x' OR '1'='1' -- ",
    "<script>alert(document.cookie)</script>",
];

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("peers: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> io::Result<()> {
    let is_recorded = match std::env::args().nth(1).as_deref() {
        None => false,
        Some("--record") => true,
        Some(other) => {
            return Err(io::Error::other(format!("\"{other}\" is not --record")));
        }
    };
    let libinjection = Libinjection::load().map_err(io::Error::other)?;
    let ddwaf = Ddwaf::load().map_err(io::Error::other)?;
    for attack in ATTACKS {
        let body = format!(r#"{{"note":{}}}"#, Value::from(attack));
        let found = [
            ("libinjection", libinjection.finds(attack.as_bytes())),
            ("libddwaf", ddwaf.finds(ddwaf.request(&body))),
            ("guard", finds(body.as_bytes())),
        ];
        for (name, finds) in found {
            if !finds {
                return Err(io::Error::other(format!("{name} does not find {attack:?}")));
            }
        }
    }

    let events = events::rotation(EVENTS);
    let strings: Vec<Vec<String>> = events.iter().map(strings).collect();
    let mut samples = [const { Vec::new() }; 3];
    for round in 0..=ROUNDS {
        let figures = [
            per_event(|| {
                for event in &events {
                    black_box(finds(black_box(&event.bytes)));
                }
            }),
            per_event(|| {
                for strings in &strings {
                    for string in strings {
                        black_box(libinjection.finds(black_box(string.as_bytes())));
                    }
                }
            }),
            looking(&ddwaf, &events),
        ];
        // The first round is for caches.
        if round > 0 {
            for (samples, figure) in samples.iter_mut().zip(figures) {
                samples.push(figure);
            }
        }
    }
    let [guard, injection, waf] = samples.map(median);
    let table = format!(
        "name,nanoseconds,of_guard\n\"guard, all families, whole event\",{guard:.0},1.0\n\
         \"libinjection, SQL and HTML, strings taken out beforehand\",{injection:.0},{:.1}\n\
         \"libddwaf {}, recommended rules, event parsed beforehand\",{waf:.0},{:.1}\n",
        injection / guard,
        ddwaf.version(),
        waf / guard
    );
    let what =
        format!("{EVENTS} events of 1 KiB in rotation, medians of {ROUNDS} interleaved rounds");
    let head = format!("# {}\n# {what}\n", host::description());
    io::stdout().write_all(format!("{head}{table}").as_bytes())?;
    if is_recorded {
        host::record("peers", &what, &table).map_err(io::Error::other)?;
    }
    Ok(())
}

fn finds(event: &[u8]) -> bool {
    Inspector::new(Families::ALL)
        .inspect(event)
        .next()
        .is_some()
}

/// Keys and values, as JSON's escapes undone make them.
fn strings(event: &Event) -> Vec<String> {
    let mut found = Vec::new();
    let mut open: Vec<Value> = serde_json::from_slice(&event.bytes).into_iter().collect();
    while let Some(value) = open.pop() {
        match value {
            Value::String(text) => found.push(text),
            Value::Array(values) => open.extend(values),
            Value::Object(members) => {
                for (key, value) in members {
                    found.push(key);
                    open.push(value);
                }
            }
            _ => {}
        }
    }
    found
}

/// Nanoseconds of libddwaf for an event, without what it takes to build the request.
#[expect(clippy::cast_precision_loss, reason = "nanoseconds far below 2^52")]
fn looking(ddwaf: &Ddwaf, events: &[Event]) -> f64 {
    let mut nanoseconds = 0;
    for event in events {
        let request = ddwaf.request(&String::from_utf8_lossy(&event.bytes));
        let start = Instant::now();
        black_box(ddwaf.finds(request));
        nanoseconds += start.elapsed().as_nanos();
    }
    nanoseconds as f64 / EVENTS as f64
}

#[expect(clippy::cast_precision_loss, reason = "nanoseconds far below 2^52")]
fn per_event(work: impl FnOnce()) -> f64 {
    let start = Instant::now();
    work();
    start.elapsed().as_nanos() as f64 / EVENTS as f64
}

fn median(mut samples: Vec<f64>) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples[samples.len() / 2]
}
