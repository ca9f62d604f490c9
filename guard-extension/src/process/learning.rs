//! What was used and is not restricted, and the smallest policy that would have allowed it.
//!
//! What may be done anyway is not named. Temporary files stand for their directory, and what is in
//! /proc for what does not change from one start to the next. Other paths are joined to a prefix
//! where several files of one directory were used, but never to one
//! that holds more than a function's own: home directories, /etc, /proc and whatever stands close to
//! the root. Must not know: where records go.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::ops::RangeInclusive;

use guard_core::policy::{
    Access, CompiledPolicy, Decision, Operation, Origin, Phase, Policy, Protocol, Suggestion,
};
use guard_hook::shared::Outcome;

use crate::egress::{self, Lookup};

/// Most things remembered of a kind.
const MOST: usize = 1024;
/// Most lookups that wait to be recorded.
const MOST_LOOKUPS: usize = 256;
/// Ports that the kernel chooses where a program leaves it to it (ip_local_port_range, ip(7)), and
/// the same as entries spell it.
const EPHEMERAL: RangeInclusive<u16> = 32768..=60999;
const EPHEMERAL_TEXT: &str = "32768-60999";
/// Files of one directory from which on the directory is named instead.
const JOINED: usize = 4;
/// Directories of which no prefix is made, nor of what holds them: what stands in them is not one
/// thing, and some of it is secret.
const SENSITIVE: [&str; 9] = [
    "/boot", "/dev", "/etc", "/home", "/proc", "/root", "/run", "/sys", "/var/run",
];

/// A lookup to be recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LookedUp {
    pub(super) name: String,
    pub(super) outcome: Outcome,
    pub(super) entry: Option<String>,
}

/// Remembers.
#[derive(Debug)]
pub(super) struct Learner {
    /// What the platform needs; nothing where that cannot be had.
    platform: Option<CompiledPolicy<'static>>,
    /// Settings of which something was used, though the platform may allow all of it.
    restrictable: BTreeSet<&'static str>,
    egress: BTreeSet<Seen>,
    /// Names and addresses of this machine on which a port was met that the kernel had chosen.
    own_ports: BTreeSet<String>,
    /// Paths and whether they were used after the init phase too.
    read: BTreeMap<String, bool>,
    write: BTreeMap<String, bool>,
    exec: BTreeMap<String, bool>,
    lookups: Vec<LookedUp>,
    is_full: bool,
}

/// A destination: text of a host or an address, port, whether it is UDP.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Seen {
    Host(String, u16, Protocol),
    Address(IpAddr, u16, Protocol),
    Unix(Vec<u8>),
}

impl Learner {
    /// Knows of nothing that was done under the policy.
    pub(super) fn new(policy: &Policy) -> Self {
        // One for each process of ours, for as long as that lives.
        let image: &'static [u8] = policy.platform_alone().compile().leak();
        Self {
            platform: CompiledPolicy::from_bytes(image).ok(),
            restrictable: BTreeSet::new(),
            egress: BTreeSet::new(),
            own_ports: BTreeSet::new(),
            read: BTreeMap::new(),
            write: BTreeMap::new(),
            exec: BTreeMap::new(),
            lookups: Vec::new(),
            is_full: false,
        }
    }

    /// A lookup went through, or did not.
    pub(super) fn looked_up(&mut self, lookup: &Lookup<'_>) {
        let outcome = match lookup.outcome {
            egress::Outcome::Denied => Outcome::Denied,
            egress::Outcome::Would => Outcome::Would,
            egress::Outcome::Used => return,
        };
        if self.lookups.len() < MOST_LOOKUPS {
            self.lookups.push(LookedUp {
                name: lookup.name.to_owned(),
                outcome,
                entry: lookup.entry(),
            });
        }
    }

    /// Lookups since the last time.
    pub(super) fn take_lookups(&mut self) -> Vec<LookedUp> {
        std::mem::take(&mut self.lookups)
    }

