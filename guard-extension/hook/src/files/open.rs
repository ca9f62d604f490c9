//! Opening by path.
//!
//! Three ways, from fast to thorough:
//! 1. The path as text is allowed, and the kernel is told to follow no links: what is opened is
//!    what was decided about.
//! 2. There are links: the object is found by a descriptor that opens nothing (`O_PATH`), decided
//!    about by its real path, and opened by that, following no links; where it has none, through the
//!    descriptor.
//! 3. Nothing is there and it is to be created: its directory is found so, and it is created at the
//!    real path, following no links.
//!
//! Descriptors are the process's: any thread of the program can put another file in the place of one,
//! the program's or ours, at any time. So nothing that has a path is opened below or through one.
//!
//! In monitor mode the call is made as it is, and what it opened is looked at afterwards.

use super::judge::{Wants, is_free, learn, learns, may_use};
use super::path::{append, climbs, is_below};
use super::resolve::{
    DENIED, MAX_LINKS, O_CLOEXEC, O_DIRECTORY, O_NOFOLLOW, O_PATH, RESOLVE_NO_MAGICLINKS,
    RESOLVE_NO_SYMLINKS, entry, name_of, object,
};
use super::text::{Spare, by_text, is_linked, remember_link};
use super::there::{existing, is_still_free, place, through_descriptor};
use super::{Step, argument, path_argument};
use crate::calls::Name;
use crate::process::Process;
use crate::programs::is_own_name;
use crate::scratch::Scratch;
use crate::sys::errno::{self, EINVAL, EISDIR, ELOOP, ENAMETOOLONG, ENOENT, ENOSYS, EPERM};
use crate::sys::{self, AT_FDCWD, Errno, Fd, OpenHow, memory, number};
use crate::{Answer, Call, Next};

const O_WRONLY: u64 = 1;
const O_RDWR: u64 = 2;
pub(super) const O_ACCMODE: u64 = 3;
pub(super) const O_CREAT: u64 = 0o100;
pub(super) const O_EXCL: u64 = 0o200;
pub(super) const O_TRUNC: u64 = 0o1000;
pub(super) const O_TMPFILE: u64 = 0o20_000_000;
/// The kernel sets it for 64-bit programs in all calls but openat2.
pub(super) const O_LARGEFILE: u64 = if cfg!(target_arch = "x86_64") {
    0o100_000
} else {
    0o400_000
};
/// Flags that openat2(2) knows; the other calls ignore unknown ones (linux/fcntl.h,
/// `VALID_OPEN_FLAGS`).
const KNOWN: u64 = O_ACCMODE
    | O_CREAT
    | O_EXCL
    | 0o400
    | O_TRUNC
    | 0o2000
    | 0o4000
    | 0o10_000
    | 0o20_000
    | 0o4_010_000
    | 0o40_000
    | 0o100_000
    | 0o200_000
    | 0o400_000
    | 0o1_000_000
    | O_CLOEXEC
    | O_PATH
    | O_TMPFILE;

/// Times that a creation starts again when a link appears where there was none.
const ATTEMPTS: u8 = 8;

/// What the program asks for, whichever call it uses.
#[derive(Debug, Clone, Copy)]
pub(super) struct Request {
    pub(super) directory: usize,
    path: usize,
    pub(super) how: OpenHow,
}

impl Request {
    pub(super) const fn new() -> Self {
        Self {
            directory: 0,
            path: 0,
            how: OpenHow {
                flags: 0,
                mode: 0,
                resolve: 0,
            },
        }
    }

