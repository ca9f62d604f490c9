//! Triggers by which a service tells of something that happened.

use super::http::PROTOCOL_DATA;
use super::{CALLER, Encoding, ID, Node, PLAIN, PLATFORM, array, object, principal, record};

pub(super) static S3: Node = object(&[("Records", &S3_RECORDS)]);
static S3_RECORDS: Node = array(&S3_RECORD);
static S3_RECORD: Node = record(&[
    ("awsRegion", &PLATFORM),
    ("eventName", &PLATFORM),
    ("eventSource", &PLATFORM),
    ("eventTime", &PLATFORM),
    ("eventVersion", &PLATFORM),
    ("glacierEventData", &PLATFORM),
    ("intelligentTieringEventData", &PLATFORM),
    ("lifecycleEventData", &PLATFORM),
    ("replicationEventData", &PLATFORM),
    ("requestParameters", &S3_PARAMETERS),
    ("responseElements", &PLATFORM),
    ("restoreEventData", &PLATFORM),
    ("s3", &S3_ENTITY),
    ("userIdentity", &S3_IDENTITY),
]);
static S3_PARAMETERS: Node = object(&[("sourceIPAddress", &SOURCE_IP)]);
static SOURCE_IP: Node = principal("sourceIPAddress", 9);
static S3_IDENTITY: Node = object(&[("principalId", &PRINCIPAL_ID)]);
static PRINCIPAL_ID: Node = principal("principalId", 1);
static S3_ENTITY: Node = object(&[
    ("bucket", &PLATFORM),
    ("configurationId", &PLATFORM),
    ("object", &S3_OBJECT),
    ("s3SchemaVersion", &PLATFORM),
]);
static S3_OBJECT: Node = object(&[
    ("eTag", &PLATFORM),
    ("key", &CALLER),
    ("sequencer", &PLATFORM),
    ("size", &PLATFORM),
    ("versionId", &PLATFORM),
]);

pub(super) static SES: Node = object(&[("Records", &SES_RECORDS)]);
static SES_RECORDS: Node = array(&SES_RECORD);
static SES_RECORD: Node = record(&[
    ("eventSource", &PLATFORM),
    ("eventVersion", &PLATFORM),
    ("ses", &SES_ENTITY),
]);
static SES_ENTITY: Node = object(&[("mail", &SES_MAIL), ("receipt", &SES_RECEIPT)]);
static SES_MAIL: Node = object(&[
    ("commonHeaders", &CALLER),
    ("destination", &CALLER),
    ("headers", &CALLER),
    ("headersTruncated", &PLATFORM),
    ("messageId", &ID),
    ("source", &SES_SENDER),
    ("timestamp", &PLATFORM),
]);
static SES_SENDER: Node = Node {
    principal: Some(("source", 1)),
    ..PLAIN
};
static SES_RECEIPT: Node = object(&[
    ("action", &PLATFORM),
    ("dkimVerdict", &PLATFORM),
    ("dmarcPolicy", &PLATFORM),
    ("dmarcVerdict", &PLATFORM),
    ("processingTimeMillis", &PLATFORM),
    ("recipients", &CALLER),
    ("spamVerdict", &PLATFORM),
    ("spfVerdict", &PLATFORM),
    ("timestamp", &PLATFORM),
    ("virusVerdict", &PLATFORM),
]);

/// Source, detail type, resources and detail are what the sender of a custom event says.
pub(super) static EVENT_BRIDGE: Node = object(&[
    ("account", &ACCOUNT),
    ("detail", &CALLER),
    ("detail-type", &CALLER),
    ("id", &PLATFORM),
    ("region", &PLATFORM),
    ("resources", &CALLER),
    ("source", &CALLER),
    ("time", &PLATFORM),
    ("version", &PLATFORM),
]);
static ACCOUNT: Node = principal("account", 9);

pub(super) static COGNITO: Node = object(&[
    ("callerContext", &COGNITO_CONTEXT),
    ("eventType", &PLATFORM),
    ("identityId", &IDENTITY_ID),
    ("identityPoolId", &PLATFORM),
    ("region", &PLATFORM),
    ("request", &COGNITO_REQUEST),
    ("response", &CALLER),
    ("triggerSource", &PLATFORM),
    ("userName", &USER_NAME),
    ("userPoolId", &PLATFORM),
    ("version", &PLATFORM),
]);
static COGNITO_CONTEXT: Node = object(&[("awsSdkVersion", &CALLER), ("clientId", &PLATFORM)]);
static COGNITO_REQUEST: Node = object(&[("userAttributes", &USER_ATTRIBUTES)]);
static USER_ATTRIBUTES: Node = object(&[("sub", &SUBJECT)]);
static SUBJECT: Node = principal("sub", 0);
static IDENTITY_ID: Node = principal("identityId", 0);
static USER_NAME: Node = Node {
    principal: Some(("userName", 1)),
    ..PLAIN
};

pub(super) static IOT: Node = object(&[
    ("connectionMetadata", &PLATFORM),
    ("deviceInfo", &DEVICE_INFO),
    ("protocolData", &PROTOCOL_DATA),
    ("protocols", &PLATFORM),
    ("serialNumber", &DEVICE_SERIAL),
    ("signatureVerified", &PLATFORM),
    ("templateArn", &PLATFORM),
]);
static DEVICE_INFO: Node = object(&[("deviceId", &DEVICE_ID), ("type", &PLATFORM)]);
static DEVICE_ID: Node = principal("deviceId", 1);
static DEVICE_SERIAL: Node = Node {
    principal: Some(("serialNumber", 1)),
    ..PLAIN
};

pub(super) static CLOUD_WATCH_LOGS: Node = object(&[("awslogs", &AWS_LOGS)]);
static AWS_LOGS: Node = object(&[("data", &LOG_DATA)]);
static LOG_DATA: Node = Node {
    encoding: Encoding::Base64Gzip,
    ..PLAIN
};
