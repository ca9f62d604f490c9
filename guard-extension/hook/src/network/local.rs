//! Local sockets, and what is remembered about descriptors.

use core::sync::atomic::{AtomicU64, Ordering};

use guard_core::policy::Decision;

use super::destination::usual;
use super::{Memory, Use, Way, is_restricted};
use crate::record::{Subject, goes_on};
use crate::shared::Kind;
use crate::sys::{self, Errno};
use crate::{Call, Process};

/// `/proc/self/fd/`, before a number.
const DESCRIPTORS: &[u8] = b"/proc/self/fd/";
/// Longest path of a descriptor, with its NUL byte.
const DESCRIPTOR_PATH: usize = 40;
/// Longest path that a descriptor's link is read into: longer ones are no policy's.
const REAL: usize = 512;
/// Both directions (shutdown(2)).
const SHUT_RDWR: usize = 2;

/// Decides about the local socket that the address in `memory` names. A path is resolved first; the
/// call is made with a path that leads to just what was decided about.
pub(super) fn decide(
    process: &Process<'_>,
    number: usize,
    how: Use,
    memory: &mut Memory,
) -> Result<Way, Errno> {
    let Some(name) = memory.address.local() else {
        return Ok(usual(process));
    };
    let is_abstract = name.first() == Some(&0);
    if is_abstract || !is_restricted(process) {
        let subject = Subject::new(Kind::Unix, name);
        return match goes_on(
            process,
            number,
            &subject,
            process.policy.unix(name),
            how.errno().0,
        ) {
            true => Ok(usual(process)),
            false => Err(how.errno()),
        };
    }
    let mut path = [0; super::address::LONGEST];
    for (to, from) in path.iter_mut().zip(name) {
        *to = *from;
    }
    let path = path.get(..=name.len()).ok_or(super::EINVAL)?;
    // What is not there is reported as it is without a policy.
    let held = sys::socket::open_path(path)?;
    let mut real = [0; REAL];
    let decided = decide_held(process, number, how, held, &mut real);
    match decided {
        Ok(()) if process.enforces() => {
            let (link, len) = descriptor_path(held);
            memory.address.set_path(link.get(..len).unwrap_or_default());
            memory.held = Some(held);
            Ok(Way::Copy)
        }
        decided => {
            sys::socket::close(held);
            decided.map(|()| Way::AsIs)
        }
    }
}

fn decide_held(
    process: &Process<'_>,
    number: usize,
    how: Use,
    held: usize,
    real: &mut [u8; REAL],
) -> Result<(), Errno> {
    let len = real_path(held, real)?;
    let path = real.get(..len).unwrap_or_default();
    let subject = Subject::new(Kind::Unix, path);
    match goes_on(
        process,
        number,
        &subject,
        process.policy.unix(path),
        how.errno().0,
    ) {
        true => Ok(()),
        false => Err(how.errno()),
    }
}

/// Ends what [`decide`] began. Descriptors belong to the whole process: should another thread have
/// put something else in the place of the one that was decided about, and it is still there, the
/// connection ends here.
pub(super) fn release(process: &Process<'_>, held: usize, call: &Call, result: isize) -> isize {
    let mut real = [0; REAL];
    let still = real_path(held, &mut real).is_ok_and(|len| {
        let path = real.get(..len).unwrap_or_default();
        matches!(process.policy.unix(path), Decision::Allowed(_))
    });
    if still {
        sys::socket::close(held);
        return result;
    }
    let [socket, ..] = call.args;
    sys::socket::shut_down(socket, SHUT_RDWR);
    super::ECONNREFUSED.result()
}

fn real_path(held: usize, into: &mut [u8; REAL]) -> Result<usize, Errno> {
    let (link, len) = descriptor_path(held);
    sys::socket::read_link(link.get(..=len).unwrap_or_default(), into)
}

/// The path of a descriptor, NUL bytes behind it, and its length.
fn descriptor_path(descriptor: usize) -> ([u8; DESCRIPTOR_PATH], usize) {
    let mut path = [0; DESCRIPTOR_PATH];
    let mut digits = [0; 20];
    let (mut rest, mut count) = (descriptor, 0);
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + u8::try_from(rest % 10).unwrap_or(0);
        rest /= 10;
        count += 1;
        if rest == 0 {
            break;
        }
    }
    let digits = digits.get(digits.len() - count..).unwrap_or_default();
    for (to, from) in path.iter_mut().zip(DESCRIPTORS.iter().chain(digits)) {
        *to = *from;
    }
    (path, DESCRIPTORS.len() + count)
}

/// What is remembered about sockets of this process, by descriptor. Hints, kept lossily: they save a
/// look at sockets that were never led to the forwarder.
#[derive(Debug)]
pub(crate) struct Sockets {
    forwarded: [AtomicU64; WORDS],
    undecided: [AtomicU64; WORDS],
}

/// Descriptors 1024 apart share a bit.
const WORDS: usize = 16;

impl Sockets {
    pub(crate) const fn new() -> Self {
        Self {
            forwarded: [const { AtomicU64::new(0) }; WORDS],
            undecided: [const { AtomicU64::new(0) }; WORDS],
        }
    }

    /// The socket was led to the forwarder: addresses of what it receives are looked at from now.
    pub(super) fn leads_to_forwarder(&self, socket: usize) {
        set(&self.forwarded, socket);
    }

    pub(super) fn may_lead_to_forwarder(&self, socket: usize) -> bool {
        is_set(&self.forwarded, socket)
    }

    /// The socket was connected without a decision: sends on it are decided about.
    pub(super) fn undecided(&self, socket: usize) {
        set(&self.undecided, socket);
    }

    pub(super) fn decided(&self, socket: usize) {
        let (word, bit) = place(&self.undecided, socket);
        if let Some(word) = word {
            word.fetch_and(!bit, Ordering::Relaxed);
        }
    }

    pub(super) fn is_undecided(&self, socket: usize) -> bool {
        is_set(&self.undecided, socket)
    }
}

fn place(words: &[AtomicU64; WORDS], socket: usize) -> (Option<&AtomicU64>, u64) {
    (words.get(socket / 64 % WORDS), 1 << (socket % 64))
}

fn set(words: &[AtomicU64; WORDS], socket: usize) {
    let (word, bit) = place(words, socket);
    if let Some(word) = word {
        word.fetch_or(bit, Ordering::Relaxed);
    }
}

fn is_set(words: &[AtomicU64; WORDS], socket: usize) -> bool {
    let (word, bit) = place(words, socket);
    word.is_some_and(|word| word.load(Ordering::Relaxed) & bit != 0)
}
