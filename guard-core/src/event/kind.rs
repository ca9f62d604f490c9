//! Which trigger sent an event, told from its outermost keys.

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
        let _ = event;
        todo!()
    }
}
