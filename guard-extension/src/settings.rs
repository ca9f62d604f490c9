//! The policy of this process: its environment, and the file that `GUARD_POLICY` names.
//!
//! Knows where text comes from; what it means is the core's business.

use std::fmt;
use std::fs::File;
use std::io;

use guard_core::policy::{Mode, read_text};
use guard_core::{Policy, PolicyErrors};

/// Where `guard run` finds the emulator: no setting of a policy.
pub(crate) const EMULATOR: &str = "GUARD_EMULATOR";

/// Why this process has no policy.
#[derive(Debug)]
pub struct SettingsError {
    /// What is wrong with the policy.
    pub policy: PolicyErrors,
    /// Why the policy file could not be read, if that is among it.
    pub file: Option<io::Error>,
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.policy.fmt(f)?;
        match &self.file {
            Some(error) => write!(f, "\nGUARD_POLICY: {error}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for SettingsError {}

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
    pub fn from_env() -> Result<Self, SettingsError> {
        match read() {
            Ok(policy) => Ok(Self {
                policy,
                problems: Vec::new(),
            }),
            Err(error) if error.policy.mode() == Mode::Enforce => Err(error),
            Err(error) => Ok(Self {
                policy: error.policy.readable().clone(),
                problems: error.to_string().lines().map(ToOwned::to_owned).collect(),
            }),
        }
    }
}

/// Reads the policy from the environment and the file it names.
///
/// # Errors
/// When anything is wrong with it, all of it at once.
pub fn read() -> Result<Policy, SettingsError> {
    read_as(variable)
}

/// The policy as the function's programs are to have it: their Runtime API is the proxy at
/// `runtime_api`, and the real one is none of theirs.
pub(crate) fn for_programs(policy: &Policy, runtime_api: &str) -> Policy {
    let read = read_as(|name| match name {
        crate::endpoint::VARIABLE => Some(runtime_api.to_owned()),
        _ => variable(name),
    });
    match read {
        Ok(policy) => policy,
        // What is wrong with it was said; as far as it can be read it is used.
        Err(error) if policy.mode() == Mode::Monitor => error.policy.readable().clone(),
        Err(_) => policy.clone(),
    }
}

fn read_as(variable: impl Fn(&str) -> Option<String>) -> Result<Policy, SettingsError> {
    let names = std::env::vars_os()
        .filter_map(|(name, _)| name.into_string().ok())
        .filter(|name| name != EMULATOR);
    let path = variable("GUARD_POLICY").filter(|path| path.starts_with('/'));
    let text = path.as_deref().map(|path| read_text(File::open(path)?));
    let (text, file) = match text {
        Some(Ok(text)) => (Some(text), None),
        Some(Err(error)) => (None, Some(error)),
        None => (None, None),
    };
    let given = path.as_deref().zip(text.as_deref());
    Policy::from_vars_and_file(variable, names, given)
        .map_err(|policy| SettingsError { policy, file })
}

/// A variable of the environment. Bytes that are not UTF-8 are replaced, which no setting accepts
/// where it matters: a name with such a character is refused, a path with one matches no file.
pub fn variable(name: &str) -> Option<String> {
    std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
}
