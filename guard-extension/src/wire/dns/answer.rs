//! Answers, record by record.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Code, HEADER, IN, Layout, Malformed, Name, RecordType, flag, short};

/// An answer to a question that was asked.
#[derive(Debug, Clone, Copy)]
pub struct Answer<'m> {
    message: &'m [u8],
    /// What it says as a whole.
    pub code: Code,
    /// Whether it was cut to fit a datagram.
    pub is_truncated: bool,
    answers: u16,
    authorities: u16,
    records: usize,
}

/// One record.
#[derive(Debug, Clone, Copy)]
pub struct Record<'m> {
    message: &'m [u8],
    /// The name that it is about.
    pub owner: Name,
    /// Its type.
    pub kind: RecordType,
    /// For how many seconds it holds.
    pub ttl: u32,
    /// Where its data stands in the message.
    data: (usize, usize),
}

/// The records of one section, in order; ends at the first that is not well formed.
#[derive(Debug, Clone)]
pub struct Records<'m> {
    message: &'m [u8],
    at: usize,
    left: u16,
}

impl<'m> Answer<'m> {
    /// Reads an answer's header, and checks that it answers this question.
    ///
    /// # Errors
    /// When it does not, or is cut off in header or question.
    pub fn parse(
        message: &'m [u8],
        id: u16,
        name: &Name,
        kind: RecordType,
    ) -> Result<Self, Malformed> {
        let field = |at| short(message, at).ok_or(Malformed::Format);
        let flags = field(2)?;
        let is_answer = flags & (flag::ANSWER | flag::OPCODE) == flag::ANSWER;
        if field(0)? != id || !is_answer || field(4)? != 1 {
            return Err(Malformed::Unrelated);
        }
        let (asked, at) = Name::plain(message, HEADER).ok_or(Malformed::Format)?;
        if asked != *name || field(at)? != kind.0 || field(at + 2)? != IN {
            return Err(Malformed::Unrelated);
        }
        Ok(Self {
            message,
            code: Code(flags & flag::CODE),
            is_truncated: flags & flag::TRUNCATED != 0,
            answers: field(6)?,
            authorities: field(8)?,
            records: at + 4,
        })
    }

    /// The records that answer.
    #[must_use]
    pub const fn answers(&self) -> Records<'m> {
        Records {
            message: self.message,
            at: self.records,
            left: self.answers,
        }
    }

    /// The records that say who is in charge: the one of type SOA, where there is no answer.
    #[must_use]
    pub fn authorities(&self) -> Records<'m> {
        let mut answers = self.answers();
        answers.by_ref().for_each(drop);
        Records {
            left: if answers.left == 0 {
                self.authorities
            } else {
                0
            },
            ..answers
        }
    }
}

impl<'m> Iterator for Records<'m> {
    type Item = Record<'m>;

    fn next(&mut self) -> Option<Record<'m>> {
        loop {
            let left = self.left.checked_sub(1)?;
            let (owner, at) = Name::parse(self.message, self.at)?;
            let class = short(self.message, at + 2)?;
            let ttl = self.message.get(at + 4..at + 8)?;
            let start = at + 10;
            let end = start + usize::from(short(self.message, at + 8)?);
            self.message.get(start..end)?;
            self.left = left;
            self.at = end;
            if class == IN {
                let ttl = u32::from_be_bytes(ttl.try_into().ok()?);
                return Some(Record {
                    message: self.message,
                    owner,
                    kind: RecordType(short(self.message, at)?),
                    // The highest bit set means none (RFC 2181 section 8).
                    ttl: if ttl >> 31 == 0 { ttl } else { 0 },
                    data: (start, end),
                });
            }
        }
    }
}

impl Record<'_> {
    /// The address that the record holds.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        let data = self.data();
        match self.kind {
            RecordType::A => Some(IpAddr::V4(Ipv4Addr::from(<[u8; 4]>::try_from(data).ok()?))),
            RecordType::AAAA => Some(IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(data).ok()?))),
            _ => None,
        }
    }

    /// The name that the record's owner is an alias of.
    #[must_use]
    pub fn alias(&self) -> Option<Name> {
        let (start, end) = self.data;
        let (name, after) = Name::parse(self.message, start)?;
        (self.kind == RecordType::CNAME && after == end).then_some(name)
    }

    /// Appends the data, names in full; nothing when the type is not known or the data does not
    /// have the form that it asks for.
    pub(super) fn write_data(&self, out: &mut Vec<u8>) -> Option<()> {
        let (start, end) = self.data;
        let Layout::Fields {
            before,
            names,
            after,
        } = self.kind.layout()?
        else {
            out.extend_from_slice(self.data());
            return Some(());
        };
        let mut at = start.checked_add(before)?;
        out.extend_from_slice(self.message.get(start..at.min(end))?);
        for _ in 0..names {
            let (name, behind) = Name::parse(self.message, at)?;
            out.extend_from_slice(name.wire());
            at = behind;
        }
        let rest = self.message.get(at..end)?;
        out.extend_from_slice(rest);
        (rest.len() == after).then_some(())
    }

    fn data(&self) -> &[u8] {
        self.message
            .get(self.data.0..self.data.1)
            .unwrap_or_default()
    }
}
