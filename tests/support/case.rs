//! The inspector's cases: files of inputs and of what is to be found in them, and the shapes in
//! which an event can carry the same input.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::Result;

/// An input and what is to be found in it.
#[derive(Debug, Deserialize)]
pub struct Case {
    /// What it is, unique in its file.
    pub name: String,
    /// The caller-controlled value.
    pub input: String,
    /// The rules that find something, none for a benign sibling.
    pub expect: Vec<String>,
    /// The bytes of the input that the first rule matches.
    pub span: Option<[usize; 2]>,
    /// Why an attack is not found yet. Such a case is told and left out, and fails once it is found.
    #[serde(default)]
    pub gap: Option<String>,
    /// Variants that say something else than the input does, with the reason.
    #[serde(default)]
    pub skip: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    case: Vec<Case>,
}

/// Every case of every file in `folder`, named `FILE: NAME`.
///
/// # Errors
///
/// The file that cannot be read, and why.
pub fn read(folder: &Path) -> Result<Vec<Case>> {
    let mut cases = Vec::new();
    let entries = folder
        .read_dir()
        .map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut paths: Vec<_> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    paths.sort();
    for path in paths {
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let name = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        let text = std::fs::read_to_string(&path).map_err(|error| name(&error))?;
        let file: File = toml::from_str(&text).map_err(|error| name(&error))?;
        let family = path.file_stem().unwrap_or_default().display().to_string();
        cases.extend(file.case.into_iter().map(|case| {
            let name = format!("{family}: {}", case.name);
            Case { name, ..case }
        }));
    }
    Ok(cases)
}

