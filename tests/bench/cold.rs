//! Cold starts: from the emulator's start to the first response, with the layer and without.

use std::fs;
use std::time::Instant;

use guard_tests::emulator::Emulator;
use guard_tests::isolation::Isolation;
use guard_tests::{Result, extension};

use crate::figures::{Samples, event};
use crate::report::Report;
use crate::warm::{WRAPPER, bootstrap};
use crate::{Effort, VARIABLES, guard};

pub(crate) fn measure(effort: Effort, report: &mut Report) -> Result<()> {
    let me = std::env::current_exe().map_err(|error| error.to_string())?;
    let bootstrap = bootstrap(
        "cold",
        &format!("exec $AWS_LAMBDA_EXEC_WRAPPER {} --function", me.display()),
    )?;
    let event = event(1000, 200);
    let mut samples = [const { Samples::empty() }; 2];
    for round in 0..=effort.starts {
        for (with_layer, samples) in [false, true].into_iter().zip(&mut samples) {
            let _ = fs::remove_dir_all("/opt/extensions");
            let _ = fs::remove_dir_all("/opt/guard");
            let mut variables = VARIABLES.to_vec();
            if with_layer {
                extension::attach_program(&guard())?;
                variables.push(WRAPPER);
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
    report.cold(&samples);
    Ok(())
}
