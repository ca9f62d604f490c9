//! Measures the inspector beside the parses that a handler pays for anyway, in one run.
//!
//! Prints a table, writes `target/bench.json` (name, value, unit, baseline, ratio) and, with
//! `--record`, a dated file under `benches/record`. Every figure is the median of interleaved rounds,
//! so that a noisy machine disturbs all columns alike.

use std::fs;
use std::hint::black_box;
use std::io::{self, Write};
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Instant;

use guard_benches::alloc::{self, Counting};
use guard_benches::automata;
use guard_benches::events::{self, Event};
use guard_benches::middleware::{self, Cost};
use guard_benches::worst::{self, Worst};
use guard_core::{Families, Inspector};
use guard_tests::host;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const MIB: usize = 1 << 20;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let known = |arg: &&String| !["--record", "--cold", "--hostile"].contains(&arg.as_str());
    if let Some(unknown) = args.iter().find(known) {
        eprintln!("bench: \"{unknown}\" is not --record or --hostile");
        return ExitCode::from(64);
    }
    let has = |name: &str| args.iter().any(|arg| arg == name);
    let done = if has("--cold") {
        cold_child()
    } else {
        run(has("--record"), has("--hostile"))
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

/// One line of the table: nanoseconds for an event.
struct Row {
    name: String,
    bytes: usize,
    guard: f64,
    typed: f64,
    ignored: f64,
    value: f64,
    allocations: u64,
    findings: usize,
    /// What was found, each rule once.
    rules: Vec<&'static str>,
}

fn findings(event: &Event) -> usize {
    Inspector::new(Families::ALL)
        .inspect(black_box(&event.bytes))
        .count()
}

fn rules(events: &[Event]) -> Vec<&'static str> {
    let inspector = Inspector::new(Families::ALL);
    let found = events
        .iter()
        .flat_map(|event| inspector.inspect(&event.bytes));
    let mut rules: Vec<_> = found.map(|finding| finding.rule.as_str()).collect();
    rules.sort_unstable();
    rules.dedup();
    rules
}

/// What of inspecting the benign `events` is the search for triggers, and what that and the looks at
/// the bytes around them; nanoseconds for an event, with those of the whole.
fn stages(events: &[Event], rounds: usize) -> [(String, f64); 3] {
    let inspector = Inspector::new(Families::ALL);
    let mut samples = [const { Vec::new() }; 3];
    for _ in 0..rounds {
        samples[0].push(per_event(events, |event| {
            black_box(Inspector::occurrences(black_box(&event.bytes)).count());
        }));
        samples[1].push(per_event(events, |event| {
            let event = black_box(&event.bytes);
            let found = Inspector::occurrences(event);
            black_box(found.filter(|found| inspector.keeps(event, found)).count());
        }));
        samples[2].push(per_event(events, |event| {
            black_box(findings(event));
        }));
    }
    let [search, contexts, whole] = samples.map(median);
    [
        ("search for triggers", search),
        ("and a look around each", contexts),
        ("and what is kept decoded and parsed", whole),
    ]
    .map(|(name, ns)| (name.to_owned(), ns))
}

/// What the house's automata take to look for the same triggers, or for those that are literals;
/// nanoseconds for an event.
fn automata(events: &[Event], rounds: usize) -> [(String, f64); 2] {
    let (regex, (literals, count)) = (automata::regex(), automata::literals());
    let mut cache = regex.create_cache();
    let mut samples = [const { Vec::new() }; 2];
    for _ in 0..rounds {
        samples[0].push(per_event(events, |event| {
            let event = black_box(&event.bytes);
            black_box(regex.find_iter(&mut cache, event).count());
        }));
        samples[1].push(per_event(events, |event| {
            black_box(literals.find_iter(black_box(&event.bytes)).count());
        }));
    }
    let [regex, literals] = samples.map(median);
    let triggers = Inspector::triggers().count();
    [
        (format!("regex-automata, a lazy DFA of {triggers}"), regex),
        (
            format!("aho-corasick, a DFA of the {count} literals"),
            literals,
        ),
    ]
}

fn median(mut samples: Vec<f64>) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples[samples.len() / 2]
}

#[expect(
    clippy::cast_precision_loss,
    reason = "nanoseconds and counts far below 2^52"
)]
fn per_event(events: &[Event], mut work: impl FnMut(&Event)) -> f64 {
    // What came before has other bytes in the caches; an event that has just arrived is in them.
    for event in events {
        black_box(
            event
                .bytes
                .iter()
                .step_by(64)
                .fold(0, |all, byte| all ^ byte),
        );
    }
    let start = Instant::now();
    for event in events {
        work(event);
    }
    start.elapsed().as_nanos() as f64 / events.len() as f64
}

