//! Local sockets, and what is remembered about descriptors.

use core::sync::atomic::{AtomicU64, Ordering};

use guard_core::policy::Decision;

use super::address::AF_UNIX;
use super::destination::{is_resolvers_place, usual};
use super::{Memory, Use, Way};
use crate::files::{self, Wants};
use crate::record::{Subject, goes_on};
use crate::shared::Kind;
use crate::sys::errno::{EACCES, EINVAL, ENOMEM};
use crate::sys::{self, Errno, Fd, OpenHow};
use crate::text::{DescriptorPath, Text};
use crate::{Answer, Call, Process, Scratch};

/// A path that a descriptor leads to. Longer ones are no policy's.
type Real = Text<512>;
/// No access to the content, gone on execve (open(2)).
const O_PATH: u64 = 0o10_000_000;
const O_CLOEXEC: u64 = 0o2_000_000;

/// Decides about the local socket that the address in `memory` names. A path is resolved first; the
/// call is made with what it led to.
pub(super) fn decide(
    process: &Process<'_>,
    number: usize,
    how_used: Use,
    memory: &mut Memory,
) -> Result<Way, Errno> {
    let Some(name) = memory.address.local() else {
        return Ok(usual(process));
    };
    let is_abstract = name.first() == Some(&0);
    if is_abstract {
        let subject = Subject::new(Kind::Unix, name);
        return match goes_on(
            process,
            number,
            &subject,
            process.policy.unix(name),
            how_used.errno().0,
        ) {
            true => Ok(usual(process)),
            false => Err(how_used.errno()),
        };
    }
    let mut path = Text::<{ super::address::LONGEST }>::new();
    path.push(name).ok_or(EINVAL)?;
    let how = OpenHow {
        flags: O_PATH | O_CLOEXEC,
        mode: 0,
        resolve: 0,
    };
    let mut real = Real::new();
    let found = match find(&path, &how, &mut real) {
        Ok(found) => found,
        // What is not there is reported as it is without a policy.
        Err(errno) if usual(process) == Way::Copy => return Err(errno),
        Err(_) => return Ok(Way::AsIs),
    };
    let subject = Subject::new(Kind::Unix, real.bytes());
    let decision = process.policy.unix(real.bytes());
    if !goes_on(process, number, &subject, decision, how_used.errno().0) {
        return Err(how_used.errno());
    }
    if usual(process) == Way::AsIs {
        return Ok(Way::AsIs);
    }
    // By the descriptor: who may write to the folder could put a link to another socket at the path.
    let mut link = DescriptorPath::new();
    link.of(found.number());
    memory.address.set_path(link.bytes());
    memory.hold(found)?;
    memory.needs_own_table = true;
    Ok(Way::Copy)
}

/// bind(2): reaches nobody, but makes a file for a local socket with a path, and may take the place of
/// a resolver on this machine.
pub(super) fn bind(
    process: &Process<'_>,
    call: &Call,
    scratch: &mut Scratch,
) -> Result<Answer, Errno> {
    let [_, address, length, ..] = call.args;
    let length = super::int(length);
    if !process.restricts() || !(1..=super::address::LONGEST).contains(&length) {
        return Ok(Answer::Proceed);
    }
    let memory = &mut scratch.network;
    memory.address.load(address, length)?;
    if is_resolvers_place(process, &memory.address) {
        let subject = Subject::new(Kind::Tamper, b"bind");
        if !goes_on(process, call.number, &subject, Decision::Denied, EACCES.0) {
            return Err(EACCES);
        }
    }
    let name = match memory.address.family() {
        Some(AF_UNIX) => memory.address.local().unwrap_or_default(),
        _ => b"",
    };
    // An empty name is none, one that begins by a NUL is abstract.
    let makes_file = name.first().is_some_and(|first| *first != 0);
    let way = if process.enforces() {
        Way::Copy
    } else {
        Way::AsIs
    };
    if !makes_file {
        return Ok(super::with_address(way, call, 1, &scratch.network));
    }
    if way == Way::AsIs || !process.restricts_files() || !sys::can_confine() {
        drop(parent(process, call, scratch)?);
        return Ok(super::with_address(way, call, 1, &scratch.network));
    }
    let process = Process {
        acts_for: Some([sys::process_id(), sys::thread_id()]),
        ..*process
    };
    // By a thread that can make the file in that folder only, wherever the path leads by then.
    let done = sys::apart_in_thread(|| {
        let parent = parent(&process, call, scratch)?;
        sys::make_sockets_below(parent.as_ref()).map_err(|_| EACCES)?;
        match super::with_address(way, call, 1, &scratch.network) {
            Answer::Instead(call) => Ok(sys::made(&call)),
            _ => Err(EACCES),
        }
    });
    done.unwrap_or(Err(ENOMEM)).map(Answer::Return)
}

/// The folder that the address in `scratch` would be made in, if it may be; `None` when the path is
/// one that always fails.
fn parent(process: &Process<'_>, call: &Call, scratch: &mut Scratch) -> Result<Option<Fd>, Errno> {
    let name = scratch.network.address.local().unwrap_or_default();
    let [real, names] = &mut scratch.real;
    let leaf = &mut scratch.files.leaf;
    let parent = files::entry(sys::AT_FDCWD, name, 0, real, leaf)?;
    if parent.is_some() && !files::may_use(process, call.number, real.bytes(), Wants::WRITE, names)
    {
        return Err(EACCES);
    }
    Ok(parent)
}

/// What a path leads to, and where that is.
fn find<const N: usize>(path: &Text<N>, how: &OpenHow, real: &mut Real) -> Result<Fd, Errno> {
    let found = sys::open_at(sys::AT_FDCWD, path, how)?;
    let mut link = DescriptorPath::new();
    link.of(found.number());
    sys::read_link(sys::AT_FDCWD, &link, real)?;
    Ok(found)
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