    /// `None` for an openat2 that the kernel refuses, or that is newer than we are.
    fn read(name: Name, call: &Call) -> Option<Self> {
        let arg = |index| argument(call, index);
        let (directory, path, flags, mode) = match name {
            Name::Creat => (AT_FDCWD, arg(0), O_CREAT | O_WRONLY | O_TRUNC, arg(1)),
            Name::Open => (AT_FDCWD, arg(0), arg(1) as u64, arg(2)),
            Name::Openat => (arg(0), arg(1), arg(2) as u64, arg(3)),
            _ => {
                let mut words = [0_u8; size_of::<OpenHow>()];
                // Of another size it is invalid, or asks for what we do not know.
                if arg(3) != words.len() {
                    return None;
                }
                memory::copy_in(arg(2), &mut words).ok()?;
                let word = |at: usize| {
                    let bytes = words.get(at..)?.first_chunk()?;
                    Some(u64::from_ne_bytes(*bytes))
                };
                return Some(Self {
                    directory: arg(0),
                    path: arg(1),
                    how: OpenHow {
                        flags: word(0)?,
                        mode: word(8)?,
                        resolve: word(16)?,
                    },
                });
            }
        };
        // The int of the call, not the register.
        let mut flags = flags & 0xffff_ffff & KNOWN;
        if flags & O_PATH != 0 {
            flags &= O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
        } else {
            flags |= O_LARGEFILE;
        }
        let creates = flags & (O_CREAT | (O_TMPFILE & !O_DIRECTORY)) != 0;
        Some(Self {
            directory,
            path,
            how: OpenHow {
                flags,
                mode: if creates { mode as u64 & 0o7777 } else { 0 },
                resolve: 0,
            },
        })
    }

    pub(super) const fn has(&self, flag: u64) -> bool {
        self.how.flags & flag == flag
    }

    /// What the kernel demands before it looks at the path; openat2(2) of all flags, the other calls
    /// of those that are left. Kernels before 6.4 took a directory for a file to be created.
    const fn is_valid(&self) -> bool {
        const ONLY: u64 = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
        let flags = self.how.flags;
        let creates = flags & (O_CREAT | O_TMPFILE) != 0;
        let is_plain = flags & O_PATH == 0 || flags & !ONLY == 0;
        let is_directory = flags & O_DIRECTORY != 0;
        let is_nameless = flags & O_TMPFILE == 0
            || (is_directory && flags & O_ACCMODE != 0 && flags & O_CREAT == 0);
        flags & !KNOWN == 0
            && (creates || self.how.mode == 0)
            && self.how.mode <= 0o7777
            && is_plain
            && is_nameless
            && !(is_directory && flags & O_CREAT != 0)
    }

    /// What is asked of a file that exists.
    pub(super) fn wants(&self) -> Wants {
        if self.has(O_PATH) {
            return Wants::default();
        }
        let access = self.how.flags & O_ACCMODE;
        Wants {
            read: access != O_WRONLY,
            write: matches!(access, O_WRONLY | O_RDWR | O_ACCMODE)
                || self.has(O_TRUNC)
                || self.has(O_TMPFILE),
        }
    }

    /// What is asked of a file, there or not.
    fn wants_most(&self) -> Wants {
        match self.has(O_CREAT) {
            true => self.wants_new(),
            false => self.wants(),
        }
    }

    /// What is asked of a file that has to be created.
    fn wants_new(&self) -> Wants {
        Wants {
            write: true,
            ..self.wants()
        }
    }
}

pub(super) fn decide(
    process: &Process<'_>,
    name: Name,
    call: &Call,
    scratch: &mut Scratch,
) -> Answer {
    let Some(request) = Request::read(name, call) else {
        return unknown(process, call);
    };
    scratch.files.request = request;
    if !process.enforces() {
        let made = path_argument(request.path, &mut scratch.given[0])
            .ok()
            .and_then(|()| {
                own_file(process, &request, scratch).or_else(|| plain(&request, scratch))
            })
            .unwrap_or_else(|| {
                scratch.files.step = Step::Watch;
                *call
            });
        return Answer::Instead(made);
    }
    // The calls that are made in its place do not check as much.
    if !request.is_valid() {
        return Answer::Return(EINVAL.result());
    }
    scratch.files.attempts = 0;
    if let Err(answer) = path_argument(request.path, &mut scratch.given[0]) {
        return answer;
    }
    let _ = own_file(process, &request, scratch);
    match fast(process, &request, scratch).or_else(|| text(process, scratch)) {
        Some(call) => Answer::Instead(call),
        None => match thorough(process, call.number, scratch) {
            Ok(call) => Answer::Instead(call),
            Err(errno) => Answer::Return(errno.result()),
        },
    }
}

