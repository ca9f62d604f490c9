//! The values that a trigger delivers encoded.

use core::ops::Range;
use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::TriggerKind;
use super::cursor::{Cursor, Step};
use crate::json::{Lexer, Token, members, position, string_end};

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
    /// An array of numbers, one for each byte; negative ones are those of Java's signed bytes.
    Bytes,
}

/// A string value, or an array of numbers, and how its content is encoded.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct EncodedValue {
    /// The string's bytes in the event, its quotes excluded; the array's, its brackets excluded.
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
                    Step::Open { at } if cursor.node().encoding == Encoding::Bytes => {
                        let depth = cursor.depth();
                        let mut end = at + 1;
                        while cursor.depth() >= depth {
                            match cursor.step() {
                                Step::Close { at } => end = at,
                                Step::End => break,
                                _ => end = cursor.position(),
                            }
                        }
                        return Some(EncodedValue {
                            span: at + 1..end,
                            encoding: Encoding::Bytes,
                        });
                    }
                    Step::End => return None,
                    _ => {}
                }
            },
        }
    }
}

/// The values of `event` whose content the trigger encoded: bodies of HTTP requests that say so,
/// records of Kinesis, Firehose, Kafka, ActiveMQ and RabbitMQ, headers of Kafka's and RabbitMQ's,
/// binary attributes of SQS and DynamoDB, the data of CloudWatch Logs.
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

/// The key of a Kafka record's headers: a list of objects, each of one header, its value an array of
/// numbers. That of such an array in a RabbitMQ message's headers.
const HEADERS: &[u8] = b"\"headers\"";
const BYTES: &[u8] = b"\"bytes\"";

/// The names of all keys whose values some trigger encodes.
const NAMES: [&[u8]; 10] = [
    b"\"data\"",
    b"\"value\"",
    b"\"key\"",
    HEADERS,
    b"\"B\"",
    b"\"BS\"",
    b"\"binaryValue\"",
    b"\"binaryListValues\"",
    BYTES,
    b"\"password\"",
];

/// Those of them that `kind` has, wherever they stand. Quotes are part of the names; nothing inside
/// of a string can look like a key with its quotes.
const fn names_of(kind: TriggerKind) -> &'static [&'static [u8]] {
    match kind {
        TriggerKind::Sqs => &[b"\"binaryValue\"", b"\"binaryListValues\""],
        TriggerKind::DynamoDb => &[b"\"B\"", b"\"BS\""],
        TriggerKind::Kafka => &[b"\"key\"", b"\"value\"", HEADERS],
        TriggerKind::RabbitMq => &[b"\"data\"", BYTES],
        TriggerKind::Iot => &[b"\"password\""],
        TriggerKind::Kinesis
        | TriggerKind::Firehose
        | TriggerKind::ActiveMq
        | TriggerKind::CloudWatchLogs => &[b"\"data\""],
        _ => &[],
    }
}

/// How the encoded values of an event are found by who comes past every byte of it anyway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoded {
    /// There are none.
    Nothing,
    /// The body of an HTTP request, of which this is where it starts.
    Body { start: usize },
    /// They are the values of keys, if the trigger encodes any. Which trigger it is, is asked when
    /// there is such a key: most events have none.
    Keys { kind: Option<TriggerKind> },
}

impl Encoded {
    /// What there may be in `event`. The last bytes of most HTTP events tell; of others, that no
    /// member says so.
    pub(crate) fn of(event: &[u8]) -> Self {
        if ends_plain(event) {
            return Self::Nothing;
        }
        if !may_say_encoded(event) {
            return Self::Keys { kind: None };
        }
        let kind = TriggerKind::of(event);
        if !kind.answers_http() {
            return Self::Keys { kind: Some(kind) };
        }
        encoded_body(event).map_or(Self::Nothing, |body| Self::Body {
            start: body.span.start,
        })
    }

    /// What may be encoded in the value of the key whose closing quote is at `event[quote]`.
    pub(crate) fn values(&mut self, event: &[u8], quote: usize) -> Option<Values> {
        let Self::Keys { kind } = self else {
            return None;
        };
        let key = event.get(..=quote).unwrap_or_default();
        let name = *NAMES.iter().find(|name| key.ends_with(name))?;
        let encoding = match name {
            HEADERS | BYTES => Encoding::Bytes,
            _ => Encoding::Base64,
        };
        let values = Values::after_key(event, quote + 1, encoding)?;
        let kind = *kind.get_or_insert_with(|| TriggerKind::of(event));
        names_of(kind).contains(&name).then_some(values)
    }

