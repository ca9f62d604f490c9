//! Builds the functions under test, as a user would: with cargo.

use std::path::PathBuf;
use std::process::Command;

use crate::Result;

/// How a function is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// Quick to build.
    Debug,
    /// As it would be deployed.
    Release,
}

/// Builds the example `package` and answers where its program is.
///
/// # Errors
///
/// When cargo cannot be started or does not succeed; what it said went to standard error.
pub fn build(package: &str, profile: Profile) -> Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .current_dir(crate::root())
        .args(["build", "--package", package]);
    match profile {
        Profile::Debug => command.arg("--quiet"),
        Profile::Release => command.arg("--release"),
    };
    let status = command
        .status()
        .map_err(|error| format!("cargo: {error}"))?;
    if !status.success() {
        return Err(format!("{package}: cargo build ended with {status}"));
    }
    Ok(program(package, profile))
}

/// Where [`build`] leaves its program.
#[must_use]
pub fn program(package: &str, profile: Profile) -> PathBuf {
    let folder = match profile {
        Profile::Debug => "debug",
        Profile::Release => "release",
    };
    crate::target().join(folder).join(package)
}
