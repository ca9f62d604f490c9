//! Bodies that are no text: pictures, archives, logs in gzip. What is in them by chance is nothing, what somebody
//! wrote into them is found.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use guard_core::{Families, Inspector};
use miniz_oxide::deflate::compress_to_vec;

/// Bytes as a compressor or a cipher leaves them: xorshift with 64 bits (Marsaglia, 2003).
struct Noise(u64);

impl Noise {
    fn bytes(&mut self, len: usize) -> Vec<u8> {
        let next = || {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            self.0.to_be_bytes()[2]
        };
        std::iter::repeat_with(next).take(len).collect()
    }
}

/// An event of an HTTP API with `body`, which is none of the types that are passed as text.
fn upload(body: &[u8]) -> String {
    serde_json::json!({
        "version": "2.0",
        "routeKey": "POST /pictures",
        "rawPath": "/pictures",
        "headers": {"content-type": "image/jpeg"},
        "requestContext": {"http": {"method": "POST", "path": "/pictures"}},
        "body": STANDARD.encode(body),
        "isBase64Encoded": true,
    })
    .to_string()
}

fn rules(event: &str) -> Vec<&'static str> {
    let found = Inspector::new(Families::ALL).inspect(event.as_bytes());
    found.map(|finding| finding.rule.as_str()).collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    // Without name, time or the checksum, which nobody here looks at (RFC 1952).
    let mut member = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
    member.extend(compress_to_vec(bytes, 6));
    member.extend([0; 8]);
    member
}

#[test]
fn nothing_is_found_in_noise() {
    let mut noise = Noise(7);
    for len in [100, 1000, 10_000, 100_000, 1_000_000, 4_400_000] {
        let bytes = noise.bytes(len);
        assert_eq!(rules(&upload(&bytes)), [""; 0], "{len} bytes");
        let event = serde_json::json!({"picture": STANDARD.encode(&bytes)}).to_string();
        assert_eq!(rules(&event), [""; 0], "{len} bytes in a member");
        let record = serde_json::json!({"Records": [{
            "eventSource": "aws:kinesis",
            "kinesis": {"data": STANDARD.encode(&bytes)},
        }]});
        assert_eq!(
            rules(&record.to_string()),
            [""; 0],
            "{len} bytes in a record"
        );
    }
}

#[test]
fn what_is_written_into_noise_is_found() {
    let mut noise = Noise(9);
    let mut around = |attack: &[u8]| {
        let mut body = noise.bytes(5000);
        body.extend_from_slice(attack);
        body.extend(noise.bytes(5000));
        body
    };
    let bodies: [(&str, Vec<u8>, &str); 6] = [
        (
            "a text among bytes",
            around(b"\0\x01Comment: ' UNION SELECT name, password FROM users-- \0\x01"),
            "sql.union",
        ),
        (
            "at the beginning",
            [&b"1' or 1=1-- "[..], &around(b"")].concat(),
            "sql.tautology",
        ),
        (
            "at the end",
            [&around(b""), &b"\xff1' or 1=1-- "[..]].concat(),
            "sql.tautology",
        ),
        (
            "a text with some bytes that are none",
            b"caf\xe9 1' or 1=1-- \xff\xfe".to_vec(),
            "sql.tautology",
        ),
        (
            "an old character set",
            [
                &[0xc3_u8, 0xd5, 0xc1, 0x20].repeat(100)[..],
                b"' or 1=1-- ",
                &[0xb5, 0xc2].repeat(200),
            ]
            .concat(),
            "sql.tautology",
        ),
        (
            "a record with fields",
            b"\x0a\x05alice\x12\x0c1' or 1=1-- \x18\x96\x01\x22\x06Lisbon\x2a\x09blue door"
                .to_vec(),
            "sql.tautology",
        ),
    ];
    for (name, body, rule) in bodies {
        assert_eq!(rules(&upload(&body)), [rule], "{name}");
    }
}

#[test]
fn a_field_beside_a_file_is_a_text_of_its_own() {
    let mut noise = Noise(11);
    for (value, rule) in [("1' or 1=1--", Some("sql.tautology")), ("blue", None)] {
        let mut body = b"--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a.jpg\"\r\n\
            Content-Type: image/jpeg\r\n\r\n"
            .to_vec();
        body.extend(noise.bytes(20_000));
        body.extend_from_slice(b"\r\n--b\r\nContent-Disposition: form-data; name=\"id\"\r\n\r\n");
        body.extend_from_slice(value.as_bytes());
        body.extend_from_slice(b"\r\n--b--\r\n");
        assert_eq!(rules(&upload(&body)), Vec::from_iter(rule), "{value}");
    }
    // Bytes that no decoder takes, in the other fields of a form.
    let bytes = [0xff, 1].repeat(400);
    for form in [
        [&b"id=1' or 1=1--&x="[..], &bytes].concat(),
        [&b"x= <"[..], &bytes, b"&id=1' or 1=1--&y=", &bytes].concat(),
        [&b"x= <"[..], &bytes, b"&id=1' or 1=1--", &bytes].concat(),
    ] {
        let shown = form.escape_ascii();
        assert_eq!(rules(&upload(&form)), ["sql.tautology"], "{shown}");
    }
}

/// What repeats itself inflates to many times its length, and is nobody's fault.
#[test]
fn logs_inflate_to_more_than_the_event() {
    let lines = |message: fn(usize) -> String| {
        let events = (0..3000).map(|n| {
            serde_json::json!({"id": format!("36934{n:051}"), "timestamp": 1_772_600_000_000_u64 + 13 * n as u64,
                "message": message(n)})
        });
        events.collect::<Vec<_>>()
    };
    let logs: [(&str, Vec<serde_json::Value>); 2] = [
        (
            "reports",
            lines(|n| {
                format!(
                    "REPORT RequestId: 4471b0b5-98f3-4011-b33e-36ceac{:06x}\tDuration: {}.12 ms\tBilled \
                     Duration: {} ms\tMemory Size: 128 MB\tMax Memory Used: 63 MB\t\n",
                    n * 7919,
                    n * 31 % 900,
                    n * 31 % 900 + 1
                )
            }),
        ),
        (
            "traces",
            lines(|n| {
                format!(
                    "Traceback (most recent call last):\n  File \"/var/task/app.py\", line {}, in handler\n    \
                     return orders.find(event[\"id\"])\n  File \"/var/task/orders.py\", line 12, in find\n    \
                     raise KeyError(id)\nKeyError: 'order-{n}'\n",
                    n % 90
                )
            }),
        ),
    ];
    for (name, mut events) in logs {
        let event = |events: &[serde_json::Value]| {
            let text = serde_json::json!({"messageType": "DATA_MESSAGE", "logGroup": "/aws/lambda/orders",
                "logEvents": events});
            let data = STANDARD.encode(gzip(text.to_string().as_bytes()));
            let event = serde_json::json!({"awslogs": {"data": data}}).to_string();
            let times = text.to_string().len() / event.len();
            assert!(times >= 9, "{name}: {times}");
            event
        };
        assert_eq!(rules(&event(&events)), [""; 0], "{name}");
        events[2900]["message"] = "GET /?q=%27%20union%20select%20password%20from%20users--".into();
        assert_eq!(rules(&event(&events)), ["sql.union"], "{name}");
    }
    // What is made to inflate is told by what it takes.
    let bomb = gzip(&vec![b'0'; 64 << 20]);
    assert_eq!(rules(&upload(&bomb)), ["limit.effort"]);
}
