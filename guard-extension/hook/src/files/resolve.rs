//! Where a path leads, by descriptors: what is decided about is what is used then.

use super::judge::is_own;
use super::path::{of_process, split};
use super::text::{Spare, by_text};
use crate::process::Process;
use crate::sys::errno::{EINVAL, ELOOP, ENAMETOOLONG, ENOSYS};
use crate::sys::{self, Errno, Fd, OpenHow};
use crate::text::{DescriptorPath, PathText};

pub(super) const O_PATH: u64 = 0o10_000_000;
pub(super) const O_CLOEXEC: u64 = 0o2_000_000;
pub(super) const O_DIRECTORY: u64 = if cfg!(target_arch = "x86_64") {
    0o200_000
} else {
    0o40_000
};
pub(crate) const O_NOFOLLOW: u64 = if cfg!(target_arch = "x86_64") {
    0o400_000
} else {
    0o100_000
};
pub(super) const RESOLVE_NO_MAGICLINKS: u64 = 0x02;
pub(super) const RESOLVE_NO_SYMLINKS: u64 = 0x04;

/// Not allowed: the result for what cannot be resolved safely.
pub(super) const DENIED: Errno = Errno(13);

/// Symbolic links that are followed before the kernel gives up as well (path_resolution(7)).
pub(super) const MAX_LINKS: usize = 40;

/// Where an open file is, as the kernel names it.
pub(crate) fn name_of(descriptor: usize, into: &mut PathText) -> Result<(), Errno> {
    let mut link = DescriptorPath::new();
    link.of(descriptor);
    sys::read_link(sys::AT_FDCWD, &link, into)
}

/// Finds the object that a path leads to, without using it, and sets `real` to its real path.
/// `flags` as for [`object`]. What is not absolute then is a pipe or the like.
pub(crate) fn find(
    process: &Process<'_>,
    directory: usize,
    path: &[u8],
    flags: u64,
    real: &mut PathText,
    spare: &mut Spare<'_>,
) -> Result<Fd, Errno> {
    let follow = flags & O_NOFOLLOW == 0;
    let how = OpenHow {
        flags: flags | O_PATH | O_CLOEXEC,
        mode: 0,
        resolve: RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
    };
    if by_text(directory, path, follow, process.local, real, spare).is_some()
        && let Ok(found) = sys::open_at(sys::AT_FDCWD, real, &how)
    {
        return Ok(found);
    }
    spare.link.set(path).ok_or(ENAMETOOLONG)?;
    let found = object(process, directory, spare.link, flags, 0, spare.rest)?;
    name_of(found.number(), real).map_err(|_| DENIED)?;
    Ok(found)
}

/// Finds the object that a path leads to, without using it. `flags` may hold `O_NOFOLLOW` and
/// `O_DIRECTORY`; `resolve` as in openat2(2). `spare` is memory to work in.
///
/// Links of /proc that lead by no path ("magic" ones) are followed when they are the process's own,
/// or lead to something that has a path.
pub(crate) fn object(
    process: &Process<'_>,
    directory: usize,
    path: &mut PathText,
    flags: u64,
    resolve: u64,
    spare: &mut PathText,
) -> Result<Fd, Errno> {
    let how = OpenHow {
        flags: flags | O_PATH | O_CLOEXEC,
        mode: 0,
        resolve: resolve | RESOLVE_NO_MAGICLINKS,
    };
    match sys::open_at(directory, path, &how) {
        Err(ENOSYS) => {
            let how = OpenHow { resolve: 0, ..how };
            sys::open_at(directory, path, &how)
        }
        // Links in a circle, links that the caller does not want, or a magic one.
        Err(ELOOP) if resolve == 0 => by_hand(process, directory, path, how, spare),
        other => other,
    }
}

