//! Triggers that deliver batches from queues and streams.

use super::{
    BASE64, BASE64_LIST, BYTES, CALLER, ID, Node, Origin, PLAIN, PLATFORM, Role, array, object,
    principal, record,
};

/// Also the bare array of records that EventBridge Pipes delivers; so for Kinesis and DynamoDB.
pub(super) static SQS: Node = Node {
    members: &[("Records", &SQS_RECORDS)],
    items: Some(&SQS_RECORD),
    ..PLAIN
};
static SQS_RECORDS: Node = array(&SQS_RECORD);
static SQS_RECORD: Node = record(&[
    ("messageId", &ID),
    ("receiptHandle", &PLATFORM),
    ("body", &CALLER),
    ("attributes", &SQS_ATTRIBUTES),
    ("messageAttributes", &MESSAGE_ATTRIBUTES),
    ("md5OfBody", &PLATFORM),
    ("md5OfMessageAttributes", &PLATFORM),
    ("eventSource", &PLATFORM),
    ("eventSourceARN", &PLATFORM),
    ("awsRegion", &PLATFORM),
]);
static SQS_ATTRIBUTES: Node = object(&[
    ("ApproximateFirstReceiveTimestamp", &PLATFORM),
    ("ApproximateReceiveCount", &PLATFORM),
    ("AWSTraceHeader", &CALLER),
    ("DeadLetterQueueSourceArn", &PLATFORM),
    ("MessageDeduplicationId", &CALLER),
    ("MessageGroupId", &GROUP),
    ("SenderId", &SENDER_ID),
    ("SentTimestamp", &PLATFORM),
    ("SequenceNumber", &PLATFORM),
]);
static GROUP: Node = Node {
    role: Role::Group,
    ..PLAIN
};
static SENDER_ID: Node = principal("SenderId", 1);
static MESSAGE_ATTRIBUTES: Node = Node {
    rest: Some(&MESSAGE_ATTRIBUTE),
    ..PLAIN
};
static MESSAGE_ATTRIBUTE: Node = object(&[
    ("binaryListValues", &BASE64_LIST),
    ("binaryValue", &BASE64),
    ("dataType", &CALLER),
    ("stringListValues", &CALLER),
    ("stringValue", &CALLER),
]);

pub(super) static SNS: Node = object(&[("Records", &SNS_RECORDS)]);
static SNS_RECORDS: Node = array(&SNS_RECORD);
static SNS_RECORD: Node = record(&[
    ("EventSource", &PLATFORM),
    ("EventVersion", &PLATFORM),
    ("EventSubscriptionArn", &PLATFORM),
    ("Sns", &SNS_MESSAGE),
]);
/// Both spellings of the URLs occur.
static SNS_MESSAGE: Node = object(&[
    ("Type", &PLATFORM),
    ("MessageId", &ID),
    ("TopicArn", &TOPIC_ARN),
    ("Subject", &CALLER),
    ("Message", &CALLER),
    ("MessageAttributes", &CALLER),
    ("Timestamp", &PLATFORM),
    ("Signature", &PLATFORM),
    ("SignatureVersion", &PLATFORM),
    ("SigningCertUrl", &PLATFORM),
    ("SigningCertURL", &PLATFORM),
    ("UnsubscribeUrl", &PLATFORM),
    ("UnsubscribeURL", &PLATFORM),
]);
static TOPIC_ARN: Node = principal("TopicArn", 9);

