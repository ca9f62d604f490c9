//! What was used and is not restricted, and the smallest policy that would have allowed it.
//!
//! Paths are joined to a prefix where several files of one directory were used, but never to one
//! that holds more than a function's own: home directories, /etc, /proc and whatever stands close to
//! the root. Must not know: where records go.

use std::collections::{BTreeMap, BTreeSet};

use guard_core::policy::{Access, Operation, Origin, Phase, Policy, Suggestion};
use guard_hook::shared::Outcome;

use crate::egress::{self, Lookup};

/// Most things remembered of a kind.
const MOST: usize = 512;
/// Most lookups that wait to be recorded.
const MOST_LOOKUPS: usize = 256;
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
#[derive(Debug, Default)]
pub(super) struct Learner {
    egress: BTreeSet<Seen>,
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
    Host(String, u16, guard_core::policy::Protocol),
    Address(std::net::IpAddr, u16, guard_core::policy::Protocol),
    Unix(Vec<u8>),
}

impl Learner {
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

    /// Something was done that the policy does not restrict.
    pub(super) fn used(&mut self, operation: &Operation<'_>) {
        let seen = match *operation {
            Operation::Host {
                name,
                port,
                protocol,
            } => Seen::Host(String::from_utf8_lossy(name).into_owned(), port, protocol),
            Operation::Address { ip, port, protocol } => Seen::Address(ip, port, protocol),
            Operation::Unix { path } => Seen::Unix(path.to_vec()),
            Operation::File {
                path,
                access: Access::Read,
                phase,
            } => {
                return self.path(path, phase, |learner| &mut learner.read);
            }
            Operation::File {
                path,
                access: Access::Write,
                phase,
            } => {
                return self.path(path, phase, |learner| &mut learner.write);
            }
            Operation::Exec { path, phase } => {
                return self.path(path, phase, |learner| &mut learner.exec);
            }
            _ => return,
        };
        if self.egress.len() < MOST {
            self.egress.insert(seen);
        } else {
            self.is_full = true;
        }
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
        if settings.is_empty() {
            return None;
        }
        let mut value = serde_json::json!(settings);
        if self.is_full
            && let Some(map) = value.as_object_mut()
        {
            map.insert("incomplete".to_owned(), true.into());
        }
        Some(value)
    }
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
        let policy = Policy::from_vars(|_| None).unwrap();
        let mut learner = Learner::default();
        for operation in operations {
            learner.used(operation);
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
    fn sensitive_directories_are_never_joined() {
        for directory in [
            "/etc",
            "/etc/ssl/private",
            "/proc/self",
            "/root/.aws",
            "/tmp",
            "/x/.ssh",
        ] {
            let paths: Vec<String> = (0..9).map(|n| format!("{directory}/f{n}")).collect();
            let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
            let learned = reads(&paths);
            assert_eq!(learned.matches("/f").count(), 9, "{learned}");
        }
    }
}
