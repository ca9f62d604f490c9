//! Attaches the extension as Lambda does with the layer, and runs a Python function with AWS's own
//! runtime client.
//!
//! Only inside namespaces: `/opt` is the machine's otherwise.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::mount::{MountFlags, mount, mount_bind};

use crate::function::{self, Profile};
use crate::{Result, clients};

/// AWS's Python runtime client, as it comes from the registry.
const CLIENT: &str = "awslambdaric==4.2.2";

/// Builds the `guard` program, and beside it the parts that run inside the function's programs.
///
/// # Errors
///
/// When cargo does not succeed.
pub fn build() -> Result<()> {
    function::build("lambda-guard-extension", Profile::Debug)?;
    build_parts(&program())
}

/// Builds the parts that run inside the function's programs, and puts them beside `program`.
///
/// # Errors
///
/// When cargo does not succeed.
pub fn build_parts(program: &Path) -> Result<()> {
    if !cfg!(target_arch = "x86_64") {
        return Ok(());
    }
    let built = Command::new("sh")
        .arg(crate::root().join("guard-extension/process/build.sh"))
        .arg(program.parent().unwrap_or(program))
        .env("CARGO_TARGET_DIR", crate::target())
        .status();
    match built {
        Ok(status) if status.success() => Ok(()),
        _ => Err("the parts inside of programs do not build".to_owned()),
    }
}

/// Where [`build`] leaves it.
#[must_use]
pub fn program() -> PathBuf {
    function::program("guard", Profile::Debug)
}

/// Puts the layer's files in place: the extension, unless `wrapper_only`, and the exec wrapper.
///
/// # Errors
///
/// When `/opt` cannot be written.
pub fn attach(wrapper_only: bool) -> Result<()> {
    let io = |error: std::io::Error| format!("/opt: {error}");
    fs::create_dir_all("/opt/guard").map_err(io)?;
    if wrapper_only {
        fs::copy(program(), "/opt/guard/wrap").map_err(io)?;
        return Ok(());
    }
    attach_program(&program())
}

/// Puts `program` in place as the extension and its exec wrapper.
///
/// # Errors
///
/// When `/opt` cannot be written.
pub fn attach_program(program: &Path) -> Result<()> {
    let io = |error: std::io::Error| format!("/opt: {error}");
    fs::create_dir_all("/opt/guard").map_err(io)?;
    fs::create_dir_all("/opt/extensions").map_err(io)?;
    fs::copy(program, "/opt/extensions/guard").map_err(io)?;
    for part in ["libguard.so", "guard-loader"] {
        let from = program.with_file_name(part);
        if from.exists() {
            fs::copy(from, Path::new("/opt/guard").join(part)).map_err(io)?;
        }
    }
    symlink("../extensions/guard", "/opt/guard/wrap").map_err(io)
}

/// Takes the layer's files away again.
///
/// # Errors
///
/// When `/opt` cannot be written.
pub fn detach() -> Result<()> {
    for folder in ["/opt/extensions", "/opt/guard"] {
        match fs::remove_dir_all(folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(format!("{folder}: {error}"));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Installs AWS's Python runtime client, once.
///
/// # Errors
///
/// In one line what is missing on this machine, or what pip said.
pub fn python_client() -> Result<PathBuf> {
    clients::python_packages(CLIENT)
}

/// A bootstrap that starts the Python function as AWS's own does: through the wrapper, if one is
/// set.
///
/// # Errors
///
/// When there is no Python, or the file cannot be written.
pub fn python_bootstrap() -> Result<PathBuf> {
    let output = Command::new("python3")
        .args(["-c", "import sys; print(sys.executable)"])
        .output()
        .map_err(|error| format!("python3: {error}"))?;
    let python = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let client = python_client()?;
    let code = crate::root().join("tests/extension");
    script(
        "python",
        &format!(
            "export PYTHONPATH={}:{}\nexec $AWS_LAMBDA_EXEC_WRAPPER {python} -m awslambdaric \
             app.handler",
            client.display(),
            code.display()
        ),
    )
}

/// The bootstrap of Managed Instances, where the emulator looks for it: the Python function, as a
/// user who can read nothing of root's.
///
/// # Errors
///
/// When there is no Python, or something cannot be put in place.
pub fn managed_bootstrap() -> Result<PathBuf> {
    let output = Command::new("python3")
        .args(["-c", "import sys; print(sys.base_prefix)"])
        .output()
        .map_err(|error| format!("python3: {error}"))?;
    let python = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    let client = python_client()?;
    let code = crate::root().join("tests/extension");
    let io = |error: std::io::Error| format!("/opt, /var: {error}");
    for (from, to) in [
        (&python, "/opt/python"),
        (&client, "/opt/client"),
        (&code, "/opt/code"),
    ] {
        fs::create_dir_all(to).map_err(io)?;
        mount_bind(from, to).map_err(|error| io(error.into()))?;
    }
    mount("tmpfs", "/var", "tmpfs", MountFlags::empty(), None).map_err(|error| io(error.into()))?;
    fs::create_dir_all("/var/runtime").map_err(io)?;
    fs::create_dir_all("/var/task").map_err(io)?;
    for folder in ["/opt", "/var", "/var/runtime", "/var/task"] {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).map_err(io)?;
    }
    let made = script(
        "managed",
        "export PYTHONHOME=/opt/python PYTHONPATH=/opt/client:/opt/code \
         PYTHONDONTWRITEBYTECODE=1\n\
         exec $AWS_LAMBDA_EXEC_WRAPPER /opt/python/bin/python3 -m awslambdaric app.handler",
    )?;
    let path = PathBuf::from("/var/runtime/bootstrap");
    fs::copy(made, &path).map_err(io)?;
    Ok(path)
}

/// A bootstrap of a runtime that knows no exec wrapper: `guard exec` in front of `function`.
///
/// # Errors
///
/// When the file cannot be written.
pub fn exec_bootstrap(function: &Path) -> Result<PathBuf> {
    let guard = program();
    script(
        "exec",
        &format!("exec {} exec -- {}", guard.display(), function.display()),
    )
}

/// A bootstrap that does `text`, a shell's words.
///
/// # Errors
///
/// When the file cannot be written.
pub fn script(name: &str, text: &str) -> Result<PathBuf> {
    // In /opt, which is the test's own and gone with it.
    let path = Path::new("/opt").join(format!("bootstrap-{name}"));
    let io = |error: std::io::Error| format!("{}: {error}", path.display());
    fs::write(&path, format!("#!/bin/sh\n{text}\n")).map_err(io)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).map_err(io)?;
    Ok(path)
}

/// The process ids of the running extension.
#[must_use]
pub fn extension_ids() -> Vec<String> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes
        .filter(|process| {
            fs::read_link(process.path().join("exe"))
                .is_ok_and(|exe| exe == Path::new("/opt/extensions/guard"))
        })
        .map(|process| process.file_name().to_string_lossy().into_owned())
        .collect()
}

/// The process ids of running programs with this name in their path.
#[must_use]
pub fn processes_of(name: &str) -> Vec<String> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes
        .filter(|process| {
            fs::read_link(process.path().join("exe"))
                .is_ok_and(|exe| exe.to_string_lossy().contains(name))
        })
        .map(|process| process.file_name().to_string_lossy().into_owned())
        .collect()
}
