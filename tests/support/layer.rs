//! The layer as `make layer` makes it, unpacked to `/opt`, where a test has one of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Result;

/// Unpacks with the modes that the archive holds, as Lambda does.
const UNPACK: &str = "
import os, sys, zipfile
archive, folder = zipfile.ZipFile(sys.argv[1]), sys.argv[2]
for entry in archive.infolist():
    os.chmod(archive.extract(entry, folder), entry.external_attr >> 16 & 0o7777)
";

/// The packed layer for `architecture` (`x86_64` or `arm64`).
///
/// # Errors
///
/// How to make it, when it is not there.
pub fn zip(architecture: &str) -> Result<PathBuf> {
    let path = crate::target().join(format!("layer/guard-{architecture}.zip"));
    if path.exists() {
        Ok(path)
    } else {
        Err(format!("{}: is not there: make layer", path.display()))
    }
}

/// Unpacks a packed layer to `folder`.
///
/// # Errors
///
/// What Python said.
pub fn unpack(zip: &Path, folder: &Path) -> Result<()> {
    let mut command = Command::new("python3");
    command.args(["-c", UNPACK]).arg(zip).arg(folder);
    run(&mut command)
}

/// Packs `program` into `zip`.
///
/// # Errors
///
/// What `deploy/layer/pack.py` said.
pub fn pack(program: &Path, zip: &Path) -> Result<()> {
    let mut command = Command::new("python3");
    command
        .arg(crate::root().join("deploy/layer/pack.py"))
        .arg(program)
        .arg(zip);
    run(&mut command)
}

/// Attaches the layer with the program that tests build: the packed one's files, without packing.
///
/// # Errors
///
/// What `deploy/layer/pack.py` said.
pub fn attach() -> Result<()> {
    pack(&crate::extension::program(), Path::new("/opt"))
}

/// Copies the example `name` to a place of its own, as a user would: what it has to be built or
/// fetched for is not in the repository.
///
/// # Errors
///
/// When it cannot be copied.
pub fn copy_example(name: &str) -> Result<PathBuf> {
    let folder = crate::target().join("rig/examples").join(name);
    let io = |error: std::io::Error| format!("{}: {error}", folder.display());
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(io)?;
    }
    copy(&crate::root().join("examples").join(name), &folder).map_err(io)?;
    Ok(folder)
}

fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    /// What a developer's own runs leave behind.
    const NOT_OURS: [&str; 6] = [
        "node_modules",
        "target",
        "classes",
        "bootstrap",
        "links",
        "layer",
    ];
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name();
        if NOT_OURS.iter().any(|other| name == *other) {
            continue;
        }
        let to = to.join(&name);
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &to)?;
        } else {
            // With its mode.
            fs::copy(entry.path(), to)?;
        }
    }
    Ok(())
}

/// Runs a command; its last words when it fails.
///
/// # Errors
///
/// In one line.
pub fn run(command: &mut Command) -> Result<()> {
    let name = command.get_program().display().to_string();
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("{name}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    let last = text.lines().last().unwrap_or("no reason");
    Err(format!("{name}: ended with {}: {last}", output.status))
}
