//! Opening what is there, found by a descriptor that opens nothing.
//!
//! The descriptor says which object it is; the object is opened by its real path, since another
//! thread may replace the descriptor. What has no path (a pipe, memory, a file that was removed) can
//! be opened through the descriptor only, and is looked at once more when it is open.

use super::Step;
use super::judge::may_use;
use super::open::{O_CREAT, O_EXCL, O_TMPFILE, openat2};
use super::resolve::{
    DENIED, O_CLOEXEC, O_NOFOLLOW, O_PATH, RESOLVE_NO_MAGICLINKS, RESOLVE_NO_SYMLINKS, name_of,
};
use crate::Call;
use crate::process::Process;
use crate::scratch::Scratch;
use crate::sys::errno::{EEXIST, EISDIR, ELOOP};
use crate::sys::{self, AT_FDCWD, Errno, Fd, OpenHow, S_IFDIR, S_IFLNK, number};

/// Decides about an object that is there, and opens it.
pub(super) fn existing(
    process: &Process<'_>,
    number: usize,
    scratch: &mut Scratch,
    found: Fd,
) -> Result<Call, Errno> {
    let request = scratch.files.request;
    let [_, names] = &mut scratch.given;
    let [real, _] = &mut scratch.real;
    let creates = request.has(O_CREAT);
    if creates || request.has(O_NOFOLLOW) {
        let status = sys::status(found.number())?;
        if creates && request.has(O_EXCL) {
            return Err(EEXIST);
        }
        if status.kind() == S_IFLNK && !request.has(O_PATH) {
            return Err(ELOOP);
        }
        if creates && status.kind() == S_IFDIR {
            return Err(EISDIR);
        }
    }
    name_of(found.number(), real).map_err(|_| DENIED)?;
    if !may_use(process, number, real.bytes(), request.wants(), names) {
        return Err(DENIED);
    }
    if request.has(O_PATH) {
        return Ok(keep(scratch, found, request.has(O_CLOEXEC)));
    }
    let is_lasting = is_lasting(real.bytes());
    scratch.files.link.of(found.number());
    scratch.files.hold(found);
    if !is_lasting {
        return Ok(through_descriptor(scratch));
    }
    scratch.files.step = Step::Named;
    scratch.files.how = OpenHow {
        flags: opening(request.how.flags),
        mode: mode(&request.how),
        resolve: RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
    };
    Ok(openat2(
        AT_FDCWD,
        scratch.real[0].pointer(),
        &scratch.files.how,
    ))
}

/// Whether what the kernel names so can be opened by that name.
pub(super) fn is_lasting(path: &[u8]) -> bool {
    path.starts_with(b"/") && !path.starts_with(b"/memfd:") && !path.ends_with(b" (deleted)")
}

/// The open of an object by its descriptor's name.
pub(super) fn through_descriptor(scratch: &mut Scratch) -> Call {
    let how = &scratch.files.request.how;
    let (flags, mode) = (opening(how.flags), mode(how));
    scratch.files.step = Step::Reopen;
    Call {
        number: number::OPENAT,
        args: [
            AT_FDCWD,
            scratch.files.link.pointer(),
            usize::try_from(flags).unwrap_or(0),
            usize::try_from(mode).unwrap_or(0),
            0,
            0,
        ],
    }
}

/// Without what was decided about already, or speaks of the name that led there.
const fn opening(flags: u64) -> u64 {
    flags & !(O_CREAT | O_EXCL | O_NOFOLLOW)
}

const fn mode(how: &OpenHow) -> u64 {
    if how.flags & O_TMPFILE == O_TMPFILE {
        how.mode
    } else {
        0
    }
}

/// Whether what was opened through a descriptor may be used, whatever the descriptor led to by then;
/// closes it if not.
pub(super) fn is_still_free(
    process: &Process<'_>,
    number: usize,
    scratch: &mut Scratch,
    opened: isize,
) -> bool {
    let request = scratch.files.request;
    let Ok(opened) = usize::try_from(opened) else {
        return true;
    };
    if request.has(O_PATH) {
        return true;
    }
    let [_, names] = &mut scratch.given;
    let [real, _] = &mut scratch.real;
    let is_free = name_of(opened, real).is_ok()
        && may_use(process, number, real.bytes(), request.wants(), names);
    if !is_free {
        drop(Fd::held(opened));
    }
    is_free
}

/// A call that has the descriptor itself for a result: a duplicate, moved back in `after`.
fn keep(scratch: &mut Scratch, found: Fd, close_on_exec: bool) -> Call {
    // F_DUPFD, F_DUPFD_CLOEXEC (fcntl(2)).
    let command = if close_on_exec { 1030 } else { 0 };
    let call = Call {
        number: number::FCNTL,
        args: [found.number(), command, 0, 0, 0, 0],
    };
    scratch.files.step = Step::Reopen;
    scratch.files.hold(found);
    call
}

/// The program gets the number that it would have got without us: the lowest one, which our own
/// descriptor has.
pub(super) fn place(opened: isize, held: Fd, close_on_exec: bool) -> isize {
    let Ok(number) = usize::try_from(opened) else {
        return opened;
    };
    if held.number() > number {
        return opened;
    }
    isize::try_from(sys::move_to(number, held, close_on_exec)).unwrap_or(opened)
}
