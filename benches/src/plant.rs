//! Whole events with a value planted in them: the places that triggers give a caller and the
//! encodings that receivers undo.

use std::fmt::Write;
use std::path::Path;

use miniz_oxide::deflate::compress_to_vec;
use serde_json::{Map, Value, json};

use crate::events::base64;

/// What a value is written in.
#[derive(Debug)]
pub struct Encoding {
    /// Its name.
    pub name: &'static str,
    encode: fn(&str) -> String,
    /// Whether the event's own JSON is escaped character by character.
    escaped: bool,
}

const fn encoding(name: &'static str, encode: fn(&str) -> String) -> Encoding {
    Encoding {
        name,
        encode,
        escaped: false,
    }
}

/// Every encoding.
pub const ENCODINGS: &[Encoding] = &[
    encoding("plain", str::to_owned),
    Encoding {
        name: "\\u",
        encode: str::to_owned,
        escaped: true,
    },
    encoding("percent", |text| percent(text, "%20")),
    encoding("percent2", |text| percent(&percent(text, "%20"), "%20")),
    encoding("entities", |text| {
        text.chars().fold(String::new(), |mut out, c| {
            if c.is_ascii_alphanumeric() {
                out.push(c);
            } else {
                let _ = write!(out, "&#{};", u32::from(c));
            }
            out
        })
    }),
    encoding("fullwidth", |text| {
        text.chars()
            .map(|c| match c {
                '!'..='~' if !c.is_ascii_alphanumeric() => {
                    char::from_u32(u32::from(c) + 0xfee0).unwrap_or(c)
                }
                c => c,
            })
            .collect()
    }),
    encoding("json", |text| json!({"id": 7, "note": text}).to_string()),
    encoding("json3", |text| {
        (0..3).fold(text.to_owned(), |text, _| {
            json!({"id": 7, "note": text}).to_string()
        })
    }),
];

/// Where a value stands in an event.
#[derive(Debug)]
pub struct Place {
    /// Its name.
    pub name: &'static str,
    fixture: &'static str,
    put: fn(&mut Value, &str),
    /// Whether only plain text makes sense there, not documents.
    short: bool,
}

impl Place {
    /// The event; none where the encoding makes no sense in this place.
    ///
    /// # Panics
    ///
    /// If the test event is not there.
    #[must_use]
    pub fn event(&self, value: &str, encoding: &Encoding) -> Option<Vec<u8>> {
        if self.short && encoding.name.starts_with("json") {
            return None;
        }
        let path = Path::new("tests/data/events").join(self.fixture);
        let text = std::fs::read(path.with_extension("json")).expect("the test event");
        let mut event: Value = serde_json::from_slice(&text).expect("a test event is JSON");
        (self.put)(&mut event, &(encoding.encode)(value));
        let mut json = event.to_string();
        if encoding.escaped {
            json = escaped(&event);
        }
        Some(json.into_bytes())
    }
}

