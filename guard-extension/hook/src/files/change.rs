//! Calls that change what is at a path, and do not open it.
//!
//! An operation on an entry of a directory (create, remove, rename) is made in a descriptor of that
//! directory; one on an object (mode, owner, times, attributes) through a descriptor of the object,
//! by its name in /proc/thread-self/fd.

use guard_core::policy::{Access, Decision};

use super::judge::{EACCES, Wants, may_move, may_use};
use super::open::{O_LARGEFILE, openat2};
use super::resolve::{
    DENIED, O_CLOEXEC, O_NOFOLLOW, RESOLVE_NO_MAGICLINKS, RESOLVE_NO_SYMLINKS, entry, find,
    name_of, object,
};
use super::shape::{
    AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW, IN_DONT_FOLLOW, Shape, makes_device, shape,
};
use super::text::Spare;
use super::there::is_lasting;
use super::{Step, argument, is_below, path_argument};
use crate::calls::Name;
use crate::process::Process;
use crate::record::{Subject, goes_on};
use crate::scratch::Scratch;
use crate::shared::{Kind, TmpUse};
use crate::sys::errno::{EEXIST, EINVAL, EISDIR, ELOOP, ENOENT, ENOMEM};
use crate::sys::{self, AT_FDCWD, Errno, Fd, OpenHow, number};
use crate::{Answer, Call};

const AT_SYMLINK_FOLLOW: usize = 0x400;
const RENAME_EXCHANGE: usize = 2;

const EPERM: u16 = 1;

pub(super) fn decide(
    process: &Process<'_>,
    name: Name,
    call: &Call,
    scratch: &mut Scratch,
) -> Answer {
    if makes_device(name, call) && process.restricts() {
        let subject = Subject::new(Kind::Kernel, b"mknod");
        if !goes_on(process, call.number, &subject, Decision::Denied, EPERM) {
            return Answer::Return(-isize::from(EPERM.cast_signed()));
        }
    }
    let Some(shape) = shape(name, call) else {
        return Answer::Proceed;
    };
    scratch.files.step = Step::Plain;
    // A file is cut by the path that was decided about, not through a descriptor.
    let is_reachable = name != Name::Truncate && process.local.shares_descriptors();
    if !is_reachable || !process.enforces() || !process.restricts_files() {
        return chosen(process, call, scratch, shape);
    }
    let process = Process {
        acts_for: Some([sys::process_id(), sys::thread_id()]),
        ..*process
    };
    let done = sys::apart(|| match chosen(&process, call, scratch, shape) {
        Answer::Instead(call) => sys::made(&call),
        Answer::Return(result) => result,
        // Never the answer of what is enforced.
        Answer::Proceed => DENIED.result(),
    });
    match done {
        Ok(result) => Answer::Return(result),
        Err(_) => Answer::Return(ENOMEM.result()),
    }
}

/// Which call is made in the place of the program's.
fn chosen(process: &Process<'_>, call: &Call, scratch: &mut Scratch, shape: Shape) -> Answer {
    let made = match shape {
        Shape::Entry {
            directory,
            path,
            with,
            at,
            creates,
        } => {
            if let Err(answer) = path_argument(path, &mut scratch.given[0]) {
                return monitored(process, answer);
            }
            change_entry(process, call, scratch, directory, with, at, creates)
        }
        Shape::Object {
            directory,
            path,
            with,
            at,
            follow,
            wants,
        } => {
            if let Err(answer) = path_argument(path, &mut scratch.given[0]) {
                return monitored(process, answer);
            }
            change_object(process, call, scratch, directory, with, at, follow, wants)
        }
        Shape::Descriptor {
            descriptor,
            with,
            at,
        } => change_descriptor(process, call, scratch, descriptor, with, at),
        Shape::Two {
            from,
            to,
            flags,
            link,
        } => {
            // An empty path is a descriptor's own file, for links (AT_EMPTY_PATH).
            let first = path_argument(from.1, &mut scratch.given[0]);
            let own = link && flags & AT_EMPTY_PATH != 0;
            let second = path_argument(to.1, &mut scratch.given[1]);
            match (first, second) {
                (Err(answer), _) if !(own && answer == Answer::Return(ENOENT.result())) => {
                    return monitored(process, answer);
                }
                (_, Err(answer)) => return monitored(process, answer),
                _ => {}
            }
            two(process, call, scratch, from.0, to.0, flags, link)
        }
    };
    let answer = match made {
        Ok(call) => Answer::Instead(call),
        Err(errno) => Answer::Return(errno.result()),
    };
    if !process.enforces() {
        while let Some(held) = scratch.files.release() {
            drop(held);
        }
    }
    monitored(process, answer)
}

