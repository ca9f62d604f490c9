//! `GUARD_TMP=wipe`: removes what an invocation left in a directory.
//!
//! What stood there before the first event is the function's own and stays: INIT fills caches. Links
//! are removed, never followed, and every directory is opened relative to the one it was found in,
//! so that a process left behind cannot lead the removal elsewhere. Everything is bounded; what is
//! beyond a bound stays and is counted. Must not know: when it is time.

use std::collections::HashMap;
use std::ffi::{CStr, CString};
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, openat, statat, unlinkat};
use serde_json::{Value, json};

/// Most entries that are looked at: /tmp has room for 10 GB of files, and invocations wait.
const MOST_ENTRIES: usize = 50_000;
/// Deepest directory that is entered; each level takes a descriptor, of which there are 1024.
const DEEPEST: usize = 128;
/// Most names in a record.
const MOST_NAMES: usize = 8;

/// A directory and what belongs in it.
#[derive(Debug)]
pub(crate) struct Tmp {
    path: PathBuf,
    /// Path below the directory, and which file that was.
    kept: Option<HashMap<Vec<u8>, Identity>>,
    /// How much the last removal had to leave, and found changed: said when it changes.
    said: (usize, usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Identity {
    inode: u64,
    size: i64,
    modified: (i64, i64),
}

/// What a removal did.
#[derive(Debug, Default)]
struct Outcome {
    entries: usize,
    removed: usize,
    bytes: u64,
    /// Files that stood there before and have other content.
    changed: usize,
    /// Entries that could not be removed, or were beyond a bound.
    left: usize,
    names: Vec<String>,
}

/// A directory being read.
struct Level {
    fd: OwnedFd,
    names: Vec<CString>,
    path: Vec<u8>,
    /// How its parent calls it, if it is to be removed itself.
    removed_as: Option<CString>,
}

impl Tmp {
    pub(crate) const fn new(path: PathBuf) -> Self {
        Self {
            path,
            kept: None,
            said: (0, 0),
        }
    }

    /// Removes what was not there when this was first called; the members of a record, if there is
    /// anything to be said.
    pub(crate) fn wipe(&mut self) -> Option<Value> {
        let mut outcome = Outcome::default();
        match self.kept.take() {
            None => {
                let mut kept = HashMap::new();
                self.walk(&mut Visit::Remember(&mut kept), &mut outcome);
                self.kept = Some(kept);
            }
            Some(kept) => {
                self.walk(&mut Visit::Remove(&kept), &mut outcome);
                self.kept = Some(kept);
            }
        }
        let say = (outcome.left, outcome.changed);
        let is_new = outcome.removed > 0 || self.said != say;
        self.said = say;
        is_new.then(|| {
            json!({
                "path": self.path.display().to_string(),
                "removed": outcome.removed,
                "bytes": outcome.bytes,
                "changed": outcome.changed,
                "left": outcome.left,
                "names": outcome.names,
            })
        })
    }

    fn walk(&self, visit: &mut Visit<'_>, outcome: &mut Outcome) {
        let Ok(fd) = openat(CWD, &self.path, DIRECTORY, Mode::empty()) else {
            return;
        };
        let mut levels = vec![Level::read(fd, Vec::new(), None, outcome)];
        while let Some(level) = levels.last_mut() {
            let Some(name) = level.names.pop() else {
                let done = levels.pop();
                if let (Some(name), Some(parent)) =
                    (done.and_then(|level| level.removed_as), levels.last())
                {
                    outcome.count(
                        unlinkat(&parent.fd, &name, AtFlags::REMOVEDIR).is_ok(),
                        &name,
                        0,
                    );
                }
                continue;
            };
            let Ok(stat) = statat(&level.fd, &name, AtFlags::SYMLINK_NOFOLLOW) else {
                continue;
            };
            let is_directory = FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
            let identity = Identity {
                inode: stat.st_ino,
                size: stat.st_size,
                modified: (
                    stat.st_mtime,
                    i64::try_from(stat.st_mtime_nsec).unwrap_or(0),
                ),
            };
            let mut path = level.path.clone();
            path.push(b'/');
            path.extend_from_slice(name.to_bytes());
            let removes = match visit {
                Visit::Remember(kept) => {
                    kept.insert(path.clone(), identity);
                    false
                }
                Visit::Remove(kept) => match kept.get(&path) {
                    Some(known) if known.inode == identity.inode => {
                        if *known != identity && !is_directory {
                            outcome.changed += 1;
                            outcome.name(&name);
                        }
                        false
                    }
                    // Not there before, or another file under a name that was.
                    _ => true,
                },
            };
            if !is_directory {
                if removes {
                    let is_gone = unlinkat(&level.fd, &name, AtFlags::empty()).is_ok();
                    let size = u64::try_from(stat.st_size).unwrap_or(0);
                    outcome.count(is_gone, &name, size);
                }
                continue;
            }
            let opened = openat(&level.fd, &name, DIRECTORY, Mode::empty());
            match opened {
                Ok(fd) if levels.len() < DEEPEST => {
                    let removed_as = removes.then_some(name);
                    levels.push(Level::read(fd, path, removed_as, outcome));
                }
                _ => outcome.left += 1,
            }
        }
    }
}

enum Visit<'k> {
    Remember(&'k mut HashMap<Vec<u8>, Identity>),
    Remove(&'k HashMap<Vec<u8>, Identity>),
}

const DIRECTORY: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

impl Level {
    fn read(
        fd: OwnedFd,
        path: Vec<u8>,
        removed_as: Option<CString>,
        outcome: &mut Outcome,
    ) -> Self {
        let mut names = Vec::new();
        // Names are read before anything is removed: a directory that changes while it is read may
        // skip some.
        for entry in Dir::read_from(&fd).into_iter().flatten().flatten() {
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            outcome.entries += 1;
            if outcome.entries > MOST_ENTRIES {
                outcome.left += 1;
            } else {
                names.push(name.to_owned());
            }
        }
        Self {
            fd,
            names,
            path,
            removed_as,
        }
    }
}

impl Outcome {
    fn count(&mut self, is_gone: bool, name: &CStr, bytes: u64) {
        if is_gone {
            self.removed += 1;
            self.bytes += bytes;
        } else {
            self.left += 1;
        }
        self.name(name);
    }

    fn name(&mut self, name: &CStr) {
        if self.names.len() < MOST_NAMES {
            // Names on Linux have at most 255 bytes.
            self.names.push(name.to_string_lossy().into_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("guard-{name}-{}", std::process::id()));
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn what_was_there_stays_and_what_came_goes() {
        let folder = Folder::new("wipe");
        let at = |name: &str| folder.0.join(name);
        fs::create_dir(at("cache")).unwrap();
        fs::write(at("cache/model"), "weights").unwrap();
        fs::write(at("swapped"), "old").unwrap();
        let mut tmp = Tmp::new(folder.0.clone());
        assert_eq!(tmp.wipe(), None);
        assert_eq!(tmp.wipe(), None);

        let outside = Folder::new("outside");
        fs::write(outside.0.join("precious"), "x").unwrap();
        fs::create_dir_all(at("a/b/c")).unwrap();
        fs::write(at("a/b/c/miner"), "0123456789").unwrap();
        fs::write(at("cache/agent"), "x").unwrap();
        fs::write(at("new"), "other").unwrap();
        fs::rename(at("new"), at("swapped")).unwrap();
        symlink(&outside.0, at("link")).unwrap();
        symlink(&outside.0, at("cache/link")).unwrap();
        let record = tmp.wipe().unwrap();
        assert_eq!(record["removed"], 8);
        assert_eq!(record["left"], 0);
        let mut rest: Vec<_> = fs::read_dir(&folder.0)
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        rest.sort();
        assert_eq!(rest, ["cache"]);
        assert_eq!(fs::read(at("cache/model")).unwrap(), b"weights");
        assert!(!at("cache/agent").exists());
        assert!(outside.0.join("precious").exists());

        fs::write(at("cache/model"), "poison").unwrap();
        assert_eq!(tmp.wipe().unwrap()["changed"], 1);
    }

    #[test]
    fn what_is_too_deep_is_counted() {
        let folder = Folder::new("deep");
        let mut tmp = Tmp::new(folder.0.clone());
        assert_eq!(tmp.wipe(), None);
        let deep: PathBuf = (0..DEEPEST + 10).map(|_| "d").collect();
        fs::create_dir_all(folder.0.join(deep)).unwrap();
        let record = tmp.wipe().unwrap();
        assert!(record["left"].as_u64().unwrap() > 0, "{record}");
    }
}