/// Every place.
pub const PLACES: &[Place] = &[
    place("json field", "apigw-v2", |e, v| e["body"] = order(v).into()),
    place("json field, deep", "apigw-v1", |e, v| {
        let deep = (0..12).fold(json!({"note": v}), |inner, _| json!({"a": [1, inner]}));
        e["body"] = deep.to_string().into();
    }),
    place("json field, pretty", "function-url", |e, v| {
        let order: Value = serde_json::from_str(&order(v)).unwrap_or_default();
        e["body"] = format!("{order:#}").into();
        e["isBase64Encoded"] = false.into();
    }),
    place("json array", "alb", |e, v| {
        e["body"] = json!([1, "a", v]).to_string().into()
    }),
    short("map key", "apigw-v2", |e, v| {
        let mut map = Map::new();
        map.insert(v.to_owned(), 1.into());
        e["body"] = json!({"filter": map, "limit": 5}).to_string().into();
    }),
    place("text body", "apigw-v2", |e, v| {
        e["body"] = v.into();
        e["headers"]["content-type"] = "text/plain".into();
    }),
    place("base64 json body", "apigw-v2", |e, v| {
        encoded_body(e, &order(v))
    }),
    place("base64 form body", "apigw-v1-base64", |e, v| {
        encoded_body(e, &format!("page=2&note={}&sort=date", percent(v, "+")));
    }),
    place("form body", "apigw-v2", |e, v| {
        e["body"] = format!("page=2&note={}&sort=date", percent(v, "+")).into();
    }),
    place("form body, first", "apigw-v1", |e, v| {
        e["body"] = format!("note={}", percent(v, "+")).into();
    }),
    short("form name", "apigw-v2", |e, v| {
        e["body"] = format!("page=2&{}=1", percent(v, "+")).into();
    }),
    place("multipart part", "apigw-v2", |e, v| {
        e["body"] = multipart("a.txt", v).into()
    }),
    place("multipart, base64", "apigw-v1", |e, v| {
        encoded_body(e, &multipart("a.txt", v))
    }),
    short("multipart file name", "apigw-v2", |e, v| {
        e["body"] = multipart(&v.replace('"', "%22"), "hello").into();
    }),
    place("xml text", "apigw-v2", |e, v| {
        e["body"] = format!(
            "<?xml version=\"1.0\"?><order><id>7</id><note>{}</note></order>",
            xml(v)
        )
        .into();
    }),
    place("xml attribute", "apigw-v1", |e, v| {
        e["body"] = format!("<order id=\"7\" note=\"{}\"><a>1</a></order>", xml(v)).into();
    }),
    place("xml cdata", "alb", |e, v| {
        e["body"] = format!("<order><note><![CDATA[{v}]]></note></order>").into();
    }),
    short("query", "apigw-v1", |e, v| {
        e["queryStringParameters"] = json!({"q": v})
    }),
    short("query, alb", "alb", |e, v| {
        e["queryStringParameters"] = json!({"q": percent(v, "+")});
    }),
    short("raw query", "apigw-v2", |e, v| {
        e["rawQueryString"] = format!("page=2&q={}&sort=date", percent(v, "%20")).into();
    }),
    short("raw query, first, +", "function-url", |e, v| {
        e["rawQueryString"] = format!("q={}", percent(v, "+")).into();
    }),
    short("path", "apigw-v2", |e, v| {
        let path = format!("/orders/{}", percent(v, "%20"));
        e["rawPath"] = path.as_str().into();
        e["requestContext"]["http"]["path"] = path.into();
    }),
    short("path parameter", "apigw-v1", |e, v| {
        e["pathParameters"] = json!({"id": v})
    }),
    short("header", "apigw-v2", |e, v| {
        e["headers"]["x-note"] = v.into()
    }),
    short("user agent", "function-url", |e, v| {
        e["headers"]["user-agent"] = v.into()
    }),
    short("referer url", "apigw-v1", |e, v| {
        let url = format!(
            "https://shop.example.com/search?page=2&q={}",
            percent(v, "%20")
        );
        e["headers"]["Referer"] = url.into();
    }),
    short("cookie", "apigw-v2", |e, v| {
        e["cookies"] = json!(["session=9f8e7d", format!("theme={}", percent(v, "%20"))]);
    }),
    short("cookie header", "apigw-v1", |e, v| {
        let cookies = format!("session=9f8e7d; theme={}; a=b", percent(v, "%20"));
        e["headers"]["Cookie"] = cookies.into();
    }),
    place("websocket", "websocket", |e, v| e["body"] = order(v).into()),
    place("appsync argument", "appsync", |e, v| {
        e["arguments"]["input"]["note"] = v.into()
    }),
    place("sqs body", "sqs", |e, v| e["Records"][1]["body"] = v.into()),
    place("sqs json body", "sqs", |e, v| {
        e["Records"][1]["body"] = order(v).into()
    }),
    place("sqs attribute", "sqs", |e, v| {
        e["Records"][0]["messageAttributes"]["channel"]["stringValue"] = v.into();
    }),
    place("sqs binary attribute", "sqs", |e, v| {
        e["Records"][0]["messageAttributes"]["trace"]["binaryValue"] = base64(v.as_bytes()).into();
    }),
    place("sns message", "sns", |e, v| {
        e["Records"][0]["Sns"]["Message"] = order(v).into()
    }),
    short("sns subject", "sns", |e, v| {
        e["Records"][0]["Sns"]["Subject"] = v.into()
    }),
    place("sns in sqs", "sqs", |e, v| {
        let sns = json!({"Type": "Notification", "MessageId": "95df01b4", "TopicArn": "arn:aws:sns:eu-west-1:123456789012:orders",
            "Message": order(v), "Timestamp": "2024-09-24T14:13:44.103Z"});
        e["Records"][0]["body"] = sns.to_string().into();
    }),
    place("s3 in sns in sqs", "sqs", |e, v| {
        let s3 = json!({"Records": [{"eventSource": "aws:s3", "s3": {"object": {"key": percent(v, "+"), "size": 1}}}]});
        let sns = json!({"Type": "Notification", "Message": s3.to_string()});
        e["Records"][0]["body"] = sns.to_string().into();
    }),
    short("s3 key", "s3", |e, v| {
        e["Records"][0]["s3"]["object"]["key"] = percent(v, "+").replace("%2F", "/").into();
    }),
    place("dynamodb string", "dynamodb", |e, v| {
        e["Records"][0]["dynamodb"]["NewImage"]["note"]["S"] = v.into();
    }),
    place("dynamodb binary", "dynamodb", |e, v| {
        e["Records"][0]["dynamodb"]["NewImage"]["scan"]["B"] = base64(v.as_bytes()).into();
    }),
    place("kinesis", "kinesis", |e, v| {
        e["Records"][0]["kinesis"]["data"] = base64(order(v).as_bytes()).into();
    }),
    place("kinesis text", "kinesis", |e, v| {
        e["Records"][0]["kinesis"]["data"] = base64(v.as_bytes()).into();
    }),
    place("kinesis gzip", "kinesis", |e, v| {
        e["Records"][0]["kinesis"]["data"] = base64(&gzip(order(v).as_bytes())).into();
    }),
    place("firehose", "firehose", |e, v| {
        e["records"][1]["data"] = base64(order(v).as_bytes()).into()
    }),
    place("kafka value", "kafka-msk", |e, v| {
        e["records"]["orders-0"][1]["value"] = base64(order(v).as_bytes()).into();
    }),
    short("kafka key", "kafka-self-managed", |e, v| {
        let topic = e["records"]
            .as_object_mut()
            .and_then(|t| t.values_mut().next());
        if let Some(topic) = topic {
            topic[0]["key"] = base64(v.as_bytes()).into();
        }
    }),
    short("kafka header", "kafka-msk", |e, v| {
        e["records"]["orders-0"][0]["headers"] = json!([{"origin": v.as_bytes()}]);
    }),
    place("activemq", "activemq", |e, v| {
        e["messages"][0]["data"] = base64(order(v).as_bytes()).into()
    }),
    place("rabbitmq", "rabbitmq", |e, v| {
        e["rmqMessagesByQueue"]["orders::/"][0]["data"] = base64(order(v).as_bytes()).into();
    }),
    place("cloudwatch logs", "cloudwatch-logs", |e, v| {
        let logs = json!({"messageType": "DATA_MESSAGE", "owner": "123456789012",
            "logGroup": "/shop/orders", "logStream": "a", "subscriptionFilters": ["all"],
            "logEvents": [{"id": "1", "timestamp": 1, "message": "started"},
                {"id": "2", "timestamp": 2, "message": format!("note: {v}")},
                {"id": "3", "timestamp": 3, "message": order(v)}]});
        e["awslogs"]["data"] = base64(&gzip(logs.to_string().as_bytes())).into();
    }),
    place("eventbridge detail", "eventbridge", |e, v| {
        e["detail"]["note"] = v.into()
    }),
    place("step functions", "step-functions", |e, v| {
        e["order"]["note"] = v.into()
    }),
    place("documentdb", "documentdb", |e, v| {
        e["events"][0]["event"]["fullDocument"]["customer"] = v.into();
    }),
    place("cognito attribute", "cognito", |e, v| {
        e["request"]["userAttributes"]["name"] = v.into();
    }),
    place("iot", "iot-button", |e, v| {
        e["placementInfo"]["attributes"]["street"] = v.into()
    }),
    short("ses subject", "ses", |e, v| {
        e["Records"][0]["ses"]["mail"]["commonHeaders"]["subject"] = v.into();
    }),
    place("authorizer header", "authorizer-v2", |e, v| {
        e["headers"]["x-note"] = v.into()
    }),
    place("custom json", "custom", |e, v| e["callback"] = v.into()),
    short("custom json key", "custom", |e, v| {
        e["tags"][v] = "x".into()
    }),
];

