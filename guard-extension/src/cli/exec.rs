//! `guard exec`: a function behind the running extension, or behind a proxy of its own.
//!
//! For bootstraps of `provided.*`, entrypoints of container images and development. Without an
//! extension this process stays, serves the proxy and ends as the function ends.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use guard_core::policy::{Mode, Policy};
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::Command as Program;
use tokio::signal::unix::{SignalKind, signal};

use super::{Command, Exit, rest};
use crate::endpoint::{self, Endpoint};
use crate::lifecycle::{announce, runtime_api, share};
use crate::process::{self, ProcessTier};
use crate::proxy::Proxy;
use crate::settings::{self, Settings};
use crate::{exit, status, wrap};

pub(super) const COMMAND: Command = Command {
    name: "exec",
    summary: "run a program as the function, behind the running extension or a proxy of its own",
    help: "\
usage: guard exec -- COMMAND [ARGUMENT...]

Runs COMMAND as the function's runtime: what it gets from the Runtime API is inspected,
and what it answers is searched for the function's secrets. Behind the running extension
where there is one, else behind a proxy of its own. Where AWS_LAMBDA_RUNTIME_API is not
set, only the policy on programs, files and connections applies: for use on your machine.

exit codes: COMMAND's own; 64 the policy cannot be read, 69 a required tier is missing,
70 a bug in Guard, 126 COMMAND cannot be started, 127 COMMAND is not there
",
    run: |arguments| Ok(Exit::With(run(&rest(arguments)?))),
};

/// How often what programs reported is taken down.
const LOOK: Duration = Duration::from_millis(250);
/// The same while programs report something.
const SOON: Duration = Duration::from_millis(25);

fn run(arguments: &[OsString]) -> u8 {
    let command = match arguments.split_first() {
        Some((dashes, command)) if dashes == "--" && !command.is_empty() => command,
        _ => {
            eprintln!("guard exec: no command, accepted is: guard exec -- COMMAND [ARGUMENT...]");
            return exit::USAGE;
        }
    };
    let Settings { policy, problems } = match Settings::from_env() {
        Ok(settings) => settings,
        Err(errors) => {
            eprintln!("{errors}");
            return exit::USAGE;
        }
    };
    if policy.mode() == Mode::Off {
        return wrap::exec(&policy, command, None);
    }
    if let Ok(found) = wrap::find() {
        return wrap::exec(&policy, command, Some(&found));
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let ended = runtime.and_then(|runtime| runtime.block_on(serve(policy, problems, command)));
    match ended {
        Ok(code) => code,
        Err(error) => {
            eprintln!("guard exec: {error}");
            exit::FAULT
        }
    }
}

/// Runs the command behind a proxy of this process, until it ends.
async fn serve(policy: Policy, problems: Vec<String>, command: &[OsString]) -> io::Result<u8> {
    let endpoint = match settings::variable(endpoint::VARIABLE).map(|_| runtime_api()) {
        Some(Ok(endpoint)) => Some(endpoint),
        Some(Err(message)) => {
            eprintln!("guard exec: {message}");
            return Ok(exit::USAGE);
        }
        None => None,
    };
    let next = policy.next_wrapper().map(OsString::from);
    let words: Vec<OsString> = next.into_iter().chain(command.iter().cloned()).collect();
    // Files in /tmp are not removed here: beside a developer's programs they are not only the
    // function's.
    let name = format!("exec-{}", std::process::id());
    let listening = match endpoint {
        Some(_) => Some(Proxy::listen().await?),
        None => None,
    };
    let port = listening.as_ref().map(|(_, port)| *port);
    let process = process::choose(&policy, &name, port).await;
    if let Some(message) = status::missing_tier(&policy, process.as_ref().err()) {
        eprintln!("guard exec: {message}");
        return Ok(exit::TIER);
    }
    if endpoint.is_none() {
        let unset = format!("{} is not set", endpoint::VARIABLE);
        if let Err(why) = &process {
            eprintln!("guard exec: {unset}, and no program is guarded here ({why})");
            return Ok(exit::USAGE);
        }
        eprintln!("guard exec: {unset}: programs are guarded, events are not inspected");
    }
    // Without a Runtime API there is no proxy that would ask there.
    let (shared, why) = share(
        policy,
        endpoint.unwrap_or_else(Endpoint::none),
        None,
        process,
    );
    let proxy = listening.map(|(listener, _)| Proxy::new(listener, Arc::clone(&shared)));
    announce(&shared, why.as_deref(), &problems);
    let parts = shared.process.as_ref().map(ProcessTier::parts);
    let words = parts.map_or_else(|| words.clone(), |parts| process::command(parts, &words));
    let Some((program, arguments)) = words.split_first() else {
        return Ok(exit::USAGE);
    };
    let mut command = Program::new(program);
    command.args(arguments);
    if let Some(port) = port {
        command.env(endpoint::VARIABLE, wrap::address(port));
    }
    if let Some(parts) = parts {
        command.env(process::RENDEZVOUS, &parts.rendezvous);
    }
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => {
            eprintln!("guard exec: {}: {error}", program.display());
            return Ok(exit::not_started(&error));
        }
    };
    let pid = child
        .id()
        .and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
    if let Some(proxy) = proxy {
        tokio::spawn(proxy.serve());
    }
    let writing = Arc::clone(&shared);
    tokio::spawn(async move { writing.records.keep_writing().await });
    // No invocation says when to look at what programs reported.
    let draining = Arc::clone(&shared);
    tokio::spawn(async move {
        let mut busy = true;
        loop {
            let pause = if busy { SOON } else { LOOK };
            tokio::time::sleep(pause).await;
            busy = draining.drain();
        }
    });
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let status = loop {
        let signal = tokio::select! {
            status = child.wait() => break status?,
            _ = terminate.recv() => Signal::TERM,
            _ = interrupt.recv() => Signal::INT,
        };
        if let Some(pid) = pid {
            // It may have ended just now.
            let _ = kill_process(pid, signal);
        }
    };
    shared.end();
    Ok(code(status))
}

/// As shells answer: 128 and the signal for what a signal ended.
fn code(status: ExitStatus) -> u8 {
    let code = status
        .code()
        .or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code & 0xff).ok())
        .unwrap_or(exit::FAULT)
}