    /// Something was done that the policy does not restrict, by a process and thread of these
    /// numbers.
    pub(super) fn used(&mut self, operation: &Operation<'_>, ids: [u32; 2]) {
        let setting = match operation {
            Operation::File {
                access: Access::Read,
                ..
            } => Origin::FileRead,
            Operation::File {
                access: Access::Write,
                ..
            } => Origin::FileWrite,
            Operation::Exec { .. } => Origin::ExecAllow,
            _ => Origin::EgressAllow,
        };
        self.restrictable.insert(setting.name());
        if self.is_allowed_anyway(operation) {
            return;
        }
        let seen = match *operation {
            Operation::Host {
                name,
                port,
                protocol,
            } => Seen::Host(String::from_utf8_lossy(name).into_owned(), port, protocol),
            Operation::Address { ip, port, protocol } => Seen::Address(ip, port, protocol),
            Operation::Unix { path } => Seen::Unix(match guard_hook::temporary(path) {
                Some(directory) => format!("{directory}/").into_bytes(),
                None => path.to_vec(),
            }),
            Operation::File {
                path,
                access: Access::Read,
                phase,
            } => {
                return self.path(&stable(path, ids), phase, |learner| &mut learner.read);
            }
            Operation::File {
                path,
                access: Access::Write,
                phase,
            } => {
                return self.path(&stable(path, ids), phase, |learner| &mut learner.write);
            }
            Operation::Exec { path, phase } => {
                return self.path(path, phase, |learner| &mut learner.exec);
            }
            _ => return,
        };
        if let Some(own) = own_port(&seen) {
            self.own_ports.insert(own);
        } else if self.egress.len() < MOST {
            self.egress.insert(seen);
        } else {
            self.is_full = true;
        }
    }

    /// Whether no entry is needed: the platform's own rules allow it.
    pub(super) fn is_allowed_anyway(&self, operation: &Operation<'_>) -> bool {
        // Variables of processes take a rule that names them.
        let is_environment = matches!(operation, Operation::File { path, .. }
            if path.starts_with(b"/proc/") && path.ends_with(b"/environ"));
        let allows = |platform: &CompiledPolicy<'_>| {
            matches!(platform.decide(operation), Decision::Allowed(_))
        };
        !is_environment && self.platform.as_ref().is_some_and(allows)
    }

    fn path(
        &mut self,
        path: &[u8],
        phase: Phase,
        of: impl FnOnce(&mut Self) -> &mut BTreeMap<String, bool>,
    ) {
        let Ok(path) = str::from_utf8(path) else {
            return;
        };
        let map = of(self);
        let is_new = !map.contains_key(path);
        if is_new && map.len() >= MOST {
            self.is_full = true;
        } else {
            *map.entry(path.to_owned()).or_default() |= phase == Phase::Invoke;
        }
    }

    /// The settings that would have allowed all of it, in the form of variables; nothing when
    /// nothing was used that is not restricted.
    pub(super) fn policy(&self, policy: &Policy) -> Option<serde_json::Value> {
        let suggest = |operation: &Operation<'_>| policy.entry_that_would_allow(operation);
        let mut settings = BTreeMap::new();
        let egress: BTreeSet<String> = self
            .egress
            .iter()
            .filter_map(|seen| match seen {
                Seen::Host(name, port, protocol) => suggest(&Operation::Host {
                    name: name.as_bytes(),
                    port: *port,
                    protocol: *protocol,
                }),
                Seen::Address(ip, port, protocol) => suggest(&Operation::Address {
                    ip: *ip,
                    port: *port,
                    protocol: *protocol,
                }),
                Seen::Unix(path) => suggest(&Operation::Unix { path }),
            })
            .map(|suggestion| suggestion.entry)
            .collect();
        let egress: BTreeSet<String> = self
            .own_ports
            .iter()
            .map(|host| format!("{host}:{EPHEMERAL_TEXT}"))
            .chain(egress)
            .collect();
        let mut add = |origin: Origin, entries: BTreeSet<String>, separator: &str| {
            if !entries.is_empty() {
                let list: Vec<String> = entries.into_iter().collect();
                settings.insert(origin.name(), list.join(separator));
            }
        };
        add(Origin::EgressAllow, egress, ",");
        let file = |path: &str, access, phase| {
            suggest(&Operation::File {
                path: path.as_bytes(),
                access,
                phase,
            })
        };
        let exec = |path: &str, phase| {
            suggest(&Operation::Exec {
                path: path.as_bytes(),
                phase,
            })
        };
        add(
            Origin::FileRead,
            entries(&self.read, true, |path, phase| {
                file(path, Access::Read, phase)
            }),
            ":",
        );
        add(
            Origin::FileWrite,
            entries(&self.write, true, |path, phase| {
                file(path, Access::Write, phase)
            }),
            ":",
        );
        add(Origin::ExecAllow, entries(&self.exec, false, exec), ":");
        // Used, and nothing beyond what the platform allows: the narrowest setting will do.
        for name in &self.restrictable {
            settings.entry(name).or_default();
        }
        (!settings.is_empty()).then(|| serde_json::json!(settings))
    }

    /// Whether more was used than there was room for.
    pub(super) const fn is_full(&self) -> bool {
        self.is_full
    }
}

