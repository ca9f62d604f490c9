//! Benign events in the shapes that Lambda delivers, filled with values that differ from one to the
//! next: a loop over one event would only show what the branch predictor has learnt.

use std::fmt::Write;

use aws_lambda_events::apigw::{ApiGatewayProxyRequest, ApiGatewayV2httpRequest};
use aws_lambda_events::{dynamodb, eventbridge, kinesis, s3, sns, sqs};
use base64::prelude::{BASE64_STANDARD, Engine};
use serde_json::{Value, json};

mod values;

pub use self::values::Values;
use self::values::{PATHS, WORDS, escaped};

/// An event and the type that a handler would parse it to.
#[derive(Debug, Clone)]
pub struct Event {
    /// What the event is.
    pub shape: Shape,
    /// Its JSON.
    pub bytes: Vec<u8>,
}

/// The typed event of `aws_lambda_events`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Shape {
    /// API Gateway, REST API.
    ApiGatewayV1,
    /// API Gateway, HTTP API.
    ApiGatewayV2,
    /// SQS batch.
    Sqs,
    /// SNS notification.
    Sns,
    /// S3 notification.
    S3,
    /// Kinesis batch.
    Kinesis,
    /// DynamoDB stream batch.
    DynamoDb,
    /// EventBridge event.
    EventBridge,
}

impl Event {
    /// Parses the event as a handler with the typed argument would; its length, so that the
    /// optimiser has to do it.
    ///
    /// # Panics
    ///
    /// If the event is not of its shape, which would make every figure worthless.
    #[must_use]
    pub fn parse_typed(&self) -> usize {
        fn size<'b, T: serde::Deserialize<'b>>(bytes: &'b [u8]) -> usize {
            let event: T = serde_json::from_slice(bytes).expect("an event of its shape");
            size_of_val(std::hint::black_box(&event))
        }
        match self.shape {
            Shape::ApiGatewayV1 => size::<ApiGatewayProxyRequest>(&self.bytes),
            Shape::ApiGatewayV2 => size::<ApiGatewayV2httpRequest>(&self.bytes),
            Shape::Sqs => size::<sqs::SqsEvent>(&self.bytes),
            Shape::Sns => size::<sns::SnsEvent>(&self.bytes),
            Shape::S3 => size::<s3::S3Event>(&self.bytes),
            Shape::Kinesis => size::<kinesis::KinesisEvent>(&self.bytes),
            Shape::DynamoDb => size::<dynamodb::Event>(&self.bytes),
            Shape::EventBridge => size::<eventbridge::EventBridgeEvent<Value>>(&self.bytes),
        }
    }
}

/// Base64 of `bytes`, padded.
#[must_use]
pub fn base64(bytes: &[u8]) -> String {
    BASE64_STANDARD.encode(bytes)
}

/// An API Gateway HTTP API event with this body.
#[must_use]
pub fn http(values: &mut Values, content_type: &str, body: &str, is_base64: bool) -> Event {
    let (id, ip, path) = (values.hex(10), values.ip(), values.pick(&PATHS));
    let fields = 2 + values.below(6);
    let mut headers = json!({"content-type": content_type,
        "host": format!("{id}.execute-api.eu-west-1.amazonaws.com"), "x-forwarded-for": ip,
        "x-amzn-trace-id": format!("Root=1-{}-{}", values.hex(8), values.hex(24))});
    for (name, value) in values.headers(fields) {
        headers[name] = value.into();
    }
    // Optional members stand where Lambda puts them: the last mostly tells whether the body is
    // encoded.
    let mut event = json!({"version": "2.0", "routeKey": "POST /{proxy+}",
        "rawPath": format!("/{path}"), "rawQueryString": ""});
    if values.once_in(2) {
        event["cookies"] = json!([format!("session={}", values.hex(32))]);
    }
    event["headers"] = headers;
    if values.once_in(2) {
        let (page, word) = (values.below(50).to_string(), values.pick(&WORDS));
        event["rawQueryString"] = format!("page={page}&q={}", escaped(word)).into();
        event["queryStringParameters"] = json!({"page": page, "q": word});
    }
    event["requestContext"] = json!({"accountId": "123456789012", "apiId": id, "stage": "$default",
        "http": {"method": "POST", "path": format!("/{path}"), "protocol": "HTTP/1.1",
                 "sourceIp": ip, "userAgent": "curl"},
        "requestId": values.hex(16), "routeKey": "POST /{proxy+}",
        "time": "12/Mar/2026:19:03:58 +0000", "timeEpoch": 1_583_348_638_390_i64});
    event["body"] = body.into();
    if values.once_in(2) {
        event["pathParameters"] = json!({"proxy": path});
    }
    event["isBase64Encoded"] = is_base64.into();
    if values.once_in(8) {
        event["stageVariables"] = json!({"environment": "production"});
    }
    Event {
        shape: Shape::ApiGatewayV2,
        bytes: event.to_string().into_bytes(),
    }
}

