//! What happens once in a process: found, mapped, patched, reported.

use core::cell::UnsafeCell;
use core::mem::MaybeUninit;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use guard_hook::shared::{Ring, Sealed, Status};
use guard_hook::sys::region;
use guard_hook::{Children, Local, Process};

use crate::rendezvous::{self, Gift, Refusal};
use crate::sys::{self, Descriptor, Errno, map, number};
use crate::text::{self, Count, State};
use crate::{environ, maps, slots};

/// Exit code when the tier that the policy needs cannot be had (sysexits.h: EX_UNAVAILABLE).
pub(crate) const UNAVAILABLE: u8 = 69;

/// What the variable ends with when programs with a place that passes by the check must not start,
/// whatever the policy restricts.
const COMPLETE: &[u8] = b",complete";

/// What stands before the inode of the sealed region behind the variable's value, in a program that
/// one under guard has started: nobody else is taken for the extension then, not even when that has
/// ended and left its name to whoever takes it.
const CHILD: &[u8] = b",child=";

/// Longest value of the variable: an abstract name, a mode, an inode.
const LONGEST_NAME: usize = 160;

/// Why a process is not under guard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums, reason = "callers handle both")]
pub enum Failure {
    /// It was not started under Guard.
    NotAsked,
    /// It was, and in monitor mode goes on without.
    Unguarded,
}

/// The text and variables that [`Process`] borrows.
struct Names {
    text: [u8; rendezvous::LONGEST],
    variable: [u8; LONGEST_NAME],
    childrens: [u8; LONGEST_NAME],
    program: [u8; 4096],
}

/// Memory that is written by one thread before any text is patched, and only read afterwards.
struct Once<T>(UnsafeCell<MaybeUninit<T>>);

// SAFETY: written before `IS_READY` is set, and never after; see `Once`.
unsafe impl<T> Sync for Once<T> {}

static NAMES: Once<Names> = Once(UnsafeCell::new(MaybeUninit::uninit()));
static PROCESS: Once<Process<'static>> = Once(UnsafeCell::new(MaybeUninit::uninit()));
static NAME: Once<&'static [u8]> = Once(UnsafeCell::new(MaybeUninit::uninit()));
static LOCAL: Local = Local::new();
static NEEDS_ALL: AtomicBool = AtomicBool::new(false);
static IS_CHILD: AtomicBool = AtomicBool::new(false);
static IS_READY: AtomicBool = AtomicBool::new(false);

/// The program, once it is under guard.
#[inline]
pub fn process() -> Option<&'static Process<'static>> {
    if !IS_READY.load(Ordering::Acquire) {
        return None;
    }
    // SAFETY: it was written before the flag was set, and nobody writes it again.
    let process = unsafe { &*PROCESS.0.get() };
    // SAFETY: as above.
    Some(unsafe { process.assume_init_ref() })
}

/// Makes the process ready to decide. Ends it when that fails and the policy is to be enforced.
/// `program` is the path of what runs, where `/proc/self/exe` does not say so; else empty.
///
/// # Errors
/// When there is nothing to be guarded by, and the process goes on without.
pub fn prepare(program: &[u8]) -> Result<&'static Process<'static>, Failure> {
    // SAFETY: called once, before any other thread or patched text can read it.
    let names = unsafe { &mut *NAMES.0.get() };
    // SAFETY: arrays of bytes; what is uninitialised is zero, being a static of the BSS.
    let names = unsafe { names.assume_init_mut() };
    let Names {
        text,
        variable,
        childrens,
        program: kept,
    } = names;
    let Rendezvous {
        variable,
        name,
        enforces,
        needs_all,
        inode,
    } = match Rendezvous::find(variable) {
        Ok(found) => found.ok_or(Failure::NotAsked)?,
        Err(_) => {
            // Whatever the mode is: what is here was started to be guarded.
            let end = b"guard: a program is not started: it cannot read its variables\n";
            sys::complain(&[end]);
            sys::exit(UNAVAILABLE)
        }
    };
    NEEDS_ALL.store(needs_all, Ordering::Relaxed);
    IS_CHILD.store(inode.is_some(), Ordering::Relaxed);
    let made = rendezvous::ask(name, text).and_then(|gift| {
        let kept = kept.get_mut(..program.len()).ok_or(Refusal::Garbled)?;
        kept.copy_from_slice(program);
        assemble(gift, inode, |own| say(childrens, variable, own), kept)
    });
    match made {
        Ok(process) => {
            // SAFETY: as above.
            unsafe { (*PROCESS.0.get()).write(process) };
            // SAFETY: as above.
            unsafe { (*NAME.0.get()).write(name) };
            IS_READY.store(true, Ordering::Release);
            self::process().ok_or(Failure::Unguarded)
        }
        Err(refusal) if enforces => {
            let end = b": a program is not started, as the mode is enforce\n";
            sys::complain(&[b"guard: ", refusal.text(), end]);
            sys::exit(UNAVAILABLE)
        }
        Err(refusal) => {
            let end = b": a program runs unguarded, as the mode is monitor\n";
            sys::complain(&[b"guard: ", refusal.text(), end]);
            Err(Failure::Unguarded)
        }
    }
}