const fn place(name: &'static str, fixture: &'static str, put: fn(&mut Value, &str)) -> Place {
    Place {
        name,
        fixture,
        put,
        short: false,
    }
}

const fn short(name: &'static str, fixture: &'static str, put: fn(&mut Value, &str)) -> Place {
    Place {
        short: true,
        ..place(name, fixture, put)
    }
}

fn order(note: &str) -> String {
    json!({"customer": "Miriam O'Hara", "items": [{"sku": "LAMP-0042", "quantity": 2}],
        "note": note, "total": 59.9})
    .to_string()
}

fn encoded_body(event: &mut Value, body: &str) {
    event["body"] = base64(body.as_bytes()).into();
    event["isBase64Encoded"] = true.into();
}

fn multipart(file: &str, content: &str) -> String {
    format!(
        "--b81f7\r\nContent-Disposition: form-data; name=\"id\"\r\n\r\n7\r\n\
         --b81f7\r\nContent-Disposition: form-data; name=\"note\"; filename=\"{file}\"\r\n\
         Content-Type: text/plain\r\n\r\n{content}\r\n--b81f7--\r\n"
    )
}

fn xml(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&apos;")
}

/// A gzip member (RFC 1952); the checksum is that of nothing, which no reader here looks at.
fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut member = b"\x1f\x8b\x08\0\0\0\0\0\0\xff".to_vec();
    member.extend(compress_to_vec(bytes, 6));
    member.extend([0; 8]);
    member
}