/// The shapes in which an event can carry a value: name and event.
#[must_use]
pub fn variants(value: &str) -> Vec<(&'static str, Vec<u8>)> {
    let string = Value::from(value).to_string();
    let inner = json!({ "note": value, "id": 17 }).to_string();
    let nested = json!({ "detail": { "message": json!({ "data": inner }).to_string() } });
    let mut variants = vec![
        ("escaped", format!(r#"{{"id": 17, "note": {string}}}"#)),
        (
            "unicode",
            format!(r#"{{"id": 17, "note": "{}"}}"#, unicode(value)),
        ),
        ("nested", nested.to_string()),
        ("query", query(&percent(value, "%20")).to_string()),
        (
            "base64",
            body("text/plain", &STANDARD.encode(value), true).to_string(),
        ),
        (
            "base64-json",
            body("application/json", &STANDARD.encode(&inner), true).to_string(),
        ),
        (
            "form",
            body("application/x-www-form-urlencoded", &form(value), false).to_string(),
        ),
        ("between", between(&inner).to_string()),
        (
            "kafka-header",
            kafka(&json!([{ "origin": b"web" }, { "note": value.as_bytes() }])).to_string(),
        ),
        ("rabbitmq-header", rabbitmq(value).to_string()),
        ("token", bearer(value).to_string()),
        (
            "field-json",
            json!({ "id": 17, "blob": STANDARD.encode(&inner) }).to_string(),
        ),
    ];
    // What is short or has no padding is not taken for the base64 of a text.
    if value.is_ascii() && value.len() >= 9 && !value.len().is_multiple_of(3) {
        let blob = STANDARD.encode(value);
        variants.push(("field", json!({ "id": 17, "blob": blob }).to_string()));
    }
    // Text that is a document travels as one, too.
    if let Ok(document @ (Value::Object(_) | Value::Array(_))) = serde_json::from_str(value) {
        variants.push((
            "document",
            json!({ "filter": document, "limit": 10 }).to_string(),
        ));
    }
    variants
        .into_iter()
        .map(|(name, event)| (name, event.into_bytes()))
        .collect()
}

fn unicode(value: &str) -> String {
    value.encode_utf16().fold(String::new(), |mut text, unit| {
        let _ = write!(text, "\\u{unit:04x}");
        text
    })
}

fn percent(value: &str, space: &str) -> String {
    value.bytes().fold(String::new(), |mut text, byte| {
        match byte {
            b' ' => text.push_str(space),
            b'-' | b'.' | b'_' | b'~' => text.push(byte.into()),
            byte if byte.is_ascii_alphanumeric() => text.push(byte.into()),
            byte => {
                let _ = write!(text, "%{byte:02X}");
            }
        }
        text
    })
}

fn form(value: &str) -> String {
    format!("page=2&note={}&sort=date", percent(value, "+"))
}

/// A function URL's event; only the raw query holds the value, as some handlers read it.
fn query(encoded: &str) -> Value {
    let mut event = url("GET");
    event["rawQueryString"] = format!("page=2&q={encoded}&sort=date").into();
    event
}

fn body(kind: &str, body: &str, encoded: bool) -> Value {
    let mut event = url("POST");
    event["headers"]["content-type"] = kind.into();
    event["body"] = body.into();
    event["isBase64Encoded"] = encoded.into();
    event
}

fn url(method: &str) -> Value {
    json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": "/orders",
        "rawQueryString": "",
        "headers": {
            "accept": "*/*",
            "host": "abcdefghij.lambda-url.eu-central-1.on.aws",
            "user-agent": "curl/8.14.1",
        },
        "requestContext": {
            "accountId": "anonymous",
            "apiId": "abcdefghij",
            "domainName": "abcdefghij.lambda-url.eu-central-1.on.aws",
            "http": {
                "method": method,
                "path": "/orders",
                "protocol": "HTTP/1.1",
                "sourceIp": "198.51.100.23",
                "userAgent": "curl/8.14.1",
            },
            "requestId": "e1506fd5-9e7b-434f-bd42-4f8fa224b599",
            "stage": "$default",
        },
        "isBase64Encoded": false,
    })
}

/// A function URL's event with the value in a JSON Web Token (RFC 7519) that nobody signed.
fn bearer(value: &str) -> Value {
    let part = |claims: &Value| URL_SAFE_NO_PAD.encode(claims.to_string());
    let header = part(&json!({ "alg": "HS256", "typ": "JWT" }));
    let claims = part(&json!({ "iat": 1_727_187_262, "sub": value }));
    let mut event = url("GET");
    event["headers"]["authorization"] =
        format!("Bearer {header}.{claims}.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk").into();
    event
}

/// A record of Kafka's with such headers.
fn kafka(headers: &Value) -> Value {
    json!({
        "eventSource": "aws:kafka",
        "eventSourceArn": "arn:aws:kafka:eu-central-1:123456789012:cluster/orders/6cc0432b",
        "bootstrapServers": "b-2.orders.a1b2c3.c2.kafka.eu-central-1.amazonaws.com:9098",
        "records": { "orders-0": [{
            "topic": "orders",
            "partition": 0,
            "offset": 15,
            "timestamp": 1_727_187_262_015_u64,
            "timestampType": "CREATE_TIME",
            "headers": headers,
            "key": "b3JkZXItMTA0Mg==",
            "value": "bm90aGluZyB0byBzZWU=",
        }] },
    })
}

/// A message of RabbitMQ's with the value in a header, as Java writes its bytes.
fn rabbitmq(value: &str) -> Value {
    let bytes: Vec<i8> = value.bytes().map(u8::cast_signed).collect();
    json!({
        "eventSource": "aws:rmq",
        "eventSourceArn": "arn:aws:mq:eu-central-1:123456789012:broker:orders:b-3e4d5c6b",
        "rmqMessagesByQueue": { "orders::/": [{
            "basicProperties": {
                "contentType": "text/plain",
                "headers": { "attempt": 1, "note": { "bytes": bytes } },
                "userId": "shop",
                "bodySize": 14,
            },
            "redelivered": false,
            "data": "bm90aGluZyB0byBzZWU=",
        }] },
    })
}

/// A queue's batch: the value in one message, harmless neighbours on both sides.
fn between(body: &str) -> Value {
    let harmless = json!({ "note": "nothing to see ".repeat(40), "id": 4 }).to_string();
    let record = |nth: usize, body: &str| {
        json!({
            "messageId": format!("059f36b4-87a3-44ab-83d2-66197{nth:07}"),
            "receiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a",
            "body": body,
            "attributes": { "ApproximateReceiveCount": "1", "SenderId": "AIDAIENQZJOLO23YVJ4VO" },
            "messageAttributes": {},
            "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:orders",
            "awsRegion": "eu-central-1",
        })
    };
    let bodies = [&harmless, &harmless, body, &harmless];
    let records: Vec<_> = (0..)
        .zip(bodies)
        .map(|(nth, body)| record(nth, body))
        .collect();
    json!({ "Records": records })
}