/// Under the loader, /proc/self/exe is the program's file, not the loader's: puts its path into
/// `given[0]` in place of that name, and returns the open of it.
fn own_file(process: &Process<'_>, request: &Request, scratch: &mut Scratch) -> Option<Call> {
    if process.program.is_empty() {
        return None;
    }
    let [given, _] = &mut scratch.given;
    let [real, _] = &mut scratch.real;
    if !is_own_name(request.directory, given.bytes(), real) {
        return None;
    }
    given.set(process.program)?;
    scratch.files.step = Step::Watch;
    scratch.files.how = request.how;
    Some(openat2(
        AT_FDCWD,
        scratch.given[0].pointer(),
        &scratch.files.how,
    ))
}

/// An openat2 with a structure of another size, or one that cannot be read: the kernel says which
/// error that is, unless it knows more than we do.
fn unknown(process: &Process<'_>, call: &Call) -> Answer {
    if !process.enforces() {
        return Answer::Proceed;
    }
    match argument(call, 3) {
        // The structure cannot be read.
        24 => Answer::Return(errno::EFAULT.result()),
        0..24 => Answer::Return(EINVAL.result()),
        // E2BIG: what a kernel says that does not know the rest.
        _ => Answer::Return(-7),
    }
}

/// In monitor mode: the first way where it is likely to do, since it says at once what was opened.
/// When it meets links, the call is made as it is, and the kernel asked.
fn plain(request: &Request, scratch: &mut Scratch) -> Option<Call> {
    if !request.is_valid() || request.has(O_PATH) {
        return None;
    }
    unlinked(request, scratch)
}

/// The first way, when nothing speaks against it.
fn fast(process: &Process<'_>, request: &Request, scratch: &mut Scratch) -> Option<Call> {
    let call = unlinked(request, scratch)?;
    let [_, spare] = &mut scratch.given;
    let [real, _] = &mut scratch.real;
    if is_linked(process.local, real.bytes()) {
        return None;
    }
    is_free(process, real.bytes(), scratch.files.wants, spare).then_some(call)
}

/// The open that follows no links; sets `real[0]` to what it opens then.
fn unlinked(request: &Request, scratch: &mut Scratch) -> Option<Call> {
    let [given, _] = &mut scratch.given;
    let [real, whole] = &mut scratch.real;
    let path = given.bytes();
    if request.how.resolve != 0 || climbs(path) {
        return None;
    }
    let is_absolute = path.starts_with(b"/");
    if is_absolute {
        real.clear();
    } else {
        base(request.directory, real)?;
    }
    append(real, path)?;
    let lexical = real.bytes();
    // Links nearly always, and special.
    if is_below(lexical, b"/proc") || is_below(lexical, b"/dev/fd") {
        return None;
    }
    if !is_absolute {
        whole.set(lexical)?;
        // Its end says whether it has to be a directory.
        match path {
            b"." => whole.push(b"/.")?,
            _ if path.ends_with(b"/.") => whole.push(b"/.")?,
            _ if path.ends_with(b"/") => whole.push(b"/")?,
            _ => {}
        }
    }
    scratch.files.step = Step::Fast;
    scratch.files.wants = request.wants_most();
    scratch.files.how = OpenHow {
        resolve: RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
        ..request.how
    };
    // Not below the descriptor or the working directory: another thread may have put another
    // directory in its place by then.
    let path = match is_absolute {
        true => scratch.given[0].pointer(),
        false => scratch.real[1].pointer(),
    };
    Some(openat2(AT_FDCWD, path, &scratch.files.how))
}

