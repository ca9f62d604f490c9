//! Whether a process comes from one under guard, which a program of root's may have left to another
//! user: what became of it, and its children, are to be guarded as before.
//!
//! Read from /proc (proc_pid_stat(5), proc_pid_maps(5)), which shows root every process. Ancestors
//! that have all ended say nothing of their children any more.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::MetadataExt as _;

/// Ancestors that are looked at.
const MOST: usize = 64;

/// Whether one of a process's ancestors is this process, or has mapped `region`.
pub(super) fn is_guarded(process: i32, region: &File) -> bool {
    let own = std::process::id();
    let Ok(inode) = region.metadata().map(|about| about.ino()) else {
        return false;
    };
    let parent = |process: &u32| parent(&stat(*process)?);
    let start = u32::try_from(process).ok();
    std::iter::successors(start, parent)
        .skip(1)
        .take(MOST)
        .take_while(|ancestor| *ancestor != 0)
        .any(|ancestor| ancestor == own || has_mapped(ancestor, inode))
}

fn stat(process: u32) -> Option<Vec<u8>> {
    fs::read(format!("/proc/{process}/stat")).ok()
}

/// The fourth field; the second, a name in parentheses, may hold anything.
fn parent(stat: &[u8]) -> Option<u32> {
    let end = stat.iter().rposition(|byte| *byte == b')')?;
    let rest = str::from_utf8(stat.get(end + 1..)?).ok()?;
    rest.split_ascii_whitespace().nth(1)?.parse().ok()
}

/// Whether a process has mapped a file without a name with this number. Regions are the only such
/// files that programs under guard are given.
fn has_mapped(process: u32, inode: u64) -> bool {
    let Ok(maps) = File::open(format!("/proc/{process}/maps")) else {
        return false;
    };
    let inode = inode.to_string();
    let lines = BufReader::new(maps).split(b'\n').map_while(Result::ok);
    lines.into_iter().any(|line| {
        let mut fields = line
            .split(|byte| *byte == b' ')
            .filter(|field| !field.is_empty());
        fields.nth(4) == Some(inode.as_bytes())
            && fields
                .next()
                .is_some_and(|name| name.starts_with(b"/memfd:guard-sealed"))
    })
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use rustix::fs::{MemfdFlags, memfd_create};

    use super::*;

    #[test]
    fn names_of_programs_do_not_count_as_fields() {
        assert_eq!(parent(b"7 (a) S 3 7 7"), Some(3));
        assert_eq!(parent(b"7 (a) S 1 (b) R 3 7 7"), Some(3));
        assert_eq!(parent(b"7 (\xff) S 1) Z 3"), Some(3));
        for other in [b"".as_slice(), b"7", b"7 (a)", b"7 (a) S", b"7 (a) S x"] {
            assert_eq!(parent(other), None);
        }
    }

    #[test]
    fn children_come_from_who_hands_over_and_who_hands_over_does_not() {
        let region = File::from(memfd_create(c"guard-sealed", MemfdFlags::CLOEXEC).unwrap());
        let mut child = Command::new("/bin/sleep").arg("20").spawn().unwrap();
        let process = i32::try_from(child.id()).unwrap();
        assert!(is_guarded(process, &region));
        // This process is no ancestor of itself, and none of its own has the region.
        let own = i32::try_from(std::process::id()).unwrap();
        assert!(!is_guarded(own, &region));
        assert!(!is_guarded(1, &region));
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
