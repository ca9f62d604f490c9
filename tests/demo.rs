//! `make demo`: real events and attacks, under Amazon's emulator, without Guard and with it.

use std::io::Write;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use guard_tests::Result;
use guard_tests::demo::{self, Event, Outcome};
use guard_tests::emulator::Emulator;
use guard_tests::fetch::EMULATOR;
use guard_tests::function::{self, Profile};
use guard_tests::isolation::{self, Isolation};

/// Warm invocations of each event and variant, and when to stop even if there were fewer.
const ROUNDS: usize = 200;
const PATIENCE: Duration = Duration::from_millis(1500);

/// Dollars per GB-second: x86, first tier, us-east-1.
const DOLLARS: f64 = 0.000_016_666_7;

fn main() -> ExitCode {
    // Built and fetched outside: the namespaces have no network.
    let prepared = std::env::var_os("GUARD_TESTS_INSIDE").is_some() || prepare();
    match prepared.then(isolation::enter) {
        Some(Ok(true)) => match run() {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            Err(error) => complain(&error),
        },
        Some(Ok(false)) => ExitCode::SUCCESS,
        Some(Err(error)) => complain(&error),
        None => ExitCode::FAILURE,
    }
}

fn complain(error: &str) -> ExitCode {
    eprintln!("demo: {error}");
    ExitCode::FAILURE
}

fn prepare() -> bool {
    eprintln!(
        "demo: building the order service as it would be deployed (a minute or two at first)"
    );
    let ready = EMULATOR
        .path()
        .and_then(|_| function::build("order-service", Profile::Release));
    if let Err(error) = &ready {
        eprintln!("demo: {error}");
    }
    ready.is_ok()
}

/// One event's way through the function.
struct Row<'e> {
    event: &'e Event,
    without: Outcome,
    with: Outcome,
    /// Whether the guarded function's answer is the same to the byte.
    same: bool,
    added: Option<Added>,
}

/// What warm invocations took longer, in microseconds, each beside one of the unguarded function
/// that was sent just before or after.
struct Added {
    guard: Vec<f64>,
    /// The same for a second copy of the unguarded function: what this measurement cannot see.
    twin: Vec<f64>,
    plain: Vec<f64>,
}

/// Whether everything went as promised: benign events unchanged, attacks stopped.
fn run() -> Result<bool> {
    let function = function::program("order-service", Profile::Release);
    let events = demo::events()?;
    let plain = || Emulator::start(Isolation::Namespaces, &function, &[]);
    // The first has the ports that the request forgery aims at.
    let mut without = plain()?;
    let mut twin = plain()?;
    let variables = [("ORDERS_GUARD", "on"), ("GUARD_MODE", "enforce")];
    let mut with = Emulator::start(Isolation::Namespaces, &function, &variables)?;

    let mut rows = Vec::with_capacity(events.len());
    for event in &events {
        let (without, plain) = event.send(&mut without)?;
        let (_, _) = event.send(&mut twin)?;
        let (with, guarded) = event.send(&mut with)?;
        rows.push(Row {
            event,
            without,
            with,
            same: plain == guarded,
            added: None,
        });
    }
    let mut told = Instant::now();
    for (nth, row) in rows.iter_mut().enumerate() {
        if told.elapsed() > Duration::from_secs(2) {
            eprintln!("demo: measuring, event {} of {}", nth + 1, events.len());
            told = Instant::now();
        }
        row.added = Some(measure(row.event, &mut without, &mut twin, &mut with)?);
    }
    print(&rows).map_err(|error| format!("standard output: {error}"))?;
    Ok(rows.iter().all(Row::is_as_promised))
}

fn measure(
    event: &Event,
    without: &mut Emulator,
    twin: &mut Emulator,
    with: &mut Emulator,
) -> Result<Added> {
    let time = |emulator: &mut Emulator| -> Result<f64> {
        let start = Instant::now();
        emulator.invoke(&event.bytes)?;
        Ok(start.elapsed().as_secs_f64() * 1e6)
    };
    let start = Instant::now();
    let mut times: [Vec<f64>; 3] = Default::default();
    for round in 0..ROUNDS {
        if start.elapsed() > PATIENCE {
            break;
        }
        // Who goes first takes turns: the first after a pause pays for cold caches.
        let mut took = [0.0; 3];
        for turn in 0..3 {
            let who = (round + turn) % 3;
            took[who] = match who {
                0 => time(without)?,
                1 => time(twin)?,
                _ => time(with)?,
            };
        }
        for (times, took) in times.iter_mut().zip(took) {
            times.push(took);
        }
    }
    let [plain, twin, with] = times;
    let difference = |other: &[f64]| other.iter().zip(&plain).map(|(a, b)| a - b).collect();
    Ok(Added {
        guard: difference(&with),
        twin: difference(&twin),
        plain,
    })
}