fn row(name: &str, events: &[Event], rounds: usize) -> Row {
    let mut samples = [const { Vec::new() }; 4];
    for _ in 0..rounds {
        samples[0].push(per_event(events, |event| {
            black_box(findings(event));
        }));
        samples[1].push(per_event(events, |event| {
            black_box(event.parse_typed());
        }));
        samples[2].push(per_event(events, |event| {
            black_box(serde_json::from_slice::<IgnoredAny>(&event.bytes).is_ok());
        }));
        samples[3].push(per_event(events, |event| {
            black_box(serde_json::from_slice::<Value>(&event.bytes).is_ok());
        }));
    }
    let [guard, typed, ignored, value] = samples.map(median);
    let allocations = alloc::count(|| {
        for event in events {
            black_box(findings(event));
        }
    });
    Row {
        name: name.to_owned(),
        bytes: events.iter().map(|event| event.bytes.len()).sum::<usize>() / events.len(),
        guard,
        typed,
        ignored,
        value,
        allocations,
        findings: events.iter().map(findings).sum(),
        rules: rules(events),
    }
}

fn run(record: bool, every_hostile: bool) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let host = host::description();
    writeln!(out, "{host}\n")?;
    writeln!(
        out,
        "{:<30} {:>9} {:>11} {:>11} {:>8} {:>11} {:>11} {:>7} {:>8}",
        "event",
        "bytes",
        "guard ns",
        "typed ns",
        "guard %",
        "ignored ns",
        "Value ns",
        "allocs",
        "findings"
    )?;
    let mut rows = Vec::new();
    let mut emit = |row: Row| -> io::Result<()> {
        writeln!(
            out,
            "{:<30} {:>9} {:>11.0} {:>11.0} {:>8.1} {:>11.0} {:>11.0} {:>7} {:>8}",
            row.name,
            row.bytes,
            row.guard,
            row.typed,
            100.0 * row.guard / row.typed,
            row.ignored,
            row.value,
            row.allocations,
            row.findings,
        )?;
        out.flush()?;
        for rule in &row.rules {
            writeln!(out, "    found: {rule}")?;
        }
        rows.push(row);
        Ok(())
    };
    emit(row("rotated 3000 x 1 KiB", &events::rotation(3000), 15))?;
    let same = vec![events::rotation(1).remove(0); 3000];
    emit(row("one event again and again", &same, 15))?;
    let mut values = events::Values::new(3);
    emit(row("sqs batch of 10", &[events::sqs(&mut values, 10)], 301))?;
    for kind in ["json", "text", "form", "base64", "picture"] {
        emit(row(
            &format!("64 KiB {kind}"),
            &[events::large(kind, 64 << 10)],
            101,
        ))?;
        emit(row(
            &format!("6 MiB {kind}"),
            &[events::large(kind, 6 * MIB - 4096)],
            5,
        ))?;
    }
    let cases = Path::new("tests/data/cases");
    let worst = if cases.is_dir() {
        worst::find(cases)?
    } else {
        writeln!(out, "hostile events: skipped, no {}", cases.display())?;
        Vec::new()
    };
    write_worst(&mut out, &worst, every_hostile)?;
    writeln!(out, "\nrotated 3000 x 1 KiB, stage by stage: guard ns")?;
    let mut parts = Vec::from(stages(&events::rotation(3000), 15));
    parts.extend(automata(&events::rotation(3000), 5));
    for (name, ns) in &parts {
        writeln!(out, "{name:<44} {ns:>10.0}")?;
    }
    let layer = middleware::measure(&events::rotation(3000), 15, "enforce")?;
    writeln!(
        out,
        "\nrotated 3000 x 1 KiB, middleware, warm: {:.0} ns beyond inspection ({:.0} with the layer, \
         {:.0} without, {:.0} inspection)",
        layer.beyond, layer.guarded, layer.plain, layer.inspection
    )?;
    let cold = cold()?;
    writeln!(
        out,
        "\n{:<44} {:>10} {:>10}",
        "first call in a new process", "guard ns", "typed ns"
    )?;
    writeln!(
        out,
        "{:<44} {:>10.0} {:>10.0}",
        "one 1 KiB event", cold.0, cold.1
    )?;
    for (memory, name) in [(128.0, "128 MB"), (1024.0, "1 GB")] {
        let dollars = dollars_per_million(rows[0].guard, memory);
        writeln!(out, "cost at {name}: ${dollars:.5} per million invocations")?;
    }
    let mut entries: Vec<Value> = rows
        .iter()
        .map(|row| {
            json!({"name": row.name, "value": row.guard, "unit": "ns", "bytes": row.bytes,
                "baseline": {"typed": row.typed, "ignored": row.ignored, "value": row.value},
                "ratio": row.guard / row.typed, "allocations": row.allocations})
        })
        .collect();
    entries.extend(
        parts.iter().map(
            |(name, ns)| json!({"name": format!("rotated: {name}"), "value": ns, "unit": "ns"}),
        ),
    );
    entries.push(
        json!({"name": "middleware, warm, beyond inspection", "value": layer.beyond,
        "unit": "ns", "baseline": {"guarded": layer.guarded, "plain": layer.plain,
            "inspection": layer.inspection}}),
    );
    entries.push(json!({"name": "cold call", "value": cold.0, "unit": "ns",
        "baseline": {"typed": cold.1}, "ratio": cold.0 / cold.1}));
    if let Some(first) = worst.first() {
        let (largest, linearity) = extremes(&worst);
        for (name, value) in [
            ("worst hostile event, 64 KiB", first.ratio),
            ("worst hostile event, 6 MiB", largest),
        ] {
            entries.push(
                json!({"name": name, "value": value, "unit": "x typed parse",
                "input": first.unit}),
            );
        }
        entries.push(
            json!({"name": "worst hostile event, a byte of 6 MiB in one of 1 MiB",
            "value": linearity, "unit": "x"}),
        );
    }
    fs::create_dir_all("target")?;
    fs::write("target/bench.json", serde_json::to_string_pretty(&entries)?)?;
    if record {
        write_record(&rows, &layer, cold, &worst)?;
    }
    Ok(())
}

