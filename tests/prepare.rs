//! `prepare`: fetches what the tests take from package registries, and builds what has to be, so that
//! they need no network afterwards. Each test does so for itself where this has not run.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use guard_tests::{Result, clients, extension, fetch};

type Part = fn() -> Result<PathBuf>;

/// What is fetched. First what takes longest, since it is compiled.
const PARTS: [(&str, Part); 9] = [
    ("AWS's client for Node.js", clients::node_modules),
    ("AWS's client for Python", extension::python_client),
    ("Amazon's emulator", || fetch::EMULATOR.path()),
    ("cargo-lambda", || fetch::CARGO_LAMBDA.path()),
    ("moto", clients::moto),
    ("linters of deploy files", clients::linters),
    ("AWS's CDK", clients::cdk),
    ("the Serverless Framework", clients::serverless),
    ("clients of databases", clients::databases),
];

fn main() -> ExitCode {
    let mut failed = false;
    for (name, part) in PARTS {
        let start = Instant::now();
        match part() {
            Ok(_) => eprintln!("prepare: {name}: {} s", start.elapsed().as_secs()),
            Err(reason) => {
                eprintln!("prepare: {name}: {reason}");
                failed = true;
            }
        }
    }
    if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}
