//! Calls that are made where no other thread of the program reaches the descriptors.
//!
//! A local socket is used by a descriptor of what its path led to, and what is decided about a
//! datagram socket holds for no stream: a thread that replaces one or the other in between would
//! have the call reach what was not decided about. So these calls are decided about and made by a
//! thread with a table of its own. Nobody can interrupt that one, so it never waits; where the
//! program's call would, it is tried again in a while, with the program's signals open in between.

use super::{Memory, address::AF_UNIX, destined, message};
use crate::calls::Name;
use crate::sys::errno::{EAGAIN, EINTR, EINVAL, ENOMEM};
use crate::sys::{self, number};
use crate::{Answer, Call, Next, Process};

/// Does not wait (send(2)).
const MSG_DONTWAIT: usize = 0x40;
/// Datagrams (socket(2)).
const DGRAM: usize = 2;

/// The first pause, and the longest, in nanoseconds.
const FIRST: u64 = 1_000_000;
const LONGEST: u64 = 32_000_000;

/// What a call is waiting for.
#[derive(Debug)]
pub(super) struct Wait {
    /// Of the next pause, in nanoseconds; 0 when nothing waits.
    pause: u64,
    /// When it is over (`CLOCK_BOOTTIME`, nanoseconds); 0 for never.
    until: u64,
    /// What ppoll(2) takes.
    time: [u64; 2],
}

impl Wait {
    pub(super) const fn new() -> Self {
        Self {
            pause: 0,
            until: 0,
            time: [0; 2],
        }
    }

    pub(super) const fn is_on(&self) -> bool {
        self.pause != 0
    }

    /// A pause on the program's stack.
    fn call(&mut self) -> Call {
        self.time = [0, self.pause];
        self.pause = (2 * self.pause).min(LONGEST);
        let time = self.time.as_mut_ptr().expose_provenance();
        Call {
            number: number::PPOLL,
            args: [0, 0, time, 0, 8, 0],
        }
    }
}

/// Makes the call, or has the program wait.
pub(super) fn decide(
    process: &Process<'_>,
    name: Name,
    call: &Call,
    memory: &mut Memory,
) -> Answer {
    let result = attempt(process, name, call, memory);
    if result != EAGAIN.result() || !waits(name, call, memory) {
        return Answer::Return(result);
    }
    let [socket, ..] = call.args;
    memory.wait.until = match sys::socket::patience(socket) {
        0 => 0,
        nanos => sys::boot_time().saturating_add(nanos),
    };
    memory.wait.pause = FIRST;
    Answer::Instead(memory.wait.call())
}

/// Makes the call after a pause.
pub(super) fn after(
    process: &Process<'_>,
    name: Name,
    call: &Call,
    memory: &mut Memory,
    paused: isize,
) -> Next {
    let is_over = memory.wait.until != 0 && sys::boot_time() >= memory.wait.until;
    let result = match paused {
        0 => attempt(process, name, call, memory),
        _ if paused == EINTR.result() => paused,
        _ => EAGAIN.result(),
    };
    if paused != 0 || is_over || result != EAGAIN.result() {
        memory.wait = Wait::new();
        return Next::Done(result);
    }
    Next::Again(memory.wait.call())
}

/// Decides about the call and makes it, without waiting; the result as the kernel gives it.
fn attempt(process: &Process<'_>, name: Name, call: &Call, memory: &mut Memory) -> isize {
    let process = Process {
        acts_for: Some([sys::process_id(), sys::thread_id()]),
        ..*process
    };
    let done = sys::apart_in_thread(|| match destined(&process, name, call, memory) {
        Ok(Answer::Instead(call)) => made(name, call),
        Ok(Answer::Return(result)) => result,
        // Never the answer of what is enforced.
        Ok(Answer::Proceed) => EINVAL.result(),
        Err(errno) => errno.result(),
    });
    // They were in the other table, which is gone.
    memory.held = [const { None }; super::HELD];
    let result = done.unwrap_or_else(|_| ENOMEM.result());
    match name {
        Name::Sendmmsg => message::sent(call, memory, result),
        _ => result,
    }
}

/// Makes the call without waiting.
fn made(name: Name, mut call: Call) -> isize {
    let [socket, _, third, fourth, ..] = &mut call.args;
    match name {
        Name::Sendto | Name::Sendmmsg => *fourth |= MSG_DONTWAIT,
        Name::Sendmsg => *third |= MSG_DONTWAIT,
        // Only streams wait for who accepts; one that is not connected is of no other use meanwhile.
        _ if sys::socket::kind(*socket) != Ok(DGRAM) => {
            return sys::socket::without_waiting(*socket, || sys::made(&call));
        }
        _ => {}
    }
    sys::made(&call)
}

/// Whether a call waits where there is no room: other sockets than local ones say so for want of
/// something else.
fn waits(name: Name, call: &Call, memory: &Memory) -> bool {
    let [socket, _, third, fourth, ..] = call.args;
    let flags = match name {
        Name::Sendto | Name::Sendmmsg => fourth,
        Name::Sendmsg => third,
        _ => 0,
    };
    memory.address.family() == Some(AF_UNIX)
        && flags & MSG_DONTWAIT == 0
        && sys::socket::waits(socket) == Some(true)
}
