//! Sockets: families, types, addresses, options.
//!
//! An address is copied once, decided about, and the call is made with the copy. What leads to a
//! resolver goes to the forwarder, which answers for it; programs see the resolver's address where
//! they would. Addresses that the policy does not list are looked up among the names that the
//! forwarder learned them under.
//!
//! | refused | error |
//! |---|---|
//! | connect(2), also without blocking | `ECONNREFUSED` |
//! | sends with a destination | `EACCES` |
//! | source routes | `EPERM` |
//! | bind(2) in a resolver's place | `EACCES` |
//! | other kinds of sockets | as by a kernel without them |
//!
//! Loopback is an address as any other, and so is a local socket of the program's own: a policy that
//! restricts connections lists what the program talks to itself about (`127.0.0.1:PORT`,
//! `unix:/path`). What the platform needs on loopback, the extension adds to the policy. Binding and
//! accepting are not restricted, but for the file that binding a local socket makes, and for the
//! place of a resolver on this machine.
//!
//! Must not know: what stands in a policy, how calls get here.

mod address;
mod destination;
mod local;
mod message;
mod options;
mod own_table;
mod receive;
#[cfg(test)]
mod tests;

use guard_core::policy::Decision;

use address::Address;
pub(crate) use local::Sockets;

use crate::calls::Name;
use crate::sys::errno::{
    EACCES, EAFNOSUPPORT, ECONNREFUSED, EINVAL, ENOBUFS, EOPNOTSUPP, EPERM, EPROTONOSUPPORT,
};
use crate::sys::{self, Errno, Fd};
use crate::{Answer, Call, Next, Process, Scratch};

/// Protocol numbers (ip(7)).
const TCP: usize = 6;
const UDP: usize = 17;

/// Sends that open a connection (sendmsg(2)): of TCP, with data in the first segment.
const MSG_FASTOPEN: usize = 0x2000_0000;

/// Descriptors of ours at most in one call: the local socket of each message, and the socket itself.
const HELD: usize = message::MOST + 1;

/// What these calls keep between [`decide`] and [`after`], and their copies of the program's
/// structures.
#[derive(Debug)]
pub(crate) struct Memory {
    address: Address,
    batch: message::Batch,
    /// Local sockets that are reached by descriptors of ours, until the call is over.
    held: [Option<usize>; HELD],
    /// The socket, by the descriptor that the call is made with.
    looked_at: usize,
    /// How many bytes of an address the program has room for.
    room: usize,
    /// Whether what was decided rests on descriptors that other threads must not reach.
    needs_own_table: bool,
    /// A call that has to wait, and is made anew.
    wait: own_table::Wait,
}

impl Memory {
    pub(crate) const fn new() -> Self {
        Self {
            address: Address::new(),
            batch: message::Batch::new(),
            held: [None; HELD],
            looked_at: 0,
            room: 0,
            needs_own_table: false,
            wait: own_table::Wait::new(),
        }
    }

    /// Keeps a descriptor until the call is over.
    fn hold(&mut self, descriptor: Fd) -> Result<(), Errno> {
        let place = self.held.iter_mut().find(|held| held.is_none());
        *place.ok_or(ENOBUFS)? = Some(descriptor.keep());
        Ok(())
    }

    fn release(&mut self) {
        for held in &mut self.held {
            drop(held.take().map(Fd::held));
        }
    }
}

/// How a destination is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Use {
    /// By connect(2).
    Connect,
    /// As the destination of a datagram.
    Send,
}

impl Use {
    /// How a refusal looks.
    const fn errno(self) -> Errno {
        match self {
            Self::Connect => ECONNREFUSED,
            Self::Send => EACCES,
        }
    }
}

/// What is to be done with a destination that may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// The call may be made as it is, if nothing else in it speaks against that.
    AsIs,
    /// The call is to be made with the copy of the address.
    Copy,
}

/// Decides about the calls whose treatment is `Network`.
pub(crate) fn decide(
    process: &Process<'_>,
    name: Name,
    call: &Call,
    scratch: &mut Scratch,
) -> Answer {
    if name == Name::Bind {
        return local::bind(process, call, scratch)
            .unwrap_or_else(|errno| Answer::Return(errno.result()));
    }
    let memory = &mut scratch.network;
    // Of a call that was left by a jump: their numbers may be others' by now.
    memory.held = [None; HELD];
    memory.needs_own_table = false;
    memory.wait = own_table::Wait::new();
    let decided = match name {
        Name::Connect | Name::Sendto | Name::Sendmsg | Name::Sendmmsg => {
            destined(process, name, call, memory)
        }
        Name::Socket => options::socket(process, call),
        Name::Setsockopt => options::set(process, call),
        Name::Recvfrom | Name::Recvmsg | Name::Recvmmsg | Name::Getpeername => {
            return receive::decide(process, name, call, memory);
        }
        _ => return Answer::Proceed,
    };
    let answer = decided.unwrap_or_else(|errno| Answer::Return(errno.result()));
    if !matches!(answer, Answer::Instead(_)) {
        memory.release();
    } else if memory.needs_own_table && process.local.shares_descriptors() {
        memory.release();
        return own_table::decide(process, name, call, memory);
    }
    answer
}