/// The machine's own name or address, where the port is one that the kernel chooses: it is another
/// one at the next start.
fn own_port(seen: &Seen) -> Option<String> {
    match seen {
        Seen::Host(name, port, Protocol::Tcp)
            if name == "localhost" && EPHEMERAL.contains(port) =>
        {
            Some(name.clone())
        }
        Seen::Address(ip, port, Protocol::Tcp) if ip.is_loopback() && EPHEMERAL.contains(port) => {
            Some(match ip {
                IpAddr::V4(ip) => ip.to_string(),
                IpAddr::V6(ip) => format!("[{ip}]"),
            })
        }
        _ => None,
    }
}

/// A path without what changes from one start to the next. `ids` are the numbers of the process and
/// the thread that use it.
fn stable(path: &[u8], ids: [u32; 2]) -> Cow<'_, [u8]> {
    if let Some(directory) = guard_hook::temporary(path) {
        return directory.as_bytes().into();
    }
    let Some(behind) = path.strip_prefix(b"/proc/") else {
        return path.into();
    };
    let is_number = |part: &[u8]| !part.is_empty() && part.iter().all(u8::is_ascii_digit);
    let mut parts = behind.split(|byte| *byte == b'/');
    let first = parts.next().unwrap_or_default();
    if !is_number(first) {
        return path.into();
    }
    let id = str::from_utf8(first)
        .ok()
        .and_then(|first| first.parse().ok());
    // Of another process: no entry is narrower and still true the next time.
    if !id.is_some_and(|id: u32| ids.contains(&id)) {
        return b"/proc"[..].into();
    }
    let mut own = b"/proc/self".to_vec();
    for part in parts.take_while(|part| !is_number(part)) {
        own.push(b'/');
        own.extend_from_slice(part);
    }
    own.into()
}

/// The entries that allow these paths.
fn entries(
    paths: &BTreeMap<String, bool>,
    joins: bool,
    suggest: impl Fn(&str, Phase) -> Option<Suggestion>,
) -> BTreeSet<String> {
    let mut directories: BTreeMap<&str, (usize, bool)> = BTreeMap::new();
    for (path, is_invoke) in paths {
        if let Some(directory) = directory(path).filter(|_| joins) {
            let (count, any) = directories.entry(directory).or_default();
            *count += 1;
            *any |= is_invoke;
        }
    }
    directories.retain(|_, (count, _)| *count >= JOINED);
    let covered = |path: &str, is_invoke: bool| {
        directories
            .get(directory(path).unwrap_or_default())
            .is_some_and(|(_, any)| *any || !is_invoke)
    };
    let single = paths
        .iter()
        .filter(|(path, is_invoke)| !covered(path, **is_invoke))
        .map(|(path, is_invoke)| (path.as_str(), *is_invoke));
    let joined = directories.iter().map(|(path, (_, any))| (*path, *any));
    single
        .chain(joined)
        .filter_map(|(path, is_invoke)| {
            let phase = if is_invoke {
                Phase::Invoke
            } else {
                Phase::Init
            };
            suggest(path, phase).map(|suggestion| suggestion.entry)
        })
        .collect()
}

