//! Messages with headers: sendmsg(2), sendmmsg(2).
//!
//! The header is copied, with the destination and, for datagrams, the control data in it. The data
//! itself stays where it is: nothing is decided about it.

use super::address::Address;
use super::{EINVAL, ENOBUFS, EPERM, Memory, UDP, Way, destination, options};
use crate::record::{Subject, goes_on};
use crate::shared::Kind;
use crate::sys::{self, Errno, errno, memory};
use crate::{Answer, Call, Process};

/// Words of `struct msghdr`, and of `struct mmsghdr`, whose last holds the length that was sent.
const HEADER: usize = 7;
const ENTRY: usize = 8;
/// Bytes in a word.
const WORD: usize = size_of::<usize>();
/// Where the length that was sent stands in an entry.
const SENT: usize = HEADER * WORD;

/// Words of a header: address, its length (the low half), control data, its length.
const NAME: usize = 0;
const NAME_LENGTH: usize = 1;
const CONTROL: usize = 4;
const CONTROL_LENGTH: usize = 5;

/// How many messages are sent by one call. The kernel may send fewer than it was asked to, and
/// programs go on with the rest.
pub(super) const MOST: usize = 8;

/// Words for control data. What datagrams carry (interface, hop limit, segment size, time) takes
/// some hundred bytes.
const CONTROLS: usize = 256;

/// Copies of what is sent.
#[derive(Debug)]
#[repr(C, align(8))]
pub(super) struct Batch {
    entries: [[usize; ENTRY]; MOST],
    names: [Address; MOST],
    control: [u64; CONTROLS],
    /// Words of `control` in use.
    used: usize,
}

impl Batch {
    pub(super) const fn new() -> Self {
        Self {
            entries: [[0; ENTRY]; MOST],
            names: [const { Address::new() }; MOST],
            control: [0; CONTROLS],
            used: 0,
        }
    }
}

/// sendmsg(2).
pub(super) fn send(
    process: &Process<'_>,
    call: &Call,
    memory: &mut Memory,
) -> Result<Answer, Errno> {
    let [socket, header, flags, ..] = call.args;
    memory.batch.used = 0;
    match prepare(process, call.number, (socket, flags), header, 0, memory)? {
        Way::AsIs => Ok(Answer::Proceed),
        Way::Copy => {
            let mut copy = *call;
            copy.args[1] = (&raw const memory.batch.entries).expose_provenance();
            Ok(Answer::Instead(copy))
        }
    }
}

/// sendmmsg(2). What comes before a message that is refused is sent; what comes after it, not.
pub(super) fn send_many(
    process: &Process<'_>,
    call: &Call,
    memory: &mut Memory,
) -> Result<Answer, Errno> {
    let [socket, entries, count, flags, ..] = call.args;
    let count = super::int(count).min(MOST);
    memory.batch.used = 0;
    let (mut way, mut prepared) = (Way::AsIs, 0);
    while prepared < count {
        let entry = entries
            .checked_add(prepared * ENTRY * WORD)
            .ok_or(errno::EFAULT)?;
        let number = call.number;
        match prepare(process, number, (socket, flags), entry, prepared, memory) {
            Ok(Way::Copy) => way = Way::Copy,
            Ok(Way::AsIs) => {}
            Err(errno) if prepared == 0 => return Err(errno),
            Err(_) => break,
        }
        prepared += 1;
    }
    if way == Way::AsIs {
        return Ok(Answer::Proceed);
    }
    let mut copy = *call;
    copy.args[1] = (&raw const memory.batch.entries).expose_provenance();
    copy.args[2] = prepared;
    Ok(Answer::Instead(copy))
}

/// Tells the program how much of each message was sent.
pub(super) fn sent(call: &Call, memory: &Memory, result: isize) -> isize {
    let count = usize::try_from(result).unwrap_or(0);
    for (index, entry) in memory.batch.entries.iter().take(count).enumerate() {
        let [.., length] = entry;
        let bytes = length.to_ne_bytes();
        let at = call.args[1].wrapping_add(index * ENTRY * WORD + SENT);
        // The kernel, too, leaves it at that: the messages are on their way.
        let _ = memory::copy_out(at, bytes.get(..4).unwrap_or_default());
    }
    result
}

/// Copies the message whose header stands at `from`, and decides about it.
fn prepare(
    process: &Process<'_>,
    number: usize,
    (socket, flags): (usize, usize),
    from: usize,
    index: usize,
    memory: &mut Memory,
) -> Result<Way, Errno> {
    let mut bytes = [0; HEADER * WORD];
    memory::copy_in(from, &mut bytes)?;
    let mut entry = [0; ENTRY];
    let (words, _) = bytes.as_chunks();
    for (to, word) in entry.iter_mut().zip(words) {
        *to = usize::from_ne_bytes(*word);
    }
    let mut way = destination::usual(process);
    let length = super::int(entry[NAME_LENGTH]);
    if length > super::INT_MAX {
        return Err(EINVAL);
    }
    if entry[NAME] == 0 || length == 0 {
        destination::decide_connected(process, number, socket)?;
    } else {
        memory.address.load(entry[NAME], length)?;
        memory.looked_at = socket;
        let decided = destination::decide_send(process, number, socket, flags, memory)?;
        if let Some(Way::Copy) = decided {
            way = Way::Copy;
        }
        match memory.batch.names.get_mut(index) {
            Some(name) if decided.is_some() => {
                *name = memory.address;
                entry[NAME] = name.pointer();
                entry[NAME_LENGTH] = name.len();
            }
            // Nor will it be looked at if the descriptor is another socket's by then.
            _ => (entry[NAME], entry[NAME_LENGTH]) = (0, 0),
        }
    }
    if entry[CONTROL] != 0 && entry[CONTROL_LENGTH] != 0 && way == Way::Copy {
        copy_control(process, number, socket, &mut entry, &mut memory.batch)?;
    }
    if let Some(place) = memory.batch.entries.get_mut(index) {
        *place = entry;
    }
    Ok(way)
}

/// Copies the control data of a datagram and looks for source routes in it. That of other sockets
/// (descriptors, credentials) stays where it is.
fn copy_control(
    process: &Process<'_>,
    number: usize,
    socket: usize,
    entry: &mut [usize; ENTRY],
    batch: &mut Batch,
) -> Result<(), Errno> {
    if sys::socket::protocol(socket)? != UDP {
        return Ok(());
    }
    let length = entry[CONTROL_LENGTH];
    let words = length.div_ceil(WORD);
    let end = batch.used.checked_add(words).ok_or(ENOBUFS)?;
    let place = batch.control.get_mut(batch.used..end).ok_or(ENOBUFS)?;
    let mut bytes = [0; CONTROLS * WORD];
    let bytes = bytes.get_mut(..length).ok_or(ENOBUFS)?;
    memory::copy_in(entry[CONTROL], bytes)?;
    place.fill(0);
    for (word, chunk) in place.iter_mut().zip(bytes.chunks(WORD)) {
        let mut whole = [0; WORD];
        for (to, from) in whole.iter_mut().zip(chunk) {
            *to = *from;
        }
        *word = u64::from_ne_bytes(whole);
    }
    if options::has_route(bytes) {
        let subject = Subject::new(Kind::Kernel, b"source route");
        if !goes_on(
            process,
            number,
            &subject,
            destination::closed(process),
            EPERM.0,
        ) {
            return Err(EPERM);
        }
    }
    entry[CONTROL] = place.as_ptr().expose_provenance();
    batch.used = end;
    Ok(())
}
