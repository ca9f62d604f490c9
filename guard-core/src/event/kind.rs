//! Which trigger sent an event, told from its outermost keys.

use core::fmt;

use crate::json::{first_element, members};

/// The trigger that sent an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum TriggerKind {
    /// Amazon API Gateway REST API, or HTTP API with payload format 1.0.
    ApiGatewayV1,
    /// Amazon API Gateway HTTP API, payload format 2.0.
    ApiGatewayV2,
    /// Amazon API Gateway WebSocket API.
    WebSocket,
    /// A Lambda authorizer of API Gateway or AppSync.
    Authorizer,
    /// Application Load Balancer.
    Alb,
    /// Lambda function URL.
    FunctionUrl,
    /// AWS AppSync resolver.
    AppSync,
    /// Amazon SQS.
    Sqs,
    /// Amazon SNS.
    Sns,
    /// Amazon S3 event notification.
    S3,
    /// Amazon DynamoDB stream.
    DynamoDb,
    /// Amazon DocumentDB change stream.
    DocumentDb,
    /// Amazon Kinesis data stream.
    Kinesis,
    /// Amazon Data Firehose transformation.
    Firehose,
    /// Amazon EventBridge, schedules included.
    EventBridge,
    /// Amazon Cognito user pools and sync.
    Cognito,
    /// AWS IoT authorizer, provisioning hook, button or 1-Click device. A topic rule's event is
    /// whatever the device published, so it is [`TriggerKind::Custom`].
    Iot,
    /// Amazon MSK or self-managed Apache Kafka.
    Kafka,
    /// Amazon MQ for ActiveMQ.
    ActiveMq,
    /// Amazon MQ for RabbitMQ.
    RabbitMq,
    /// Amazon SES inbound mail.
    Ses,
    /// Amazon CloudWatch Logs subscription.
    CloudWatchLogs,
    /// Anything else: direct invocations and AWS Step Functions, whose payload has no shape of its
    /// own, other services, other people's JSON. All of it is the caller's.
    Custom,
}

impl TriggerKind {
    /// The trigger that sent `event`.
    ///
    /// Looks at the outermost keys, those of the request context and those of the first record
    /// only, all of which the platform writes: nothing that a caller can nest into an event changes
    /// the answer.
    #[must_use]
    pub fn of(event: &[u8]) -> Self {
        let outer = event.trim_ascii_start();
        match outer.first() {
            Some(b'{') => of_object(outer),
            // EventBridge Pipes delivers bare arrays of records, AppSync batches bare arrays of
            // contexts.
            Some(b'[') => {
                let first = first_element(outer);
                match of_record(first) {
                    Self::Custom if is_appsync(first) => Self::AppSync,
                    kind @ (Self::Sqs | Self::Kinesis | Self::DynamoDb) => kind,
                    _ => Self::Custom,
                }
            }
            _ => Self::Custom,
        }
    }

    /// The kind as records spell it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ApiGatewayV1 => "api-gateway-v1",
            Self::ApiGatewayV2 => "api-gateway-v2",
            Self::WebSocket => "websocket",
            Self::Authorizer => "authorizer",
            Self::Alb => "alb",
            Self::FunctionUrl => "function-url",
            Self::AppSync => "appsync",
            Self::Sqs => "sqs",
            Self::Sns => "sns",
            Self::S3 => "s3",
            Self::DynamoDb => "dynamodb",
            Self::DocumentDb => "documentdb",
            Self::Kinesis => "kinesis",
            Self::Firehose => "firehose",
            Self::EventBridge => "eventbridge",
            Self::Cognito => "cognito",
            Self::Iot => "iot",
            Self::Kafka => "kafka",
            Self::ActiveMq => "activemq",
            Self::RabbitMq => "rabbitmq",
            Self::Ses => "ses",
            Self::CloudWatchLogs => "cloudwatch-logs",
            Self::Custom => "custom",
        }
    }

    /// Whether events of this kind hold records that stand for themselves.
    #[must_use]
    pub const fn delivers_batches(self) -> bool {
        matches!(
            self,
            Self::Sqs
                | Self::Sns
                | Self::S3
                | Self::DynamoDb
                | Self::DocumentDb
                | Self::Kinesis
                | Self::Firehose
                | Self::Kafka
                | Self::ActiveMq
                | Self::RabbitMq
                | Self::Ses
        )
    }

    /// Whether an HTTP caller waits for an answer of status, headers and body.
    #[must_use]
    pub const fn answers_http(self) -> bool {
        matches!(
            self,
            Self::ApiGatewayV1
                | Self::ApiGatewayV2
                | Self::WebSocket
                | Self::Alb
                | Self::FunctionUrl
        )
    }
}

