//! What each trigger's events look like: which paths are the platform's, which are encoded, which
//! are records.
//!
//! One tree of [`Node`]s for each kind, built by the compiler. A path that no tree names is the
//! caller's, plain, and nothing more. Field lists follow the event examples of the AWS Lambda
//! developer guide ("Invoking Lambda with events from other AWS services") and of each service's
//! own guide.

use super::{Encoding, Origin, TriggerKind};

mod http;
mod queue;
mod service;

/// What is known of the value at a path.
#[derive(Debug)]
pub(super) struct Node {
    /// Of an object: its known members.
    members: &'static [(&'static str, &'static Self)],
    /// Of an object: every other member.
    rest: Option<&'static Self>,
    /// Of an array: its elements.
    items: Option<&'static Self>,
    /// Who chose the value.
    pub(super) origin: Origin,
    /// How its content is encoded.
    pub(super) encoding: Encoding,
    /// What it is to the batch or the request.
    pub(super) role: Role,
    /// Whether it names the principal: the name of the field and its rank, lower ones preferred.
    pub(super) principal: Option<(&'static str, u8)>,
}

/// What a value is to the batch or the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    None,
    /// A record of a batch.
    Record,
    /// What the source calls the record.
    Id,
    /// The record's FIFO message group.
    Group,
    /// The value of a header or cookie.
    Header,
    /// The body of an HTTP request: base64 if the event says so beside it.
    Body,
}

/// The caller's, plain, and nothing more; the base of every other node.
const PLAIN: Node = Node {
    members: &[],
    rest: None,
    items: None,
    origin: Origin::Caller,
    encoding: Encoding::Plain,
    role: Role::None,
    principal: None,
};

pub(super) static CALLER: Node = PLAIN;
static PLATFORM: Node = Node {
    rest: Some(&PLATFORM),
    items: Some(&PLATFORM),
    origin: Origin::Platform,
    ..PLAIN
};
static BASE64: Node = Node {
    encoding: Encoding::Base64,
    ..PLAIN
};
static BASE64_LIST: Node = Node {
    items: Some(&BASE64),
    ..PLAIN
};
/// An array of numbers, and each of them.
static BYTES: Node = Node {
    items: Some(&BYTES),
    encoding: Encoding::Bytes,
    ..PLAIN
};
static HEADER: Node = Node {
    items: Some(&HEADER),
    role: Role::Header,
    ..PLAIN
};
static HEADERS: Node = Node {
    rest: Some(&HEADER),
    ..PLAIN
};
static ID: Node = Node {
    origin: Origin::Platform,
    role: Role::Id,
    ..PLAIN
};

/// A value that names the principal and that the platform wrote.
const fn principal(field: &'static str, rank: u8) -> Node {
    Node {
        origin: Origin::Platform,
        items: Some(&PLATFORM),
        principal: Some((field, rank)),
        ..PLAIN
    }
}

/// An object of known members.
const fn object(members: &'static [(&'static str, &'static Node)]) -> Node {
    Node { members, ..PLAIN }
}

/// A record with known members.
const fn record(members: &'static [(&'static str, &'static Node)]) -> Node {
    Node {
        members,
        role: Role::Record,
        ..PLAIN
    }
}

/// An array of `node`s.
const fn array(node: &'static Node) -> Node {
    Node {
        items: Some(node),
        ..PLAIN
    }
}

impl Node {
    /// What is known of the member `key` (raw bytes, quotes excluded), and whether the platform
    /// wrote the key.
    pub(super) fn member(&self, key: &[u8]) -> (&'static Self, bool) {
        // The last bytes differ mostly, and comparing them needs no call.
        let is_key =
            |name: &[u8]| name.len() == key.len() && name.last() == key.last() && name == key;
        match self
            .members
            .iter()
            .find(|(name, _)| is_key(name.as_bytes()))
        {
            Some((_, node)) => (node, true),
            None => (
                self.rest.unwrap_or(&CALLER),
                self.origin == Origin::Platform,
            ),
        }
    }

    /// What is known of the elements of an array.
    pub(super) fn element(&self) -> &'static Self {
        self.items.unwrap_or(&CALLER)
    }
}

/// The shape of the events of `kind`.
pub(super) const fn of(kind: TriggerKind) -> &'static Node {
    match kind {
        TriggerKind::ApiGatewayV1
        | TriggerKind::ApiGatewayV2
        | TriggerKind::WebSocket
        | TriggerKind::Alb
        | TriggerKind::FunctionUrl => &http::REQUEST,
        TriggerKind::Authorizer => &http::AUTHORIZER,
        TriggerKind::AppSync => &http::APPSYNC,
        TriggerKind::Sqs => &queue::SQS,
        TriggerKind::Sns => &queue::SNS,
        TriggerKind::Kafka => &queue::KAFKA,
        TriggerKind::ActiveMq => &queue::ACTIVE_MQ,
        TriggerKind::RabbitMq => &queue::RABBIT_MQ,
        TriggerKind::Kinesis => &queue::KINESIS,
        TriggerKind::Firehose => &queue::FIREHOSE,
        TriggerKind::DynamoDb => &queue::DYNAMO_DB,
        TriggerKind::DocumentDb => &queue::DOCUMENT_DB,
        TriggerKind::S3 => &service::S3,
        TriggerKind::Ses => &service::SES,
        TriggerKind::EventBridge => &service::EVENT_BRIDGE,
        TriggerKind::Cognito => &service::COGNITO,
        TriggerKind::Iot => &service::IOT,
        TriggerKind::CloudWatchLogs => &service::CLOUD_WATCH_LOGS,
        TriggerKind::Custom => &CALLER,
    }
}
