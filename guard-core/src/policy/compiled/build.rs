//! Writes the flat form.
//!
//! Knows how rows are laid out and ordered; what the rules mean is decided by its caller, which
//! hands over canonical names, networks and paths.

use std::collections::{BTreeMap, VecDeque};

use super::layout::{HEADER, MAGIC, SECTIONS, VERSION, flag};
use super::prefix_mask;
use crate::policy::egress::Ports;
use crate::policy::operation::{Access, EntryId, Origin, Phase, Protocol};

/// Collects rules, then lays them out.
#[derive(Debug, Default)]
pub(in crate::policy) struct Builder {
    flags: u16,
    mode: u8,
    entries: Vec<(Origin, String)>,
    hosts: Arena<Vec<HostRule>>,
    paths: Arena<[u16; 6]>,
    addresses: BTreeMap<u8, Vec<AddressRule>>,
    unix: BTreeMap<Vec<u8>, EntryId>,
}

#[derive(Debug)]
struct HostRule {
    below: bool,
    protocol: Protocol,
    ports: Ports,
    entry: EntryId,
}

#[derive(Debug)]
struct AddressRule {
    network: u128,
    protocol: Protocol,
    ports: Ports,
    entry: EntryId,
}

/// A tree whose nodes lie in one list, so that its depth costs no stack.
#[derive(Debug)]
struct Arena<T> {
    nodes: Vec<(BTreeMap<Vec<u8>, usize>, T)>,
}

impl<T: Default> Default for Arena<T> {
    fn default() -> Self {
        Self {
            nodes: vec![(BTreeMap::new(), T::default())],
        }
    }
}

impl<T: Default> Arena<T> {
    /// The node that `keys` lead to, made on the way.
    fn reach<'k>(&mut self, keys: impl Iterator<Item = &'k [u8]>) -> &mut T {
        let mut at = 0;
        for key in keys {
            let next = self.nodes.len();
            at = *self.nodes[at].0.entry(key.to_vec()).or_insert(next);
            if at == next {
                self.nodes.push((BTreeMap::new(), T::default()));
            }
        }
        &mut self.nodes[at].1
    }

    /// Nodes with their keys, level by level: the children of each side by side, in order.
    fn levels(&self) -> Vec<(&[u8], usize)> {
        let mut order: Vec<(&[u8], usize)> = vec![(&[], 0)];
        let mut queue = VecDeque::from([0]);
        while let Some(node) = queue.pop_front() {
            for (key, child) in &self.nodes[node].0 {
                order.push((key, *child));
                queue.push_back(*child);
            }
        }
        order
    }
}

/// One section while it is written.
#[derive(Debug, Default)]
struct Rows {
    bytes: Vec<u8>,
    count: usize,
}

impl Builder {
    pub(in crate::policy) fn new(mode: u8) -> Self {
        Self {
            mode,
            ..Self::default()
        }
    }

    /// Restricts outbound connections.
    pub(in crate::policy) fn restrict_egress(&mut self) {
        self.flags |= flag::EGRESS;
    }

    /// Restricts files.
    pub(in crate::policy) fn restrict_files(&mut self, access: Access) {
        self.flags |= match access {
            Access::Read => flag::READ,
            Access::Write => flag::WRITE,
        };
    }

    /// Restricts programs.
    pub(in crate::policy) fn restrict_exec(&mut self) {
        self.flags |= flag::EXEC;
    }

    /// Adds an entry that rules can refer to. Settings bound their number below 65 535.
    pub(in crate::policy) fn entry(&mut self, origin: Origin, text: &str) -> EntryId {
        let id = EntryId(u16::try_from(self.entries.len()).unwrap_or(u16::MAX));
        self.entries.push((origin, text.to_owned()));
        id
    }

    /// Allows `name` (lower case, no final dot), or the names below it.
    pub(in crate::policy) fn host(
        &mut self,
        name: &str,
        below: bool,
        (ports, protocol): (Ports, Protocol),
        entry: EntryId,
    ) {
        let labels = name.rsplit('.').map(str::as_bytes);
        self.hosts.reach(labels).push(HostRule {
            below,
            protocol,
            ports,
            entry,
        });
    }

    /// Allows a network, given as IPv6.
    pub(in crate::policy) fn network(
        &mut self,
        bits: u128,
        prefix: u8,
        (ports, protocol): (Ports, Protocol),
        entry: EntryId,
    ) {
        let network = bits & prefix_mask(u32::from(prefix));
        let rule = AddressRule {
            network,
            protocol,
            ports,
            entry,
        };
        self.addresses.entry(prefix).or_default().push(rule);
    }

    /// Allows a local socket.
    pub(in crate::policy) fn unix(&mut self, path: &[u8], entry: EntryId) {
        self.unix.entry(path.to_vec()).or_insert(entry);
    }

    /// Allows what lies at or below a canonical absolute path.
    pub(in crate::policy) fn file(&mut self, path: &str, access: Access, phase: Phase, e: EntryId) {
        let slot = if access == Access::Read { 0 } else { 2 };
        self.path(path, slot + usize::from(phase == Phase::Invoke), e);
    }

