//! DNS messages (RFC 1035): the queries of a program under guard and the answers to them.
//!
//! Bytes in, bytes out. A query is read into header and question, which is all that is ever sent
//! on; an answer is read record by record and written anew with the records that are let through.
//! Nothing is copied that was not understood, so that no message carries more than it says.
//!
//! Parsing is linear in the message: compression pointers lead strictly backwards and a name has at
//! most 255 octets. Must not know: which names are allowed, where messages come from.

mod answer;
mod encode;
mod name;

pub use answer::{Answer, Record, Records};
pub use encode::{Reply, question, refusal};
pub use name::Name;

/// Octets of a header (RFC 1035 section 4.1.1).
pub const HEADER: usize = 12;

/// Longest message: TCP's length prefix has 16 bits (RFC 1035 section 4.2.2).
pub const LONGEST: usize = 65_535;

/// Longest answer over UDP to a client that does not say it takes more (RFC 1035 section 2.3.4).
pub const PLAIN_UDP: usize = 512;

/// The type OPT of EDNS (RFC 6891 section 6.1.1).
const OPT: u16 = 41;

/// The only class in use: IN (RFC 1035 section 3.2.4).
pub(super) const IN: u16 = 1;

/// Flags of the header's second word (RFC 1035 section 4.1.1, RFC 4035 section 3.1.6 for CD).
mod flag {
    pub(super) const ANSWER: u16 = 1 << 15;
    pub(super) const OPCODE: u16 = 0b1111 << 11;
    pub(super) const TRUNCATED: u16 = 1 << 9;
    pub(super) const RECURSION_DESIRED: u16 = 1 << 8;
    pub(super) const RECURSION_AVAILABLE: u16 = 1 << 7;
    pub(super) const CODE: u16 = 0b1111;
}

/// A message that is not what it has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Malformed {
    /// It ends too early, or something in it is not well formed.
    Format,
    /// It asks for something other than a standard query about one name of the Internet's class.
    NotImplemented,
    /// It is an answer where a query is expected, or answers something else.
    Unrelated,
}

/// Types of records that are known by name; others are numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RecordType(pub u16);

impl RecordType {
    /// An IPv4 address (RFC 1035).
    pub const A: Self = Self(1);
    /// A zone's name server (RFC 1035).
    pub const NS: Self = Self(2);
    /// An alias (RFC 1035).
    pub const CNAME: Self = Self(5);
    /// A zone's authority; says how long the absence of a name holds (RFC 2308).
    pub const SOA: Self = Self(6);
    /// A pointer to a name (RFC 1035).
    pub const PTR: Self = Self(12);
    /// A mail exchange (RFC 1035).
    pub const MX: Self = Self(15);
    /// Text (RFC 1035).
    pub const TXT: Self = Self(16);
    /// An IPv6 address (RFC 3596).
    pub const AAAA: Self = Self(28);
    /// A service's host and port (RFC 2782).
    pub const SRV: Self = Self(33);
    /// A service's parameters (RFC 9460).
    pub const SVCB: Self = Self(64);
    /// The same for HTTP: addresses and keys beside those of A and AAAA (RFC 9460).
    pub const HTTPS: Self = Self(65);

    /// How the data of a record of this type is laid out, for types whose records are let through.
    const fn layout(self) -> Option<Layout> {
        let (before, names, after) = match self {
            Self::A => (4, 0, 0),
            Self::AAAA => (16, 0, 0),
            Self::CNAME | Self::NS | Self::PTR => (0, 1, 0),
            Self::MX => (2, 1, 0),
            Self::SRV => (6, 1, 0),
            Self::SOA => (0, 2, 20),
            Self::TXT => return Some(Layout::Opaque),
            _ => return None,
        };
        Some(Layout::Fields {
            before,
            names,
            after,
        })
    }

    /// Whether records of this type can be read and written anew.
    #[must_use]
    pub const fn is_known(self) -> bool {
        self.layout().is_some()
    }
}

/// How the data of a record is laid out.
#[derive(Debug, Clone, Copy)]
enum Layout {
    /// Octets, names, octets. Names may be compressed and are written in full.
    Fields {
        before: usize,
        names: usize,
        after: usize,
    },
    /// Octets that refer to nothing.
    Opaque,
}

/// What an answer says as a whole (RFC 1035 section 4.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code(pub u16);

impl Code {
    /// No error; without records, the name has none of that type.
    pub const OK: Self = Self(0);
    /// The query could not be read.
    pub const FORMAT: Self = Self(1);
    /// No answer could be got.
    pub const FAILED: Self = Self(2);
    /// There is no such name.
    pub const NO_NAME: Self = Self(3);
    /// This kind of query is not answered.
    pub const NOT_IMPLEMENTED: Self = Self(4);
}

/// A query, as far as it matters: the header's id and wishes, the question, EDNS's size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// The client's number for it.
    pub id: u16,
    /// The name asked for, spelled as the client did.
    pub name: Name,
    /// The type asked for.
    pub kind: RecordType,
    /// Whether the resolver is asked to ask others.
    pub recursion_desired: bool,
    /// Largest answer over UDP that the client says it takes; none without EDNS.
    pub edns: Option<u16>,
}

impl Query {
    /// Reads a query. What stands behind the question counts only as far as it says how large an
    /// answer may be.
    ///
    /// # Errors
    /// When it is not one question of a standard query in the Internet's class.
    pub fn parse(message: &[u8]) -> Result<Self, Malformed> {
        let flags = short(message, 2).ok_or(Malformed::Format)?;
        let count = |at| short(message, at).ok_or(Malformed::Format);
        let (questions, others, additional) = (count(4)?, [count(6)?, count(8)?], count(10)?);
        if flags & flag::ANSWER != 0 {
            return Err(Malformed::Unrelated);
        }
        if flags & flag::OPCODE != 0 {
            return Err(Malformed::NotImplemented);
        }
        if questions != 1 || others != [0, 0] {
            return Err(Malformed::Format);
        }
        let (name, at) = Name::plain(message, HEADER).ok_or(Malformed::Format)?;
        let kind = short(message, at).ok_or(Malformed::Format)?;
        if short(message, at + 2).ok_or(Malformed::Format)? != IN {
            return Err(Malformed::NotImplemented);
        }
        Ok(Self {
            id: short(message, 0).ok_or(Malformed::Format)?,
            name,
            kind: RecordType(kind),
            recursion_desired: flags & flag::RECURSION_DESIRED != 0,
            edns: (additional > 0).then(|| edns(message, at + 4)).flatten(),
        })
    }

    /// Largest answer over UDP that the client takes.
    #[must_use]
    pub fn udp_limit(&self) -> usize {
        usize::from(self.edns.unwrap_or(0)).max(PLAIN_UDP)
    }
}

/// The size of a client's buffer, if an OPT record stands at `at`.
fn edns(message: &[u8], at: usize) -> Option<u16> {
    let is_root = *message.get(at)? == 0;
    (is_root && short(message, at + 1)? == OPT).then(|| short(message, at + 3))?
}

/// Two octets in network order.
fn short(message: &[u8], at: usize) -> Option<u16> {
    let octets = message.get(at..at.checked_add(2)?)?;
    Some(u16::from_be_bytes(octets.try_into().ok()?))
}

#[cfg(test)]
mod tests;