/// In monitor mode the call is made as it is.
fn monitored(process: &Process<'_>, answer: Answer) -> Answer {
    if process.enforces() {
        answer
    } else {
        Answer::Proceed
    }
}

fn change_entry(
    process: &Process<'_>,
    call: &Call,
    scratch: &mut Scratch,
    directory: usize,
    with: Call,
    at: usize,
    creates: bool,
) -> Result<Call, Errno> {
    let [given, names] = &mut scratch.given;
    let [real, _] = &mut scratch.real;
    let leaf = &mut scratch.files.leaf;
    let Some(parent) = entry(directory, given.bytes(), 0, real, leaf)? else {
        // Such a path always fails; the kernel knows how.
        return Ok(replace(&with, at, directory, given.pointer()));
    };
    let number = parent.number();
    // What the kernel says before it asks for permission.
    match (sys::exists(number, leaf), creates) {
        (Ok(_), true) => return Err(EEXIST),
        (Err(errno), false) => return Err(errno),
        _ => {}
    }
    if !may_use(process, call.number, real.bytes(), Wants::WRITE, names) {
        return Err(DENIED);
    }
    let call = replace(&with, at, number, leaf.pointer());
    scratch.files.hold(parent);
    Ok(call)
}

#[allow(clippy::too_many_arguments, reason = "the parts of one call")]
fn change_object(
    process: &Process<'_>,
    call: &Call,
    scratch: &mut Scratch,
    directory: usize,
    with: Call,
    at: usize,
    follow: bool,
    wants: Wants,
) -> Result<Call, Errno> {
    let [given, names] = &mut scratch.given;
    let [real, link] = &mut scratch.real;
    let flags = if follow { 0 } else { O_NOFOLLOW };
    let mut spare = Spare { rest: names, link };
    let found = find(process, directory, given.bytes(), flags, real, &mut spare)?;
    if !may_use(process, call.number, real.bytes(), wants, names) {
        return Err(DENIED);
    }
    if with.number == number::TRUNCATE && process.enforces() && is_lasting(real.bytes()) {
        return match sys::status(found.number())?.kind() {
            sys::S_IFREG => Ok(opened_to_cut(scratch)),
            sys::S_IFDIR => Err(EISDIR),
            _ => Err(EINVAL),
        };
    }
    let link = &mut scratch.files.link;
    if !follow && sys::status(found.number())?.kind() == sys::S_IFLNK {
        // A link's own attributes, by its name in its directory's descriptor.
        let leaf = &mut scratch.files.leaf;
        let Some(parent) = entry(directory, given.bytes(), 0, real, leaf)? else {
            return Err(DENIED);
        };
        if !may_use(process, call.number, real.bytes(), wants, names) {
            return Err(DENIED);
        }
        link.of(parent.number());
        let _ = link.push(b"/");
        let _ = link.push(leaf.bytes());
        let call = replace_path(&with, at, link.pointer());
        scratch.files.hold(parent);
        return Ok(call);
    }
    link.of(found.number());
    let call = replace_path(&followed(with), at, link.pointer());
    scratch.files.hold(found);
    Ok(call)
}

/// The open of a file that is to be cut, by the real path that was decided about: the descriptor it
/// was found by is one that the program's threads can replace.
fn opened_to_cut(scratch: &mut Scratch) -> Call {
    const O_WRONLY: u64 = 1;
    scratch.files.step = Step::Cut;
    scratch.files.how = OpenHow {
        flags: O_WRONLY | O_LARGEFILE | O_CLOEXEC,
        mode: 0,
        resolve: RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
    };
    openat2(AT_FDCWD, scratch.real[0].pointer(), &scratch.files.how)
}

