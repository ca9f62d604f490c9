//! Calls aimed at other processes, the extension before all, and those that would undo the guard.
//!
//! Knows who may be the target of what. Files below /proc are the business of `files`.

use guard_core::policy::Decision;

use crate::calls::{Name, Row};
use crate::process::Process;
use crate::record::{Subject, goes_on};
use crate::scratch::Scratch;
use crate::shared::Kind;
use crate::sys::errno::ENOENT;
use crate::sys::{self, Errno, Fd, int, memory};
use crate::text::Text;
use crate::{Answer, Call, Next};

const EPERM: u16 = 1;
const EINVAL: u16 = 22;
const BAD_DESCRIPTOR: Errno = Errno(9);

// prctl(2)
const PR_SET_DUMPABLE: usize = 4;
const PR_SET_SECCOMP: usize = 22;
const PR_SET_MM: usize = 35;
const PR_SET_SYSCALL_USER_DISPATCH: usize = 59;
const PR_SET_MDWE: usize = 65;
const PR_SET_PTRACER: usize = 0x5961_6d61;

/// Filters of system calls (prctl(2), seccomp(2)).
const SECCOMP_MODE_FILTER: usize = 2;
const SECCOMP_SET_MODE_FILTER: usize = 1;

/// What can be read can be run (personality(2)).
const READ_IMPLIES_EXEC: usize = 0x040_0000;
/// Only asks.
const ASKS: usize = LOWER;

/// What of an argument the kernel takes as `int` or `unsigned`.
const LOWER: usize = 0xffff_ffff;

// fcntl(2)
const F_SETOWN: usize = 8;
const F_SETOWN_EX: usize = 15;

// ioctl(2): ioctl_tty(2), asm-generic/sockios.h
const TIOCSTI: usize = 0x5412;
const TIOCLINUX: usize = 0x541c;
const FIOSETOWN: usize = 0x8901;
const SIOCSPGRP: usize = 0x8902;

/// Copies of small structures that name a process, and a descriptor of ours that stands for one.
#[derive(Debug)]
pub(crate) struct Memory {
    owner: [u32; 2],
    held: Option<usize>,
}

impl Memory {
    pub(crate) const fn new() -> Self {
        Self {
            owner: [0; 2],
            held: None,
        }
    }
}

impl Memory {
    fn release(&mut self) {
        drop(self.held.take().map(Fd::held));
    }
}

/// What a call comes to.
enum Aim {
    /// Harmless.
    None,
    /// Harmless with our copy of what it points to.
    Copied(Call),
    /// Refused with this error.
    At(u16),
}

/// Decides about the calls whose treatment is `Process`.
pub(crate) fn decide(
    process: &Process<'_>,
    row: &Row,
    call: &Call,
    scratch: &mut Scratch,
) -> Answer {
    let memory = &mut scratch.tamper;
    memory.held = None;
    let aim = aim(process, row.call, call, memory);
    if !matches!(aim, Aim::Copied(_)) || !process.enforces() {
        memory.release();
    }
    let errno = match aim {
        Aim::None => return Answer::Proceed,
        Aim::Copied(copied) if process.enforces() => return Answer::Instead(copied),
        Aim::Copied(_) => return Answer::Proceed,
        Aim::At(errno) => errno,
    };
    let subject = Subject::new(Kind::Tamper, row.name.as_bytes());
    match goes_on(process, call.number, &subject, Decision::Denied, errno) {
        true => Answer::Proceed,
        false => Answer::Return(-isize::from(errno.cast_signed())),
    }
}

/// Continues after a call with our copy.
pub(crate) fn after(scratch: &mut Scratch, result: isize) -> Next {
    scratch.tamper.release();
    Next::Done(result)
}

