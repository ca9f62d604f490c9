//! The `guard` program: hands its arguments to the command they name.

use std::process::ExitCode;

use guard_extension::cli::{self, Exit};

fn main() -> ExitCode {
    // A panic has printed its message by then; what is left is to say whose fault it was.
    std::panic::catch_unwind(|| cli::run(lexopt::Parser::from_env()))
        .unwrap_or(Exit::Bug)
        .into()
}