/// Cuts the file that was opened for it. Whatever a thread puts in its descriptor's place meanwhile
/// is open for writing, or is not cut.
pub(super) fn cut(call: &Call, opened: isize) -> isize {
    match usize::try_from(opened) {
        Ok(opened) => sys::cut(&Fd::held(opened), argument(call, 1)),
        // What is there now is another file.
        Err(_) if opened == ELOOP.result() => DENIED.result(),
        Err(_) => opened,
    }
}

fn change_descriptor(
    process: &Process<'_>,
    call: &Call,
    scratch: &mut Scratch,
    descriptor: usize,
    with: Call,
    at: usize,
) -> Result<Call, Errno> {
    let [_, names] = &mut scratch.given;
    let [real, _] = &mut scratch.real;
    // Of our own, so that no other thread puts another file in its place.
    let own = sys::duplicate(descriptor)?;
    name_of(own.number(), real).map_err(|_| DENIED)?;
    if !may_use(process, call.number, real.bytes(), Wants::WRITE, names) {
        return Err(DENIED);
    }
    let mut call = with;
    if let Some(arg) = call.args.get_mut(at) {
        *arg = own.number();
    }
    scratch.files.hold(own);
    Ok(call)
}

fn two(
    process: &Process<'_>,
    call: &Call,
    scratch: &mut Scratch,
    from: usize,
    to: usize,
    flags: usize,
    link: bool,
) -> Result<Call, Errno> {
    let [given, given_to] = &mut scratch.given;
    let [real, real_to] = &mut scratch.real;
    let files = &mut scratch.files;
    // Where to.
    let Some(parent_to) = entry(to, given_to.bytes(), 0, real_to, &mut files.second)? else {
        // Fails whatever the other is; it must not be one that works, so the same twice.
        let path = given_to.pointer();
        return Ok(made(link, (to, path), (to, path), 0));
    };
    // What: for a link an object, which is pinned; for a rename an entry.
    let mut is_new = false;
    let source = if link {
        let found = if given.bytes().is_empty() {
            sys::duplicate(from)?
        } else {
            let follow = flags & AT_SYMLINK_FOLLOW != 0;
            let nofollow = if follow { 0 } else { O_NOFOLLOW };
            // The other path's memory is free: its parts are in `real_to` and `second`.
            object(process, from, given, nofollow, 0, given_to)?
        };
        name_of(found.number(), real).map_err(|_| DENIED)?;
        files.link.of(found.number());
        let status = sys::status(found.number())?;
        is_new = status.links == 0;
        if status.kind() == sys::S_IFLNK {
            // A link to a link's own object, by its name.
            let Some(parent) = entry(from, given.bytes(), 0, real, &mut files.leaf)? else {
                return Err(DENIED);
            };
            files.link.of(parent.number());
            let _ = files.link.push(b"/");
            let _ = files.link.push(files.leaf.bytes());
            Some((parent, AT_FDCWD, files.link.pointer(), 0))
        } else {
            Some((found, AT_FDCWD, files.link.pointer(), AT_SYMLINK_FOLLOW))
        }
    } else {
        let leaf = &mut files.leaf;
        entry(from, given.bytes(), 0, real, leaf)?.map(|parent| {
            let number = parent.number();
            (parent, number, leaf.pointer(), flags)
        })
    };
    let Some((held, at, path, flags)) = source else {
        let path = given.pointer();
        return Ok(made(link, (from, path), (from, path), 0));
    };
    let number = parent_to.number();
    let there = sys::exists(number, &files.second);
    if link {
        if there.is_ok() {
            return Err(EEXIST);
        }
    } else {
        sys::exists(held.number(), &files.leaf)?;
    }
    let may = |path: &[u8], names: &mut _| may_use(process, call.number, path, Wants::WRITE, names);
    // A second name elsewhere would be a way around what is said of /tmp.
    let is_bound = process.sealed.tmp() != TmpUse::Keep && is_below(real.bytes(), b"/tmp");
    let goes = may_move(process, call.number, real.bytes())
        && may_move(process, call.number, real_to.bytes())
        && (link && !is_bound || may(real.bytes(), given))
        && may(real_to.bytes(), given)
        && (is_new || gains_nothing(process, call.number, real.bytes(), real_to.bytes()))
        && (link
            || flags & RENAME_EXCHANGE == 0
            || gains_nothing(process, call.number, real_to.bytes(), real.bytes()));
    if !goes {
        return Err(DENIED);
    }
    let call = made(link, (at, path), (number, files.second.pointer()), flags);
    files.hold(held);
    files.hold(parent_to);
    Ok(call)
}

