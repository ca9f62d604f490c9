//! A jail modelled on public reports about standard Lambda: the program that enters it, handed over
//! to where the user inside can reach it.
//!
//! Its source lies beside the repository. It imitates reports, not AWS.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::isolation::Isolation;
use crate::{Result, kept, layer, skip};

/// Compiles the jail. `None` where its source is not, which is no fault: it is optional.
fn jail() -> Option<Result<PathBuf>> {
    let source = crate::root().join("../shared/rig/lambdajail.c");
    if !source.exists() {
        return None;
    }
    Some(kept::anew("lambdajail", |part| {
        layer::run(Command::new("cc").args(["-O1", "-o"]).arg(part).arg(source))
    }))
}

/// Copies to `/opt`, the test's own, what another user has to reach: not every checkout lies where
/// one can.
///
/// # Panics
///
/// When it cannot be copied.
#[must_use]
pub fn hand_over(program: &Path, name: &str) -> PathBuf {
    let path = Path::new("/opt").join(name);
    std::fs::copy(program, &path).expect("a copy");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("its mode");
    path
}

/// The jail, where this machine can make one; else why not is said.
#[must_use]
pub fn prepared(test: &str, isolation: Isolation) -> Option<PathBuf> {
    let jail = match jail() {
        None => {
            eprintln!("{test}: not run: there is no ../shared/rig/lambdajail.c");
            return None;
        }
        Some(Ok(jail)) => jail,
        Some(Err(reason)) => {
            skip(test, &reason);
            return None;
        }
    };
    if isolation == Isolation::Ports || !rustix::process::geteuid().is_root() {
        skip(test, "/opt is needed, and root to become another user");
        return None;
    }
    if std::env::consts::ARCH != "x86_64" {
        eprintln!("{test}: not run: the jail is for x86_64");
        return None;
    }
    let jail = hand_over(&jail, "jail");
    // A user namespace of one user has no other to become.
    let works = Command::new(&jail).arg("/bin/true").status();
    if !works.is_ok_and(|status| status.success()) {
        skip(
            test,
            "the jail cannot be entered: it needs root outside of a user namespace",
        );
        return None;
    }
    Some(jail)
}
