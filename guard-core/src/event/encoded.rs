//! The values that a trigger delivers encoded.

use core::ops::Range;

use super::TriggerKind;

/// How a value's content is encoded, beyond JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Encoding {
    /// Not at all.
    Plain,
    /// Base64 (RFC 4648, section 4).
    Base64,
    /// Base64 of gzip (RFC 1952).
    Base64Gzip,
}

/// A string value and how its content is encoded.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct EncodedValue {
    /// The string's bytes in the event, its quotes excluded.
    pub span: Range<usize>,
    /// How they are encoded, never [`Encoding::Plain`].
    pub encoding: Encoding,
}

/// The encoded values of an event in the order in which they stand, see [`encoded_values`].
#[derive(Debug, Clone)]
pub struct EncodedValues<'e> {
    event: &'e [u8],
}

impl Iterator for EncodedValues<'_> {
    type Item = EncodedValue;

    fn next(&mut self) -> Option<EncodedValue> {
        let _ = self.event;
        todo!()
    }
}

/// The values of `event` whose content the trigger encoded: bodies of HTTP requests that say so,
/// records of Kinesis, Firehose, Kafka, ActiveMQ and RabbitMQ, binary attributes of SQS, SNS and
/// DynamoDB, the data of CloudWatch Logs.
#[must_use]
pub fn encoded_values(event: &[u8], kind: TriggerKind) -> EncodedValues<'_> {
    let _ = kind;
    EncodedValues { event }
}
