//! Queries and replies, written from what was understood.

use super::{Code, HEADER, IN, LONGEST, Name, OPT, Query, Record, RecordType, flag};

/// A pointer to the question's name, which stands behind the header in every message.
const TO_QUESTION: [u8; 2] = [0b1100_0000, 12];

/// The last place that a pointer can lead to: it has 14 bits.
const FARTHEST: u16 = 0x3fff;

/// The size that a reply names as ours, when the client named its own. Queries are a few hundred
/// octets at most.
const OWN_SIZE: u16 = 1232;

/// Octets of an OPT record without options.
const OPT_OCTETS: usize = 11;

/// A query for one name: header and question, nothing else. Its name is in lower case, so that the
/// case of letters carries nothing.
#[must_use]
pub fn question(id: u16, name: &Name, kind: RecordType) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEADER + name.wire().len() + 4);
    header(&mut out, id, flag::RECURSION_DESIRED, [1, 0, 0, 0]);
    ask(&mut out, &name.to_lower(), kind);
    out
}

/// How many owners a reply remembers to point to: more than a chain of aliases has.
const OWNERS: usize = 16;

/// A reply to a query that could not be read, when as much as its id can.
#[must_use]
pub fn refusal(message: &[u8], code: Code) -> Option<Vec<u8>> {
    let id = super::short(message, 0)?;
    let mut out = Vec::with_capacity(HEADER);
    let flags = flag::ANSWER | flag::RECURSION_AVAILABLE | (code.0 & flag::CODE);
    header(&mut out, id, flags, [0; 4]);
    Some(out)
}

/// A reply under construction. The question is repeated as the client spelled it.
#[derive(Debug)]
pub struct Reply<'q> {
    query: &'q Query,
    out: Vec<u8>,
    limit: usize,
    flags: u16,
    /// Answers and authorities.
    counts: [u16; 2],
    /// Owners written in full, and the pointers to them.
    owners: Vec<(Name, [u8; 2])>,
    is_full: bool,
}

impl<'q> Reply<'q> {
    /// A reply of at most `limit` octets, without records so far.
    #[must_use]
    pub fn new(query: &'q Query, code: Code, limit: usize) -> Self {
        let mut out = Vec::with_capacity(super::PLAIN_UDP);
        header(&mut out, query.id, 0, [0; 4]);
        ask(&mut out, &query.name, query.kind);
        let desired = if query.recursion_desired {
            flag::RECURSION_DESIRED
        } else {
            0
        };
        let reserved = if query.edns.is_some() { OPT_OCTETS } else { 0 };
        Self {
            query,
            out,
            limit: limit.min(LONGEST).saturating_sub(reserved),
            flags: flag::ANSWER | flag::RECURSION_AVAILABLE | desired | (code.0 & flag::CODE),
            counts: [0, 0],
            owners: vec![(query.name, TO_QUESTION)],
            is_full: false,
        }
    }

    /// Adds a record that answers.
    pub fn answer(&mut self, record: &Record<'_>) {
        self.add(record, 0);
    }

    /// Adds a record that says who is in charge.
    pub fn authority(&mut self, record: &Record<'_>) {
        self.add(record, 1);
    }

    /// The message. One whose records did not fit has none of them and says that it was truncated,
    /// upon which clients ask over TCP.
    #[must_use]
    pub fn finish(mut self) -> Vec<u8> {
        if self.is_full {
            self.out.truncate(HEADER + self.query.name.wire().len() + 4);
            self.counts = [0, 0];
            self.flags |= flag::TRUNCATED;
        }
        let has_edns = self.query.edns.is_some();
        if has_edns {
            self.out.push(0);
            for field in [OPT, OWN_SIZE, 0, 0, 0] {
                self.out.extend_from_slice(&field.to_be_bytes());
            }
        }
        let [answers, authorities] = self.counts;
        let mut head = Vec::with_capacity(HEADER);
        let counts = [1, answers, authorities, u16::from(has_edns)];
        header(&mut head, self.query.id, self.flags, counts);
        if let Some(place) = self.out.get_mut(..HEADER) {
            place.copy_from_slice(&head);
        }
        self.out
    }

    fn add(&mut self, record: &Record<'_>, section: usize) {
        if self.is_full {
            return;
        }
        let before = self.out.len();
        if self.write(record).is_none() {
            self.out.truncate(before);
            self.owners
                .retain(|(_, pointer)| usize::from(target(*pointer)) < before);
        } else if self.out.len() > self.limit {
            self.is_full = true;
        } else if let Some(count) = self.counts.get_mut(section) {
            *count = count.saturating_add(1);
        }
    }

    fn write(&mut self, record: &Record<'_>) -> Option<()> {
        self.write_owner(&record.owner);
        let out = &mut self.out;
        out.extend_from_slice(&record.kind.0.to_be_bytes());
        out.extend_from_slice(&IN.to_be_bytes());
        out.extend_from_slice(&record.ttl.to_be_bytes());
        let length = out.len();
        out.extend_from_slice(&[0, 0]);
        record.write_data(out)?;
        let written = u16::try_from(out.len() - length - 2).ok()?;
        out.get_mut(length..length + 2)?
            .copy_from_slice(&written.to_be_bytes());
        Some(())
    }

    fn write_owner(&mut self, owner: &Name) {
        if let Some((_, pointer)) = self.owners.iter().find(|(known, _)| known == owner) {
            self.out.extend_from_slice(pointer);
            return;
        }
        let at = u16::try_from(self.out.len()).unwrap_or(u16::MAX);
        if self.owners.len() < OWNERS && at <= FARTHEST {
            let pointer = (at | !FARTHEST).to_be_bytes();
            self.owners.push((*owner, pointer));
        }
        self.out.extend_from_slice(owner.wire());
    }
}

/// Where a pointer leads.
const fn target(pointer: [u8; 2]) -> u16 {
    u16::from_be_bytes(pointer) & FARTHEST
}

fn header(out: &mut Vec<u8>, id: u16, flags: u16, counts: [u16; 4]) {
    for field in [id, flags].into_iter().chain(counts) {
        out.extend_from_slice(&field.to_be_bytes());
    }
}

fn ask(out: &mut Vec<u8>, name: &Name, kind: RecordType) {
    out.extend_from_slice(name.wire());
    out.extend_from_slice(&kind.0.to_be_bytes());
    out.extend_from_slice(&IN.to_be_bytes());
}
