//! Where a function may connect to.
//!
//! Knows names, networks, ports and local sockets as rules spell them; not DNS messages, not
//! sockets, not the names of AWS services.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::str::FromStr;

use super::compiled::{address_bits, prefix_mask};
use super::list::Fault;
use super::operation::Protocol;
use crate::error::quote;

mod host;

pub use host::HostPattern;

/// What `GUARD_EGRESS_ALLOW` accepts, for messages.
pub(super) const ACCEPTED: &str = "host, \"*.suffix\", IP or CIDR, each with an optional \":port\" \
    or \":from-to\" behind and \"udp:\" before, \"aws:SERVICE[/RESOURCE]\" or \"unix:/path\"";

/// An outbound destination that is allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EgressRule {
    pub(super) target: Target,
    pub(super) ports: Ports,
    pub(super) protocol: Protocol,
}

/// What an [`EgressRule`] names.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Target {
    /// A host or all hosts below a suffix.
    Host(HostPattern),
    /// Addresses.
    Network(Cidr),
    /// A socket of the local machine: absolute path, or abstract name behind its NUL byte.
    Unix(Vec<u8>),
}

impl EgressRule {
    /// What is allowed.
    #[must_use]
    pub const fn target(&self) -> &Target {
        &self.target
    }

    /// At which ports; all of them for local sockets.
    #[must_use]
    pub const fn ports(&self) -> Ports {
        self.ports
    }

    /// Over which transport.
    #[must_use]
    pub const fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Whether the rule allows this host.
    #[must_use]
    pub fn allows_host(&self, name: &str, port: u16, protocol: Protocol) -> bool {
        self.allows_port(port, protocol)
            && matches!(&self.target, Target::Host(pattern) if pattern.matches(name))
    }

    /// Whether the rule allows this address.
    #[must_use]
    pub fn allows_addr(&self, ip: IpAddr, port: u16, protocol: Protocol) -> bool {
        self.allows_port(port, protocol)
            && matches!(&self.target, Target::Network(network) if network.contains(ip))
    }

    fn allows_port(&self, port: u16, protocol: Protocol) -> bool {
        self.protocol == protocol && self.ports.contains(port)
    }

    /// Reads an entry that is neither `aws:` nor any other name for several rules.
    pub(super) fn parse(entry: &str) -> Result<Self, Fault> {
        if let Some(path) = entry.strip_prefix("unix:") {
            let target = Target::Unix(unix(path).map_err(|fault| shifted(fault, 5))?);
            return Ok(Self {
                target,
                ports: Ports::ANY,
                protocol: Protocol::Tcp,
            });
        }
        if let Some(at) = entry.find("://") {
            let host = entry[at + 3..]
                .split(['/', '?', '#'])
                .next()
                .unwrap_or_default();
            let reason = format!("a URL stands for a host (did you mean {}?)", quote(host));
            return Err(Fault::new(at, reason, ACCEPTED));
        }
        let (protocol, start) = match entry.split_once(':') {
            Some(("tcp", _)) => (Protocol::Tcp, 4),
            Some(("udp", _)) => (Protocol::Udp, 4),
            _ => (Protocol::Tcp, 0),
        };
        let rest = &entry[start..];
        let (name, ports) = split_ports(rest).map_err(|fault| shifted(fault, start))?;
        let target = target(name).map_err(|fault| shifted(fault, start))?;
        Ok(Self {
            target,
            ports,
            protocol,
        })
    }
}

impl fmt::Display for EgressRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.protocol == Protocol::Udp {
            f.write_str("udp:")?;
        }
        match &self.target {
            Target::Host(pattern) => write!(f, "{pattern}")?,
            Target::Network(network) if network.is_v4() || self.ports == Ports::ANY => {
                write!(f, "{network}")?;
            }
            Target::Network(network) => write!(f, "[{network}]")?,
            Target::Unix(path) => {
                let text = String::from_utf8_lossy(path);
                return match text.strip_prefix('\0') {
                    Some(name) => write!(f, "unix:@{name}"),
                    None => write!(f, "unix:{text}"),
                };
            }
        }
        if self.ports == Ports::ANY {
            Ok(())
        } else {
            write!(f, ":{}", self.ports)
        }
    }
}

/// A range of ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ports {
    first: u16,
    last: u16,
}

impl Ports {
    /// Every port.
    pub const ANY: Self = Self {
        first: 0,
        last: u16::MAX,
    };