/// The dearest hostile events at every size; all of them at the size they were tried at if `every`.
fn write_worst(out: &mut impl Write, worst: &[Worst], every: bool) -> io::Result<()> {
    writeln!(
        out,
        "\nworst of {} hostile events, in typed parses of the same bytes\n\
         {:>8} {:>8} {:>8} {:>8} {:>8} {:>9} {:>9}  {:<8}repeated",
        worst.len(),
        "64 KiB",
        "1 MiB",
        "2 MiB",
        "4 MiB",
        "6 MiB",
        "ms",
        "linear",
        "as"
    )?;
    for worst in worst {
        if worst.sizes.is_empty() && !every {
            break;
        }
        write!(out, "{:>8.2}", worst.ratio)?;
        for (guard, typed) in &worst.sizes {
            write!(out, " {:>8.2}", guard / typed)?;
        }
        if let Some((last, _)) = worst.sizes.last() {
            write!(out, " {:>9.1} {:>9.2}", last / 1e6, worst.linearity())?;
        }
        writeln!(out, "  {:<8}{}", worst.place, worst.unit.escape_default())?;
    }
    Ok(())
}

/// The dearest at the largest size, and what grows most from the smallest to the largest.
fn extremes(worst: &[Worst]) -> (f64, f64) {
    let most = |figure: fn(&Worst) -> f64| {
        worst
            .iter()
            .filter(|worst| !worst.sizes.is_empty())
            .map(figure)
            .fold(0.0, f64::max)
    };
    (most(Worst::largest), most(Worst::linearity))
}

/// Share of a vCPU that a memory size buys (1 769 MB are one), and Lambda's x86 price of
/// $0.0000166667 per GB-second.
fn dollars_per_million(ns: f64, megabytes: f64) -> f64 {
    let slowed = ns * (1769.0 / megabytes).max(1.0);
    slowed * 1e-9 * (megabytes / 1024.0) * 0.000_016_666_7 * 1e6
}

/// Medians of the first inspection, and of the first typed parse, in processes of their own.
fn cold() -> io::Result<(f64, f64)> {
    let me = std::env::current_exe()?;
    let mut samples = [Vec::new(), Vec::new()];
    for _ in 0..21 {
        let output = Command::new(&me).arg("--cold").output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        for (samples, figure) in samples.iter_mut().zip(text.split_whitespace()) {
            samples.push(figure.parse().map_err(io::Error::other)?);
        }
    }
    let [guard, typed] = samples.map(median);
    Ok((guard, typed))
}

fn cold_child() -> io::Result<()> {
    let events = events::rotation(1);
    let guard = per_event(&events, |event| {
        black_box(findings(event));
    });
    let typed = per_event(&events, |event| {
        black_box(event.parse_typed());
    });
    println!("{guard} {typed}");
    Ok(())
}

fn write_record(rows: &[Row], layer: &Cost, cold: (f64, f64), worst: &[Worst]) -> io::Result<()> {
    let mut table =
        "name,bytes,guard,typed,ignored_any,value,guard_of_typed,allocations\n".to_owned();
    for row in rows {
        let ratio = row.guard / row.typed;
        table += &format!(
            "\"{}\",{},{:.0},{:.0},{:.0},{:.0},{ratio:.4},{}\n",
            row.name.replace('"', "\"\""),
            row.bytes,
            row.guard,
            row.typed,
            row.ignored,
            row.value,
            row.allocations
        );
    }
    table += &format!(
        "\"rotated 3000 x 1 KiB, middleware beyond inspection\",,{:.0},,,,,\n",
        layer.beyond
    );
    table += &format!(
        "\"cold call\",,{:.0},{:.0},,,{:.4},\n",
        cold.0,
        cold.1,
        cold.0 / cold.1
    );
    if let Some(first) = worst.first() {
        let (largest, linearity) = extremes(worst);
        let tried = worst.len();
        table += &format!(
            "\"worst hostile event of {tried}, 64 KiB\",,,,,,{:.4},\n\
             \"worst hostile event of {tried}, 6 MiB\",,,,,,{largest:.4},\n\
             \"worst hostile event of {tried}, a byte of 6 MiB in one of 1 MiB\",,,,,,{linearity:.4},\n",
            first.ratio
        );
    }
    let what = "nanoseconds per event, medians of interleaved rounds";
    host::record("", what, &table).map_err(io::Error::other)
}
