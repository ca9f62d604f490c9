//! Kinds of sockets, and options that change where their packets go.

use super::address::{AF_INET, AF_INET6, AF_NETLINK, AF_UNIX};
use super::destination::closed;
use super::{EAFNOSUPPORT, EPERM, EPROTONOSUPPORT, TCP, UDP, int, is_restricted};
use crate::record::{Subject, goes_on};
use crate::shared::Kind;
use crate::sys::Errno;
use crate::{Answer, Call, Process};

/// Types of sockets (socket(2)); above them stand flags.
const TYPE: usize = 0b1111;
const STREAM: usize = 1;
const DGRAM: usize = 2;
const RAW: usize = 3;

/// The protocol of AF_NETLINK that tells addresses and routes (netlink(7)).
const ROUTE: usize = 0;

const IP: usize = 0;
const IPV6: usize = 41;
/// Options of IP packets: among them source routes (ip(7)).
const IP_OPTIONS: usize = 4;
/// The same as control data.
const IP_RETOPTS: usize = 7;
/// Routing headers, by RFC 3542 and by RFC 2292, there also inside of all options.
const IPV6_RTHDR: usize = 57;
const IPV6_2292RTHDR: usize = 5;
const IPV6_2292PKTOPTIONS: usize = 6;
/// Names a flow, and may give it options behind its structure of 32 bytes (linux/in6.h).
const IPV6_FLOWLABEL_MGR: usize = 32;
const FLOW_LABEL: usize = 32;
/// Puts sequence numbers and peers into connections by hand.
const TCP_REPAIR: usize = 19;

/// socket(2): a policy speaks of local sockets, TCP and UDP; routes and addresses are what libraries
/// ask the kernel for.
pub(super) fn socket(process: &Process<'_>, call: &Call) -> Result<Answer, Errno> {
    if !is_restricted(process) {
        return Ok(Answer::Proceed);
    }
    let [domain, kind, protocol, ..] = call.args.map(int);
    let family = u16::try_from(domain).unwrap_or(u16::MAX);
    let errno = match (family, kind & TYPE, protocol) {
        (AF_UNIX, ..)
        | (AF_INET | AF_INET6, STREAM, 0 | TCP)
        | (AF_INET | AF_INET6, DGRAM, 0 | UDP)
        | (AF_NETLINK, _, ROUTE) => return Ok(Answer::Proceed),
        (AF_INET | AF_INET6, RAW, _) => EPERM,
        (AF_INET | AF_INET6 | AF_NETLINK, ..) => EPROTONOSUPPORT,
        _ => EAFNOSUPPORT,
    };
    let subject = Subject {
        port: family,
        protocol: u8::try_from(kind & TYPE).unwrap_or(u8::MAX),
        ..Subject::new(Kind::Socket, b"")
    };
    match goes_on(process, call.number, &subject, closed(process), errno.0) {
        true => Ok(Answer::Proceed),
        false => Err(errno),
    }
}

/// setsockopt(2).
pub(super) fn set(process: &Process<'_>, call: &Call) -> Result<Answer, Errno> {
    let [_, level, option, _, length, _] = call.args.map(int);
    let is_route = match (level, option) {
        // None is how they are taken away.
        (IP, IP_OPTIONS) => length != 0,
        (IPV6, IPV6_RTHDR | IPV6_2292RTHDR | IPV6_2292PKTOPTIONS) => length != 0,
        (IPV6, IPV6_FLOWLABEL_MGR) => length > FLOW_LABEL,
        (TCP, TCP_REPAIR) => true,
        _ => false,
    };
    if !is_route || !is_restricted(process) {
        return Ok(Answer::Proceed);
    }
    let subject = Subject::new(Kind::Kernel, b"source route");
    match goes_on(process, call.number, &subject, closed(process), EPERM.0) {
        true => Ok(Answer::Proceed),
        false => Err(EPERM),
    }
}

/// Whether control data holds a source route (cmsg(3)). What follows something malformed does not
/// count: the kernel refuses all of it.
pub(super) fn has_route(mut control: &[u8]) -> bool {
    const HEAD: usize = 16;
    while let Some((length, rest)) = control.split_first_chunk::<8>() {
        let (Some(level), Some(kind)) = (number(rest, 0), number(rest, 4)) else {
            return false;
        };
        let length = usize::from_ne_bytes(*length);
        if length < HEAD || length > control.len() {
            return false;
        }
        let is_route = match level {
            IP => kind == IP_RETOPTS,
            IPV6 => matches!(kind, IPV6_RTHDR | IPV6_2292RTHDR),
            _ => false,
        };
        if is_route {
            return true;
        }
        control = control
            .get(length.next_multiple_of(8)..)
            .unwrap_or_default();
    }
    false
}

fn number(bytes: &[u8], at: usize) -> Option<usize> {
    let bytes: [u8; 4] = *bytes.get(at..)?.first_chunk()?;
    usize::try_from(u32::from_ne_bytes(bytes)).ok()
}