impl fmt::Display for TriggerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Declares a set of key names and the index of each as a constant.
macro_rules! keys {
    ($($name:ident = $text:literal,)*) => {
        #[allow(non_camel_case_types, clippy::upper_case_acronyms)]
        #[derive(Clone, Copy)]
        enum Key { $($name,)* }

        impl Key {
            fn of(text: &[u8]) -> Option<Self> {
                $(if text == $text.as_bytes() { return Some(Self::$name); })*
                None
            }
        }
    };
}

keys! {
    Records = "Records",
    RequestContext = "requestContext",
    HttpMethod = "httpMethod",
    Type = "type",
    MethodArn = "methodArn",
    RouteArn = "routeArn",
    AuthorizationToken = "authorizationToken",
    EventSource = "eventSource",
    Lower = "records",
    Messages = "messages",
    Queues = "rmqMessagesByQueue",
    Changes = "events",
    DeliveryStreamArn = "deliveryStreamArn",
    AwsLogs = "awslogs",
    Source = "source",
    DetailType = "detail-type",
    Detail = "detail",
    TriggerSource = "triggerSource",
    UserPoolId = "userPoolId",
    DatasetRecords = "datasetRecords",
    IdentityPoolId = "identityPoolId",
    ProtocolData = "protocolData",
    ConnectionMetadata = "connectionMetadata",
    DeviceEvent = "deviceEvent",
    PlacementInfo = "placementInfo",
    BatteryVoltage = "batteryVoltage",
    ClickType = "clickType",
    CertificateId = "certificateId",
    TemplateArn = "templateArn",
    Arguments = "arguments",
    Info = "info",
}

/// A set of [`Key`]s.
#[derive(Clone, Copy, Default)]
struct Seen(u32);

impl Seen {
    const fn add(&mut self, key: Key) {
        self.0 |= 1 << key as u32;
    }

    fn all(self, keys: &[Key]) -> bool {
        keys.iter().all(|key| self.0 & (1 << *key as u32) != 0)
    }
}