/// The result of a link that was made: it is taken away again when it is not of the file that was
/// decided about, whose descriptor another thread has replaced then.
pub(super) fn linked(scratch: &Scratch) -> isize {
    let [from, to] = &scratch.real;
    let wanted = sys::identity_at(from, AT_SYMLINK_NOFOLLOW)
        // One without a name until now.
        .or_else(|_| sys::identity_at(&scratch.files.link, 0));
    let made = sys::identity_at(to, AT_SYMLINK_NOFOLLOW);
    if wanted.is_ok() && wanted == made {
        return 0;
    }
    sys::unlink(AT_FDCWD, to);
    DENIED.result()
}

fn made(link: bool, from: (usize, usize), to: (usize, usize), flags: usize) -> Call {
    Call {
        number: if link {
            number::LINKAT
        } else {
            number::RENAMEAT2
        },
        args: [from.0, from.1, to.0, to.1, flags, 0],
    }
}

/// Whether a file may do no more under its new path than under the old one: otherwise moving it
/// would be a way around the rules for where it was. Nor may what is in it, if it is a folder: rules
/// may speak of paths below the new one.
fn gains_nothing(process: &Process<'_>, number: usize, from: &[u8], to: &[u8]) -> bool {
    let phase = process.sealed.phase();
    let policy = &process.policy;
    let sides = [
        (
            Kind::Read,
            policy.file(from, Access::Read, phase),
            policy.file(to, Access::Read, phase),
        ),
        (
            Kind::Write,
            policy.file(from, Access::Write, phase),
            policy.file(to, Access::Write, phase),
        ),
        (Kind::Exec, policy.exec(from, phase), policy.exec(to, phase)),
    ];
    let gains_below = policy.has_rules_below(to);
    for (kind, before, behind) in sides {
        if before.is_denied() && (!behind.is_denied() || gains_below) {
            return goes_on(
                process,
                number,
                &Subject::new(kind, from),
                Decision::Denied,
                EACCES,
            );
        }
    }
    true
}

fn replace(with: &Call, at: usize, directory: usize, path: usize) -> Call {
    let mut call = replace_path(with, at + 1, path);
    if let Some(arg) = call.args.get_mut(at) {
        *arg = directory;
    }
    call
}

fn replace_path(with: &Call, at: usize, path: usize) -> Call {
    let mut call = *with;
    if let Some(arg) = call.args.get_mut(at) {
        *arg = path;
    }
    call
}

/// The same call for an object that is no link, named by a link: what says "do not follow" goes.
fn followed(with: Call) -> Call {
    let mut call = with;
    let without = |call: &mut Call, index: usize, flag: usize| {
        if let Some(arg) = call.args.get_mut(index) {
            *arg &= !flag;
        }
    };
    match call.number {
        number::LSETXATTR => call.number = number::SETXATTR,
        number::LREMOVEXATTR => call.number = number::REMOVEXATTR,
        number::FCHOWNAT | number::FILE_SETATTR => {
            without(&mut call, 4, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)
        }
        number::UTIMENSAT | number::FCHMODAT2 => {
            without(&mut call, 3, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH);
        }
        number::SETXATTRAT | number::REMOVEXATTRAT => {
            without(&mut call, 2, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH);
        }
        number::INOTIFY_ADD_WATCH => without(&mut call, 2, IN_DONT_FOLLOW),
        _ => {}
    }
    call
}