    /// Allows programs at or below a canonical absolute path.
    pub(in crate::policy) fn exec(&mut self, path: &str, phase: Phase, entry: EntryId) {
        self.path(path, 4 + usize::from(phase == Phase::Invoke), entry);
    }

    fn path(&mut self, path: &str, slot: usize, entry: EntryId) {
        let components = path.split('/').filter(|c| !c.is_empty()).map(str::as_bytes);
        let held = &mut self.paths.reach(components)[slot];
        // The first entry to allow a path is the one that records name.
        if *held == 0 {
            *held = entry.0.saturating_add(1);
        }
    }

    /// The image.
    pub(in crate::policy) fn finish(self) -> Vec<u8> {
        let mut bytes = Rows::default();
        let (host_nodes, host_rules) = self.host_sections(&mut bytes);
        let path_nodes = self.path_section(&mut bytes);
        let (groups, addresses) = self.address_sections();
        let mut unix = Rows::default();
        for (path, entry) in &self.unix {
            unix.row(|row| {
                row.reference(bytes.text(path));
                row.short(entry.0);
                row.short(0);
            });
        }
        let mut entries = Rows::default();
        for (origin, text) in &self.entries {
            entries.row(|row| {
                row.bytes.extend([*origin as u8, 0, 0, 0]);
                row.reference(bytes.text(text.as_bytes()));
            });
        }
        // In the order of `Section`.
        let sections = [
            host_nodes, host_rules, path_nodes, groups, addresses, unix, entries, bytes,
        ];
        assemble(self.flags, self.mode, &sections)
    }

    fn host_sections(&self, bytes: &mut Rows) -> (Rows, Rows) {
        let (mut nodes, mut rules) = (Rows::default(), Rows::default());
        let mut next = 1;
        for (key, index) in self.hosts.levels() {
            let (children, held) = &self.hosts.nodes[index];
            nodes.node(bytes.text(key), next, children.len());
            nodes.reference((rules.count, held.len()));
            next += children.len();
            for rule in held {
                rules.row(|row| {
                    row.bytes
                        .extend([u8::from(rule.below), rule.protocol as u8]);
                    row.ports(rule.ports);
                    row.short(rule.entry.0);
                });
            }
        }
        (nodes, rules)
    }

    fn path_section(&self, bytes: &mut Rows) -> Rows {
        let mut nodes = Rows::default();
        let mut next = 1;
        for (key, index) in self.paths.levels() {
            let (children, slots) = &self.paths.nodes[index];
            nodes.node(bytes.text(key), next, children.len());
            slots.iter().for_each(|slot| nodes.short(*slot));
            next += children.len();
        }
        nodes
    }

    fn address_sections(&self) -> (Rows, Rows) {
        let (mut groups, mut rows) = (Rows::default(), Rows::default());
        for (prefix, rules) in &self.addresses {
            groups.row(|row| {
                row.bytes.extend([*prefix, 0, 0, 0]);
                row.reference((rows.count, rules.len()));
            });
            let mut rules: Vec<_> = rules.iter().collect();
            rules.sort_by_key(|rule| rule.network);
            for rule in rules {
                rows.row(|row| {
                    row.bytes.extend(rule.network.to_be_bytes());
                    row.bytes.extend([rule.protocol as u8, 0]);
                    row.ports(rule.ports);
                    row.short(rule.entry.0);
                });
            }
        }
        (groups, rows)
    }
}

impl Rows {
    fn row(&mut self, write: impl FnOnce(&mut Self)) {
        write(self);
        self.count += 1;
    }

    fn node(&mut self, key: (usize, usize), first: usize, children: usize) {
        self.count += 1;
        self.reference(key);
        self.reference((first, children));
    }

    fn short(&mut self, value: u16) {
        self.bytes.extend(value.to_le_bytes());
    }

    fn ports(&mut self, ports: Ports) {
        self.short(ports.first());
        self.short(ports.last());
    }

    /// Offset or index, then length or count. Past 4 GiB the numbers saturate and the image is
    /// refused when it is read.
    fn reference(&mut self, (at, length): (usize, usize)) {
        for value in [at, length] {
            self.bytes
                .extend(u32::try_from(value).unwrap_or(u32::MAX).to_le_bytes());
        }
    }

    /// Adds to the section of bytes: where, and how long.
    fn text(&mut self, text: &[u8]) -> (usize, usize) {
        let at = self.count;
        self.bytes.extend(text);
        self.count += text.len();
        (at, text.len())
    }
}

fn assemble(flags: u16, mode: u8, sections: &[Rows; SECTIONS]) -> Vec<u8> {
    let mut head = Rows::default();
    head.bytes.extend(MAGIC);
    head.short(VERSION);
    head.short(flags);
    let length = HEADER + sections.iter().map(|rows| rows.bytes.len()).sum::<usize>();
    head.bytes
        .extend(u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
    head.bytes.extend([mode, 0, 0, 0]);
    let mut offset = HEADER;
    for rows in sections {
        head.reference((offset, rows.count));
        offset += rows.bytes.len();
    }
    for rows in sections {
        head.bytes.extend(&rows.bytes);
    }
    head.bytes
}
