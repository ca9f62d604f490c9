//! The commands of `guard`: which there are, how they end.
//!
//! Exit codes: 0 done, 64 the policy or the arguments cannot be read, 69 a required tier is
//! missing, 70 a bug in Guard. Knows names and help; each command is a module of its own.

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::process::ExitCode;

use lexopt::prelude::*;

mod check;
mod exec;
mod explain;
mod inspect;
mod probe;
mod run;
mod scan;

/// How a command ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Exit {
    /// A fault of Guard itself.
    Bug,
    /// The command did what it is for.
    Done,
    /// The tier that `GUARD_REQUIRE` asks for cannot be had.
    TierMissing,
    /// The policy or the arguments cannot be read.
    Unreadable,
    /// Another code, which the command's help explains: that of the program that `guard exec` ran.
    With(u8),
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        // sysexits.h: EX_USAGE, EX_UNAVAILABLE, EX_SOFTWARE.
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Unreadable => 64,
            Exit::TierMissing => 69,
            Exit::Bug => 70,
            Exit::With(code) => code,
        })
    }
}

/// One command.
struct Command {
    name: &'static str,
    /// One line for the list.
    summary: &'static str,
    /// The whole text of `--help`.
    help: &'static str,
    run: fn(&mut lexopt::Parser) -> Result<Exit, lexopt::Error>,
}

/// Every command, in the order of the list.
const COMMANDS: &[Command] = &[
    check::COMMAND,
    exec::COMMAND,
    explain::COMMAND,
    inspect::COMMAND,
    scan::COMMAND,
    probe::COMMAND,
    run::COMMAND,
];

/// Runs the command that the arguments name.
pub fn run(mut arguments: lexopt::Parser) -> Exit {
    let command = match arguments.next() {
        Ok(Some(Value(name))) => {
            let name = name.to_string_lossy().into_owned();
            match COMMANDS.iter().find(|command| command.name == name) {
                Some(command) => command,
                None => return usage(&format!("{name:?} is no command; accepted: {}", names())),
            }
        }
        Ok(Some(Long("help") | Short('h'))) => {
            print(&overview());
            return Exit::Done;
        }
        Ok(Some(Long("version") | Short('V'))) => {
            print(concat!("guard ", env!("CARGO_PKG_VERSION"), "\n"));
            return Exit::Done;
        }
        Ok(Some(other)) => return usage(&other.unexpected().to_string()),
        Ok(None) => return usage(&format!("a command is missing; accepted: {}", names())),
        Err(error) => return usage(&error.to_string()),
    };
    if asks_for_help(&arguments) {
        print(command.help);
        return Exit::Done;
    }
    match (command.run)(&mut arguments) {
        Ok(exit) => exit,
        Err(error) => usage(&format!("{}: {error}", command.name)),
    }
}

/// `--help` counts wherever it stands, up to `--`.
fn asks_for_help(arguments: &lexopt::Parser) -> bool {
    let mut rest = arguments.clone();
    let Ok(rest) = rest.raw_args() else {
        return false;
    };
    rest.take_while(|argument| argument != "--")
        .any(|argument| argument == "--help" || argument == "-h")
}

/// The arguments as they are, for a command that reads them itself.
fn rest(arguments: &mut lexopt::Parser) -> Result<Vec<OsString>, lexopt::Error> {
    Ok(arguments.raw_args()?.collect())
}

fn names() -> String {
    COMMANDS
        .iter()
        .map(|command| command.name)
        .collect::<Vec<_>>()
        .join(", ")
}

fn overview() -> String {
    let mut text = String::from("Guard makes a Lambda function do what it was built for.\n\n");
    text += "usage: guard COMMAND [--help] [...]\n\n";
    for command in COMMANDS {
        text += &format!("  {:<10} {}\n", command.name, command.summary);
    }
    text += "\nexit codes: 0 done, 64 the policy or the arguments cannot be read,\n";
    text += "69 a required tier is missing, 70 a bug in Guard\n";
    text
}

fn usage(problem: &str) -> Exit {
    // Nowhere is left to report a closed standard error to.
    let _ = writeln!(io::stderr(), "guard: {problem} (guard --help)");
    Exit::Unreadable
}

/// Writes to standard output. A reader that has gone, as `head` does, is no fault.
fn print(text: &str) {
    let mut output = io::stdout().lock();
    let _ = output
        .write_all(text.as_bytes())
        .and_then(|()| output.flush());
}
