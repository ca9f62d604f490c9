//! The values that a trigger delivers encoded.

use core::ops::Range;

use super::TriggerKind;
use super::cursor::{Cursor, Step};
use crate::json::{members, position, string_end};

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
        TriggerKind::Sqs if !names_binary(event) => State::One(None),
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

/// How the encoded values of an event are found by who comes past every byte of it anyway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoded {
    /// There are none.
    Nothing,
    /// The body of an HTTP request, of which this is where it starts.
    Body { start: usize },
    /// They are the values of keys with names from this list, wherever these stand. Quotes are part
    /// of the names; nothing inside of a string can look like a key with its quotes.
    Keys(&'static [&'static [u8]]),
}

impl Encoded {
    /// What there may be in `event`. The first or last bytes of most events tell.
    pub(crate) fn of(event: &[u8]) -> Self {
        if ends_plain(event) {
            return Self::Nothing;
        }
        match TriggerKind::of(event) {
            kind if kind.answers_http() => {
                encoded_body(event).map_or(Self::Nothing, |body| Self::Body {
                    start: body.span.start,
                })
            }
            TriggerKind::Sqs => Self::Keys(&[b"\"binaryValue\"", b"\"binaryListValues\""]),
            TriggerKind::DynamoDb => Self::Keys(&[b"\"B\"", b"\"BS\""]),
            TriggerKind::Kafka => Self::Keys(&[b"\"key\"", b"\"value\""]),
            TriggerKind::Iot => Self::Keys(&[b"\"password\""]),
            TriggerKind::Kinesis
            | TriggerKind::Firehose
            | TriggerKind::ActiveMq
            | TriggerKind::RabbitMq
            | TriggerKind::CloudWatchLogs => Self::Keys(&[b"\"data\""]),
            _ => Self::Nothing,
        }
    }

    /// The strings that are the value of the key whose closing quote is at `event[quote]`, if they
    /// may be encoded.
    pub(crate) fn values(self, event: &[u8], quote: usize) -> Strings {
        let Self::Keys(names) = self else {
            return Strings::default();
        };
        let key = event.get(..=quote).unwrap_or_default();
        if names.iter().any(|name| key.ends_with(name)) {
            Strings::after_key(event, quote + 1)
        } else {
            Strings::default()
        }
    }

    /// The string that starts at `start`.
    pub(crate) fn body(event: &[u8], start: usize) -> Range<usize> {
        start..string_end(event, start)
    }
}

/// The strings of a value that is a string or a list of strings.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Strings {
    /// Where the next of them is looked for.
    at: Option<usize>,
    list: bool,
}

impl Strings {
    fn after_key(event: &[u8], at: usize) -> Self {
        let at = skip_space(event, at);
        if event.get(at) != Some(&b':') {
            return Self::default();
        }
        let at = skip_space(event, at + 1);
        let list = event.get(at) == Some(&b'[');
        Self {
            at: Some(at + usize::from(list)),
            list,
        }
    }

    /// The content of the next string.
    pub(crate) fn next(&mut self, event: &[u8]) -> Option<Range<usize>> {
        let mut at = skip_space(event, self.at.take()?);
        if self.list && event.get(at) == Some(&b',') {
            at = skip_space(event, at + 1);
        }
        if event.get(at) != Some(&b'"') {
            return None;
        }
        let span = at + 1..string_end(event, at + 1);
        self.at = self.list.then_some(span.end + 1);
        Some(span)
    }
}

fn skip_space(event: &[u8], at: usize) -> usize {
    let rest = event.get(at..).unwrap_or_default();
    at + rest
        .iter()
        .take_while(|byte| byte.is_ascii_whitespace())
        .count()
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
            b"body" => {
                let start = member.start + 1;
                body = member.text().map(|text| start..start + text.len());
            }
            b"isBase64Encoded" => encoded = member.value() == b"true",
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

/// Whether a key of a binary message attribute, `binaryValue` or `binaryListValues`, may be in
/// `event`.
fn names_binary(event: &[u8]) -> bool {
    let mut rest = event;
    while let Some(at) = position(rest, b'V') {
        let (before, after) = rest.split_at(at);
        if before.ends_with(b"inary") || before.ends_with(b"inaryList") {
            return true;
        }
        rest = after.get(1..).unwrap_or_default();
    }
    false
}
