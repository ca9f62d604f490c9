//! Warm invocations under Amazon's emulator, with the layer attached as Lambda attaches it.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use guard_tests::emulator::Emulator;
use guard_tests::isolation::Isolation;
use guard_tests::{Result, extension};

use crate::figures::{Samples, event};
use crate::report::{self, Report};
use crate::{Effort, VARIABLES, guard};

/// Event, and how many of them in a round.
const SIZES: [(usize, usize); 4] = [(1 << 10, 20), (20_000, 10), (256_000, 4), (6_000_000, 1)];

/// How long nothing happens while the processor's time is taken.
const IDLE: Duration = Duration::from_secs(5);

/// How often the emulators are started anew. Where the scheduler puts their processes stays as it is for long:
/// between one start and the next, the same program's share of the floor's differed by a third.
const STARTS: usize = 10;

/// What was measured of one size of event.
#[derive(Debug, Clone)]
struct Series {
    samples: [Samples; 3],
    /// Processor time of floor and guard for each event, summed up over the starts.
    cpu: [f64; 2],
    bytes: usize,
}

pub(crate) fn measure(effort: Effort, table: &mut Report) -> Result<()> {
    let me = std::env::current_exe().map_err(|error| error.to_string())?;
    let me = me.display();
    let bootstraps = [
        bootstrap("plain", &format!("exec {me} --function"))?,
        bootstrap("floor", &format!("exec {me} --floor {me} --function"))?,
        bootstrap(
            "wrapped",
            &format!("exec $AWS_LAMBDA_EXEC_WRAPPER {me} --function"),
        )?,
    ];
    let empty = Series {
        samples: [const { Samples::empty() }; 3],
        cpu: [0.0; 2],
        bytes: 0,
    };
    let mut series = vec![empty; effort.sizes.min(SIZES.len())];
    for left in (0..STARTS).rev() {
        let mut started = start_all(&bootstraps)?;
        let ids = started.ids;
        for ((bytes, times), series) in SIZES.into_iter().zip(&mut series) {
            started.invoke(bytes, times, effort.rounds.div_ceil(STARTS), series)?;
        }
        if left == 0 {
            for series in &series {
                #[expect(clippy::cast_precision_loss, reason = "ten")]
                let cpu = series.cpu.map(|micros| micros / STARTS as f64);
                table.compare("emulator", series.bytes, 200, &series.samples, cpu);
            }
            let [_, guard] = ids;
            table.process("extension", guard);
            table.idle("extension", guard, IDLE);
        }
    }
    Ok(())
}

/// An emulator for each way to run the function, and the processes of floor and guard.
#[derive(Debug)]
struct Started {
    emulators: [Emulator; 3],
    ids: [Option<u32>; 2],
}

fn start_all(bootstraps: &[PathBuf; 3]) -> Result<Started> {
    let [plain, floor, wrapped] = bootstraps;
    // The emulator starts function and extensions with the first event, and every extension that is there.
    extension::detach()?;
    let plain = start(plain, &[])?;
    let floor = start(floor, &[])?;
    extension::attach_program(&guard())?;
    let guarded = start(wrapped, &[WRAPPER])?;
    let id = extension::extension_ids();
    let id = id.first().and_then(|id| id.parse().ok());
    Ok(Started {
        emulators: [plain, floor, guarded],
        ids: [process_with("--floor"), id],
    })
}

impl Started {
    /// Sends each of them events of `bytes` bytes, `times` in a row, in turns. The first round is for the caches.
    fn invoke(
        &mut self,
        bytes: usize,
        times: usize,
        rounds: usize,
        series: &mut Series,
    ) -> Result<()> {
        let event = event(bytes, 200);
        series.bytes = event.len();
        let before = report::now(self.ids);
        for round in 0..rounds + 1 {
            for (emulator, samples) in self.emulators.iter_mut().zip(&mut series.samples) {
                for _ in 0..times {
                    let start = Instant::now();
                    emulator.invoke(&event)?;
                    if round > 0 {
                        samples.push(start.elapsed());
                    }
                }
            }
        }
        let micros = report::since(before, self.ids, (rounds + 1) * times);
        for (sum, micros) in series.cpu.iter_mut().zip(micros) {
            *sum += micros;
        }
        Ok(())
    }
}

pub(crate) const WRAPPER: (&str, &str) = ("AWS_LAMBDA_EXEC_WRAPPER", "/opt/guard/wrap");

/// The process that was started with `argument`.
fn process_with(argument: &str) -> Option<u32> {
    std::fs::read_dir("/proc")
        .ok()?
        .flatten()
        .find_map(|process| {
            let line = std::fs::read(process.path().join("cmdline")).ok()?;
            let mut words = line.split(|byte| *byte == 0);
            let is_it = words.any(|word| word == argument.as_bytes());
            is_it.then(|| process.file_name().to_str()?.parse().ok())?
        })
}

fn start(bootstrap: &std::path::Path, variables: &[(&str, &str)]) -> Result<Emulator> {
    let mut all = VARIABLES.to_vec();
    all.extend_from_slice(variables);
    let mut emulator = Emulator::start(Isolation::Namespaces, bootstrap, &all)?;
    let response = emulator.invoke(&event(1000, 200))?;
    match response.status {
        200 if response.body.len() == 200 => Ok(emulator),
        status => Err(format!("emulator: status {status}: {}", emulator.output())),
    }
}

pub(crate) fn bootstrap(name: &str, text: &str) -> Result<PathBuf> {
    extension::script(name, text)
}
