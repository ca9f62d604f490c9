//! Resolving a path by reading its links, one component after the other.
//!
//! Cheaper than asking the kernel where a descriptor leads, which costs several look-ups in /proc.
//! What comes out is a guess that others can outdate at any time: it is decided about and then used
//! with `RESOLVE_NO_SYMLINKS`, so that a wrong guess fails. That is also why it may be remembered
//! what was no link; a path that climbs by `..` is looked at anew each time, since its guess can be
//! wrong without passing a link.

use core::hash::Hasher;
use core::sync::atomic::{AtomicU64, Ordering};

use super::open::base;
use super::path::climbs;
use super::resolve::{MAX_LINKS, magic_owner};
use crate::process::Local;
use crate::record::Fnv;
use crate::sys::{self, AT_FDCWD, Errno};
use crate::text::PathText;

const ENOENT: Errno = Errno(2);
const EINVAL: Errno = Errno(22);

/// Memory to work in.
pub(crate) struct Spare<'s> {
    pub(crate) rest: &'s mut PathText,
    pub(crate) link: &'s mut PathText,
}

/// Sets `into` to the absolute path without links, `.`, `..` and slashes at its end. The last
/// component need not exist. `None` when a magic link of /proc is in the way, the path demands a
/// directory at its end, or anything is odd: the thorough way has the answer then.
pub(crate) fn by_text(
    directory: usize,
    path: &[u8],
    follow: bool,
    local: &Local,
    into: &mut PathText,
    spare: &mut Spare<'_>,
) -> Option<()> {
    if path.ends_with(b"/") || path.ends_with(b"/.") || path.ends_with(b"..") || path == b"." {
        return None;
    }
    if !climbs(path) && walk(directory, path, follow, Some(local), into, spare)? {
        return Some(());
    }
    walk(directory, path, follow, None, into, spare).map(drop)
}

/// Follows the path. With memory of what is no link, false when a link climbs.
fn walk(
    directory: usize,
    path: &[u8],
    follow: bool,
    local: Option<&Local>,
    into: &mut PathText,
    spare: &mut Spare<'_>,
) -> Option<bool> {
    into.clear();
    if !path.starts_with(b"/") {
        base(directory, into)?;
        if into.bytes() == b"/" {
            into.clear();
        }
    }
    spare.rest.set(path)?;
    let mut at = 0;
    let mut links = 0;
    loop {
        let rest = spare.rest.bytes().get(at..)?;
        if rest.is_empty() {
            break;
        }
        let end = rest.iter().position(|byte| *byte == b'/');
        let component = rest.get(..end.unwrap_or(rest.len()))?;
        at += end.map_or(rest.len(), |end| end + 1);
        match component {
            b"" | b"." => continue,
            b".." => {
                up(into)?;
                continue;
            }
            _ => {}
        }
        let before = into.bytes().len();
        if magic_owner(into.bytes(), component).is_some() {
            return None;
        }
        into.push(b"/")?;
        into.push(component)?;
        let is_last = end.is_none();
        if is_last && !follow {
            break;
        }
        let known = local.and_then(|local| known(local, into.bytes()));
        if known.is_some_and(|(slot, hash)| slot.load(Ordering::Relaxed) == hash) {
            continue;
        }
        match sys::read_link(AT_FDCWD, into, spare.link) {
            Err(EINVAL) => {
                if let Some((slot, hash)) = known {
                    slot.store(hash, Ordering::Relaxed);
                }
            }
            Err(ENOENT) if is_last => {}
            Err(_) => return None,
            Ok(()) => {
                links += 1;
                let target = spare.link.bytes();
                if local.is_some() && climbs(target) {
                    return Some(false);
                }
                // A link that ends by a slash demands a directory.
                if links > MAX_LINKS || target.ends_with(b"/") || target.ends_with(b".") {
                    return None;
                }
                into.cut(if target.starts_with(b"/") { 0 } else { before });
                if !is_last {
                    spare.link.push(b"/")?;
                    spare.link.push(spare.rest.bytes().get(at..)?)?;
                }
                spare.rest.set(spare.link.bytes())?;
                at = 0;
            }
        }
    }
    if into.bytes().is_empty() {
        into.push(b"/")?;
    }
    Some(true)
}

/// Where it is remembered that a path is no link, and as what.
fn known<'l>(local: &'l Local, path: &[u8]) -> Option<(&'l AtomicU64, u64)> {
    let mut hash = Fnv::new();
    hash.write(path);
    let hash = hash.finish();
    let slot = usize::try_from(hash >> 32).ok()? % local.plain.len();
    Some((local.plain.get(slot)?, hash))
}

/// Takes the last component away, which has to be a directory.
fn up(path: &mut PathText) -> Option<()> {
    let length = path.bytes().len();
    path.push(b"/")?;
    let is_directory = length == 0 || sys::exists(AT_FDCWD, path).is_ok();
    path.cut(length);
    let slash = path.bytes().iter().rposition(|byte| *byte == b'/');
    path.cut(slash.unwrap_or(0));
    is_directory.then_some(())
}
