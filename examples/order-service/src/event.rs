//! From a trigger's event to the orders in it, and from answers to the trigger's response.
//!
//! Knows the shapes of AWS's events; nothing of what an order does.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lambda_runtime::Error;
use serde_json::{Value, json};

/// What an order asks for: an action and its named parameters.
#[derive(Debug)]
pub struct Order {
    pub action: String,
    pub parameters: Value,
}

/// How the trigger wants to be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// API Gateway, a function URL or a load balancer: a response with a status.
    Http,
    /// A queue, topic or stream: what went wrong, or nothing.
    Records,
    /// Anything else: the answer as it is.
    Custom,
}

/// An event, read.
#[derive(Debug)]
pub struct Event {
    pub kind: Kind,
    pub orders: Vec<Order>,
}

impl Event {
    pub fn read(event: &Value) -> Result<Self, Error> {
        if let Some(records) = event["Records"].as_array() {
            let orders = records.iter().map(record).collect::<Result<_, _>>()?;
            return Ok(Self {
                kind: Kind::Records,
                orders,
            });
        }
        if let Some(path) = event["rawPath"].as_str().or(event["path"].as_str()) {
            return Ok(Self {
                kind: Kind::Http,
                orders: vec![http(path, event)?],
            });
        }
        // EventBridge wraps the order; a direct invocation is the order.
        let order = if event["detail-type"].is_string() {
            &event["detail"]
        } else {
            event
        };
        Ok(Self {
            kind: Kind::Custom,
            orders: vec![from_json(order.clone())?],
        })
    }
}

impl Kind {
    pub fn answer(self, mut answers: Vec<Value>) -> Value {
        match self {
            Self::Http => {
                let answer = answers.pop().unwrap_or_default();
                let (kind, body) = match answer {
                    Value::String(page) => ("text/html", page),
                    other => ("application/json", other.to_string()),
                };
                json!({
                    "statusCode": 200,
                    "headers": { "content-type": kind },
                    "body": body,
                    "isBase64Encoded": false,
                })
            }
            Self::Records => json!({ "batchItemFailures": [], "answers": answers }),
            Self::Custom => answers.pop().unwrap_or_default(),
        }
    }
}

/// `GET /ACTION?name=value` or a JSON or form body: the last part of the path is the action.
fn http(path: &str, event: &Value) -> Result<Order, Error> {
    let action = path.rsplit('/').next().unwrap_or_default().to_string();
    let mut parameters = json!({});
    if let Some(query) = event["queryStringParameters"].as_object() {
        // A load balancer hands the query over as it came; the others decode it.
        let encoded = event["requestContext"]["elb"].is_object();
        for (name, value) in query {
            let value = value.as_str().unwrap_or_default();
            parameters[name] = if encoded {
                decode(value)
            } else {
                value.to_string()
            }
            .into();
        }
    }
    if let Some(body) = event["body"].as_str().filter(|body| !body.is_empty()) {
        let body = if event["isBase64Encoded"] == true {
            text(body)?
        } else {
            body.to_string()
        };
        let body = match serde_json::from_str(&body) {
            Ok(Value::Object(members)) => members,
            _ => form(&body),
        };
        parameters.as_object_mut().ok_or("parameters")?.extend(body);
    }
    Ok(Order { action, parameters })
}

fn record(record: &Value) -> Result<Order, Error> {
    if let Some(body) = record["body"].as_str() {
        return from_json(serde_json::from_str(body)?);
    }
    if let Some(message) = record["Sns"]["Message"].as_str() {
        return from_json(serde_json::from_str(message)?);
    }
    if let Some(data) = record["kinesis"]["data"].as_str() {
        return from_json(serde_json::from_str(&text(data)?)?);
    }
    if let Some(key) = record["s3"]["object"]["key"].as_str() {
        let parameters = json!({ "key": decode(key) });
        return Ok(Order {
            action: "import".into(),
            parameters,
        });
    }
    if let Some(image) = record["dynamodb"]["NewImage"].as_object() {
        let mut order = json!({});
        for (name, value) in image {
            let value = value["S"]
                .as_str()
                .or(value["N"].as_str())
                .unwrap_or_default();
            order[name] = value.into();
        }
        return from_json(order);
    }
    Err("a record that is none of SQS, SNS, Kinesis, S3 or DynamoDB".into())
}

fn from_json(order: Value) -> Result<Order, Error> {
    let action = order["action"]
        .as_str()
        .ok_or("an order without an \"action\"")?
        .to_string();
    Ok(Order {
        action,
        parameters: order,
    })
}

fn text(base64: &str) -> Result<String, Error> {
    Ok(String::from_utf8(STANDARD.decode(base64)?)?)
}

fn form(body: &str) -> serde_json::Map<String, Value> {
    body.split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (decode(name), Value::String(decode(value))))
        .collect()
}

/// Undoes percent encoding and `+`, as forms, object keys and load balancers' queries have it.
fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let hex = bytes
            .get(at + 1..at + 3)
            .and_then(|hex| std::str::from_utf8(hex).ok());
        match (byte, hex.and_then(|hex| u8::from_str_radix(hex, 16).ok())) {
            (b'%', Some(decoded)) => {
                out.push(decoded);
                at += 3;
                continue;
            }
            (b'+', _) => out.push(b' '),
            _ => out.push(byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&out).into_owned()
}