/// Decides about a call that may name a destination.
fn destined(
    process: &Process<'_>,
    name: Name,
    call: &Call,
    memory: &mut Memory,
) -> Result<Answer, Errno> {
    match name {
        Name::Connect => connect(process, call, memory),
        Name::Sendto => send(process, call, memory),
        Name::Sendmsg => message::send(process, call, memory),
        _ => message::send_many(process, call, memory),
    }
}

/// Continues after a call that [`decide`] answered with another one.
pub(crate) fn after(
    process: &Process<'_>,
    name: Name,
    call: &Call,
    scratch: &mut Scratch,
    result: isize,
) -> Next {
    let memory = &mut scratch.network;
    if memory.wait.is_on() {
        return own_table::after(process, name, call, memory, result);
    }
    memory.release();
    let result = match name {
        Name::Sendmmsg => message::sent(call, memory, result),
        Name::Recvfrom | Name::Recvmsg | Name::Recvmmsg | Name::Getpeername => {
            receive::restore(process, name, call, memory, result);
            result
        }
        _ => result,
    };
    Next::Done(result)
}

/// Whether [`after`] hands on what it is given: no descriptor waits to be closed, and the call asks
/// for nothing that is to be put right.
pub(crate) fn hands_on(name: Name, scratch: &Scratch) -> bool {
    let is_plain = matches!(name, Name::Connect | Name::Sendto | Name::Sendmsg);
    let memory = &scratch.network;
    is_plain && !memory.wait.is_on() && memory.held.iter().all(Option::is_none)
}

fn connect(process: &Process<'_>, call: &Call, memory: &mut Memory) -> Result<Answer, Errno> {
    let [socket, address, length, ..] = call.args;
    let length = int(length);
    // The kernel refuses such lengths without a look at the memory.
    if !(1..=address::LONGEST).contains(&length) {
        return Ok(Answer::Proceed);
    }
    memory.address.load(address, length)?;
    memory.looked_at = socket;
    // What is decided rests on the kind of the socket. A descriptor of our own stays with it,
    // whatever another thread makes of the program's.
    let is_pinned = destination::usual(process) == Way::Copy && process.local.shares_descriptors();
    if is_pinned {
        let own = sys::duplicate(socket)?;
        memory.looked_at = own.number();
        memory.hold(own)?;
    }
    let way = destination::decide(process, call.number, socket, Use::Connect, memory)?;
    let mut answer = with_address(way, call, 1, memory);
    if let Answer::Instead(copy) = &mut answer {
        copy.args[0] = memory.looked_at;
    }
    Ok(answer)
}

/// sendto(2).
fn send(process: &Process<'_>, call: &Call, memory: &mut Memory) -> Result<Answer, Errno> {
    let [socket, _, _, flags, address, length] = call.args;
    if address == 0 {
        destination::decide_connected(process, call.number, socket)?;
        return Ok(Answer::Proceed);
    }
    let length = int(length);
    if !(1..=address::LONGEST).contains(&length) {
        return Ok(Answer::Proceed);
    }
    memory.address.load(address, length)?;
    memory.looked_at = socket;
    if let Some(way) = destination::decide_send(process, call.number, socket, flags, memory)? {
        return Ok(with_address(way, call, 4, memory));
    }
    if destination::usual(process) == Way::AsIs {
        return Ok(Answer::Proceed);
    }
    // Nor will it be looked at if the descriptor is another socket's by then.
    let mut copy = *call;
    [copy.args[4], copy.args[5]] = [0, 0];
    Ok(Answer::Instead(copy))
}

/// The call with the copy of the address at `at` and its length behind that.
fn with_address(way: Way, call: &Call, at: usize, memory: &Memory) -> Answer {
    if way == Way::AsIs {
        return Answer::Proceed;
    }
    let mut copy = *call;
    if let Some([address, length]) = copy
        .args
        .get_mut(at..)
        .and_then(|args| args.first_chunk_mut())
    {
        *address = memory.address.pointer();
        *length = memory.address.len();
    }
    Answer::Instead(copy)
}

/// The largest value of the kernel's `int`.
const INT_MAX: usize = 0x7fff_ffff;

/// An argument that the kernel takes as `int` or `unsigned`: the upper half does not count.
const fn int(argument: usize) -> usize {
    argument & 0xffff_ffff
}

/// Whether destinations are restricted at all.
fn is_restricted(process: &Process<'_>) -> bool {
    process.policy.unix(b"") != Decision::NotRestricted
}