fn percent(value: &str, space: &str) -> String {
    value.bytes().fold(String::new(), |mut text, byte| {
        match byte {
            b' ' => text.push_str(space),
            b'-' | b'.' | b'_' | b'~' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => {
                text.push(byte.into());
            }
            byte => {
                let _ = write!(text, "%{byte:02X}");
            }
        }
        text
    })
}

/// The event with every character of its values that is no letter or digit as `\uXXXX`.
fn escaped(event: &Value) -> String {
    match event {
        Value::String(text) => {
            let text = text.encode_utf16().fold(String::new(), |mut text, unit| {
                match u8::try_from(unit) {
                    Ok(byte) if byte.is_ascii_alphanumeric() => text.push(byte.into()),
                    _ => {
                        let _ = write!(text, "\\u{unit:04x}");
                    }
                }
                text
            });
            format!("\"{text}\"")
        }
        Value::Array(values) => {
            let values: Vec<_> = values.iter().map(escaped).collect();
            format!("[{}]", values.join(","))
        }
        Value::Object(members) => {
            let members = members
                .iter()
                .map(|(key, value)| format!("{}:{}", Value::from(key.as_str()), escaped(value)));
            format!("{{{}}}", members.collect::<Vec<_>>().join(","))
        }
        other => other.to_string(),
    }
}