fn aim(process: &Process<'_>, name: Name, call: &Call, memory: &mut Memory) -> Aim {
    let [first, second, third, ..] = call.args;
    let at = |is_aimed: bool| {
        if is_aimed { Aim::At(EPERM) } else { Aim::None }
    };
    let is_guarded = |id: usize| is_extension(process, int(id));
    match name {
        // The null signal only asks whether somebody is there (kill(2)).
        Name::Kill if int(second) == 0 => Aim::None,
        // To the group that it is now: another thread may be about to leave it for another.
        Name::Kill if int(first) == 0 => match sys::process_group(0) {
            // The first group's number, negative, stands for everybody.
            Some(group) if group > 1 => {
                let mut copy = *call;
                copy.args[0] = (group as usize).wrapping_neg();
                match in_group(process, group.cast_signed()) {
                    true => Aim::At(EPERM),
                    false => Aim::Copied(copy),
                }
            }
            _ => at(in_group(process, 0)),
        },
        Name::Kill if reaches_extension(process, int(first)) => Aim::At(EPERM),
        Name::Kill => Aim::None,
        Name::Tkill | Name::RtSigqueueinfo => at(int(second) != 0 && is_guarded(first)),
        Name::Tgkill | Name::RtTgsigqueueinfo => {
            at(int(third) != 0 && (is_guarded(first) || is_guarded(second)))
        }
        Name::PidfdSendSignal if int(second) == 0 => Aim::None,
        // Of our own, so that no other thread puts another process's handle in its place.
        Name::PidfdSendSignal => match sys::duplicate(first) {
            Ok(own) if is_handle(process, own.number()) => Aim::At(EPERM),
            Ok(own) => {
                let mut copy = *call;
                copy.args[0] = own.number();
                memory.held = Some(own.keep());
                Aim::Copied(copy)
            }
            // The kernel says so, too.
            Err(BAD_DESCRIPTOR) => Aim::None,
            Err(_) => at(process.sealed.extension() != 0),
        },
        Name::PidfdOpen => at(is_guarded(first)),
        Name::PidfdGetfd | Name::Ptrace | Name::ProcessMadvise | Name::ProcessMrelease => {
            Aim::At(EPERM)
        }
        Name::ProcessVmReadv | Name::ProcessVmWritev => at(!is_self(first)),
        Name::MovePages | Name::MigratePages => at(int(first) != 0 && !is_self(first)),
        Name::Kcmp => at(!(is_self(first) && is_self(second))),
        Name::Prctl => match first & LOWER {
            // The guard writes patches through /proc/self/mem, which that closes.
            PR_SET_DUMPABLE => at(second != 1),
            PR_SET_MM | PR_SET_PTRACER => Aim::At(EPERM),
            // As kernels say that do not have it.
            PR_SET_SYSCALL_USER_DISPATCH | PR_SET_MDWE => Aim::At(EINVAL),
            PR_SET_SECCOMP if second == SECCOMP_MODE_FILTER => Aim::At(EINVAL),
            _ => Aim::None,
        },
        // By process, by process group, by user (setpriority(2)).
        Name::Setpriority => match first {
            0 => at(is_guarded(second)),
            1 => at(in_group(process, int(second))),
            _ => Aim::At(EPERM),
        },
        // The same from 1 on (ioprio_set(2)).
        Name::IoprioSet => match first {
            1 => at(is_guarded(second)),
            2 => at(in_group(process, int(second))),
            _ => Aim::At(EPERM),
        },
        Name::Prlimit64
        | Name::SchedSetscheduler
        | Name::SchedSetparam
        | Name::SchedSetattr
        | Name::SchedSetaffinity => at(is_guarded(first)),
        // A filter answers the guard's own calls as well: one that says that a call went well
        // which was never made has the guard believe anything. Programs expect kernels without.
        Name::Seccomp if int(first) == int(SECCOMP_SET_MODE_FILTER) => Aim::At(EINVAL),
        // Code would be mapped without a call that says so.
        Name::Personality => {
            let asked = first & LOWER;
            match asked != ASKS && asked & READ_IMPLIES_EXEC != 0 {
                true => Aim::At(EINVAL),
                false => Aim::None,
            }
        }
        Name::Fcntl => match int(second) {
            command if command == int(F_SETOWN) => at(reaches_extension(process, int(third))),
            command if command == int(F_SETOWN_EX) => {
                // A type, then an id: of a thread, a process, a process group (fcntl(2)).
                copied(call, 8, memory).map_or(Aim::None, |(copy, [kind, id])| {
                    let id = id.cast_signed();
                    let is_aimed = match kind {
                        2 => in_group(process, id),
                        _ => is_extension(process, id),
                    };
                    if is_aimed {
                        Aim::At(EPERM)
                    } else {
                        Aim::Copied(copy)
                    }
                })
            }
            _ => Aim::None,
        },
        Name::Ioctl => match second & 0xffff_ffff {
            TIOCSTI | TIOCLINUX => Aim::At(EPERM),
            FIOSETOWN | SIOCSPGRP => copied(call, 4, memory).map_or(
                Aim::None,
                |(copy, [id, _])| match reaches_extension(process, id.cast_signed()) {
                    true => Aim::At(EPERM),
                    false => Aim::Copied(copy),
                },
            ),
            _ => Aim::None,
        },
        _ => Aim::None,
    }
}

