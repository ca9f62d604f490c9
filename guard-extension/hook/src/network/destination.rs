//! Whether a destination may be used.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use guard_core::policy::{Decision, Protocol};

use super::address::{AF_INET, AF_INET6, AF_NETLINK, AF_UNIX, AF_UNSPEC, Address};
use super::{
    EAFNOSUPPORT, ECONNREFUSED, EOPNOTSUPP, EPROTONOSUPPORT, MSG_FASTOPEN, Memory, TCP, UDP, Use,
    Way,
};
use super::{is_restricted, local};
use crate::Process;
use crate::record::{Subject, goes_on};
use crate::shared::{Kind, Redirect};
use crate::sys::{self, Errno};

/// Ports that resolvers connect datagram sockets to, to learn which source address the kernel would
/// choose, and never send to: glibc's without a service, Go's, musl's.
const PROBES: [u16; 3] = [0, 9, 65_535];

/// Ends sending (shutdown(2)).
const SHUT_WR: usize = 1;

/// Decides about the address in `memory`. Redirects it when it is a resolver's.
pub(super) fn decide(
    process: &Process<'_>,
    number: usize,
    socket: usize,
    how: Use,
    memory: &mut Memory,
) -> Result<Way, Errno> {
    match memory.address.family() {
        Some(family @ (AF_INET | AF_INET6)) => {
            let looked_at = memory.looked_at;
            let protocol = sys::socket::protocol(looked_at)?;
            memory.needs_own_table |= how == Use::Connect
                && protocol == UDP
                && process.local.shares_descriptors()
                && is_no_stream(process, family, &memory.address);
            let address = &mut memory.address;
            let of = (socket, looked_at, protocol);
            decide_ip(process, number, of, how, family, address)
        }
        Some(AF_UNIX) => local::decide(process, number, how, memory),
        // Ends an association; in a send it means AF_INET, which the caller sees to.
        Some(AF_UNSPEC | AF_NETLINK) => Ok(usual(process)),
        Some(family) => {
            let subject = Subject {
                port: family,
                ..Subject::new(Kind::Socket, b"")
            };
            match goes_on(process, number, &subject, closed(process), EAFNOSUPPORT.0) {
                true => Ok(usual(process)),
                false => Err(EAFNOSUPPORT),
            }
        }
        // Too short for a family: the kernel says so.
        None => Ok(usual(process)),
    }
}

/// Whether a stream may not lead where a datagram socket is about to be connected: a thread could
/// put one in its place. None is to be had at port 0, which resolvers try.
fn is_no_stream(process: &Process<'_>, family: u16, address: &Address) -> bool {
    let Some((ip, port)) = address.ip(family) else {
        return false;
    };
    let mut redirects = process.sealed.redirects();
    usual(process) == Way::Copy
        && port != 0
        && !redirects.any(|to| to.address == ip && to.port == port)
        && Known::of(process, ip, port, Protocol::Tcp)
            .decision
            .is_denied()
}

/// Decides about the address of a send. Nothing when the kernel does not look at it: on a stream,
/// unless it opens a connection.
pub(super) fn decide_send(
    process: &Process<'_>,
    number: usize,
    socket: usize,
    flags: usize,
    memory: &mut Memory,
) -> Result<Option<Way>, Errno> {
    let family = memory.address.family();
    if let Some(AF_INET | AF_INET6 | AF_UNSPEC) = family {
        let protocol = sys::socket::protocol(socket)?;
        if protocol == TCP && flags & MSG_FASTOPEN == 0 {
            return Ok(None);
        }
        if protocol != TCP && flags & MSG_FASTOPEN != 0 {
            // It means nothing here; a stream that takes the descriptor meanwhile would connect.
            return Err(EOPNOTSUPP);
        }
        let how = if protocol == TCP {
            Use::Connect
        } else {
            Use::Send
        };
        let family = match family {
            Some(AF_UNSPEC) if sys::socket::domain(socket)? == usize::from(AF_INET6) => {
                // The destination that the socket is connected to, as without an address
                // (net/ipv6/udp.c). An IPv4 socket that takes the descriptor meanwhile would read it
                // as one of its own.
                return Ok(None);
            }
            Some(AF_INET6) => AF_INET6,
            _ => AF_INET,
        };
        let address = &mut memory.address;
        let of = (socket, socket, protocol);
        return decide_ip(process, number, of, how, family, address).map(Some);
    }
    decide(process, number, socket, Use::Send, memory).map(Some)
}

