//! What the rig fetched or built, kept under `target/rig`.
//!
//! Tests run in several processes and, by namespaces of process ids of their own, under equal ids: one of them
//! makes a thing, and the others never see it half made. Knows nothing of how anything is made.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use crate::Result;

/// Where what is called `name` is kept, made by `make` if it is not there yet.
///
/// # Errors
///
/// Those of `make`, which is given the place to make it at; or why it cannot be kept.
pub fn once(name: &str, make: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    let place = home()?.join(name);
    if place.exists() {
        return Ok(place);
    }
    let _lock = locked(name)?;
    if place.exists() {
        return Ok(place);
    }
    replaced(name, make)
}

/// As [`once`], but made each time: what it is made of lies in the repository and changes. Who uses an earlier one
/// keeps it.
///
/// # Errors
///
/// As [`once`].
pub fn anew(name: &str, make: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    let _lock = locked(name)?;
    replaced(name, make)
}

fn replaced(name: &str, make: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    let home = home()?;
    let (part, place) = (home.join(format!("{name}.part")), home.join(name));
    make(&part)?;
    fs::rename(&part, &place).map_err(|error| format!("{}: {error}", place.display()))?;
    Ok(place)
}

/// Held until it is dropped, whatever ends the process.
fn locked(name: &str) -> Result<File> {
    let path = home()?.join(format!("{name}.lock"));
    let lock = File::create(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    flock(&lock, FlockOperation::LockExclusive)
        .map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(lock)
}

fn home() -> Result<PathBuf> {
    let home = crate::target().join("rig");
    fs::create_dir_all(&home).map_err(|error| format!("{}: {error}", home.display()))?;
    Ok(home)
}
