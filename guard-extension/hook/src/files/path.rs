//! Paths as text: what can be said without asking the file system.

use crate::text::{PathText, Text};

/// Whether a component of the path is `..`.
pub(crate) fn climbs(path: &[u8]) -> bool {
    path.split(|byte| *byte == b'/')
        .any(|component| component == b"..")
}

/// Appends the components of `path`, free of `..`, to an absolute path; empty ones and `.` are left
/// out. `None` when there is no room.
pub(crate) fn append<const N: usize>(to: &mut Text<N>, path: &[u8]) -> Option<()> {
    if to.bytes() == b"/" {
        to.clear();
    }
    for component in path.split(|byte| *byte == b'/') {
        if !matches!(component, b"" | b".") {
            to.push(b"/")?;
            to.push(component)?;
        }
    }
    if to.bytes().is_empty() {
        to.push(b"/")?;
    }
    Some(())
}

/// The directory part and the last component, which keeps the slashes behind it. The directory is
/// `.` when there is none. `None` for the root, for the empty path, and when the last component is
/// `.` or `..`: those name no entry of a directory.
pub(crate) fn split(path: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = path.iter().rposition(|byte| *byte != b'/')? + 1;
    let bare = path.get(..end)?;
    let first = bare
        .iter()
        .rposition(|byte| *byte == b'/')
        .map_or(0, |slash| slash + 1);
    let (directory, name) = path.split_at_checked(first)?;
    if matches!(bare.get(first..)?, b"." | b"..") {
        return None;
    }
    Some((
        if directory.is_empty() {
            b"."
        } else {
            directory
        },
        name,
    ))
}

/// A name without the slashes behind it.
pub(crate) fn bare(name: &[u8]) -> &[u8] {
    let end = name.iter().rposition(|byte| *byte != b'/');
    name.get(..end.map_or(0, |end| end + 1)).unwrap_or(name)
}

/// Whether `path` is `directory` or lies below it. Both in canonical form.
pub(crate) fn is_below(path: &[u8], directory: &[u8]) -> bool {
    path.strip_prefix(directory)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
}

/// A path in the file system of processes: whose it is, and what of theirs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ProcPath<'p> {
    pub(crate) id: u32,
    /// Behind the process's or the thread's directory, without a slash at its beginning.
    pub(crate) rest: &'p [u8],
}

/// Reads `/proc/ID/...` and `/proc/ID/task/ID/...`.
pub(crate) fn of_process(path: &[u8]) -> Option<ProcPath<'_>> {
    let (id, rest) = numbered(path.strip_prefix(b"/proc/")?)?;
    match rest.strip_prefix(b"task/").and_then(numbered) {
        Some((_, rest)) => Some(ProcPath { id, rest }),
        None => Some(ProcPath { id, rest }),
    }
}

fn numbered(path: &[u8]) -> Option<(u32, &[u8])> {
    let end = path.iter().position(|byte| *byte == b'/');
    let digits = path.get(..end.unwrap_or(path.len()))?;
    let id = number(digits)?;
    let rest = end.and_then(|end| path.get(end + 1..)).unwrap_or_default();
    Some((id, rest))
}

/// A decimal number.
pub(super) fn number(digits: &[u8]) -> Option<u32> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u32, |number, digit| {
        let digit = digit.checked_sub(b'0').filter(|digit| *digit <= 9)?;
        number.checked_mul(10)?.checked_add(u32::from(digit))
    })
}

/// `/proc/ID/...` as `/proc/self/...`, which is how policies name it.
pub(crate) fn as_self(path: &[u8], into: &mut PathText) -> Option<()> {
    let behind = path.strip_prefix(b"/proc/")?;
    let end = behind.iter().position(|byte| *byte == b'/');
    into.set(b"/proc/self")?;
    into.push(end.and_then(|end| behind.get(end..)).unwrap_or_default())
}
