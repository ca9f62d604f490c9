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

pub(crate) fn measure(effort: Effort, table: &mut Report) -> Result<()> {
    let me = std::env::current_exe().map_err(|error| error.to_string())?;
    let me = me.display();
    let plain = bootstrap("plain", &format!("exec {me} --function"))?;
    let floor = bootstrap("floor", &format!("exec {me} --floor {me} --function"))?;
    let wrapped = bootstrap(
        "wrapped",
        &format!("exec $AWS_LAMBDA_EXEC_WRAPPER {me} --function"),
    )?;
    // The emulator starts function and extensions with the first event.
    let mut plain = start(&plain, &[])?;
    let mut floor = start(&floor, &[])?;
    extension::attach_program(&guard())?;
    let mut guarded = start(&wrapped, &[WRAPPER])?;
    let id = extension::extension_ids();
    let id = id.first().and_then(|id| id.parse().ok());
    let ids = [process_with("--floor"), id];
    for (bytes, times) in SIZES.into_iter().take(effort.sizes) {
        let event = event(bytes, 200);
        let mut samples = [const { Samples::empty() }; 3];
        let before = report::now(ids);
        for round in 0..effort.rounds + 1 {
            let emulators = [&mut plain, &mut floor, &mut guarded];
            for (emulator, samples) in emulators.into_iter().zip(&mut samples) {
                for _ in 0..times {
                    let start = Instant::now();
                    emulator.invoke(&event)?;
                    if round > 0 {
                        samples.push(start.elapsed());
                    }
                }
            }
        }
        let cpu = report::since(before, ids, (effort.rounds + 1) * times);
        table.compare("emulator", event.len(), 200, &samples, cpu);
    }
    table.process("extension", id);
    table.idle("extension", id, IDLE);
    Ok(())
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