    /// One port.
    #[must_use]
    pub const fn one(port: u16) -> Self {
        Self {
            first: port,
            last: port,
        }
    }

    /// The lowest.
    #[must_use]
    pub const fn first(self) -> u16 {
        self.first
    }

    /// The highest.
    #[must_use]
    pub const fn last(self) -> u16 {
        self.last
    }

    /// Whether `port` is one of them.
    #[must_use]
    pub const fn contains(self, port: u16) -> bool {
        self.first <= port && port <= self.last
    }

    fn parse(text: &str) -> Result<Self, Fault> {
        let number = |text: &str| {
            let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            text.parse().ok().filter(|port: &u16| digits && *port != 0)
        };
        let ports = match text.split_once('-') {
            Some((first, last)) => number(first).zip(number(last)),
            None => number(text).map(|port| (port, port)),
        };
        match ports {
            Some((first, last)) if first <= last => Ok(Self { first, last }),
            _ => {
                let reason = format!("{} is not a port", quote(text));
                Err(Fault::new(
                    0,
                    reason,
                    "a number from 1 to 65535, or two joined by \"-\"",
                ))
            }
        }
    }
}

impl fmt::Display for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.first, self.last) {
            (0, u16::MAX) => f.write_str("any"),
            (first, last) if first == last => write!(f, "{first}"),
            (first, last) => write!(f, "{first}-{last}"),
        }
    }
}

/// A network of addresses, or one address. IPv4-mapped IPv6 networks are IPv4 networks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cidr {
    address: IpAddr,
    prefix: u8,
}

impl Cidr {
    /// The network of one address.
    #[must_use]
    pub fn one(address: IpAddr) -> Self {
        let address = address.to_canonical();
        Self {
            address,
            prefix: if address.is_ipv4() { 32 } else { 128 },
        }
    }

    /// Whether the address lies in the network. The unspecified address is loopback, as in
    /// connect(2).
    #[must_use]
    pub fn contains(&self, ip: IpAddr) -> bool {
        let (bits, is_v4) = address_bits(ip);
        is_v4 == self.is_v4() && bits & prefix_mask(u32::from(self.prefix_v6())) == self.bits()
    }

    /// First address of the network.
    #[must_use]
    pub const fn address(&self) -> IpAddr {
        self.address
    }

    /// Prefix length in bits, of 32 or 128.
    #[must_use]
    pub const fn prefix(&self) -> u8 {
        self.prefix
    }

    pub(super) const fn is_v4(&self) -> bool {
        self.address.is_ipv4()
    }

    /// The address as IPv6. 0.0.0.0/0 and ::/0 stay what they are, unlike a destination.
    pub(super) fn bits(&self) -> u128 {
        match self.address {
            IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
            IpAddr::V6(v6) => v6.to_bits(),
        }
    }

    pub(super) const fn prefix_v6(&self) -> u8 {
        if self.is_v4() {
            self.prefix + 96
        } else {
            self.prefix
        }
    }

    fn new(address: IpAddr, prefix: u8) -> Option<Self> {
        match (address, address.to_canonical()) {
            (IpAddr::V6(_), v4 @ IpAddr::V4(_)) if (96..=128).contains(&prefix) => Some(Self {
                address: v4,
                prefix: prefix - 96,
            }),
            (IpAddr::V4(_), _) if prefix <= 32 => Some(Self { address, prefix }),
            (IpAddr::V6(_), _) if prefix <= 128 => Some(Self { address, prefix }),
            _ => None,
        }
    }

    /// The network that the address lies in.
    fn network(self) -> Self {
        let bits = self.bits() & prefix_mask(u32::from(self.prefix_v6()));
        let v6 = Ipv6Addr::from_bits(bits);
        let address = match v6.to_ipv4_mapped() {
            Some(v4) if self.is_v4() => v4.into(),
            _ => v6.into(),
        };
        Self { address, ..self }
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.address)?;
        if *self == Self::one(self.address) {
            Ok(())
        } else {
            write!(f, "/{}", self.prefix)
        }
    }
}

/// A fault of a part that begins `by` bytes into its entry.
pub(super) fn shifted(fault: Fault, by: usize) -> Fault {
    Fault {
        at: fault.at + by,
        ..fault
    }
}

