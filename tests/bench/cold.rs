//! Cold starts: from the emulator's start to the first response, without the layer, with it, and with
//! it and everything that the process tier decides about restricted.

use std::time::Instant;

use guard_tests::emulator::Emulator;
use guard_tests::isolation::Isolation;
use guard_tests::{Result, extension};

use crate::figures::{Samples, event};
use crate::report::Report;
use crate::warm::{WRAPPER, bootstrap};
use crate::{Effort, VARIABLES, guard};

/// Inspection alone; and with it allowlists of all kinds, of which the function needs nothing beyond
/// its own files.
const WAYS: [&[(&str, &str)]; 2] = [
    &[("GUARD_TIER", "observer")],
    &[
        ("GUARD_REQUIRE", "process"),
        ("GUARD_EGRESS_ALLOW", ""),
        ("GUARD_FILE_READ", "runtime"),
        ("GUARD_FILE_WRITE", "/tmp"),
        ("GUARD_EXEC_ALLOW", ""),
    ],
];

pub(crate) fn measure(effort: Effort, report: &mut Report) -> Result<()> {
    let me = std::env::current_exe().map_err(|error| error.to_string())?;
    let bootstrap = bootstrap(
        "cold",
        &format!("exec $AWS_LAMBDA_EXEC_WRAPPER {} --function", me.display()),
    )?;
    let event = event(1000, 200);
    let mut samples = [const { Samples::empty() }; 3];
    let ways = [None, Some(WAYS[0]), Some(WAYS[1])];
    let has_parts = guard().with_file_name("libguard.so").exists();
    for round in 0..=effort.starts {
        for (way, samples) in ways.into_iter().zip(&mut samples) {
            extension::detach()?;
            let mut variables = VARIABLES.to_vec();
            if let Some(way) = way {
                if way.contains(&("GUARD_REQUIRE", "process")) && !has_parts {
                    continue;
                }
                extension::attach_program(&guard())?;
                variables.push(WRAPPER);
                variables.extend_from_slice(way);
            }
            let start = Instant::now();
            let mut emulator = Emulator::start(Isolation::Namespaces, &bootstrap, &variables)?;
            let response = emulator.invoke(&event)?;
            if response.status != 200 {
                return Err(format!("cold start: {}", emulator.output()));
            }
            if round > 0 {
                samples.push(start.elapsed());
            }
        }
    }
    let [without, observer, process] = samples;
    report.cold("cold", "the layer", &without, &observer);
    if has_parts {
        let what = "the layer and all allowlists";
        report.cold("cold process tier", what, &without, &process);
    } else {
        eprintln!("cold start of the process tier: skipped, libguard.so is not beside the program");
    }
    Ok(())
}