/// Follows the last component's links one after the other, to see whether one of them is magic, and
/// whose.
fn by_hand(
    process: &Process<'_>,
    directory: usize,
    path: &mut PathText,
    how: OpenHow,
    spare: &mut PathText,
) -> Result<Fd, Errno> {
    let plain = OpenHow { resolve: 0, ..how };
    let mut name = DescriptorPath::new();
    for _ in 0..MAX_LINKS {
        let Some((parent, last)) = split(path.bytes()) else {
            return with_path(directory, path, &plain, spare);
        };
        leaf(last, &mut name)?;
        spare.set(parent).ok_or(ENAMETOOLONG)?;
        let parent_how = OpenHow {
            flags: O_PATH | O_CLOEXEC | O_DIRECTORY,
            mode: 0,
            resolve: RESOLVE_NO_MAGICLINKS,
        };
        let parent = match sys::open_at(directory, spare, &parent_how) {
            Err(ELOOP) => return with_path(directory, path, &plain, spare),
            other => other?,
        };
        name_of(parent.number(), spare)?;
        let owner = magic_owner(spare.bytes(), super::path::bare(last));
        if let Some(owner) = owner {
            // Not by the name of the link's target: the descriptor is what counts.
            let is_own = is_own(owner);
            if is_own && name.bytes() == b"exe" && !process.program.is_empty() {
                path.set(process.program).ok_or(ENAMETOOLONG)?;
                return sys::open_at(sys::AT_FDCWD, path, &plain);
            }
            let found = sys::open_at(parent.number(), &name, &plain)?;
            return match is_own {
                true => Ok(found),
                false => having_path(found, spare),
            };
        }
        match sys::read_link(parent.number(), &name, path) {
            // Absolute from here on, so that the path stands for itself.
            Ok(()) if !path.bytes().starts_with(b"/") => {
                spare.push(b"/").ok_or(ENAMETOOLONG)?;
                spare.push(path.bytes()).ok_or(ENAMETOOLONG)?;
                path.set(spare.bytes()).ok_or(ENAMETOOLONG)?;
            }
            Ok(()) => {}
            // No link any more.
            Err(EINVAL) => return sys::open_at(parent.number(), &name, &how),
            Err(errno) => return Err(errno),
        }
    }
    Err(ELOOP)
}

/// A last component for a call of ours: a name is at most 255 bytes (NAME_MAX, limits.h), and one
/// slash behind it says as much as many.
pub(super) fn leaf(name: &[u8], into: &mut DescriptorPath) -> Result<(), Errno> {
    let bare = super::path::bare(name);
    into.set(bare).ok_or(ENAMETOOLONG)?;
    if bare.len() < name.len() {
        into.push(b"/").ok_or(ENAMETOOLONG)?;
    }
    Ok(())
}

/// Whose magic link `name` in `directory` is, if it is one (proc(5)).
pub(super) fn magic_owner(directory: &[u8], name: &[u8]) -> Option<u32> {
    let of = of_process(directory)?;
    let is_magic = match of.rest {
        b"fd" | b"map_files" | b"ns" => true,
        b"" => matches!(name, b"cwd" | b"exe" | b"root"),
        _ => false,
    };
    is_magic.then_some(of.id)
}

/// Opens through whatever links there are, but only what has a path to decide about.
fn with_path(
    directory: usize,
    path: &PathText,
    how: &OpenHow,
    spare: &mut PathText,
) -> Result<Fd, Errno> {
    having_path(sys::open_at(directory, path, how)?, spare)
}

fn having_path(found: Fd, spare: &mut PathText) -> Result<Fd, Errno> {
    name_of(found.number(), spare)?;
    let name = spare.bytes();
    match name.starts_with(b"/") && !name.starts_with(b"/memfd:") {
        true => Ok(found),
        false => Err(DENIED),
    }
}

/// Finds the directory that the last component of a path is in, and sets `real` to its real path
/// with that component, and `name` to the component. `None` when the path names no entry of a
/// directory: calls that need one fail then.
pub(crate) fn entry(
    directory: usize,
    path: &[u8],
    resolve: u64,
    real: &mut PathText,
    name: &mut DescriptorPath,
) -> Result<Option<Fd>, Errno> {
    let Some((parent, last)) = split(path) else {
        return Ok(None);
    };
    leaf(last, name)?;
    real.set(parent).ok_or(ENAMETOOLONG)?;
    let how = OpenHow {
        flags: O_PATH | O_CLOEXEC | O_DIRECTORY,
        mode: 0,
        resolve,
    };
    let parent = sys::open_at(directory, real, &how)?;
    name_of(parent.number(), real)?;
    if !real.bytes().starts_with(b"/") {
        return Err(DENIED);
    }
    super::path::append(real, super::path::bare(last)).ok_or(ENAMETOOLONG)?;
    Ok(Some(parent))
}