pub(super) static KINESIS: Node = Node {
    members: &[
        ("Records", &KINESIS_RECORDS),
        ("eventSourceARN", &PLATFORM),
        ("isFinalInvokeForWindow", &PLATFORM),
        ("isWindowTerminatedEarly", &PLATFORM),
        ("shardId", &PLATFORM),
        ("state", &CALLER),
        ("window", &PLATFORM),
    ],
    items: Some(&KINESIS_RECORD),
    ..PLAIN
};
static KINESIS_RECORDS: Node = array(&KINESIS_RECORD);
/// With the members of `kinesis` beside it, as Pipes flattens them.
static KINESIS_RECORD: Node = record(&[
    ("kinesis", &KINESIS_DATA),
    ("awsRegion", &PLATFORM),
    ("eventID", &PLATFORM),
    ("eventName", &PLATFORM),
    ("eventSource", &PLATFORM),
    ("eventSourceARN", &PLATFORM),
    ("eventVersion", &PLATFORM),
    ("invokeIdentityArn", &PLATFORM),
    ("approximateArrivalTimestamp", &PLATFORM),
    ("data", &BASE64),
    ("kinesisSchemaVersion", &PLATFORM),
    ("partitionKey", &CALLER),
    ("sequenceNumber", &ID),
]);
static KINESIS_DATA: Node = object(&[
    ("approximateArrivalTimestamp", &PLATFORM),
    ("data", &BASE64),
    ("encryptionType", &PLATFORM),
    ("kinesisSchemaVersion", &PLATFORM),
    ("partitionKey", &CALLER),
    ("sequenceNumber", &ID),
]);

pub(super) static FIREHOSE: Node = object(&[
    ("deliveryStreamArn", &PLATFORM),
    ("invocationId", &PLATFORM),
    ("records", &FIREHOSE_RECORDS),
    ("region", &PLATFORM),
    ("sourceKinesisStreamArn", &PLATFORM),
]);
static FIREHOSE_RECORDS: Node = array(&FIREHOSE_RECORD);
static FIREHOSE_RECORD: Node = record(&[
    ("approximateArrivalTimestamp", &PLATFORM),
    ("data", &BASE64),
    ("kinesisRecordMetadata", &FIREHOSE_METADATA),
    ("recordId", &ID),
]);
static FIREHOSE_METADATA: Node = object(&[
    ("approximateArrivalTimestamp", &PLATFORM),
    ("partitionKey", &CALLER),
    ("sequenceNumber", &PLATFORM),
    ("shardId", &PLATFORM),
    ("subsequenceNumber", &PLATFORM),
]);

pub(super) static DYNAMO_DB: Node = Node {
    members: &[
        ("Records", &DYNAMO_DB_RECORDS),
        ("eventSourceARN", &PLATFORM),
        ("isFinalInvokeForWindow", &PLATFORM),
        ("isWindowTerminatedEarly", &PLATFORM),
        ("shardId", &PLATFORM),
        ("state", &CALLER),
        ("window", &PLATFORM),
    ],
    items: Some(&DYNAMO_DB_RECORD),
    ..PLAIN
};
static DYNAMO_DB_RECORDS: Node = array(&DYNAMO_DB_RECORD);
static DYNAMO_DB_RECORD: Node = record(&[
    ("awsRegion", &PLATFORM),
    ("dynamodb", &DYNAMO_DB_CHANGE),
    ("eventID", &PLATFORM),
    ("eventName", &PLATFORM),
    ("eventSource", &PLATFORM),
    ("eventSourceARN", &PLATFORM),
    ("eventVersion", &PLATFORM),
    ("userIdentity", &PLATFORM),
]);
static DYNAMO_DB_CHANGE: Node = object(&[
    ("ApproximateCreationDateTime", &PLATFORM),
    ("Keys", &ATTRIBUTES),
    ("NewImage", &ATTRIBUTES),
    ("OldImage", &ATTRIBUTES),
    ("SequenceNumber", &ID),
    ("SizeBytes", &PLATFORM),
    ("StreamViewType", &PLATFORM),
]);
static ATTRIBUTES: Node = Node {
    rest: Some(&ATTRIBUTE),
    ..PLAIN
};
static ATTRIBUTE: Node = object(&[
    ("B", &BASE64),
    ("BOOL", &CALLER),
    ("BS", &BASE64_LIST),
    ("L", &ATTRIBUTE_LIST),
    ("M", &ATTRIBUTES),
    ("N", &CALLER),
    ("NS", &CALLER),
    ("NULL", &CALLER),
    ("S", &CALLER),
    ("SS", &CALLER),
]);
static ATTRIBUTE_LIST: Node = array(&ATTRIBUTE);