fn rest(values: &mut Values) -> Event {
    let (id, ip, path) = (values.hex(10), values.ip(), values.pick(&PATHS));
    let body = values.order().to_string();
    let fields = 1 + values.below(3);
    let mut headers = json!({"Content-Type": "application/json", "X-Forwarded-For": ip});
    let mut lists = json!({"Content-Type": ["application/json"], "X-Forwarded-For": [ip]});
    for (name, value) in values.headers(fields) {
        lists[name] = json!([value]);
        headers[name] = value.into();
    }
    let (query, queries) = if values.once_in(2) {
        let page = values.below(50).to_string();
        (json!({"page": page}), json!({"page": [page]}))
    } else {
        (Value::Null, Value::Null)
    };
    let bytes = json!({
        "resource": "/{proxy+}", "path": format!("/{path}"), "httpMethod": "POST",
        "headers": headers, "multiValueHeaders": lists,
        "queryStringParameters": query, "multiValueQueryStringParameters": queries,
        "pathParameters": {"proxy": path}, "stageVariables": null,
        "requestContext": {"accountId": "123456789012", "apiId": id, "httpMethod": "POST",
            "identity": {"apiKey": null, "caller": null, "sourceIp": ip, "user": null,
                         "userAgent": "curl"},
            "path": format!("/prod/{path}"), "requestId": values.uuid(),
            "resourcePath": "/{proxy+}", "stage": "prod"},
        "body": body, "isBase64Encoded": false,
    });
    Event {
        shape: Shape::ApiGatewayV1,
        bytes: bytes.to_string().into_bytes(),
    }
}

/// An SQS batch of `n` orders.
#[must_use]
pub fn sqs(values: &mut Values, n: usize) -> Event {
    let records: Vec<_> = (0..n)
        .map(|_| {
            json!({
                "messageId": values.uuid(), "receiptHandle": base64(&values.digest(48)),
                "body": values.order().to_string(),
                "attributes": {"ApproximateReceiveCount": "1", "SenderId": "AIDAIENQZJOLO23YVJ4VO",
                    "SentTimestamp": "1545082649183",
                    "ApproximateFirstReceiveTimestamp": "1545082649185"},
                "messageAttributes": {"traceId": {"stringValue": values.hex(16),
                    "stringListValues": [], "binaryListValues": [], "dataType": "String"}},
                "md5OfBody": values.hex(32), "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:orders",
                "awsRegion": "eu-west-1",
            })
        })
        .collect();
    let bytes = json!({ "Records": records });
    Event {
        shape: Shape::Sqs,
        bytes: bytes.to_string().into_bytes(),
    }
}

fn sns(values: &mut Values) -> Event {
    let bytes = json!({"Records": [{"EventVersion": "1.0", "EventSource": "aws:sns",
        "EventSubscriptionArn": format!("arn:aws:sns:eu-west-1:123456789012:orders:{}", values.uuid()),
        "Sns": {"SignatureVersion": "1", "Timestamp": values.time(),
            "Signature": base64(&values.digest(64)),
            "SigningCertUrl": format!("https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-{}.pem", values.hex(32)),
            "MessageId": values.uuid(), "Message": values.order().to_string(),
            "MessageAttributes": {}, "Type": "Notification", "Subject": values.text(5),
            "UnsubscribeUrl": "https://sns.eu-west-1.amazonaws.com/?Action=Unsubscribe&SubscriptionArn=arn",
            "TopicArn": "arn:aws:sns:eu-west-1:123456789012:orders"}}]});
    Event {
        shape: Shape::Sns,
        bytes: bytes.to_string().into_bytes(),
    }
}

fn s3(values: &mut Values) -> Event {
    let key = format!(
        "uploads/{}/{}+{}.jpg",
        values.below(999),
        values.pick(&WORDS),
        values.hex(6)
    );
    let bytes = json!({"Records": [{"eventVersion": "2.1", "eventSource": "aws:s3",
        "awsRegion": "eu-west-1", "eventTime": values.time(), "eventName": "ObjectCreated:Put",
        "userIdentity": {"principalId": format!("AWS:{}", values.hex(20))},
        "requestParameters": {"sourceIPAddress": values.ip()},
        "responseElements": {"x-amz-request-id": values.hex(16),
            "x-amz-id-2": base64(&values.digest(42))},
        "s3": {"s3SchemaVersion": "1.0", "configurationId": values.uuid(),
            "bucket": {"name": "orders-uploads", "arn": "arn:aws:s3:::orders-uploads",
                "ownerIdentity": {"principalId": values.hex(14)}},
            "object": {"key": key, "size": values.below(999_999), "eTag": values.hex(32),
                "sequencer": values.hex(18)}}}]});
    Event {
        shape: Shape::S3,
        bytes: bytes.to_string().into_bytes(),
    }
}

