//! Instruction counts under callgrind, which do not depend on what else the machine does.
//!
//! `icount` prints a count for each workload; `--check` compares with `benches/record/icount.csv` and
//! fails when one has grown by more than `TOLERANCE`; `--record` writes that file anew. Each
//! workload runs in a process of its own, `n` times and `2 n` times; the difference is free of
//! start-up.

use std::collections::BTreeMap;
use std::fs;
use std::hint::black_box;
use std::io;
use std::process::{Command, ExitCode};

use guard_benches::events::{self, Event};
use guard_core::{Families, Inspector};

const RECORD: &str = "benches/record/icount.csv";

/// Another compiler release lays code out a little differently.
const TOLERANCE: f64 = 1.05;

const WORKLOADS: [&str; 6] = ["rotation", "json", "text", "form", "base64", "typed"];

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match args[..] {
        ["--run", workload, times] => times.parse().map_err(io::Error::other).map(|times| {
            run(workload, times);
        }),
        [] => counts().map(|counts| print(&counts)),
        ["--record"] => counts().and_then(|counts| record(&counts)),
        ["--check"] => counts().and_then(|counts| check(&counts)),
        _ => Err(io::Error::other("accepted are --check and --record")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("icount: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(workload: &str, times: usize) {
    let events = match workload {
        "rotation" | "typed" => events::rotation(200),
        kind => vec![events::large(kind, 64 << 10)],
    };
    for _ in 0..times {
        for event in &events {
            match workload {
                "typed" => black_box(event.parse_typed()),
                _ => black_box(findings(event)),
            };
        }
    }
}

fn findings(event: &Event) -> usize {
    Inspector::new(Families::ALL)
        .inspect(black_box(&event.bytes))
        .count()
}

/// Instructions for one pass over each workload's events.
fn counts() -> io::Result<BTreeMap<&'static str, u64>> {
    let mut counts = BTreeMap::new();
    for workload in WORKLOADS {
        let [once, twice] = [1, 2].map(|times| instructions(workload, times));
        let events = if matches!(workload, "rotation" | "typed") {
            200
        } else {
            1
        };
        counts.insert(workload, twice?.saturating_sub(once?) / events);
    }
    Ok(counts)
}

fn instructions(workload: &str, times: usize) -> io::Result<u64> {
    let me = std::env::current_exe()?;
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(me)
        .args(["--run", workload, &times.to_string()])
        .output()
        .map_err(|error| io::Error::other(format!("valgrind, needed to count: {error}")))?;
    let text = String::from_utf8_lossy(&output.stderr);
    let refs = text.lines().find_map(|line| line.split_once("Collected :"));
    refs.and_then(|(_, count)| count.trim().parse().ok())
        .ok_or_else(|| io::Error::other(format!("no count from valgrind: {text}")))
}

fn print(counts: &BTreeMap<&str, u64>) {
    println!("{:<12} {:>14}", "workload", "instructions");
    for (workload, count) in counts {
        println!("{workload:<12} {count:>14}");
    }
}

fn record(counts: &BTreeMap<&str, u64>) -> io::Result<()> {
    print(counts);
    let rows: String = counts
        .iter()
        .map(|(name, count)| format!("{name},{count}\n"))
        .collect();
    fs::write(RECORD, format!("workload,instructions\n{rows}"))
}

fn check(counts: &BTreeMap<&str, u64>) -> io::Result<()> {
    let text = fs::read_to_string(RECORD)
        .map_err(|error| io::Error::other(format!("{RECORD}: {error}")))?;
    let recorded: BTreeMap<&str, u64> = text
        .lines()
        .filter_map(|line| line.split_once(','))
        .filter_map(|(name, count)| Some((name, count.parse().ok()?)))
        .collect();
    let mut grown = Vec::new();
    println!(
        "{:<12} {:>14} {:>14} {:>8}",
        "workload", "instructions", "recorded", "ratio"
    );
    for (workload, count) in counts {
        let Some(before) = recorded.get(workload) else {
            return Err(io::Error::other(format!("{RECORD}: no row \"{workload}\"")));
        };
        #[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
        let ratio = *count as f64 / *before as f64;
        println!("{workload:<12} {count:>14} {before:>14} {ratio:>8.3}");
        if *workload != "typed" && ratio > TOLERANCE {
            grown.push(*workload);
        }
    }
    if grown.is_empty() {
        Ok(())
    } else {
        let grown = grown.join(", ");
        Err(io::Error::other(format!(
            "more instructions than recorded for {grown}; if that is meant, --record"
        )))
    }
}