pub(super) static DOCUMENT_DB: Node = object(&[
    ("eventSource", &PLATFORM),
    ("eventSourceArn", &PLATFORM),
    ("events", &CHANGES),
]);
static CHANGES: Node = array(&CHANGE);
static CHANGE: Node = record(&[("event", &CHANGE_EVENT)]);
static CHANGE_EVENT: Node = object(&[
    ("_id", &PLATFORM),
    ("clusterTime", &PLATFORM),
    ("documentKey", &CALLER),
    ("fullDocument", &CALLER),
    ("ns", &PLATFORM),
    ("operationType", &PLATFORM),
    ("updateDescription", &CALLER),
]);

pub(super) static KAFKA: Node = object(&[
    ("bootstrapServers", &PLATFORM),
    ("eventSource", &PLATFORM),
    ("eventSourceArn", &PLATFORM),
    ("records", &KAFKA_TOPICS),
]);
static KAFKA_TOPICS: Node = Node {
    rest: Some(&KAFKA_RECORDS),
    ..PLAIN
};
static KAFKA_RECORDS: Node = array(&KAFKA_RECORD);
static KAFKA_RECORD: Node = record(&[
    ("headers", &KAFKA_HEADERS),
    ("key", &BASE64),
    ("keySchemaMetadata", &PLATFORM),
    ("offset", &PLATFORM),
    ("partition", &PLATFORM),
    ("timestamp", &PLATFORM),
    ("timestampType", &PLATFORM),
    ("topic", &PLATFORM),
    ("value", &BASE64),
    ("valueSchemaMetadata", &PLATFORM),
]);

static KAFKA_HEADERS: Node = array(&KAFKA_HEADER);
static KAFKA_HEADER: Node = Node {
    rest: Some(&BYTES),
    ..PLAIN
};

pub(super) static ACTIVE_MQ: Node = object(&[
    ("eventSource", &PLATFORM),
    ("eventSourceArn", &PLATFORM),
    ("messages", &ACTIVE_MQ_MESSAGES),
]);
static ACTIVE_MQ_MESSAGES: Node = array(&ACTIVE_MQ_MESSAGE);
static ACTIVE_MQ_MESSAGE: Node = record(&[
    ("brokerInTime", &PLATFORM),
    ("brokerOutTime", &PLATFORM),
    ("correlationID", &CALLER),
    ("data", &BASE64),
    ("messageID", &ID),
    ("messageType", &PLATFORM),
    ("properties", &CALLER),
    ("replyTo", &CALLER),
]);

pub(super) static RABBIT_MQ: Node = object(&[
    ("eventSource", &PLATFORM),
    ("eventSourceArn", &PLATFORM),
    ("rmqMessagesByQueue", &RABBIT_MQ_QUEUES),
]);
static RABBIT_MQ_QUEUES: Node = Node {
    rest: Some(&RABBIT_MQ_MESSAGES),
    ..PLAIN
};
static RABBIT_MQ_MESSAGES: Node = array(&RABBIT_MQ_MESSAGE);
static RABBIT_MQ_MESSAGE: Node = record(&[
    ("basicProperties", &RABBIT_MQ_PROPERTIES),
    ("data", &BASE64),
]);
static RABBIT_MQ_PROPERTIES: Node =
    object(&[("headers", &RABBIT_MQ_HEADERS), ("userId", &RABBIT_MQ_USER)]);
/// Values are numbers, texts as `{"bytes": [...]}`, lists and tables of them.
static RABBIT_MQ_HEADERS: Node = Node {
    members: &[("bytes", &BYTES)],
    rest: Some(&RABBIT_MQ_HEADERS),
    items: Some(&RABBIT_MQ_HEADERS),
    ..PLAIN
};
/// The broker checks that it is the name of the user who published (RabbitMQ, "Validated User-ID").
static RABBIT_MQ_USER: Node = Node {
    principal: Some(("userId", 1)),
    origin: Origin::Caller,
    ..PLAIN
};
