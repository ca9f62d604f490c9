//! Namespaces of a test's own: loopback, mounts and process ids that nothing else on the machine
//! shares, gone with everything in them when the test ends.
//!
//! The test's program is started again under unshare(1), since a process with threads cannot enter
//! a user namespace (`user_namespaces(7)`, and libtest has threads).

use std::any::type_name;
use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};

use rustix::mount::{MountFlags, mount};

use crate::Result;

/// What keeps a test apart from the rest of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Isolation {
    /// Own mount, network and process id namespaces; `/opt` is empty and writable.
    Namespaces,
    /// Nothing but ports that were free.
    Ports,
}

const INSIDE: &str = "GUARD_TESTS_INSIDE";
const NAMESPACES: [&str; 6] = [
    "--mount",
    "--net",
    "--pid",
    "--fork",
    "--mount-proc",
    "--kill-child",
];
/// For an ordinary user: root in a user namespace may make the others.
const USER: [&str; 2] = ["--user", "--map-root-user"];

/// Runs a test's body in namespaces where the machine allows them, else as it is.
///
/// Called as the whole of a `#[test]`, whose name it finds from the body's type.
///
/// # Panics
///
/// When the body fails, in whatever process it runs.
pub fn isolated<F: FnOnce(Isolation)>(body: F) {
    match enter_or_start(test_name::<F>()) {
        Ok(Some(isolation)) => body(isolation),
        Ok(None) => {}
        Err(error) => panic!("{error}"),
    }
}

/// What [`isolated`] does, for a program: `true` inside the namespaces; outside them it runs the program again
/// inside, and answers `false` when that is done.
///
/// # Errors
///
/// What the machine does not allow, and what would.
pub fn enter() -> Result<bool> {
    if std::env::var_os(INSIDE).is_some() {
        return prepare().map(|()| true);
    }
    let Some(extra) = allowed() else {
        return Err(
            "namespaces: unshare(1) was refused; run as root, or allow user namespaces \
                    (sysctl user.max_user_namespaces, kernel.unprivileged_userns_clone, \
                    kernel.apparmor_restrict_unprivileged_userns)"
                .into(),
        );
    };
    let status = again(extra, std::env::args_os().skip(1))
        .status()
        .map_err(|error| format!("unshare: {error}"))?;
    if status.success() {
        Ok(false)
    } else {
        Err(format!("ended with {status}"))
    }
}

impl Isolation {
    /// Ports for an emulator: (invocations, Runtime API).
    ///
    /// # Errors
    ///
    /// When the machine has no free port.
    pub fn ports(self) -> Result<(u16, u16)> {
        // Inside namespaces every port is free, and known ports make logs easier to read.
        static NEXT: AtomicU16 = AtomicU16::new(0);
        match self {
            Self::Namespaces => {
                let nth = NEXT.fetch_add(1, Ordering::Relaxed);
                Ok((8080 + nth, 9001 + nth))
            }
            Self::Ports => Ok((free_port()?, free_port()?)),
        }
    }
}

fn free_port() -> Result<u16> {
    std::net::TcpListener::bind(("127.0.0.1", 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|error| format!("127.0.0.1: no free port: {error}"))
}

/// `Some` when the body is to run in this process; `None` when another process has run it.
fn enter_or_start(test: &str) -> Result<Option<Isolation>> {
    if std::env::var_os(INSIDE).is_some() {
        prepare()?;
        return Ok(Some(Isolation::Namespaces));
    }
    let Some(extra) = allowed() else {
        eprintln!("{test}: no namespaces on this machine, running on free ports");
        return Ok(Some(Isolation::Ports));
    };
    let output = again(extra, ["--exact", test, "--nocapture", "--test-threads=1"])
        .output()
        .map_err(|error| format!("unshare: {error}"))?;
    eprint!("{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout);
    // A name that no test has would pass by running nothing.
    if output.status.success() && text.contains("1 passed") {
        Ok(None)
    } else {
        Err(format!(
            "{test}: failed in its namespaces: {}\n{text}",
            output.status
        ))
    }
}

fn again<A: AsRef<OsStr>>(extra: &[&str], args: impl IntoIterator<Item = A>) -> Command {
    // Not /proc/self/exe: that would be unshare(1).
    let program = std::env::current_exe().unwrap_or_else(|_| "demo".into());
    let mut command = Command::new("unshare");
    command.args(extra).args(NAMESPACES).arg("--").arg(program);
    command.args(args).env(INSIDE, "1").stdin(Stdio::null());
    command
}

/// The further arguments unshare(1) needs to be allowed, if it is.
fn allowed() -> Option<&'static [&'static str]> {
    let works = |extra: &[&str]| {
        Command::new("unshare")
            .args(extra)
            .args(NAMESPACES)
            .args(["--", "true"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    };
    [&[][..], &USER[..]].into_iter().find(|extra| works(extra))
}

/// Brings loopback up and covers `/opt`, where the emulator looks for extensions.
fn prepare() -> Result<()> {
    let up = Command::new("ip")
        .args(["link", "set", "lo", "up"])
        .output();
    if !up.is_ok_and(|output| output.status.success()) {
        return Err("ip: loopback stays down: apt-get install iproute2".into());
    }
    let program = std::env::current_exe().map_err(|error| format!("/proc/self/exe: {error}"))?;
    if !program.starts_with("/opt") && Path::new("/opt").is_dir() {
        mount("tmpfs", "/opt", "tmpfs", MountFlags::empty(), None)
            .map_err(|error| format!("/opt: {error}"))?;
    }
    Ok(())
}

/// The path of the test function whose closure has the type `F`, as libtest names it.
fn test_name<F>() -> &'static str {
    let name = type_name::<F>();
    let name = name.split("::{{closure}}").next().unwrap_or(name);
    name.split_once("::").map_or(name, |(_, path)| path)
}