/// Whether the program is to be under guard and, if so, whether a policy is enforced; as far as its
/// variables say.
pub fn is_enforced() -> Option<bool> {
    let mut room = [0; LONGEST_NAME];
    Some(Rendezvous::find(&mut room).ok()??.enforces)
}

/// Has the extension look at what is mapped: it did not know a text that took time to search, and
/// the process may be gone before it looks by itself. Where it keeps none, it is not asked.
pub(crate) fn call_extension() {
    // Of a program that loads very many libraries the last ones are found sooner or later, too.
    const MOST: u32 = 16;
    static CALLS: AtomicU32 = AtomicU32::new(0);
    let keeps = process().is_some_and(|process| process.sealed.knows_texts());
    if keeps && CALLS.fetch_add(1, Ordering::Relaxed) < MOST {
        // SAFETY: written before `IS_READY` was set, as `process` has found, and never after.
        let name = unsafe { &*NAME.0.get() };
        // SAFETY: as above.
        rendezvous::call(unsafe { name.assume_init_ref() });
    }
}

/// Whether a program under guard has started this one, not the user.
pub fn is_child() -> bool {
    IS_CHILD.load(Ordering::Relaxed)
}

/// The same for what the user has asked for and another program runs: nobody under guard starts it.
pub fn as_users(process: &Process<'static>) -> Process<'static> {
    let mut users = *process;
    (users.children.rendezvous, _) = split(users.children.rendezvous);
    users
}

/// Whether the program may be run, by the real path of the file that was opened for it; nothing
/// where that is not known. What the user has asked for needs no entry.
pub fn may_run(process: &Process<'_>, path: Option<&[u8]>) -> bool {
    !is_child() || guard_hook::may_run(process, path.unwrap_or_default())
}

/// What the variable says.
struct Rendezvous<'v> {
    /// All of it, but which region is the right one.
    variable: &'v [u8],
    /// Of the extension's socket.
    name: &'v [u8],
    enforces: bool,
    /// Whether programs with a place that passes by the check must not start.
    needs_all: bool,
    /// Of the sealed region, as a program under guard says that has started this one.
    inode: Option<u64>,
}

impl<'v> Rendezvous<'v> {
    fn find(room: &'v mut [u8]) -> Result<Option<Self>, Errno> {
        let Some(length) = environ::variable(b"GUARD_RENDEZVOUS=", room)? else {
            return Ok(None);
        };
        let variable: &'v [u8] = room.get(..length).unwrap_or_default();
        let (variable, mark) = split(variable);
        // What is no number is no region's.
        let inode = mark.map(|mark| number(mark).unwrap_or(0));
        let (rest, needs_all) = match variable.strip_suffix(COMPLETE) {
            Some(rest) => (rest, true),
            None => (variable, false),
        };
        let (name, enforces) = match rest.strip_suffix(b",monitor") {
            Some(name) => (name, false),
            None => (rest.strip_suffix(b",enforce").unwrap_or(rest), true),
        };
        Ok(Some(Self {
            variable,
            name,
            enforces,
            needs_all,
            inode,
        }))
    }
}

/// The variable's value, and what [`CHILD`] begins, if it is there.
fn split(variable: &[u8]) -> (&[u8], Option<&[u8]>) {
    let mark = variable.windows(CHILD.len()).position(|at| at == CHILD);
    match mark.and_then(|mark| variable.split_at_checked(mark)) {
        Some((rest, mark)) => (rest, Some(mark)),
        None => (variable, None),
    }
}