/// Decides about a send without a destination on a socket whose connection was let through for the
/// kernel's answer only.
pub(super) fn decide_connected(
    process: &Process<'_>,
    number: usize,
    socket: usize,
) -> Result<(), Errno> {
    let sockets = &process.local.sockets;
    if !sockets.is_undecided(socket) {
        return Ok(());
    }
    let mut bytes = [0; 128];
    let Ok(len) = sys::socket::peer(socket, &mut bytes) else {
        return Ok(());
    };
    let address = Address::from_bytes(&bytes, len);
    let Some((ip, port)) = address.family().and_then(|family| address.ip(family)) else {
        return Ok(());
    };
    let is_datagram = sys::socket::protocol(socket).is_ok_and(|protocol| protocol == UDP);
    let is_forwarder = forwarder_at(process, ip, port).is_some();
    if !is_datagram || is_forwarder {
        sockets.decided(socket);
        return Ok(());
    }
    let known = Known::of(process, ip, port, Protocol::Udp);
    let subject = known.subject(ip, port, UDP);
    if goes_on(process, number, &subject, known.decision, ECONNREFUSED.0) {
        sockets.decided(socket);
        Ok(())
    } else {
        Err(ECONNREFUSED)
    }
}

/// How a call is made that needs nothing of its own: with the copy where that was decided about.
pub(super) fn usual(process: &Process<'_>) -> Way {
    if process.enforces() && is_restricted(process) {
        Way::Copy
    } else {
        Way::AsIs
    }
}

/// The decision about what no policy allows.
pub(super) fn closed(process: &Process<'_>) -> Decision {
    if is_restricted(process) {
        Decision::Denied
    } else {
        Decision::NotRestricted
    }
}

fn decide_ip(
    process: &Process<'_>,
    number: usize,
    (socket, looked_at, protocol): (usize, usize, usize),
    how: Use,
    family: u16,
    address: &mut Address,
) -> Result<Way, Errno> {
    // Too short: the kernel says so.
    let Some((ip, port)) = address.ip(family) else {
        return Ok(usual(process));
    };
    let rule = match protocol {
        TCP => Protocol::Tcp,
        UDP => Protocol::Udp,
        _ => {
            let subject = Subject {
                address: Some(ip),
                port: family,
                protocol: u8::try_from(protocol).unwrap_or(u8::MAX),
                ..Subject::new(Kind::Socket, b"")
            };
            let errno = EPROTONOSUPPORT;
            return match goes_on(process, number, &subject, closed(process), errno.0) {
                true => Ok(usual(process)),
                false => Err(errno),
            };
        }
    };
    let mut redirects = process.sealed.redirects();
    // Where connections are restricted, what no resolver is at has to be listed as anything else.
    let is_open = |to: &Redirect| {
        to.is_resolver
            || !process.enforces()
            || !Known::of(process, ip, port, rule).decision.is_denied()
    };
    let found = redirects.find(|to| to.address == ip && to.port == port);
    if let Some(found) = found.filter(is_open) {
        address.set_ip(family, Ipv4Addr::LOCALHOST.into(), found.forwarder);
        if found.is_resolver {
            process.local.sockets.leads_to_forwarder(socket);
        }
        return Ok(Way::Copy);
    }
    if forwarder_at(process, ip, port).is_some() {
        return Ok(usual(process));
    }
    let known = Known::of(process, ip, port, rule);
    if how == Use::Connect && rule == Protocol::Udp && known.may_be_a_probe(process, ip, port) {
        // Connecting a datagram socket sends nothing. Sends are decided about where they are made,
        // and under a policy the socket cannot make any that are not.
        if known.decision.is_denied() && process.enforces() {
            sys::socket::shut_down(looked_at, SHUT_WR);
        }
        process.local.sockets.undecided(socket);
        return Ok(usual(process));
    }
    let subject = known.subject(ip, port, protocol);
    match goes_on(process, number, &subject, known.decision, how.errno().0) {
        true => Ok(usual(process)),
        false => Err(how.errno()),
    }
}