fn of_object(event: &[u8]) -> TriggerKind {
    let mut seen = Seen::default();
    let mut context = Context::None;
    let mut source: &[u8] = &[];
    for member in members(event) {
        let Some(key) = Key::of(member.key) else {
            continue;
        };
        match key {
            Key::Records if member.is_array() => {
                let kind = of_record(first_element(member.value));
                if kind != TriggerKind::Custom {
                    return kind;
                }
            }
            Key::AwsLogs if member.is_object() => return TriggerKind::CloudWatchLogs,
            Key::RequestContext if member.is_object() => context = Context::of(member.value),
            Key::EventSource => source = member.text().unwrap_or_default(),
            Key::Info if !member.is_object() => continue,
            _ => {}
        }
        seen.add(key);
    }

    match source {
        b"aws:kafka" | b"SelfManagedKafka" if seen.all(&[Key::Lower]) => return TriggerKind::Kafka,
        b"aws:mq" | b"aws:amq" if seen.all(&[Key::Messages]) => return TriggerKind::ActiveMq,
        b"aws:rmq" if seen.all(&[Key::Queues]) => return TriggerKind::RabbitMq,
        b"aws:docdb" if seen.all(&[Key::Changes]) => return TriggerKind::DocumentDb,
        _ => {}
    }
    // An authorizer's event holds most of what the request it asks about holds.
    let authorizer: [&[Key]; 2] = [&[Key::Type, Key::MethodArn], &[Key::Type, Key::RouteArn]];
    let asks_appsync = context != Context::None && seen.all(&[Key::AuthorizationToken]);
    if asks_appsync || authorizer.iter().any(|keys| seen.all(keys)) {
        return TriggerKind::Authorizer;
    }
    match context {
        Context::LoadBalancer => return TriggerKind::Alb,
        Context::Connection => return TriggerKind::WebSocket,
        Context::FunctionUrl => return TriggerKind::FunctionUrl,
        Context::Http => return TriggerKind::ApiGatewayV2,
        Context::Other if seen.all(&[Key::HttpMethod]) => return TriggerKind::ApiGatewayV1,
        Context::Other | Context::None => {}
    }
    let table: [(&[Key], TriggerKind); 9] = [
        (
            &[Key::DetailType, Key::Source, Key::Detail],
            TriggerKind::EventBridge,
        ),
        (&[Key::DeliveryStreamArn, Key::Lower], TriggerKind::Firehose),
        (&[Key::TriggerSource, Key::UserPoolId], TriggerKind::Cognito),
        (
            &[Key::DatasetRecords, Key::IdentityPoolId],
            TriggerKind::Cognito,
        ),
        (&[Key::Arguments, Key::Info], TriggerKind::AppSync),
        (
            &[Key::ProtocolData, Key::ConnectionMetadata],
            TriggerKind::Iot,
        ),
        (&[Key::DeviceEvent, Key::PlacementInfo], TriggerKind::Iot),
        (&[Key::BatteryVoltage, Key::ClickType], TriggerKind::Iot),
        (&[Key::CertificateId, Key::TemplateArn], TriggerKind::Iot),
    ];
    let found = table.iter().find(|(keys, _)| seen.all(keys));
    found.map_or(TriggerKind::Custom, |(_, kind)| *kind)
}

/// What a request context looks like.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Context {
    None,
    LoadBalancer,
    Connection,
    FunctionUrl,
    Http,
    Other,
}

impl Context {
    fn of(context: &[u8]) -> Self {
        let (mut connection, mut event_type, mut http, mut url) = (false, false, false, false);
        for member in members(context) {
            match member.key {
                b"elb" => return Self::LoadBalancer,
                b"connectionId" => connection = true,
                b"eventType" => event_type = true,
                b"http" => http = member.is_object(),
                b"domainName" => {
                    let name = member.text().unwrap_or_default();
                    url = name.windows(12).any(|part| part == b".lambda-url.");
                }
                _ => {}
            }
        }
        match (connection && event_type, http, url) {
            (true, _, _) => Self::Connection,
            (false, true, true) => Self::FunctionUrl,
            (false, true, false) => Self::Http,
            (false, false, _) => Self::Other,
        }
    }
}

/// The kind of trigger whose batches hold a record that starts like `record`.
fn of_record(record: &[u8]) -> TriggerKind {
    for member in members(record) {
        match member.key {
            b"receiptHandle" => return TriggerKind::Sqs,
            b"Sns" if member.is_object() => return TriggerKind::Sns,
            b"s3" if member.is_object() => return TriggerKind::S3,
            b"ses" if member.is_object() => return TriggerKind::Ses,
            b"dynamodb" if member.is_object() => return TriggerKind::DynamoDb,
            b"kinesis" if member.is_object() => return TriggerKind::Kinesis,
            b"eventSource" => match member.text().unwrap_or_default() {
                b"aws:sqs" => return TriggerKind::Sqs,
                b"aws:s3" => return TriggerKind::S3,
                b"aws:ses" => return TriggerKind::Ses,
                b"aws:dynamodb" => return TriggerKind::DynamoDb,
                b"aws:kinesis" => return TriggerKind::Kinesis,
                _ => {}
            },
            _ => {}
        }
    }
    TriggerKind::Custom
}

fn is_appsync(context: &[u8]) -> bool {
    let (mut arguments, mut info) = (false, false);
    for member in members(context) {
        arguments |= member.key == b"arguments";
        info |= member.key == b"info" && member.is_object();
    }
    arguments && info
}