/// The first way once more, with the path's links read.
fn text(process: &Process<'_>, scratch: &mut Scratch) -> Option<Call> {
    let request = scratch.files.request;
    if request.how.resolve != 0 {
        return None;
    }
    let [given, rest] = &mut scratch.given;
    let [real, link] = &mut scratch.real;
    let follow = !request.has(O_NOFOLLOW) && !request.has(O_CREAT | O_EXCL);
    let mut spare = Spare { rest, link };
    by_text(
        request.directory,
        given.bytes(),
        follow,
        process.local,
        real,
        &mut spare,
    )?;
    let wants = request.wants_most();
    if !is_free(process, real.bytes(), wants, spare.rest) {
        return None;
    }
    scratch.files.step = Step::Text;
    scratch.files.wants = wants;
    scratch.files.how = OpenHow {
        resolve: RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
        ..request.how
    };
    Some(openat2(
        AT_FDCWD,
        scratch.real[0].pointer(),
        &scratch.files.how,
    ))
}

/// The real path of the directory that a relative path begins at.
pub(crate) fn base(directory: usize, into: &mut crate::text::PathText) -> Option<()> {
    if sys::int(directory) == sys::int(AT_FDCWD) {
        sys::working_directory(into).ok()?;
    } else {
        name_of(directory, into).ok()?;
    }
    let bytes = into.bytes();
    (bytes.starts_with(b"/") && !bytes.ends_with(b" (deleted)")).then_some(())
}

pub(super) fn openat2(directory: usize, path: usize, how: &OpenHow) -> Call {
    Call {
        number: number::OPENAT2,
        args: [
            directory,
            path,
            core::ptr::from_ref(how).expose_provenance(),
            size_of::<OpenHow>(),
            0,
            0,
        ],
    }
}

/// The second and the third way. The path is in `given[0]` and is used up.
fn thorough(process: &Process<'_>, number: usize, scratch: &mut Scratch) -> Result<Call, Errno> {
    let request = scratch.files.request;
    let mut directory = request.directory;
    let mut held: Option<Fd> = None;
    for _ in 0..MAX_LINKS {
        let [path, spare] = &mut scratch.given;
        let [real, names] = &mut scratch.real;
        // A file to be created exclusively must not exist under any name.
        let nofollow = request.has(O_NOFOLLOW) || request.has(O_CREAT | O_EXCL);
        let mut flags = request.how.flags & O_DIRECTORY;
        if nofollow {
            flags |= O_NOFOLLOW;
        }
        match object(process, directory, path, flags, request.how.resolve, spare) {
            Ok(found) => return existing(process, number, scratch, found),
            Err(ENOENT) if request.has(O_CREAT) => {}
            Err(errno) => return Err(errno),
        }
        if path.bytes().ends_with(b"/") {
            return Err(EISDIR);
        }
        let name = &mut scratch.files.leaf;
        let Some(parent) = entry(directory, path.bytes(), request.how.resolve, real, name)? else {
            return Err(ENOENT);
        };
        match sys::read_link(parent.number(), name, spare) {
            // A link to nowhere: the file is created where it leads.
            Ok(()) if nofollow || request.how.resolve != 0 => return Err(ELOOP),
            Ok(()) => {
                path.set(spare.bytes()).ok_or(ENAMETOOLONG)?;
                directory = held.insert(parent).number();
                continue;
            }
            Err(EINVAL) => continue,
            Err(ENOENT) => {}
            Err(errno) => return Err(errno),
        }
        if !may_use(process, number, real.bytes(), request.wants_new(), names) {
            return Err(DENIED);
        }
        scratch.files.how = OpenHow {
            resolve: RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
            ..request.how
        };
        // By its path: the directory's descriptor is one that the program's threads can replace.
        let call = openat2(AT_FDCWD, real.pointer(), &scratch.files.how);
        scratch.files.step = Step::Create;
        scratch.files.hold(parent);
        return Ok(call);
    }
    Err(ELOOP)
}