/// The directory of a path, where it may stand for what is in it.
fn directory(path: &str) -> Option<&str> {
    let (directory, _) = path.rsplit_once('/')?;
    let is_below = |of: &&str| {
        directory
            .strip_prefix(of)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let is_deep = directory.bytes().filter(|byte| *byte == b'/').count() >= 2;
    let is_hidden = directory.contains("/.");
    (is_deep && !is_hidden && !SENSITIVE.iter().any(is_below)).then_some(directory)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(operations: &[Operation<'_>]) -> String {
        let api = |name: &str| (name == "AWS_LAMBDA_RUNTIME_API").then(|| "127.0.0.1:9001".into());
        let policy = Policy::from_vars(api).unwrap();
        let mut learner = Learner::new(&policy);
        for operation in operations {
            learner.used(operation, [7, 8]);
        }
        learner
            .policy(&policy)
            .map(|value| value.to_string())
            .unwrap_or_default()
    }

    fn reads(paths: &[&str]) -> String {
        let operations: Vec<_> = paths
            .iter()
            .map(|path| Operation::File {
                path: path.as_bytes(),
                access: Access::Read,
                phase: Phase::Invoke,
            })
            .collect();
        settings(&operations)
    }

    #[test]
    fn nothing_used_is_no_policy() {
        assert_eq!(settings(&[]), "");
    }

    #[test]
    fn several_files_of_a_directory_become_the_directory() {
        let few = reads(&["/var/task/a", "/var/task/b", "/var/task/c"]);
        assert_eq!(
            few,
            r#"{"GUARD_FILE_READ":"/var/task/a:/var/task/b:/var/task/c"}"#
        );
        let many = reads(&["/var/task/a", "/var/task/b", "/var/task/c", "/var/task/d"]);
        assert_eq!(many, r#"{"GUARD_FILE_READ":"/var/task"}"#);
    }

    #[test]
    fn what_changes_from_start_to_start_is_not_named() {
        for (path, entry) in [
            ("/tmp/tmpq0a9gb7a", "/tmp"),
            ("/tmp/pip-x1/build/a.c", "/tmp"),
            ("/tmpfile", "/tmpfile"),
            ("/dev/shm/sem.mp-1a2b", "/dev/shm"),
            ("/proc/7/status", "/proc/self/status"),
            ("/proc/8/status", "/proc/self/status"),
            ("/proc/7/environ", "/proc/self/environ"),
            ("/proc/7/task/8/comm", "/proc/self/task"),
            ("/proc/7/fd/12", "/proc/self/fd"),
            ("/proc/9/status", "/proc"),
            ("/proc/meminfo", "/proc/meminfo"),
        ] {
            assert_eq!(
                reads(&[path]),
                format!(r#"{{"GUARD_FILE_READ":"{entry}"}}"#)
            );
        }
    }

    #[test]
    fn own_ports_that_the_kernel_chose_become_its_range() {
        let to = |ip: &str, port| Operation::Address {
            ip: ip.parse().unwrap(),
            port,
            protocol: Protocol::Tcp,
        };
        assert_eq!(
            settings(&[
                to("127.0.0.1", 41343),
                to("127.0.0.1", 36933),
                to("127.0.0.1", 2772),
                to("::1", 40000),
                to("10.0.0.1", 41343),
            ]),
            r#"{"GUARD_EGRESS_ALLOW":"10.0.0.1:41343,127.0.0.1:2772,127.0.0.1:32768-60999,[::1]:32768-60999"}"#
        );
    }

    #[test]
    fn what_the_platform_needs_takes_no_entry() {
        let bare = reads(&["/usr/lib/x86_64-linux-gnu/libc.so.6", "/etc/resolv.conf"]);
        assert_eq!(bare, r#"{"GUARD_FILE_READ":""}"#);
        let init = Operation::File {
            path: b"/var/task/app.py",
            access: Access::Read,
            phase: Phase::Init,
        };
        assert_eq!(settings(&[init]), r#"{"GUARD_FILE_READ":""}"#);
        let api = Operation::Address {
            ip: IpAddr::from([127, 0, 0, 1]),
            port: 9001,
            protocol: Protocol::Tcp,
        };
        assert_eq!(settings(&[api]), r#"{"GUARD_EGRESS_ALLOW":""}"#);
    }

    #[test]
    fn sensitive_directories_are_never_joined() {
        for directory in [
            "/etc",
            "/etc/app",
            "/proc/self",
            "/root/.aws",
            "/srv",
            "/x/.ssh",
        ] {
            let paths: Vec<String> = (0..9).map(|n| format!("{directory}/f{n}")).collect();
            let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
            let learned = reads(&paths);
            assert_eq!(learned.matches("/f").count(), 9, "{learned}");
        }
    }
}