/// The call with the structure that its third argument points to copied. `None` when it cannot be
/// read: the kernel says so too.
fn copied(call: &Call, length: usize, memory: &mut Memory) -> Option<(Call, [u32; 2])> {
    let mut bytes = [0; 8];
    let [_, _, pointer, ..] = call.args;
    memory::copy_in(pointer, bytes.get_mut(..length)?).ok()?;
    let [a, b, c, d, e, f, g, h] = bytes;
    memory.owner = [
        u32::from_ne_bytes([a, b, c, d]),
        u32::from_ne_bytes([e, f, g, h]),
    ];
    let mut copy = *call;
    copy.args[2] = memory.owner.as_ptr().expose_provenance();
    Some((copy, memory.owner))
}

fn is_self(id: usize) -> bool {
    u32::try_from(int(id)).is_ok_and(|id| id == sys::process_id())
}

/// Whether an id is the extension's process or one of its threads.
pub(crate) fn is_extension(process: &Process<'_>, id: i32) -> bool {
    let extension = process.sealed.extension();
    let Ok(id) = u32::try_from(id) else {
        return false;
    };
    if extension == 0 || id == 0 {
        return false;
    }
    if id == extension {
        return true;
    }
    if id == sys::process_id() {
        return false;
    }
    let mut path = Text::<64>::new();
    let mut fits = path.push(b"/proc/").is_some();
    fits &= path.push_number(extension as usize).is_some();
    fits &= path.push(b"/task/").is_some();
    fits &= path.push_number(id as usize).is_some();
    !fits || sys::exists(sys::AT_FDCWD, &path).is_ok()
}

/// Whether a signal to this id, which may stand for a group or for all, reaches the extension.
fn reaches_extension(process: &Process<'_>, id: i32) -> bool {
    match id {
        0 => in_group(process, 0),
        // All that there are.
        -1 => process.sealed.extension() != 0,
        1.. => is_extension(process, id),
        _ => in_group(process, id.wrapping_neg()),
    }
}

/// Whether the extension is in a process group; 0 is the program's own.
fn in_group(process: &Process<'_>, group: i32) -> bool {
    let extension = process.sealed.extension();
    if extension == 0 {
        return false;
    }
    let theirs = sys::process_group(extension);
    let asked = match u32::try_from(group) {
        Ok(0) => sys::process_group(0),
        Ok(group) => Some(group),
        Err(_) => None,
    };
    theirs.is_some() && theirs == asked
}

/// Whether a descriptor is a handle on the extension: a pidfd, or its directory in /proc.
fn is_handle(process: &Process<'_>, descriptor: usize) -> bool {
    let extension = process.sealed.extension();
    let mut path = Text::<64>::new();
    let fits = path.push(b"/proc/thread-self/fdinfo/").is_some()
        && path
            .push_number(int(descriptor).unsigned_abs() as usize)
            .is_some();
    let mut text = [0; 512];
    let how = sys::OpenHow {
        flags: 0o2_000_000,
        mode: 0,
        resolve: 0,
    };
    let opened = fits.then(|| sys::open_at(sys::AT_FDCWD, &path, &how));
    let read = match opened {
        Some(Ok(file)) => sys::read_at(&file, 0, &mut text).unwrap_or(0),
        // No such descriptor: the kernel says so.
        Some(Err(ENOENT)) => return false,
        // Without room for a descriptor nobody can tell.
        _ => return extension != 0,
    };
    let lines = text.get(..read).unwrap_or_default();
    let id = lines
        .split(|byte| *byte == b'\n')
        .find_map(|line| line.strip_prefix(b"Pid:\t"))
        .and_then(|digits| core::str::from_utf8(digits).ok()?.parse().ok());
    if let Some(id) = id {
        return is_extension(process, id);
    }
    // Its directory in /proc will do as well (pidfd_send_signal(2)).
    let mut link = crate::text::DescriptorPath::new();
    link.of(descriptor);
    let mut name = Text::<64>::new();
    let Ok(()) = sys::read_link(sys::AT_FDCWD, &link, &mut name) else {
        return false;
    };
    crate::files::of_process(name.bytes())
        .is_some_and(|of| is_extension(process, of.id.cast_signed()))
}
