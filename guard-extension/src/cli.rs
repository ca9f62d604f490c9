//! The `guard` command line: which command was asked for.
//!
//! Exit codes of every command: 0 done, 64 the policy or what was given cannot be read, 69 a
//! required tier is missing, 70 a fault of ours.

use std::ffi::OsString;
use std::io::{self, Write as _};

mod inspect;

/// The policy, or what was given on the command line, cannot be read.
const UNREADABLE: u8 = 64;

const HELP: &str = "\
usage: guard COMMAND [OPTION...]

  guard inspect [FILE...]   what the inspector finds in events, or in values of JSON Lines

guard COMMAND --help says more. Settings come from the GUARD_ variables of the environment.
";

/// Runs the command that `arguments`, the program's name left out, ask for.
#[must_use]
pub fn run(arguments: &[OsString]) -> u8 {
    let (command, rest) = match arguments.split_first() {
        Some((command, rest)) => (command.to_string_lossy(), rest),
        None => return refuse("a command is missing"),
    };
    match &*command {
        "inspect" => inspect::run(rest),
        "help" | "--help" | "-h" => {
            // Whoever closes the pipe has seen enough.
            let _ = io::stdout().write_all(HELP.as_bytes());
            0
        }
        other => refuse(&format!("\"{}\" is not a command", other.escape_debug())),
    }
}

fn refuse(message: &str) -> u8 {
    // Where standard error is closed, the exit code still tells.
    let _ = writeln!(io::stderr(), "guard: {message}; accepted: inspect, help");
    UNREADABLE
}