/// The inode behind [`CHILD`].
fn number(mark: &[u8]) -> Option<u64> {
    mark.strip_prefix(CHILD)?
        .iter()
        .try_fold(0_u64, |number, digit| {
            let digit = char::from(*digit).to_digit(10)?;
            number.checked_mul(10)?.checked_add(digit.into())
        })
}

/// The variable's value for children: with the inode of the region that this program has mapped.
fn say(
    into: &'static mut [u8; LONGEST_NAME],
    variable: &[u8],
    inode: u64,
) -> Option<&'static [u8]> {
    let mut digits = [0; 20];
    let (mut rest, mut first) = (inode, digits.len());
    while rest > 0 || first == digits.len() {
        first -= 1;
        *digits.get_mut(first)? = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    let mut length = 0;
    for part in [variable, CHILD, digits.get(first..)?] {
        into.get_mut(length..)?
            .get_mut(..part.len())?
            .copy_from_slice(part);
        length += part.len();
    }
    into.get(..length)
}

fn assemble(
    gift: Gift<'static>,
    expected: Option<u64>,
    childrens: impl FnOnce(u64) -> Option<&'static [u8]>,
    program: &'static [u8],
) -> Result<Process<'static>, Refusal> {
    let (sealed, length, inode) = map_shared(&gift.sealed, map::READ).ok_or(Refusal::Garbled)?;
    if expected.is_some_and(|expected| expected != inode) {
        return Err(Refusal::Stranger);
    }
    let variable = childrens(inode).ok_or(Refusal::Garbled)?;
    // SAFETY: mapped readable, page-aligned and never unmapped; who writes it is the extension.
    let sealed = unsafe { region::words(sealed, length) };
    let (ring, length, _) =
        map_shared(&gift.ring, map::READ | map::WRITE).ok_or(Refusal::Garbled)?;
    // SAFETY: mapped readable and writable, page-aligned and never unmapped; all others that write
    // it are other processes.
    let ring = unsafe { region::words(ring, length) };
    let sealed = Sealed::new(sealed).map_err(|_| Refusal::Garbled)?;
    slots::prepare().map_err(|_| Refusal::Unreachable)?;
    Ok(Process {
        acts_for: None,
        policy: sealed.policy().map_err(|_| Refusal::Garbled)?,
        sealed,
        ring: Ring::new(ring).map_err(|_| Refusal::Garbled)?,
        local: &LOCAL,
        children: Children::new(gift.preload, gift.loader, variable),
        program,
    })
}

/// Maps a descriptor as a whole: address, length and inode.
fn map_shared(descriptor: &Descriptor, protection: usize) -> Option<(*const u8, usize, u64)> {
    // struct stat: 144 bytes, or 128, inode and size at 8 and 48 (stat(3type), asm/stat.h).
    let mut stat = [0_u64; 18];
    let args = [descriptor.raw(), stat.as_mut_ptr().addr(), 0, 0, 0, 0];
    // SAFETY: the kernel writes a struct stat into the array.
    unsafe { sys::call(number::FSTAT, args) }.ok()?;
    let length = usize::try_from(stat[6]).ok()?;
    let args = [0, length, protection, map::SHARED, descriptor.raw(), 0];
    // SAFETY: a new mapping at an address that was free.
    let start = unsafe { sys::call(number::MMAP, args) }.ok()?;
    Some((start as *const u8, length, stat[1]))
}

/// Whether a file is the library that the gate is in: its calls are not to pass through a gate. The
/// loader, mapped by a program, is a program as any other: what it maps has to be seen.
pub fn is_own(path: &[u8]) -> bool {
    process().is_some_and(|process| !path.is_empty() && path == process.children.preload)
}

/// Patches everything that is mapped as code but what lies between the two addresses, which is the
/// gate itself, and says how that went.
pub fn patch_everything(own: core::ops::Range<usize>) {
    let begin = sys::now();
    let mut count = Count::default();
    let mut program = [0; 256];
    let mut length = 0;
    let listed = maps::each(|mapping| {
        if length == 0 && mapping.is_file() {
            length = mapping.name.len().min(program.len());
            let cut = mapping.name.len() - length;
            if let (Some(to), Some(from)) = (program.get_mut(..length), mapping.name.get(cut..)) {
                to.copy_from_slice(from);
            }
        }
        if is_own(mapping.name) {
            return true;
        }
        if mapping.is_code() && !(mapping.start <= own.start && own.start < mapping.end) {
            let (start, end) = (mapping.start, mapping.end);
            let state = match mapping.is_writable() {
                true => State::Writable,
                false => State::Used,
            };
            let sections = || mapping.sections();
            count.add(match mapping.is_readable() {
                true => text::patch(start, end, Some(&mapping.key()), state, sections),
                false => text::patch_unreadable(start, end, state, sections),
            });
        }
        true
    });
    if listed.is_err() {
        // Whatever is mapped: none of it was looked at.
        count.lost += 1;
    }
    report(count, begin, program.get(..length).unwrap_or_default());
}

