//! The values that a trigger delivers encoded.

use core::ops::Range;

use super::TriggerKind;
use super::cursor::{Cursor, Step};
use crate::json::members;

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
    state: State<'e>,
}

/// Where the values come from. The cursor is large, and events without encoded values are many.
#[derive(Debug, Clone)]
#[expect(
    clippy::large_enum_variant,
    reason = "lives on the stack, once for each event"
)]
enum State<'e> {
    One(Option<EncodedValue>),
    Many(Cursor<'e>),
}

impl Iterator for EncodedValues<'_> {
    type Item = EncodedValue;

    fn next(&mut self) -> Option<EncodedValue> {
        match &mut self.state {
            State::One(value) => value.take(),
            State::Many(cursor) => loop {
                match cursor.step() {
                    Step::String { start, end } => {
                        let encoding = cursor.node().encoding;
                        if encoding != Encoding::Plain {
                            return Some(EncodedValue {
                                span: start..end,
                                encoding,
                            });
                        }
                    }
                    Step::End => return None,
                    _ => {}
                }
            },
        }
    }
}

/// The values of `event` whose content the trigger encoded: bodies of HTTP requests that say so,
/// records of Kinesis, Firehose, Kafka, ActiveMQ and RabbitMQ, binary attributes of SQS and
/// DynamoDB, the data of CloudWatch Logs.
#[must_use]
pub fn encoded_values(event: &[u8], kind: TriggerKind) -> EncodedValues<'_> {
    let state = match kind {
        _ if kind.answers_http() => State::One(encoded_body(event)),
        TriggerKind::Sqs if !contains(event, b"inaryValue") && !contains(event, b"inaryList") => {
            State::One(None)
        }
        TriggerKind::Sqs
        | TriggerKind::DynamoDb
        | TriggerKind::Kinesis
        | TriggerKind::Firehose
        | TriggerKind::Iot
        | TriggerKind::Kafka
        | TriggerKind::ActiveMq
        | TriggerKind::RabbitMq
        | TriggerKind::CloudWatchLogs => State::Many(Cursor::new(event, kind)),
        _ => State::One(None),
    };
    EncodedValues { state }
}

/// How the body of the HTTP request in `event` is encoded.
pub(super) fn body_encoding(event: &[u8], kind: TriggerKind) -> Encoding {
    if kind.answers_http() && encoded_body(event).is_some() {
        Encoding::Base64
    } else {
        Encoding::Plain
    }
}

/// The body of an HTTP request if the event says that it is base64.
fn encoded_body(event: &[u8]) -> Option<EncodedValue> {
    if ends_plain(event) {
        return None;
    }
    let mut body = None;
    let mut encoded = false;
    for member in members(event) {
        match member.key {
            b"body" if member.value.starts_with(b"\"") => {
                let start = member.start + 1;
                body = Some(start..start + member.text().unwrap_or_default().len());
            }
            b"isBase64Encoded" => encoded = member.value == b"true",
            _ => {}
        }
    }
    let span = body.filter(|_| encoded)?;
    Some(EncodedValue {
        span,
        encoding: Encoding::Base64,
    })
}

/// Whether the last member of the event says that the body is not encoded, as it does in what
/// every HTTP trigger sends. The last brace closes the event, and after a comma a quote can only
/// open a key, so nothing inside of a string can look like this.
fn ends_plain(event: &[u8]) -> bool {
    event
        .trim_ascii_end()
        .ends_with(b",\"isBase64Encoded\":false}")
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}