/// Takes `:port` off. Brackets part an IPv6 address from its port; one without has none.
fn split_ports(text: &str) -> Result<(&str, Ports), Fault> {
    let behind = match text.strip_prefix('[') {
        Some(inside) => match inside.find(']') {
            Some(end) => (&inside[..end], end + 2),
            None => return Err(Fault::new(0, "\"[\" is not closed", ACCEPTED)),
        },
        None if text.matches(':').count() > 1 => (text, text.len()),
        None => {
            let end = text.find(':').unwrap_or(text.len());
            (&text[..end], end)
        }
    };
    let (name, end) = behind;
    match text[end..].strip_prefix(':') {
        Some(ports) => Ports::parse(ports)
            .map(|p| (name, p))
            .map_err(|fault| shifted(fault, end + 1)),
        None if end == text.len() => Ok((name, Ports::ANY)),
        None => {
            let reason = format!("{} stands behind \"]\"", quote(&text[end..]));
            Err(Fault::new(end, reason, "\":port\" or nothing"))
        }
    }
}

fn target(name: &str) -> Result<Target, Fault> {
    let (address, prefix) = match name.split_once('/') {
        Some((address, prefix)) => (address, Some(prefix)),
        None => (name, None),
    };
    let Ok(ip) = IpAddr::from_str(address) else {
        if address.contains(':') {
            let reason = format!("{} is not an IPv6 address", quote(address));
            return Err(Fault::new(0, reason, ACCEPTED));
        }
        if let Some(at) = name.find('/') {
            let reason = format!("{} stands behind a host", quote(&name[at..]));
            return Err(Fault::new(at, reason, ACCEPTED));
        }
        return HostPattern::parse(name).map(Target::Host);
    };
    let cidr = match prefix {
        Some(prefix) => network(name, ip, prefix)?,
        None => Cidr::one(ip),
    };
    if cidr == Cidr::one(cidr.address) && cidr.address.is_unspecified() {
        let all = if cidr.is_v4() { "0.0.0.0/0" } else { "::/0" };
        let reason = format!("{} is not the address of anything", quote(name));
        let accepted = format!("an address, or {} for all of them", quote(all));
        return Err(Fault::new(0, reason, accepted));
    }
    Ok(Target::Network(cidr))
}

fn network(name: &str, ip: IpAddr, prefix: &str) -> Result<Cidr, Fault> {
    let most = if ip.is_ipv4() { 32 } else { 128 };
    let digits = prefix.len() <= 3 && prefix.bytes().all(|byte| byte.is_ascii_digit());
    let cidr = prefix
        .parse()
        .ok()
        .filter(|_| digits)
        .and_then(|prefix| Cidr::new(ip, prefix));
    let Some(cidr) = cidr else {
        let reason = format!("{} is not a prefix length", quote(prefix));
        let accepted = format!("a number from 0 to {most}");
        return Err(Fault::new(name.len() - prefix.len(), reason, accepted));
    };
    if cidr.network() != cidr {
        let reason = format!("{} has bits behind its prefix", quote(name));
        return Err(Fault::new(
            0,
            reason,
            format!("the network {}", quote(&network_text(cidr))),
        ));
    }
    Ok(cidr)
}

fn network_text(cidr: Cidr) -> String {
    format!("{}/{}", cidr.network().address, cidr.prefix)
}

fn unix(path: &str) -> Result<Vec<u8>, Fault> {
    /// Bytes of `sun_path` less the final NUL (unix(7)).
    const LONGEST: usize = 107;
    let socket = match path.strip_prefix('@') {
        Some("") => return Err(Fault::new(0, "\"@\" has no name behind it", ACCEPTED)),
        Some(name) => format!("\0{name}"),
        None => {
            let below = if path.ends_with('/') { "/" } else { "" };
            super::file::absolute(path)? + below
        }
    };
    if socket.len() > LONGEST || socket.trim_start_matches('/').is_empty() {
        let reason = format!("{} is not the name of a socket", quote(path));
        return Err(Fault::new(
            0,
            reason,
            format!("a path of 2 to {LONGEST} bytes"),
        ));
    }
    Ok(socket.into_bytes())
}

/// `IP[:port]`, as `GUARD_DNS` and the platform's variables spell it.
pub(super) fn socket(text: &str, default_port: u16) -> Option<(IpAddr, u16)> {
    let (name, ports) = split_ports(text).ok()?;
    let ip = IpAddr::from_str(name).ok()?.to_canonical();
    match ports {
        Ports::ANY => Some((ip, default_port)),
        ports => (ports.first == ports.last).then_some((ip, ports.first)),
    }
}

/// Loopback, under both of its names.
pub(super) const LOOPBACK: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::LOCALHOST),
    IpAddr::V6(Ipv6Addr::LOCALHOST),
];