/// Patches the text between two addresses, part of a file that was mapped there as a whole, from
/// `offset` on: the one that [`sys::identity`] told.
pub fn patch_image(
    start: usize,
    end: usize,
    identity: Option<(u64, u64)>,
    offset: u64,
    state: State,
) -> Count {
    let known = identity.and_then(|file| text::patch_file(start, end, file, offset, state));
    if let Some(count) = known {
        return count;
    }
    let mut count = None;
    let _ = maps::each(|mapping| {
        if mapping.start == start && mapping.end == end && mapping.is_file() {
            let sections = || mapping.sections();
            let key = mapping.key();
            count = Some(text::patch(start, end, Some(&key), state, sections));
        }
        mapping.start < start
    });
    // Without a list it is searched.
    count.unwrap_or_else(|| text::patch(start, end, None, state, || None))
}

/// Says what became of the sites, in this process's status. Ends a program that passes by the check
/// somewhere, where that may not be; one whose text could not be patched for want of memory or
/// descriptors, which whoever started it can limit, wherever a policy is enforced.
pub fn report(count: Count, begin: u64, program: &[u8]) {
    if let Some(process) = process() {
        let micros = sys::now().saturating_sub(begin) / 1000;
        process.ring.report(&Status {
            pid: sys::process_id(),
            found: count.found,
            patched: count.patched,
            left: count.left,
            open: count.open,
            micros: u32::try_from(micros).unwrap_or(u32::MAX),
            build: 0,
            program,
        });
        if count.lost > 0 && process.enforces() {
            let end = b": it is not started, as the mode is enforce: its code cannot be changed, \
                        for want of memory or descriptors\n";
            sys::complain(&[b"guard: ", program, end]);
            sys::exit(UNAVAILABLE)
        }
        require_all(count, program);
    }
}

/// Whether no site may stay open: rules are enforced, which a few instructions written by hand
/// would be a way around, or the policy requires the tier.
pub(crate) fn needs_all() -> bool {
    let is_strict = || process().is_some_and(|process| process.enforces() && process.restricts());
    NEEDS_ALL.load(Ordering::Relaxed) || is_strict()
}

/// Ends a program with a site that is left open, where none may be.
fn require_all(count: Count, program: &[u8]) {
    if count.open > 0 && needs_all() {
        let end = b": it is not started: system calls pass by the check, which a policy that is \
                    enforced does not allow; guard scan names the places\n";
        sys::complain(&[b"guard: ", program, end]);
        sys::exit(UNAVAILABLE)
    }
}

/// Adds sites of a library that was loaded later to this process's status, while it has one.
pub fn found_more(count: Count) {
    if let Some(process) = process() {
        let own = sys::process_id();
        let mut program = [0; 64];
        let mut status = None;
        process.ring.statuses(|held| {
            if held.pid == own {
                let length = held.program.len().min(program.len());
                if let (Some(to), Some(from)) =
                    (program.get_mut(..length), held.program.get(..length))
                {
                    to.copy_from_slice(from);
                }
                status = Some((
                    held.found,
                    held.patched,
                    held.left,
                    held.open,
                    held.micros,
                    length,
                ));
            }
        });
        // What is mapped while a program is linked is part of it.
        if process.local.linking().load(Ordering::Relaxed) {
            let length = status.map_or(0, |(.., length)| length);
            require_all(count, program.get(..length).unwrap_or_default());
        }
        if let Some((found, patched, left, open, micros, length)) = status {
            process.ring.report(&Status {
                pid: own,
                found: found.saturating_add(count.found),
                patched: patched.saturating_add(count.patched),
                left: left.saturating_add(count.left),
                open: open.saturating_add(count.open),
                micros,
                build: 0,
                program: program.get(..length).unwrap_or_default(),
            });
        }
    }
}
