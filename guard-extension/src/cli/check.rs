//! `guard check`: every problem of the policy, and what it means in effect.

use std::fmt::Write as _;

use guard_core::error::Place;
use guard_core::policy::Mode;
use guard_core::{Policy, PolicyError};
use lexopt::prelude::*;
use serde_json::{Value as Json, json};

use super::{Command, Exit, print};
use crate::settings::{self, SettingsError};

pub(super) const COMMAND: Command = Command {
    name: "check",
    summary: "parse the policy, print every problem and what it means in effect",
    help: "\
usage: guard check [--json]

Reads the policy from the environment, and from the file that GUARD_POLICY names.
Prints every error, what the policy means in effect, and warnings for what is
likely not meant: rules that allow more than they seem to, settings without effect.

  --json   one JSON object: ok, mode, errors, effect, warnings

exit codes: 0 the policy can be read (warnings or not), 64 it cannot

Try a policy before deploying it:
  GUARD_MODE=enforce GUARD_EGRESS_ALLOW=api.example.com:443 guard check
",
    run,
};

fn run(arguments: &mut lexopt::Parser) -> Result<Exit, lexopt::Error> {
    let mut as_json = false;
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("json") => as_json = true,
            other => return Err(other.unexpected()),
        }
    }
    let read = settings::read();
    print(&if as_json {
        format!("{}\n", report(&read))
    } else {
        text(&read)
    });
    Ok(if read.is_ok() {
        Exit::Done
    } else {
        Exit::Unreadable
    })
}

fn text(read: &Result<Policy, SettingsError>) -> String {
    let mut text = String::new();
    let policy = match read {
        Ok(policy) => {
            text += "the policy can be read\n";
            Some(policy)
        }
        Err(error) => {
            let count = error.policy.errors().len();
            let _ = writeln!(
                text,
                "the policy has {count} error{}",
                if count == 1 { "" } else { "s" }
            );
            for line in error.to_string().lines() {
                let _ = writeln!(text, "  {line}");
            }
            text += consequence(error);
            error.in_effect()
        }
    };
    if let Some(policy) = policy {
        section(&mut text, "in effect", &policy.effect());
        section(&mut text, "warnings", &policy.warnings());
    }
    text
}

/// What follows from a policy that cannot be read.
fn consequence(error: &SettingsError) -> &'static str {
    match error.policy.mode() {
        Mode::Enforce => "mode enforce: the function does not start with it\n",
        Mode::Monitor => "mode monitor: the function starts, what can be read holds\n",
        Mode::Off => "mode off: the function starts, nothing is inspected or restricted\n",
    }
}

impl SettingsError {
    /// What holds in spite of the errors: nothing where the function does not start.
    pub(super) fn in_effect(&self) -> Option<&Policy> {
        (self.policy.mode() != Mode::Enforce).then(|| self.policy.readable())
    }
}

fn section(text: &mut String, title: &str, lines: &[String]) {
    if !lines.is_empty() {
        let _ = writeln!(text, "{title}");
    }
    for line in lines {
        let _ = writeln!(text, "  {line}");
    }
}

/// The same for programs.
pub(super) fn report(read: &Result<Policy, SettingsError>) -> Json {
    let (mode, errors, policy) = match read {
        Ok(policy) => (policy.mode(), Vec::new(), Some(policy)),
        Err(error) => {
            let list = error.policy.errors().iter().map(error_json).collect();
            (error.policy.mode(), list, error.in_effect())
        }
    };
    let file_error = read.as_ref().err().and_then(|error| error.file.as_ref());
    json!({
        "ok": read.is_ok(),
        "mode": mode.name(),
        "errors": errors,
        "file_error": file_error.map(ToString::to_string),
        "effect": policy.map(Policy::effect).unwrap_or_default(),
        "warnings": policy.map(Policy::warnings).unwrap_or_default(),
    })
}

fn error_json(error: &PolicyError) -> Json {
    let mut value = json!({
        "setting": error.setting(),
        "entry": error.entry(),
        "reason": error.reason(),
        "accepted": error.accepted(),
        "message": error.to_string(),
    });
    match error.place() {
        Place::File {
            path, line, column, ..
        } => {
            value["file"] = json!(path);
            value["line"] = json!(line);
            value["column"] = json!(column);
        }
        Place::Variable { offset, .. } => value["offset"] = json!(offset),
        _ => {}
    }
    value
}
