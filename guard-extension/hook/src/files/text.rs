//! Resolving a path by reading its links, one component after the other.
//!
//! Cheaper than asking the kernel where a descriptor leads, which costs several look-ups in /proc.
//! What comes out is a guess that others can outdate at any time: it is decided about and then used
//! with `RESOLVE_NO_SYMLINKS`, so that a wrong guess fails. That is also why it may be remembered
//! what was no link; a path that climbs by `..` is looked at anew each time, since its guess can be
//! wrong without passing a link.

use core::sync::atomic::{AtomicU64, Ordering};

use super::open::base;
use super::path::{climbs, number};
use super::resolve::{
    MAX_LINKS, O_CLOEXEC, O_PATH, RESOLVE_NO_MAGICLINKS, RESOLVE_NO_SYMLINKS, magic_owner,
};
use crate::process::Local;
use crate::sys::errno::{EINVAL, ENOENT};
use crate::sys::{self, AT_FDCWD, Errno, OpenHow};
use crate::text::PathText;

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
    let is_known = match climbs(path) {
        true => straight(directory, path, into, spare).is_some(),
        false => begin(directory, path, into, spare).is_some(),
    };
    if is_known && walk(follow, Some(local), into, spare)? {
        return Some(());
    }
    begin(directory, path, into, spare)?;
    walk(follow, None, into, spare).map(drop)
}

/// Where a relative path begins goes to `into`, the path itself to `rest`.
fn begin(directory: usize, path: &[u8], into: &mut PathText, spare: &mut Spare<'_>) -> Option<()> {
    into.clear();
    if !path.starts_with(b"/") {
        base(directory, into)?;
        if into.bytes() == b"/" {
            into.clear();
        }
    }
    spare.rest.set(path)
}

/// [`begin`] for a path that climbs, which is then without `..`: the kernel is asked whether all up
/// to the last one is there and without links.
fn straight(
    directory: usize,
    path: &[u8],
    into: &mut PathText,
    spare: &mut Spare<'_>,
) -> Option<()> {
    begin(directory, path, into, spare)?;
    let climbed = 2 + path.windows(2).rposition(|bytes| bytes == b"..")?;
    spare.link.set(into.bytes())?;
    spare.link.push(b"/")?;
    spare.link.push(path.get(..climbed)?)?;
    let how = OpenHow {
        flags: O_PATH | O_CLOEXEC,
        mode: 0,
        resolve: RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
    };
    // Not in a name, as in "a..b": those are walked.
    if !path.get(climbed..)?.starts_with(b"/") {
        return None;
    }
    drop(sys::open_at(AT_FDCWD, spare.link, &how).ok()?);
    for component in path.split(|byte| *byte == b'/') {
        match component {
            b"" | b"." => {}
            b".." => {
                let slash = into.bytes().iter().rposition(|byte| *byte == b'/');
                into.cut(slash.unwrap_or(0));
            }
            _ => {
                into.push(b"/")?;
                into.push(component)?;
            }
        }
    }
    spare.rest.set(into.bytes())?;
    into.clear();
    Some(())
}

/// Whether a path met a link when it was opened as text; lossy, and no more than a hint.
pub(super) fn is_linked(local: &Local, path: &[u8]) -> bool {
    let hash = hash(path);
    let slot = slot(&local.linked, hash);
    slot.is_some_and(|slot| slot.load(Ordering::Relaxed) == hash)
}

/// Remembers that it did.
pub(super) fn remember_link(local: &Local, path: &[u8]) {
    let hash = hash(path);
    if let Some(slot) = slot(&local.linked, hash) {
        slot.store(hash, Ordering::Relaxed);
    }
}

/// Follows the path in `rest` from `into` on. With memory of what is no link, false when a link
/// climbs.
fn walk(
    follow: bool,
    local: Option<&Local>,
    into: &mut PathText,
    spare: &mut Spare<'_>,
) -> Option<bool> {
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
        let own = local.filter(|_| into.bytes() == b"/proc/self");
        let read = match own {
            Some(local) => own_folder(local, into, spare.link),
            None => sys::read_link(AT_FDCWD, into, spare.link),
        };
        match read {
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

/// Reads `/proc/self`, or remembers that it led to this process when it was read. It leads elsewhere
/// where processes are counted otherwise.
fn own_folder(local: &Local, path: &PathText, into: &mut PathText) -> Result<(), Errno> {
    let id = sys::process_id();
    if id != 0 && local.own_folder.load(Ordering::Relaxed) == id {
        into.clear();
        return into.push_number(id as usize).ok_or(EINVAL);
    }
    sys::read_link(AT_FDCWD, path, into)?;
    if number(into.bytes()) == Some(id) {
        local.own_folder.store(id, Ordering::Relaxed);
    }
    Ok(())
}

/// Where it is remembered that a path is no link, and as what.
fn known<'l>(local: &'l Local, path: &[u8]) -> Option<(&'l AtomicU64, u64)> {
    let hash = hash(path);
    Some((slot(&local.plain, hash)?, hash))
}

fn slot(slots: &[AtomicU64], hash: u64) -> Option<&AtomicU64> {
    slots.get(usize::try_from(hash >> 32).ok()? % slots.len())
}

/// Eight bytes at a time. Nobody gains by a collision: what rests on it fails, and is done
/// thoroughly.
fn hash(path: &[u8]) -> u64 {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let mix = |hash: u64, word: u64| (hash.rotate_left(5) ^ word).wrapping_mul(ODD);
    let (words, rest) = path.as_chunks::<8>();
    let mut hash = words.iter().fold(path.len() as u64, |hash, word| {
        mix(hash, u64::from_le_bytes(*word))
    });
    for byte in rest {
        hash = mix(hash, u64::from(*byte));
    }
    // Zero is an empty slot.
    (hash ^ hash >> 29).wrapping_mul(ODD) | 1
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