pub(super) fn after(
    process: &Process<'_>,
    call: &Call,
    scratch: &mut Scratch,
    result: isize,
) -> Next {
    let request = scratch.files.request;
    let errno = (result < 0).then(|| Errno(u16::try_from(result.unsigned_abs()).unwrap_or(0)));
    match scratch.files.step {
        Step::Watch => {
            if let Ok(opened) = usize::try_from(result) {
                watch(process, call.number, scratch, opened);
            }
            Next::Done(result)
        }
        // The monitor looks at what was opened with links.
        Step::Fast | Step::Text if !process.enforces() => match errno {
            None => {
                let [real, names] = &mut scratch.real;
                let wants = request.wants();
                let _ = may_use(process, call.number, real.bytes(), wants, names);
                Next::Done(result)
            }
            // An ancestor of the working directory may be closed to the program.
            Some(ELOOP | ENOSYS | EPERM | DENIED) => {
                scratch.files.step = Step::Watch;
                Next::Again(*call)
            }
            Some(_) => Next::Done(result),
        },
        Step::Fast | Step::Text => match errno {
            None => {
                learn(
                    process,
                    call.number,
                    scratch.real[0].bytes(),
                    scratch.files.wants,
                );
                Next::Done(result)
            }
            // Links, a kernel or filter that does not have openat2, or an ancestor of the working
            // directory that is closed to the program.
            Some(ELOOP | ENOSYS | EPERM | DENIED) => {
                let is_read = scratch.files.step == Step::Text;
                if !is_read && errno == Some(ELOOP) {
                    remember_link(process.local, scratch.real[0].bytes());
                }
                match (!is_read).then(|| text(process, scratch)).flatten() {
                    Some(call) => Next::Again(call),
                    None => again(process, call.number, scratch),
                }
            }
            Some(_) => Next::Done(result),
        },
        // What was found there is there no more, or cannot be reached by its path.
        Step::Named if matches!(errno, Some(ELOOP | ENOSYS | EPERM | DENIED | ENOENT)) => {
            Next::Again(through_descriptor(scratch))
        }
        Step::Reopen | Step::Create | Step::Named => {
            let created = scratch.files.step == Step::Create;
            let held = scratch.files.release();
            match (errno, held) {
                (None, Some(held)) => {
                    let by_descriptor = scratch.files.step == Step::Reopen;
                    if by_descriptor && !is_still_free(process, call.number, scratch, result) {
                        return Next::Done(DENIED.result());
                    }
                    Next::Done(place(result, held, request.has(O_CLOEXEC)))
                }
                (Some(ELOOP), held) if created && scratch.files.attempts < ATTEMPTS => {
                    drop(held);
                    scratch.files.attempts += 1;
                    // The path may have been used up by links.
                    if let Err(Answer::Return(result)) =
                        path_argument(request.path, &mut scratch.given[0])
                    {
                        return Next::Done(result);
                    }
                    again(process, call.number, scratch)
                }
                _ => Next::Done(result),
            }
        }
        Step::None | Step::Plain | Step::Cut => Next::Done(result),
    }
}

/// Whether [`after`] hands on what it is given, if that is no error, or `ENOENT`.
pub(super) fn hands_on(process: &Process<'_>, scratch: &Scratch) -> bool {
    matches!(scratch.files.step, Step::Fast | Step::Text)
        && process.enforces()
        && !learns(process, scratch.files.wants)
}

fn again(process: &Process<'_>, number: usize, scratch: &mut Scratch) -> Next {
    match thorough(process, number, scratch) {
        Ok(call) => Next::Again(call),
        Err(errno) => Next::Done(errno.result()),
    }
}

/// Records what was opened in monitor mode.
fn watch(process: &Process<'_>, number: usize, scratch: &mut Scratch, opened: usize) {
    let request = scratch.files.request;
    let [real, names] = &mut scratch.real;
    if request.has(O_PATH) || name_of(opened, real).is_err() {
        return;
    }
    let _ = may_use(process, number, real.bytes(), request.wants(), names);
}
