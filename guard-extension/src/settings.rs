//! The policy of this environment: the `GUARD_` variables and the file they may name.
//!
//! The only place that reads them from the process. Must not know: what any setting means.

use std::env;
use std::fs::File;
use std::io::Read as _;

use guard_core::error::PolicyErrors;
use guard_core::policy::{Mode, Policy};

/// A policy fit for use.
#[derive(Debug)]
pub struct Settings {
    /// The policy; in `monitor`, as far as it can be read.
    pub policy: Policy,
    /// The errors of a policy that is used all the same.
    pub problems: Vec<String>,
}

impl Settings {
    /// Reads the environment.
    ///
    /// # Errors
    /// In `enforce`, or where the mode itself cannot be read: every error of the policy.
    pub fn from_env() -> Result<Self, PolicyErrors> {
        match policy() {
            Ok(policy) => Ok(Self {
                policy,
                problems: Vec::new(),
            }),
            Err(errors) if errors.mode() == Mode::Enforce => Err(errors),
            Err(errors) => Ok(Self {
                policy: errors.readable().clone(),
                problems: errors.errors().iter().map(ToString::to_string).collect(),
            }),
        }
    }
}

/// The policy as it stands in the environment.
///
/// # Errors
/// Every error of the policy.
pub fn policy() -> Result<Policy, PolicyErrors> {
    let names = env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    let file = variable("GUARD_POLICY").and_then(|path| Some((read(&path)?, path)));
    let file = file
        .as_ref()
        .map(|(text, path)| (path.as_str(), text.as_str()));
    Policy::from_vars_and_file(variable, names, file)
}

/// A variable of the environment. One that is not UTF-8 is still set: what it holds in place of
/// the wrong bytes is for the policy to refuse.
#[must_use]
pub fn variable(name: &str) -> Option<String> {
    env::var_os(name).map(|value| value.to_string_lossy().into_owned())
}

/// Most of a policy file that is read: a megabyte is some ten thousand rules.
const LARGEST_FILE: u64 = 1 << 20;

/// The text of a policy file; a file that cannot be read is for the policy to complain about.
fn read(path: &str) -> Option<String> {
    let mut text = String::new();
    let read = File::open(path)
        .ok()?
        .take(LARGEST_FILE + 1)
        .read_to_string(&mut text)
        .ok()?;
    (u64::try_from(read).ok()? <= LARGEST_FILE).then_some(text)
}
