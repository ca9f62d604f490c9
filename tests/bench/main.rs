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
use guard_tests::{Result, extension, fetch, isolation};

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
    /// How many sizes of events, from the smallest on.
    sizes: usize,
}

/// One part of the measurement.
type Part = fn(Effort, &mut report::Report) -> Result<()>;

/// What can be asked for: a record, less of everything, parts.
const OPTIONS: [&str; 6] = [
    "--record",
    "--quick",
    "--small",
    "--loopback",
    "--warm",
    "--cold",
];

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let role = arguments.next();
    let is_known = std::env::args()
        .skip(1)
        .all(|option| OPTIONS.contains(&&*option));
    let done = match role.as_ref().and_then(|role| role.to_str()) {
        Some("--floor") => floor::run(&arguments.collect::<Vec<OsString>>()),
        Some("--function") => runtime::run(),
        _ if is_known => measure(),
        _ => Err(format!("accepted is any of {}", OPTIONS.join(", "))),
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
    let quick = has("--quick");
    let effort = Effort {
        rounds: if quick { 10 } else { 100 },
        starts: if quick { 5 } else { 40 },
        sizes: if has("--small") { 1 } else { usize::MAX },
    };
    if std::env::var_os("TESTS_INSIDE").is_none() {
        fetch::EMULATOR.path()?;
        if std::env::var_os("BENCH_PROGRAM").is_none() {
            function::build("lambda-guard-extension", Profile::Release)?;
            extension::build_parts(&function::program("guard", Profile::Release))?;
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
    std::env::var_os("BENCH_PROGRAM").map_or_else(
        || function::program("guard", Profile::Release),
        std::path::PathBuf::from,
    )
}