fn median<'v>(values: impl IntoIterator<Item = &'v f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().copied().collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

impl Row<'_> {
    fn is_as_promised(&self) -> bool {
        let attack_works = matches!(self.without, Outcome::Done(_));
        let guarded_well = match self.event.attack {
            Some(_) => matches!(self.with, Outcome::Blocked(_)),
            None => matches!(self.with, Outcome::Done(_)) && self.same,
        };
        attack_works && guarded_well
    }

    fn cells(&self) -> [String; 6] {
        let with = match &self.with {
            Outcome::Done(_) if self.event.attack.is_some() => "NOT STOPPED".into(),
            Outcome::Done(_) if self.same => "passed unchanged".into(),
            Outcome::Done(_) => "ANSWER CHANGED".into(),
            Outcome::Blocked(by) if self.event.attack.is_some() => by.clone(),
            Outcome::Blocked(by) => format!("WRONGLY BLOCKED: {by}"),
            Outcome::Other(what) => what.clone(),
        };
        let without = match &self.without {
            Outcome::Done(what) | Outcome::Blocked(what) | Outcome::Other(what) => what.clone(),
        };
        [
            self.event.name.clone(),
            self.event.trigger.clone(),
            self.event.attack.clone().unwrap_or_else(|| "-".into()),
            without,
            with,
            self.added.as_ref().map_or_else(String::new, |added| {
                format!("{:+.1} us", median(&added.guard))
            }),
        ]
    }
}

fn print(rows: &[Row<'_>]) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    let head = [
        "what the sender is after",
        "trigger",
        "attack",
        "without Guard",
        "with Guard",
        "added",
    ];
    let mut table = vec![head.map(String::from)];
    table.extend(rows.iter().map(Row::cells));
    let mut widths = [0; 6];
    for cells in &table {
        for (width, cell) in widths.iter_mut().zip(cells) {
            *width = cell.chars().count().max(*width);
        }
    }
    writeln!(out)?;
    for (nth, cells) in table.iter().enumerate() {
        let line: Vec<String> = cells
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        writeln!(out, "{}", line.join("  ").trim_end())?;
        if nth == 0 {
            writeln!(out, "{}", widths.map(|width| "-".repeat(width)).join("  "))?;
        }
    }
    // Pooled: a guard's few microseconds drown in the noise of a single event's pairs.
    let benign = |values: fn(&Added) -> &Vec<f64>| {
        let of = |row: &&Row<'_>| row.event.attack.is_none();
        median(
            rows.iter()
                .filter(of)
                .filter_map(|row| row.added.as_ref().map(values))
                .flatten(),
        )
    };
    let (guard, plain) = (benign(|added| &added.guard), benign(|added| &added.plain));
    let noise = benign(|added| &added.twin).abs();
    writeln!(out)?;
    writeln!(
        out,
        "added to a benign warm invocation: {guard:+.1} us on {plain:.0} us through the emulator \
         (median; two unguarded copies differ by {noise:.1} us)"
    )?;
    // A microsecond on each of a million invocations is one second.
    let million = guard.max(0.0) * DOLLARS;
    writeln!(
        out,
        "cost per million invocations (x86): ${:.6} at 128 MB, ${million:.6} at 1 GB, beside $0.20 \
         for the requests; a bill counts whole milliseconds, this is the average",
        million / 8.0
    )?;
    writeln!(out, "measured on {}", host())?;
    let off = rows.iter().filter(|row| !row.is_as_promised()).count();
    let attacks = rows.iter().filter(|row| row.event.attack.is_some()).count();
    writeln!(
        out,
        "{} attacks and {} benign events, {off} not as promised",
        attacks,
        rows.len() - attacks
    )
}

fn host() -> String {
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    let cpu = read("/proc/cpuinfo");
    let cpu = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("unknown processor", |(_, name)| name);
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let kernel = read("/proc/sys/kernel/osrelease");
    format!(
        "{cpu}, {cores} cores, Linux {}, {}",
        kernel.trim(),
        std::env::consts::ARCH
    )
}
