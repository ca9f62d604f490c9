//! What the extension adds to an invocation, beside a proxy that only copies bytes and beside
//! nothing at all, in one interleaved run.
//!
//! One program with three roles: the measurement itself, `--floor` (the proxy that copies bytes,
//! started in front of a function) and `--function` (a runtime that answers and does nothing else,
//! so that what is measured is the way there and back). Needs namespaces: the emulator runs whatever
//! is in `/opt/extensions`.

mod cold;
mod figures;
mod floor;
mod loopback;
mod report;
mod runtime;
mod warm;

use std::ffi::OsString;
use std::process::ExitCode;

use guard_tests::function::{self, Profile};
use guard_tests::{Result, fetch, isolation};

/// Variables of a function as it would be deployed: something to look for in responses.
const VARIABLES: [(&str, &str); 2] = [
    ("DB_PASSWORD", "correct-horse-battery"),
    ("GUARD_MODE", "enforce"),
];

/// How much is measured.
#[derive(Debug, Clone, Copy)]
struct Effort {
    /// Rounds of warm invocations, each of which invokes every variant.
    rounds: usize,
    /// Cold starts of each variant.
    starts: usize,
}

/// One part of the measurement.
type Part = fn(Effort, &mut report::Report) -> Result<()>;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let role = arguments.next();
    let done = match role.as_ref().and_then(|role| role.to_str()) {
        Some("--floor") => floor::run(&arguments.collect::<Vec<OsString>>()),
        Some("--function") => runtime::run(),
        None | Some("--record" | "--quick" | "--loopback" | "--warm" | "--cold") => measure(),
        Some(other) => Err(format!(
            "{other:?} is not --record, --quick, --loopback, --warm or --cold"
        )),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("extension-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure() -> Result<()> {
    let has = |name: &str| std::env::args().any(|argument| argument == name);
    let effort = if has("--quick") {
        Effort {
            rounds: 10,
            starts: 5,
        }
    } else {
        Effort {
            rounds: 100,
            starts: 40,
        }
    };
    if std::env::var_os("TESTS_INSIDE").is_none() {
        fetch::EMULATOR.path()?;
        if std::env::var_os("GUARD_PROGRAM").is_none() {
            function::build("lambda-guard-extension", Profile::Release)?;
        }
    }
    if !isolation::enter()? {
        return Ok(());
    }
    let mut report = report::Report::new(has("--record"));
    let parts: [(&str, Part); 3] = [
        ("--loopback", loopback::measure),
        ("--warm", warm::measure),
        ("--cold", cold::measure),
    ];
    let is_named = parts.iter().any(|(name, _)| has(name));
    for (name, part) in parts {
        if has(name) || !is_named {
            part(effort, &mut report)?;
        }
    }
    report.finish()
}

/// The program under test.
fn guard() -> std::path::PathBuf {
    std::env::var_os("GUARD_PROGRAM").map_or_else(
        || function::program("guard", Profile::Release),
        std::path::PathBuf::from,
    )
}
