//! Where answers of the forwarder come from, as programs see it: from the resolver that they asked.
//!
//! musl and c-ares take no answer from another address. Only sockets that were led to the forwarder
//! are looked at.

use core::net::IpAddr;

use super::Memory;
use super::address::{AF_INET, Address};
use super::destination::forwarder_at;
use crate::calls::Name;
use crate::sys::memory;
use crate::{Answer, Call, Process};

/// Words of `struct msghdr` and `struct mmsghdr`.
const HEADER: usize = 7;
const ENTRY: usize = 8;
const WORD: usize = size_of::<usize>();
/// How many messages of one recvmmsg(2) are looked at. Resolvers read one at a time.
const MOST: usize = 64;
/// Shortest room in which an address of either family is whole.
const INET: usize = 16;
const INET6: usize = 28;

/// recvfrom(2), recvmsg(2), recvmmsg(2), getpeername(2).
pub(super) fn decide(
    process: &Process<'_>,
    name: Name,
    call: &Call,
    memory: &mut Memory,
) -> Answer {
    let [socket, second, third, _, address, length] = call.args;
    if !process.local.sockets.may_lead_to_forwarder(socket) {
        return Answer::Proceed;
    }
    // How much of an address fits is the program's to say, and overwritten by what there was.
    memory.room = match name {
        Name::Recvfrom if address == 0 => 0,
        Name::Recvfrom => room(length),
        Name::Getpeername => room(third),
        Name::Recvmsg => header(second).map_or(0, |header| header.room()),
        _ => {
            let headers = (0..super::int(third).min(MOST)).map_while(|index| entry(second, index));
            headers
                .map(|header| header.room())
                .filter(|room| *room != 0)
                .min()
                .unwrap_or(0)
        }
    };
    match memory.room {
        0..INET => Answer::Proceed,
        _ => Answer::Instead(*call),
    }
}

/// Puts the resolver's address in the place of the forwarder's, wherever the kernel stored one.
pub(super) fn restore(
    process: &Process<'_>,
    name: Name,
    call: &Call,
    memory: &Memory,
    result: isize,
) {
    let Ok(count) = usize::try_from(result) else {
        return;
    };
    let [_, second, third, _, address, length] = call.args;
    let room_for = memory.room;
    match name {
        Name::Recvfrom => restore_address(process, address, room(length).min(room_for)),
        Name::Getpeername => restore_address(process, second, room(third).min(room_for)),
        Name::Recvmsg => {
            if let Some(header) = header(second) {
                restore_address(process, header.name, header.room().min(room_for));
            }
        }
        _ => {
            for header in (0..count.min(MOST)).map_while(|index| entry(second, index)) {
                restore_address(process, header.name, header.room().min(room_for));
            }
        }
    }
}

fn restore_address(process: &Process<'_>, at: usize, length: usize) {
    let mut address = Address::new();
    if at == 0 || address.load(at, length).is_err() {
        return;
    }
    let Some(family) = address.family() else {
        return;
    };
    let Some((ip, port)) = address.ip(family) else {
        return;
    };
    let Some(redirect) = forwarder_at(process, ip, port) else {
        return;
    };
    let is_whole = match (family, redirect.address) {
        (AF_INET, IpAddr::V4(_)) => address.len() >= INET,
        (AF_INET, IpAddr::V6(_)) => false,
        _ => address.len() >= INET6,
    };
    if is_whole {
        address.set_ip(family, redirect.address, redirect.port);
        let _ = memory::copy_out(at, address.bytes());
    }
}

/// Address and length of a message's header.
struct Header {
    name: usize,
    length: usize,
}

impl Header {
    fn room(&self) -> usize {
        if self.name == 0 {
            0
        } else {
            super::int(self.length)
        }
    }
}

fn header(at: usize) -> Option<Header> {
    let mut bytes = [0; HEADER * WORD];
    memory::copy_in(at, &mut bytes).ok()?;
    let (words, _) = bytes.as_chunks();
    let [name, length, ..] = words else {
        return None;
    };
    Some(Header {
        name: usize::from_ne_bytes(*name),
        length: usize::from_ne_bytes(*length),
    })
}

fn entry(vector: usize, index: usize) -> Option<Header> {
    header(vector.checked_add(index * ENTRY * WORD)?)
}

/// The length that stands at `at`.
fn room(at: usize) -> usize {
    let mut bytes = [0; 4];
    match memory::copy_in(at, &mut bytes) {
        Ok(()) => usize::try_from(u32::from_ne_bytes(bytes)).unwrap_or(0),
        Err(_) => 0,
    }
}
