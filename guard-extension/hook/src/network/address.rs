//! Socket addresses as programs hand them over (ip(7), ipv6(7), unix(7)).

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::sys::{Errno, memory};

/// Largest address: the kernel takes no more (`struct sockaddr_storage`).
pub(super) const LONGEST: usize = 128;

pub(super) const AF_UNSPEC: u16 = 0;
pub(super) const AF_UNIX: u16 = 1;
pub(super) const AF_INET: u16 = 2;
pub(super) const AF_INET6: u16 = 10;
pub(super) const AF_NETLINK: u16 = 16;

/// Shortest addresses that the kernel takes (`struct sockaddr_in`, `SIN6_LEN_RFC2133`).
const INET: usize = 16;
const INET6: usize = 24;

/// The copy of an address.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(8))]
pub(super) struct Address {
    bytes: [u8; LONGEST],
    len: usize,
}

impl Address {
    pub(super) const fn new() -> Self {
        Self {
            bytes: [0; LONGEST],
            len: 0,
        }
    }

    /// Copies an address of the program; at most [`LONGEST`] bytes count.
    pub(super) fn load(&mut self, from: usize, length: usize) -> Result<(), Errno> {
        self.len = 0;
        let length = length.min(LONGEST);
        let Some(into) = self.bytes.get_mut(..length) else {
            return Ok(());
        };
        memory::copy_in(from, into)?;
        self.len = length;
        Ok(())
    }

    /// An address from its bytes.
    pub(super) fn from_bytes(bytes: &[u8; LONGEST], len: usize) -> Self {
        Self {
            bytes: *bytes,
            len: len.min(LONGEST),
        }
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    pub(super) fn pointer(&self) -> usize {
        (&raw const self.bytes).expose_provenance()
    }

    /// The family; nothing when there is not that much of it.
    pub(super) fn family(&self) -> Option<u16> {
        self.bytes().first_chunk().copied().map(u16::from_ne_bytes)
    }

    /// Where it leads, address and port, read as `family`. Nothing when the kernel finds it too short.
    pub(super) fn ip(&self, family: u16) -> Option<(IpAddr, u16)> {
        let (ip, port) = self.written(family)?;
        Some((destination(ip), port))
    }

    /// Address and port as they are written, so that the unspecified one is that. Nothing when the
    /// kernel finds it too short.
    pub(super) fn written(&self, family: u16) -> Option<(IpAddr, u16)> {
        let bytes = self.bytes();
        let port = u16::from_be_bytes([*bytes.get(2)?, *bytes.get(3)?]);
        let ip = match family {
            AF_INET if bytes.len() >= INET => {
                let octets: [u8; 4] = *bytes.get(4..)?.first_chunk()?;
                IpAddr::V4(Ipv4Addr::from(octets))
            }
            AF_INET6 if bytes.len() >= INET6 => {
                let octets: [u8; 16] = *bytes.get(8..)?.first_chunk()?;
                IpAddr::V6(Ipv6Addr::from(octets))
            }
            _ => return None,
        };
        Some((ip.to_canonical(), port))
    }

    /// What a local address names: its path without what follows the NUL byte, or its abstract name
    /// with the NUL byte that begins it. Nothing when it names nothing.
    pub(super) fn local(&self) -> Option<&[u8]> {
        let name = self.bytes().get(2..)?;
        match name.first()? {
            0 => Some(name),
            _ => name.split(|byte| *byte == 0).next(),
        }
    }

    /// Puts a path in the place of a local address.
    pub(super) fn set_path(&mut self, path: &[u8]) {
        let Some(place) = self.bytes.get_mut(2..2 + path.len() + 1) else {
            return;
        };
        for (to, from) in place.iter_mut().zip(path.iter().chain(&[0])) {
            *to = *from;
        }
        self.len = path.len() + 3;
    }

    /// Puts another address in the place of this one, in the form of its family: in an IPv6 address,
    /// an IPv4 one is mapped.
    pub(super) fn set_ip(&mut self, family: u16, ip: IpAddr, port: u16) {
        let at = if family == AF_INET { 4 } else { 8 };
        let [high, low] = port.to_be_bytes();
        let v6 = match ip {
            IpAddr::V4(v4) => v4.to_ipv6_mapped(),
            IpAddr::V6(v6) => v6,
        };
        let octets = v6.octets();
        let octets: &[u8] = match (family, &octets) {
            (AF_INET, [_, _, _, _, _, _, _, _, _, _, _, _, v4 @ ..]) => v4,
            _ => &octets,
        };
        if let Some(place) = self.bytes.get_mut(2..4) {
            for (to, from) in place.iter_mut().zip([high, low]) {
                *to = from;
            }
        }
        let Some(place) = self.bytes.get_mut(at..at + octets.len()) else {
            return;
        };
        for (to, from) in place.iter_mut().zip(octets) {
            *to = *from;
        }
        // A scope belongs to the address that it came with.
        if let Some(scope) = self.bytes.get_mut(24..28).filter(|_| family == AF_INET6) {
            scope.fill(0);
        }
    }
}

/// An address as a destination: the unspecified one is loopback.
fn destination(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    }
}
