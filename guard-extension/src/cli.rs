//! The command line: which command is meant, and what each prints.
//!
//! Exit codes: 0, 64 for a policy or command line that cannot be read, 69 where what the policy
//! requires is missing, 70 for a fault of the guard. `guard exec` ends as what it started ends.

mod check;
mod exec;
mod explain;

use std::ffi::OsString;

use crate::exit;

/// A command.
struct Command {
    name: &'static str,
    usage: &'static str,
    does: &'static str,
    run: fn(&[OsString]) -> u8,
}

const COMMANDS: [Command; 3] = [
    Command {
        name: "check",
        usage: "guard check [--json]",
        does: "parse the policy in the environment, print every problem and what it means in effect",
        run: check::run,
    },
    Command {
        name: "exec",
        usage: "guard exec -- COMMAND [ARGUMENT...]",
        does: "run COMMAND as the function behind the running extension, or behind a proxy of its \
               own",
        run: exec::run,
    },
    Command {
        name: "explain",
        usage: "guard explain [--json]",
        does: "print every setting, and what the policy in the environment means in effect",
        run: explain::run,
    },
];

/// Runs the command that `arguments` ask for; the exit code.
pub fn run(arguments: &[OsString]) -> u8 {
    let (name, rest) = match arguments.split_first() {
        Some((name, rest)) => (name.to_string_lossy(), rest),
        None => ("".into(), arguments),
    };
    match name.as_ref() {
        "--help" | "-h" | "help" => {
            print!("{}", help());
            0
        }
        "--version" | "-V" => {
            println!("guard {}", env!("CARGO_PKG_VERSION"));
            0
        }
        name => match COMMANDS.iter().find(|command| command.name == name) {
            Some(command) if is_help(rest) => {
                println!("usage: {}\n\n{}", command.usage, command.does);
                0
            }
            Some(command) => (command.run)(rest),
            None => {
                eprint!("guard: no command {name:?}\n\n{}", help());
                exit::USAGE
            }
        },
    }
}

/// Whether help is asked for, not by what a command is to start.
fn is_help(arguments: &[OsString]) -> bool {
    arguments
        .iter()
        .take_while(|argument| *argument != "--")
        .any(|argument| argument == "--help" || argument == "-h")
}

fn help() -> String {
    let mut text = String::from("usage: guard COMMAND\n\n");
    for command in &COMMANDS {
        text.push_str(&format!("  {}\n      {}\n", command.usage, command.does));
    }
    text.push_str(
        "\nIn /opt/extensions the program is the Lambda extension, as /opt/guard/wrap the exec \
         wrapper.\nExit codes: 0, 64 policy or command line unreadable, 69 required tier missing, \
         70 fault of the guard.\n",
    );
    text
}

/// Whether `--json` is the only argument, or there is none.
fn json(command: &str, arguments: &[OsString]) -> Result<bool, u8> {
    match arguments {
        [] => Ok(false),
        [json] if json == "--json" => Ok(true),
        [first, ..] => {
            eprintln!(
                "guard {command}: \"{}\" is no argument, accepted is --json",
                first.display()
            );
            Err(exit::USAGE)
        }
    }
}