/// Whether whoever is bound to the address in `memory` gets what the forwarder asks a resolver: the
/// answers decide which addresses are an allowed name's, so no program under guard is to give them.
pub(super) fn is_resolvers_place(process: &Process<'_>, address: &Address) -> bool {
    let family = match address.family() {
        // Taken for IPv4 (bind(2)).
        Some(AF_UNSPEC) => AF_INET,
        Some(family) => family,
        None => return false,
    };
    let Some((ip, port)) = address.written(family) else {
        return false;
    };
    let is_there = |to: &Redirect| {
        let is_local = || to.address.is_loopback() || sys::socket::is_local(to.address);
        to.is_resolver && to.port == port && (to.address == ip || ip.is_unspecified() && is_local())
    };
    is_restricted(process) && process.sealed.redirects().any(|to| is_there(&to))
}

/// The port of the forwarder, if that is what an address leads to.
pub(super) fn forwarder_at(process: &Process<'_>, ip: IpAddr, port: u16) -> Option<Redirect> {
    if ip != IpAddr::V4(Ipv4Addr::LOCALHOST) {
        return None;
    }
    let mut redirects = process.sealed.redirects();
    redirects.find(|to| to.is_resolver && to.forwarder == port)
}

/// What is known about an address.
struct Known {
    decision: Decision,
    /// A name that it was learned under: the one that the decision rests on, if it rests on one.
    name: [u8; 256],
    length: usize,
    /// Whether some entry allows a name of it, at whatever port.
    has_allowed_name: bool,
}

impl Known {
    fn of(process: &Process<'_>, ip: IpAddr, port: u16, protocol: Protocol) -> Self {
        let policy = &process.policy;
        let mut known = Self {
            decision: policy.egress_addr(ip, port, protocol),
            name: [0; 256],
            length: 0,
            has_allowed_name: false,
        };
        if let Decision::Allowed(_) = known.decision {
            return known;
        }
        let now = sys::boot_seconds();
        process.sealed.names(ip, now, |name| {
            let decision = policy.egress_host(name, port, protocol);
            let is_allowed = matches!(decision, Decision::Allowed(_));
            known.has_allowed_name |= !policy.egress_name(name).is_denied();
            if is_allowed || known.length == 0 {
                known.decision = decision;
                known.length = name.len();
                for (to, from) in known.name.iter_mut().zip(name) {
                    *to = *from;
                }
            }
            is_allowed
        });
        known
    }

    fn subject(&self, ip: IpAddr, port: u16, protocol: usize) -> Subject<'_> {
        let text = self.name.get(..self.length).unwrap_or_default();
        let kind = if text.is_empty() {
            Kind::Address
        } else {
            Kind::Host
        };
        Subject {
            kind,
            text,
            address: Some(ip),
            port,
            protocol: u8::try_from(protocol).unwrap_or(u8::MAX),
        }
    }

    /// Whether a datagram socket may be being connected only to ask the kernel for the source
    /// address, as resolvers do to sort addresses (RFC 6724): to addresses that may be reached, by
    /// whatever transport.
    fn may_be_a_probe(&self, process: &Process<'_>, ip: IpAddr, port: u16) -> bool {
        match self.decision {
            Decision::Allowed(_) => false,
            Decision::Denied => {
                let tcp = process.policy.egress_addr(ip, port, Protocol::Tcp);
                // Of a name that is denied there would be no address, were the policy enforced; but of
                // the machine's own, which stands in /etc/hosts.
                let is_own = [
                    IpAddr::from(Ipv4Addr::LOCALHOST),
                    Ipv6Addr::LOCALHOST.into(),
                ]
                .contains(&ip);
                let is_only_known = self.length > 0 && !process.enforces() && !is_own;
                self.has_allowed_name || !tcp.is_denied() || is_only_known
            }
            // Static programs hardly sort, but write to what they connected, unseen here.
            Decision::NotRestricted => {
                PROBES.contains(&port) || (self.length > 0 && process.program.is_empty())
            }
        }
    }
}