    /// The string that starts at `start`.
    pub(crate) fn body(event: &[u8], start: usize) -> Range<usize> {
        start..string_end(event, start)
    }
}

/// What is read of a key's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Reading {
    /// Nothing, or nothing more.
    #[default]
    Done,
    /// The one string that it is.
    String,
    /// The strings of the list that it is.
    List,
    /// The arrays of numbers that it is or holds, which so many containers are open around.
    Arrays { depth: usize },
}

/// The encoded parts of a key's value.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Values {
    reading: Reading,
    /// Where the next of them is looked for. Nothing before it is read again.
    at: usize,
}

impl Values {
    /// Nothing unless a string or a list stands behind the key.
    fn after_key(event: &[u8], at: usize, encoding: Encoding) -> Option<Self> {
        let at = skip_space(event, at);
        if event.get(at) != Some(&b':') {
            return None;
        }
        let at = skip_space(event, at + 1);
        let (reading, inside) = match (encoding, event.get(at..)?) {
            // Where there are no binary values, there is an empty list of them.
            (_, [b'[', b']', ..]) => return None,
            (Encoding::Bytes, [b'[', ..]) => (Reading::Arrays { depth: 0 }, 0),
            (Encoding::Bytes, _) => return None,
            (_, [b'[', ..]) => (Reading::List, 1),
            (_, [b'"', ..]) => (Reading::String, 0),
            _ => return None,
        };
        Some(Self {
            reading,
            at: at + inside,
        })
    }

    /// Whether `offset` has been read past.
    pub(crate) const fn covers(&self, offset: usize) -> bool {
        offset < self.at
    }

    /// The content of the next string or array.
    pub(crate) fn next(&mut self, event: &[u8]) -> Option<EncodedValue> {
        let found = match self.reading {
            Reading::Done => None,
            Reading::String | Reading::List => self.string(event),
            Reading::Arrays { depth } => self.array(event, depth),
        };
        if found.is_none() {
            self.reading = Reading::Done;
        }
        found
    }

    fn string(&mut self, event: &[u8]) -> Option<EncodedValue> {
        let mut at = skip_space(event, self.at);
        if self.reading == Reading::List && event.get(at) == Some(&b',') {
            at = skip_space(event, at + 1);
        }
        if event.get(at) != Some(&b'"') {
            return None;
        }
        let span = at + 1..string_end(event, at + 1);
        self.at = span.end + 1;
        if self.reading == Reading::String {
            self.reading = Reading::Done;
        }
        Some(EncodedValue {
            span,
            encoding: Encoding::Base64,
        })
    }

    fn array(&mut self, event: &[u8], mut depth: usize) -> Option<EncodedValue> {
        let mut lexer = Lexer::from(event, self.at);
        // Where numbers begin, of the array that is open.
        let mut numbers = None;
        let mut opened = false;
        loop {
            let token = lexer.next();
            if let (Some(start), Token::Open { at, .. } | Token::Close { at }) = (numbers, token) {
                depth -= usize::from(matches!(token, Token::Close { .. }));
                depth += usize::from(matches!(token, Token::Open { .. }));
                self.at = lexer.position();
                self.reading = match depth {
                    0 => Reading::Done,
                    depth => Reading::Arrays { depth },
                };
                return Some(EncodedValue {
                    span: start..at,
                    encoding: Encoding::Bytes,
                });
            }
            match token {
                Token::Open { .. } => depth += 1,
                Token::Close { .. } => depth = depth.saturating_sub(1),
                Token::Scalar { start, .. } if opened => numbers = Some(start),
                Token::String { .. } => numbers = None,
                Token::Scalar { .. } | Token::Comma | Token::Colon | Token::End => {}
            }
            opened = matches!(token, Token::Open { array: true, .. });
            if depth == 0 || token == Token::End {
                self.at = lexer.position();
                return None;
            }
        }
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

/// Whether something in the event may be the member that says that the body is encoded. A quote
/// within a string has a backslash before it, so nothing inside of a string looks like it.
fn may_say_encoded(event: &[u8]) -> bool {
    // Making it takes longer than most events take to search.
    static FLAG: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new(b"\"isBase64Encoded\""));
    let says_true = |at: usize| {
        let at = skip_space(event, at + FLAG.needle().len());
        let value = skip_space(event, at + 1);
        event.get(at) == Some(&b':') && event.get(value) == Some(&b't')
    };
    FLAG.find_iter(event).any(says_true)
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
