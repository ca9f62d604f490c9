//! Which files a function may use, and which programs it may start.
//!
//! Knows paths as text. The file system, symbolic links among it, is the business of whoever asks.

use core::fmt;

use super::list::Fault;
use super::operation::{Access, Phase};
use crate::error::quote;

/// What the path lists accept, for messages.
pub(super) const ACCEPTED: &str =
    "an absolute path without \"..\" and \"//\", or \"runtime\", each with an optional \"@init\"";

/// Longest path the kernel takes, with its final NUL (`PATH_MAX`, limits.h).
const LONGEST: usize = 4095;

/// A path that is allowed, with everything below it, as a set of whole components.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileRule {
    pub(super) path: String,
    pub(super) only_init: bool,
}

impl FileRule {
    /// The path, in canonical form.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Whether the rule ends with the init phase.
    #[must_use]
    pub const fn is_only_init(&self) -> bool {
        self.only_init
    }

    /// Whether the rule holds for a path in canonical form.
    #[must_use]
    pub fn allows(&self, path: &str, phase: Phase) -> bool {
        let below = match path.strip_prefix(self.path.as_str()) {
            Some(rest) => rest.is_empty() || rest.starts_with('/') || self.path == "/",
            None => false,
        };
        below && (!self.only_init || phase == Phase::Init)
    }

    /// Reads an entry: a path, or the name of a preset, which stands for several.
    pub(super) fn parse(entry: &str, preset: &[&str]) -> Result<Vec<Self>, Fault> {
        let (text, only_init) = match entry.strip_suffix("@init") {
            Some(text) => (text, true),
            None => (entry, false),
        };
        if text == "runtime" {
            return Ok(preset
                .iter()
                .map(|path| Self {
                    path: (*path).to_owned(),
                    only_init,
                })
                .collect());
        }
        Ok(vec![Self {
            path: absolute(text)?,
            only_init,
        }])
    }
}

impl fmt::Display for FileRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}{}",
            self.path,
            if self.only_init { "@init" } else { "" }
        )
    }
}

/// A program, or all programs below a directory, that may be started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecRule(pub(super) FileRule);

impl ExecRule {
    /// The path, in canonical form.
    #[must_use]
    pub fn path(&self) -> &str {
        self.0.path()
    }

    /// Whether the rule ends with the init phase.
    #[must_use]
    pub const fn is_only_init(&self) -> bool {
        self.0.is_only_init()
    }

    /// Whether the rule holds for a path in canonical form.
    #[must_use]
    pub fn allows(&self, path: &str, phase: Phase) -> bool {
        self.0.allows(path, phase)
    }
}

impl fmt::Display for ExecRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What `runtime` stands for in `GUARD_EXEC_ALLOW`: where Lambda's images and layers keep
/// programs. None of them can be written to on Lambda.
pub(super) const RUNTIME_EXEC: &[&str] = &[
    "/var/task",
    "/var/runtime",
    "/var/lang",
    "/opt",
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib64",
];

/// What `runtime` stands for in `GUARD_FILE_READ`: programs and code, and what language runtimes
/// read about the machine.
pub(super) const RUNTIME_READ: &[&str] = &[
    "/var/task",
    "/var/runtime",
    "/var/lang",
    "/opt",
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib64",
    "/etc",
    "/proc",
    "/sys/fs/cgroup",
    "/sys/devices/system/cpu",
    "/dev/null",
    "/dev/random",
    "/dev/urandom",
    "/dev/zero",
];

/// What `runtime` stands for in `GUARD_FILE_WRITE`.
pub(super) const RUNTIME_WRITE: &[&str] = &["/tmp", "/dev/null", "/dev/shm"];

/// What can be read at any time however narrow the policy is, since no runtime works without it:
/// itself, the dynamic loader and libraries, name resolution, time zones, TLS roots, randomness.
/// The function's own code is not among them once it is loaded.
pub(super) const PLATFORM_READ: &[&str] = &[
    "/var/runtime",
    "/var/lang",
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
    "/usr/share/zoneinfo",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/host.conf",
    "/etc/nsswitch.conf",
    "/etc/gai.conf",
    "/etc/services",
    "/etc/localtime",
    "/etc/ssl",
    "/etc/pki",
    "/dev/null",
    "/dev/random",
    "/dev/urandom",
];

/// What can be written to at any time however narrow the policy is.
pub(super) const PLATFORM_WRITE: &[&str] = &["/dev/null", "/dev/stdout", "/dev/stderr"];

/// The rules that hold beside those of a path list, whatever it says.
pub(super) fn platform(access: Access) -> impl Iterator<Item = FileRule> {
    let (always, init): (&[&str], &[&str]) = match access {
        Access::Read => (PLATFORM_READ, RUNTIME_READ),
        Access::Write => (PLATFORM_WRITE, &[]),
    };
    let rule = |only_init| {
        move |path: &&str| FileRule {
            path: (*path).to_owned(),
            only_init,
        }
    };
    always
        .iter()
        .map(rule(false))
        .chain(init.iter().map(rule(true)))
}

/// The programs that may be started until the runtime is up, whatever the list says.
pub(super) fn platform_exec() -> impl Iterator<Item = FileRule> {
    RUNTIME_EXEC.iter().map(|path| FileRule {
        path: (*path).to_owned(),
        only_init: true,
    })
}

/// The canonical form of an absolute path: `.` components and one final slash are dropped.
pub(super) fn absolute(text: &str) -> Result<String, Fault> {
    let Some(rest) = text.strip_prefix('/') else {
        let reason = match text {
            "" => "a path is missing".to_owned(),
            _ => format!("{} does not begin with \"/\"", quote(text)),
        };
        return Err(Fault::new(0, reason, ACCEPTED));
    };
    if text.len() > LONGEST {
        let reason = format!("the path has {} bytes", text.len());
        return Err(Fault::new(0, reason, format!("at most {LONGEST}")));
    }
    if let Some(at) = text.find('\0') {
        return Err(Fault::new(at, "a NUL byte stands in a path", ACCEPTED));
    }
    let mut path = String::with_capacity(text.len());
    let mut at = 1;
    for component in rest.split('/') {
        let is_last = at + component.len() == text.len();
        match component {
            "" if !is_last => {
                return Err(Fault::new(
                    at - 1,
                    format!("\"//\" in {}", quote(text)),
                    ACCEPTED,
                ));
            }
            ".." => {
                return Err(Fault::new(
                    at,
                    format!("\"..\" in {}", quote(text)),
                    ACCEPTED,
                ));
            }
            "" | "." => {}
            _ => {
                path.push('/');
                path.push_str(component);
            }
        }
        at += component.len() + 1;
    }
    if path.is_empty() {
        path.push('/');
    }
    Ok(path)
}
