//! Starts a runtime behind the proxy: the exec wrapper, `/opt/guard/wrap`.
//!
//! Runs before the function in its own process: one thread, no runtime, and then it is the function.
//! Never starts it unguarded without a word. Must not know: verdicts.

use std::ffi::OsString;
use std::io::{self, ErrorKind};
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use guard_core::policy::{Mode, Policy, Require};

use crate::exit;
use crate::rendezvous::Found;
use crate::{endpoint, process, rendezvous, settings};

/// Runs the exec wrapper: `command` is the runtime and its arguments. Comes back only when it
/// cannot be started.
pub fn run(command: &[OsString]) -> u8 {
    if command.is_empty() {
        eprintln!("guard: the exec wrapper needs the runtime's command, Lambda hands it over");
        return exit::USAGE;
    }
    // What is wrong with the policy the extension has said already.
    let (policy, mode) = match settings::read() {
        Ok(policy) => {
            let mode = policy.mode();
            (policy, mode)
        }
        Err(error) => (error.policy.readable().clone(), error.policy.mode()),
    };
    if mode == Mode::Off {
        return exec(&policy, command, None);
    }
    match find() {
        Ok(found) => exec(&policy, command, Some(&found)),
        Err(error) if mode == Mode::Enforce || policy.require() != Require::None => {
            eprintln!("{}", missing(&error, "the function is not started"));
            exit::TIER
        }
        Err(error) => {
            eprintln!("{}", missing(&error, "the function runs unguarded"));
            exec(&policy, command, None)
        }
    }
}

/// The running extension.
pub(crate) fn find() -> io::Result<Found> {
    let address = settings::variable(endpoint::VARIABLE).ok_or(ErrorKind::NotFound)?;
    rendezvous::ask(&address)
}

/// Becomes `command`, behind the extension if there is one. Comes back only when it cannot be
/// started.
pub(crate) fn exec(policy: &Policy, command: &[OsString], found: Option<&Found>) -> u8 {
    let next = policy.next_wrapper().map(OsString::from);
    let words: Vec<OsString> = next.into_iter().chain(command.iter().cloned()).collect();
    let parts = found.and_then(|found| found.parts.as_ref());
    let words = parts.map_or_else(|| words.clone(), |parts| process::command(parts, &words));
    let Some((program, arguments)) = words.split_first() else {
        return exit::USAGE;
    };
    let mut command = Command::new(program);
    command.args(arguments);
    if let Some(found) = found {
        command.env(endpoint::VARIABLE, address(found.port));
    }
    if let Some(parts) = parts {
        command.env(process::RENDEZVOUS, &parts.rendezvous);
    }
    let error = command.exec();
    eprintln!("guard: {}: {error}", program.display());
    exit::not_started(&error)
}

/// The proxy's address, as runtimes want it.
pub(crate) fn address(port: u16) -> String {
    format!("127.0.0.1:{port}")
}

/// One line on why there is no extension, and what follows.
fn missing(error: &io::Error, outcome: &str) -> String {
    let why = match error.kind() {
        ErrorKind::NotFound => format!("{} is not set", endpoint::VARIABLE),
        ErrorKind::ConnectionRefused => "it is not running".to_owned(),
        ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset => {
            "it ended while it was starting, as it says itself".to_owned()
        }
        ErrorKind::WouldBlock | ErrorKind::TimedOut => "it does not answer".to_owned(),
        ErrorKind::PermissionDenied => "another user's process answers in its place".to_owned(),
        ErrorKind::InvalidData => "what answers is another release or no guard".to_owned(),
        _ => error.to_string(),
    };
    format!(
        "guard: no extension to inspect events ({why}): {outcome}; attach the layer that holds \
         /opt/extensions/guard, or set GUARD_MODE=off"
    )
}
