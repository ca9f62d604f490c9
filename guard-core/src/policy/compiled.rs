//! The policy in the flat form that decisions read.
//!
//! One run of bytes without pointers: it can be written once and mapped read-only into every
//! program under guard. Decisions use `core` alone; they do not allocate, lock, format or panic,
//! whatever the bytes are. Knows nothing of the text a policy was written in.
//!
//! ```
//! # #[cfg(feature = "std")] {
//! use guard_core::policy::{Access, CompiledPolicy, Phase, Policy, Protocol};
//!
//! let policy = Policy::from_vars(|name| {
//!     (name == "GUARD_EGRESS_ALLOW").then(|| "api.example.com:443".to_owned())
//! })?;
//! let image = policy.compile();
//! let compiled = CompiledPolicy::from_bytes(&image)?;
//! assert!(!compiled.egress_host(b"API.example.com.", 443, Protocol::Tcp).is_denied());
//! assert!(compiled.egress_host(b"example.net", 443, Protocol::Tcp).is_denied());
//! # }
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```

use core::cmp::Ordering;
use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::operation::{Access, Decision, EntryId, Operation, Origin, Phase, Protocol};
use layout::{HEADER, MAGIC, Section, Table, VERSION, byte, flag, row, short, word};
use tree::{NODE_HEAD, Tree, compare};

#[cfg(feature = "std")]
mod build;
mod layout;
mod tree;

#[cfg(feature = "std")]
pub(super) use build::Builder;

/// Longest host name in text, without the final dot (RFC 1035 section 2.3.4: 255 octets on the
/// wire, two of which are the first length and the root).
pub const MAX_NAME: usize = 253;
/// Longest label of a host name (RFC 1035 section 2.3.4).
pub const MAX_LABEL: usize = 63;

/// A policy ready to decide, borrowed from its image.
#[derive(Debug, Clone, Copy)]
pub struct CompiledPolicy<'a> {
    flags: u16,
    mode: u8,
    hosts: Tree<'a, { row::HOST_NODE }>,
    host_rules: Table<'a, { row::HOST_RULE }>,
    paths: Tree<'a, { row::PATH_NODE }>,
    groups: Table<'a, { row::ADDRESS_GROUP }>,
    addresses: Table<'a, { row::ADDRESS_RULE }>,
    unix: Table<'a, { row::UNIX }>,
    entries: Table<'a, { row::ENTRY }>,
}

/// Why bytes are not a compiled policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ImageError {
    /// The length in the header is not the length of the bytes, or there is no whole header.
    Length,
    /// The first bytes are not those of a compiled policy.
    Magic,
    /// A table refers outside the image, is out of order or holds an unknown value.
    Table,
    /// Another release wrote it.
    Version,
}

impl fmt::Display for ImageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Length => "compiled policy: the length differs from the header's",
            Self::Magic => "compiled policy: it does not begin with \"GRDP\"",
            Self::Table => "compiled policy: a table is damaged",
            Self::Version => "compiled policy: it was written by another version of guard",
        })
    }
}

impl core::error::Error for ImageError {}

impl<'a> CompiledPolicy<'a> {
    /// Checks an image and borrows it. Takes time linear in its length.
    ///
    /// # Errors
    /// When the bytes are not an image that this version wrote. Damage that keeps every table in
    /// order cannot be seen: the image is trusted memory, not a message.
    pub fn from_bytes(image: &'a [u8]) -> Result<Self, ImageError> {
        if image.len() < HEADER {
            return Err(ImageError::Length);
        }
        if compare(&MAGIC, image.get(..4).unwrap_or_default(), |b| b) != Ordering::Equal {
            return Err(ImageError::Magic);
        }
        if short(image, 4) != Some(VERSION) {
            return Err(ImageError::Version);
        }
        if word(image, 8) != Some(image.len()) {
            return Err(ImageError::Length);
        }
        Self::read(image)
            .filter(|policy| policy.is_sound())
            .ok_or(ImageError::Table)
    }

    fn read(image: &'a [u8]) -> Option<Self> {
        let bytes = Table::new(image, Section::Bytes)?;
        Some(Self {
            flags: short(image, 6).filter(|flags| flags & !flag::ALL == 0)?,
            mode: byte(image, 12).filter(|mode| *mode <= 2)?,
            hosts: Tree {
                nodes: Table::new(image, Section::HostNodes)?,
                bytes,
            },
            host_rules: Table::new(image, Section::HostRules)?,
            paths: Tree {
                nodes: Table::new(image, Section::PathNodes)?,
                bytes,
            },
            groups: Table::new(image, Section::AddressGroups)?,
            addresses: Table::new(image, Section::AddressRules)?,
            unix: Table::new(image, Section::Unix)?,
            entries: Table::new(image, Section::Entries)?,
        })
    }

    /// The mode's number in the order of `Mode`'s variants: 0 enforce, 1 monitor, 2 off.
    #[must_use]
    pub const fn mode_number(&self) -> u8 {
        self.mode
    }

    /// Where an entry was written, and its text.
    #[must_use]
    pub fn entry(&self, id: EntryId) -> Option<(Origin, &'a str)> {
        let row = self.entries.get(id.index())?;
        let text = self.hosts.bytes.slice(word(row, 4)?, word(row, 8)?)?;
        Some((
            Origin::from_byte(byte(row, 0)?)?,
            core::str::from_utf8(text).ok()?,
        ))
    }

    /// Decides any operation.
    pub fn decide(&self, operation: &Operation<'_>) -> Decision {
        match *operation {
            Operation::Host {
                name,
                port,
                protocol,
            } => self.egress_host(name, port, protocol),
            Operation::Address { ip, port, protocol } => self.egress_addr(ip, port, protocol),
            Operation::Unix { path } => self.unix(path),
            Operation::File {
                path,
                access,
                phase,
            } => self.file(path, access, phase),
            Operation::Exec { path, phase } => self.exec(path, phase),
        }
    }

    /// Whether a host may be reached under its name. ASCII case and one final dot do not matter; a
    /// name that is not one (RFC 1035 lengths; letters, digits, `-` and `_`) is denied.
    pub fn egress_host(&self, name: &[u8], port: u16, protocol: Protocol) -> Decision {
        self.host(name, |row| {
            byte(row, 1) == Some(protocol as u8) && holds_port(row, 2, port) == Some(true)
        })
    }

    /// Whether a name may be resolved: some entry allows it, at whatever port and protocol.
    pub fn egress_name(&self, name: &[u8]) -> Decision {
        self.host(name, |_| true)
    }

    /// Whether an address may be reached. IPv4-mapped IPv6 addresses are the IPv4 addresses they
    /// hold (RFC 4291 section 2.5.5.2), the unspecified address is loopback, as in connect(2).
    pub fn egress_addr(&self, ip: IpAddr, port: u16, protocol: Protocol) -> Decision {
        if self.flags & flag::EGRESS == 0 {
            return Decision::NotRestricted;
        }
        let (bits, is_v4) = address_bits(ip);
        for group in 0..self.groups.count() {
            if let Some(entry) = self.address_in_group(group, bits, is_v4, port, protocol) {
                return Decision::Allowed(entry);
            }
        }
        Decision::Denied
    }

    /// Whether a local socket may be reached: its absolute path, or its abstract name with the NUL
    /// byte that begins it. Names match as a whole, and a directory with a final `/` all paths below
    /// it.
    pub fn unix(&self, path: &[u8]) -> Decision {
        if self.flags & flag::EGRESS == 0 {
            return Decision::NotRestricted;
        }
        // Longest first: the narrowest entry is the one that is named.
        let directories = (1..path.len())
            .rev()
            .filter(|end| path.get(end - 1) == Some(&b'/'))
            .map_while(|end| path.get(..end))
            .filter(|_| path.strip_prefix(b"/").is_some_and(is_path));
        core::iter::once(path)
            .chain(directories)
            .find_map(|path| self.find_unix(path))
            .map_or(Decision::Denied, Decision::Allowed)
    }

    /// Whether a file may be used. The path is absolute and free of symbolic links; empty and `.`
    /// components do not matter, one with `..` or a NUL byte in it is denied.
    pub fn file(&self, path: &[u8], access: Access, phase: Phase) -> Decision {
        let (restricted, slot) = match access {
            Access::Read => (flag::READ, 0),
            Access::Write => (flag::WRITE, 2),
        };
        self.path(restricted, slot, path, phase)
    }

    /// Whether a program may be started, by its path as in [`Self::file`].
    pub fn exec(&self, path: &[u8], phase: Phase) -> Decision {
        self.path(flag::EXEC, 4, path, phase)
    }

    /// Whether entries about files or programs name paths below this one, so that a directory that
    /// takes its place has more allowed in it than the path itself. Paths are as in [`Self::file`].
    #[must_use]
    pub fn has_rules_below(&self, path: &[u8]) -> bool {
        let mut node = self.paths.root();
        for component in path.split(|byte| *byte == b'/') {
            if !matches!(component, [] | [b'.']) {
                node = node.and_then(|node| self.paths.child(node, component, |byte| byte));
            }
        }
        node.and_then(Tree::<{ row::PATH_NODE }>::children)
            .is_some_and(|(_, count)| count > 0)
    }

    fn host(&self, name: &[u8], allows: impl Fn(&[u8]) -> bool) -> Decision {
        if self.flags & flag::EGRESS == 0 {
            return Decision::NotRestricted;
        }
        let name = name.strip_suffix(b".").unwrap_or(name);
        if !is_host_name(name) {
            return Decision::Denied;
        }
        self.find_host(name, allows)
            .map_or(Decision::Denied, Decision::Allowed)
    }

    fn find_host(&self, name: &[u8], allows: impl Fn(&[u8]) -> bool) -> Option<EntryId> {
        let mut node = self.hosts.root()?;
        let mut rest = name;
        loop {
            let dot = rest.iter().rposition(|byte| *byte == b'.');
            let label = rest.get(dot.map_or(0, |dot| dot + 1)..)?;
            node = self
                .hosts
                .child(node, label, |byte| byte.to_ascii_lowercase())?;
            let scope = u8::from(dot.is_some());
            let first = word(node, NODE_HEAD)?;
            for rule in first..first.checked_add(word(node, NODE_HEAD + 4)?)? {
                let row = self.host_rules.get(rule)?;
                if byte(row, 0) == Some(scope) && allows(row) {
                    return short(row, 6).map(EntryId);
                }
            }
            rest = rest.get(..dot?)?;
        }
    }

    /// The rules of one prefix length are sorted by network: find the first, then look at its
    /// equals for port and protocol.
    fn address_in_group(
        &self,
        group: usize,
        bits: u128,
        is_v4: bool,
        port: u16,
        protocol: Protocol,
    ) -> Option<EntryId> {
        let group = self.groups.get(group)?;
        let prefix = u32::from(byte(group, 0)?);
        // An IPv6 network that happens to span the mapped range says nothing about IPv4.
        if is_v4 && prefix < 96 {
            return None;
        }
        let network = bits & prefix_mask(prefix);
        let first = word(group, 4)?;
        let end = first.checked_add(word(group, 8)?)?;
        let (mut low, mut high) = (first, end);
        while low < high {
            let middle = low + (high - low) / 2;
            if row_network(self.addresses.get(middle)?)? < network {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        for rule in low..end {
            let row = self.addresses.get(rule)?;
            if row_network(row)? != network {
                return None;
            }
            if byte(row, 16) == Some(protocol as u8) && holds_port(row, 18, port)? {
                return short(row, 22).map(EntryId);
            }
        }
        None
    }

    fn find_unix(&self, path: &[u8]) -> Option<EntryId> {
        let (mut low, mut high) = (0, self.unix.count());
        while low < high {
            let middle = low + (high - low) / 2;
            let row = self.unix.get(middle)?;
            let stored = self.hosts.bytes.slice(word(row, 0)?, word(row, 4)?)?;
            match compare(stored, path, |byte| byte) {
                Ordering::Equal => return short(row, 8).map(EntryId),
                Ordering::Less => low = middle + 1,
                Ordering::Greater => high = middle,
            }
        }
        None
    }

    fn path(&self, restricted: u16, slot: usize, path: &[u8], phase: Phase) -> Decision {
        if self.flags & restricted == 0 {
            return Decision::NotRestricted;
        }
        let slot = NODE_HEAD + 2 * (slot + usize::from(phase == Phase::Invoke));
        match path.split_first() {
            Some((b'/', rest)) if is_path(rest) => self
                .find_path(rest, slot)
                .map_or(Decision::Denied, Decision::Allowed),
            _ => Decision::Denied,
        }
    }

    fn find_path(&self, path: &[u8], slot: usize) -> Option<EntryId> {
        let mut node = self.paths.root()?;
        let mut components = path.split(|byte| *byte == b'/');
        loop {
            if let Some(entry) = short(node, slot)?.checked_sub(1) {
                return Some(EntryId(entry));
            }
            let component = components.find(|component| !matches!(component, [] | [b'.']))?;
            node = self.paths.child(node, component, |byte| byte)?;
        }
    }

    fn is_sound(&self) -> bool {
        self.hosts.is_sound() && self.paths.is_sound() && self.are_rows_sound() == Some(true)
    }

    fn are_rows_sound(&self) -> Option<bool> {
        let is_entry = |entry: u16| usize::from(entry) < self.entries.count();
        for index in 0..self.entries.count() {
            let id = EntryId(u16::try_from(index).ok()?);
            self.entry(id)?;
        }
        for index in 0..self.hosts.nodes.count() {
            let row = self.hosts.nodes.get(index)?;
            let end = word(row, NODE_HEAD)?.checked_add(word(row, NODE_HEAD + 4)?)?;
            if end > self.host_rules.count() {
                return Some(false);
            }
        }
        for index in 0..self.host_rules.count() {
            if !is_entry(short(self.host_rules.get(index)?, 6)?) {
                return Some(false);
            }
        }
        for index in 0..self.paths.nodes.count() {
            let row = self.paths.nodes.get(index)?;
            for slot in 0..6 {
                if short(row, NODE_HEAD + 2 * slot)?
                    .checked_sub(1)
                    .is_some_and(|e| !is_entry(e))
                {
                    return Some(false);
                }
            }
        }
        for index in 0..self.groups.count() {
            let row = self.groups.get(index)?;
            let end = word(row, 4)?.checked_add(word(row, 8)?)?;
            if byte(row, 0)? > 128 || end > self.addresses.count() {
                return Some(false);
            }
        }
        for index in 0..self.addresses.count() {
            if !is_entry(short(self.addresses.get(index)?, 22)?) {
                return Some(false);
            }
        }
        for index in 0..self.unix.count() {
            let row = self.unix.get(index)?;
            self.hosts.bytes.slice(word(row, 0)?, word(row, 4)?)?;
            if !is_entry(short(row, 8)?) {
                return Some(false);
            }
        }
        Some(true)
    }
}

/// Whether `name`, without its final dot, is a host name as resolvers take it.
#[must_use]
pub(crate) fn is_host_name(name: &[u8]) -> bool {
    if name.is_empty() || name.len() > MAX_NAME {
        return false;
    }
    let mut label = 0;
    for byte in name {
        match byte {
            b'.' if label == 0 => return false,
            b'.' => label = 0,
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => label += 1,
            _ => return false,
        }
        if label > MAX_LABEL {
            return false;
        }
    }
    label != 0
}

/// Whether a path can be decided by its text: a `..` needs the file system to be resolved.
fn is_path(path: &[u8]) -> bool {
    let mut component = 0;
    let mut dots = 0;
    for byte in path {
        match byte {
            0 => return false,
            b'/' if component == 2 && dots == 2 => return false,
            b'/' => (component, dots) = (0, 0),
            b'.' => (component, dots) = (component + 1, dots + 1),
            _ => component += 1,
        }
    }
    !(component == 2 && dots == 2)
}

/// The address as IPv6 in host order, and whether it is an IPv4 one.
pub(super) fn address_bits(ip: IpAddr) -> (u128, bool) {
    let v6 = match ip.to_canonical() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.to_ipv6_mapped(),
        IpAddr::V4(v4) => v4.to_ipv6_mapped(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST,
        IpAddr::V6(v6) => v6,
    };
    (v6.to_bits(), v6.to_ipv4_mapped().is_some())
}

/// The bits that a network of this prefix length fixes.
pub(super) const fn prefix_mask(prefix: u32) -> u128 {
    match u128::MAX.checked_shl(128_u32.saturating_sub(prefix)) {
        Some(mask) => mask,
        None => 0,
    }
}

fn row_network(row: &[u8]) -> Option<u128> {
    Some(u128::from_be_bytes(*row.first_chunk()?))
}

fn holds_port(row: &[u8], at: usize, port: u16) -> Option<bool> {
    Some(short(row, at)? <= port && port <= short(row, at + 2)?)
}