fn kinesis(values: &mut Values) -> Event {
    let records: Vec<_> = (0..2)
        .map(|_| {
            let data = base64(values.order().to_string().as_bytes());
            json!({"kinesis": {"kinesisSchemaVersion": "1.0", "partitionKey": values.hex(8),
                "sequenceNumber": "49590338271490256608559692538361571095921575989136588898",
                "data": data, "approximateArrivalTimestamp": 1_545_084_650.987},
                "eventSource": "aws:kinesis", "eventVersion": "1.0",
                "eventID": format!("shardId-000000000006:{}", values.hex(40)),
                "eventName": "aws:kinesis:record", "awsRegion": "eu-west-1",
                "invokeIdentityArn": "arn:aws:iam::123456789012:role/lambda-role",
                "eventSourceARN": "arn:aws:kinesis:eu-west-1:123456789012:stream/orders"})
        })
        .collect();
    let bytes = json!({ "Records": records });
    Event {
        shape: Shape::Kinesis,
        bytes: bytes.to_string().into_bytes(),
    }
}

fn dynamodb(values: &mut Values) -> Event {
    let bytes = json!({"Records": [{"eventID": values.hex(32), "eventName": "INSERT",
        "eventVersion": "1.1", "eventSource": "aws:dynamodb", "awsRegion": "eu-west-1",
        "dynamodb": {"ApproximateCreationDateTime": 1_728_566_400,
            "Keys": {"id": {"S": values.uuid()}},
            "NewImage": {"id": {"S": values.uuid()}, "customer": {"S": values.name()},
                "note": {"S": values.text(14)}, "total": {"N": values.below(9_999).to_string()},
                "tags": {"L": [{"S": values.pick(&WORDS)}, {"S": values.pick(&WORDS)}]}},
            "SequenceNumber": values.below(u64::MAX / 4096).to_string(), "SizeBytes": 290,
            "StreamViewType": "NEW_AND_OLD_IMAGES"},
        "eventSourceARN": "arn:aws:dynamodb:eu-west-1:123456789012:table/orders/stream/2026-01-01T00:00:00.000"}]});
    Event {
        shape: Shape::DynamoDb,
        bytes: bytes.to_string().into_bytes(),
    }
}

fn eventbridge(values: &mut Values) -> Event {
    let bytes = json!({"version": "0", "id": values.uuid(), "detail-type": "OrderPlaced",
        "source": "shop.orders", "account": "123456789012", "time": "2026-01-01T00:00:00Z",
        "region": "eu-west-1", "resources": [], "detail": values.order()});
    Event {
        shape: Shape::EventBridge,
        bytes: bytes.to_string().into_bytes(),
    }
}

/// `n` distinct events of about 1 KiB, in proportions that a web shop would see, one kind after the
/// other as chance has it.
#[must_use]
pub fn rotation(n: usize) -> Vec<Event> {
    let mut values = Values::new(0x6775_6172_6421);
    (0..n)
        .map(|_| match values.below(20) {
            0..=6 => {
                let body = values.order().to_string();
                http(&mut values, "application/json", &body, false)
            }
            7..=10 => rest(&mut values),
            11 => {
                let form = values.form(250);
                http(
                    &mut values,
                    "application/x-www-form-urlencoded",
                    &form,
                    false,
                )
            }
            12..=14 => sqs(&mut values, 1),
            15 => sns(&mut values),
            16 => s3(&mut values),
            17 => kinesis(&mut values),
            18 => dynamodb(&mut values),
            _ => eventbridge(&mut values),
        })
        .collect()
}

/// A body of about `len` bytes in an HTTP event: `json`, `text`, `form` or `base64`.
///
/// # Panics
///
/// If `kind` is none of these.
#[must_use]
pub fn large(kind: &str, len: usize) -> Event {
    let mut values = Values::new(0x006c_6172_6765);
    match kind {
        "json" => {
            let mut body = String::from("[");
            while body.len() < len * 4 / 5 {
                let _ = write!(body, "{},", values.order());
            }
            body.push_str("null]");
            http(&mut values, "application/json", &body, false)
        }
        "text" => {
            let mut body = String::new();
            while body.len() < len {
                let _ = writeln!(body, "{}.", values.text(12));
            }
            http(&mut values, "text/plain", &body, false)
        }
        "form" => {
            let form = values.form(len);
            http(
                &mut values,
                "application/x-www-form-urlencoded",
                &form,
                false,
            )
        }
        "base64" => {
            let mut body = String::new();
            while body.len() < len * 3 / 4 {
                let _ = write!(body, "{},", values.order());
            }
            let body = base64(body.as_bytes());
            http(&mut values, "application/octet-stream", &body, true)
        }
        "picture" => {
            // What a compressor leaves has no pattern.
            let bytes: Vec<u8> = (0..len * 3 / 32).flat_map(|_| values.bytes()).collect();
            http(&mut values, "image/jpeg", &base64(&bytes), true)
        }
        _ => panic!("no body of kind \"{kind}\""),
    }
}
