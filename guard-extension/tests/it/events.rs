//! Events on their way to the function.

use std::io::Write as _;

use crate::bad_input;
use crate::rig::{ACCEPTED, Guard, NEXT, answer, event};

const ATTACK: &str = r#"{"q":"1 UNION SELECT password FROM users--"}"#;

#[test]
fn a_benign_event_passes_byte_for_byte() {
    let guard = Guard::enforcing();
    let mut client = guard.connect();
    client.send(
        "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nhost: x\r\nUser-Agent: a/1\r\n\
         X-odd:  two  words \r\n\r\n",
    );
    let mut upstream = guard.accept();
    let request = upstream.read().unwrap();
    let address = guard.upstream.local_addr().unwrap();
    assert_eq!(
        request.head,
        format!(
            "GET /.rt/f/2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: {address}\r\n\
             User-Agent: a/1\r\nX-odd:  two  words \r\n\r\n"
        )
    );
    let sent = event("1", r#"{"a": "b\u00e9"}"#);
    upstream.send(&sent);
    let got = client.read().unwrap();
    assert_eq!(format!("{}{}", got.head, got.text()), sent);

    client.send(answer("1", "response", "{\"ok\":true}"));
    let posted = upstream.read().unwrap();
    assert_eq!(posted.text(), "{\"ok\":true}");
    upstream.send(ACCEPTED);
    assert_eq!(client.read().unwrap().text(), "{\"status\":\"OK\"}\n");
    // The same connections serve on.
    client.send(NEXT);
    assert!(upstream.read().is_some());
}

#[test]
fn an_event_in_chunks_arrives_whole() {
    let guard = Guard::enforcing();
    let (mut client, mut upstream) = guard.polled();
    upstream.send(
        "HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: 1\r\nTransfer-Encoding: chunked\r\n\r\n\
         3\r\n{\"a\r\n",
    );
    std::thread::sleep(std::time::Duration::from_millis(30));
    upstream.send("5;x\r\n\": 1}\r\n0\r\nT: v\r\n\r\n");
    let got = client.read().unwrap();
    assert_eq!(got.text(), "{\"a\": 1}");
    assert_eq!(got.trailers, "T: v\r\n\r\n");
}

#[test]
fn a_blocked_event_is_answered_and_the_runtime_gets_the_next() {
    let mut guard = Guard::enforcing();
    let mut client = guard.connect();
    client.send(NEXT);
    let mut upstream = guard.accept();
    for id in ["1", "2"] {
        assert!(upstream.read().unwrap().line().starts_with("GET "));
        upstream.send(event(id, ATTACK));
        let error = upstream.read().unwrap();
        let line = format!("POST /.rt/f/2018-06-01/runtime/invocation/{id}/error HTTP/1.1");
        assert_eq!(error.line(), line);
        assert_eq!(
            error.field("lambda-runtime-invocation-id"),
            Some(&*format!("inv-{id}"))
        );
        assert_eq!(
            error.field("lambda-runtime-function-error-type"),
            Some("Guard.Blocked")
        );
        assert!(error.text().contains("sql.union"), "{}", error.text());
        assert!(!error.text().contains("password"), "{}", error.text());
        upstream.send(ACCEPTED);
    }
    assert!(upstream.read().unwrap().line().starts_with("GET "));
    upstream.send(event("3", "{}"));
    assert_eq!(client.read().unwrap().text(), "{}");
    let record = guard.record("finding");
    assert!(record.contains("\"trace_id\":\"Root=1-1\""), "{record}");
}

#[test]
fn in_monitor_an_attack_is_recorded_and_passes() {
    let mut guard = Guard::start(&[]);
    let (mut client, mut upstream) = guard.polled();
    upstream.send(event("1", ATTACK));
    assert_eq!(client.read().unwrap().text(), ATTACK);
    assert!(guard.record("finding").contains("\"verdict\":\"report\""));
}

/// Two messages of a queue, the first one hostile.
fn batch() -> String {
    let message = |id: &str, body: &str| {
        format!(
            "{{\"messageId\":\"{id}\",\"receiptHandle\":\"r\",\"body\":\"{body}\",\
             \"attributes\":{{}},\"messageAttributes\":{{}},\"eventSource\":\"aws:sqs\",\
             \"eventSourceARN\":\"arn:aws:sqs:eu-central-1:1:q\",\"awsRegion\":\"eu-central-1\"}}"
        )
    };
    format!(
        "{{\"Records\":[{},{}]}}",
        message("bad", "1 UNION SELECT password FROM users--"),
        message("good", "hello")
    )
}

#[test]
fn a_batch_loses_its_blocked_record_and_the_answer_names_it() {
    let guard = Guard::start(&[("GUARD_MODE", "enforce"), ("GUARD_ON_BLOCK", "partial")]);
    let (mut client, mut upstream) = guard.polled();
    upstream.send(event("1", &batch()));
    let got = client.read().unwrap();
    assert!(got.text().contains("hello") && !got.text().contains("UNION"));
    assert_eq!(got.field("lambda-runtime-trace-id"), Some("Root=1-1"));
    client.send(answer(
        "1",
        "response",
        "{\"batchItemFailures\":[{\"itemIdentifier\":\"mine\"}]}",
    ));
    let posted = upstream.read().unwrap();
    assert_eq!(
        posted.text(),
        "{\"batchItemFailures\":[{\"itemIdentifier\":\"mine\"},{\"itemIdentifier\":\"bad\"}]}"
    );
    upstream.send(ACCEPTED);
    assert!(client.read().is_some());
}

#[test]
fn a_response_that_cannot_name_blocked_records_becomes_an_error() {
    let guard = Guard::start(&[("GUARD_MODE", "enforce"), ("GUARD_ON_BLOCK", "partial")]);
    let (mut client, mut upstream) = guard.polled();
    upstream.send(event("1", &batch()));
    client.read().unwrap();
    client.send(answer("1", "response", "{\"batchItemFailures\":17}"));
    let posted = upstream.read().unwrap();
    assert!(posted.line().contains("/1/error"), "{}", posted.head);
    assert_eq!(posted.field("lambda-runtime-invocation-id"), Some("inv-1"));
}

#[test]
fn other_requests_pass_whatever_they_are() {
    let guard = Guard::enforcing();
    let mut client = guard.connect();
    let requests = [
        ("GET", "/2018-06-01/runtime/restore/next", ""),
        (
            "POST",
            "/2018-06-01/runtime/init/error",
            "{\"errorType\":\"X\"}",
        ),
        ("POST", "/2018-06-01/runtime/restore/error", "{}"),
        ("PUT", "/2099-01-01/unknown?a=b", "body"),
    ];
    let mut upstream = None;
    for (method, path, body) in requests {
        let length = body.len();
        client.send(format!(
            "{method} {path} HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\r\n{body}"
        ));
        let upstream = upstream.get_or_insert_with(|| guard.accept());
        let request = upstream.read().unwrap();
        assert_eq!(request.line(), format!("{method} /.rt/f{path} HTTP/1.1"));
        assert_eq!(request.text(), body);
        upstream.send("HTTP/1.1 418 Odd\r\nX: y\r\nContent-Length: 2\r\n\r\nab");
        let got = client.read().unwrap();
        assert_eq!(
            got.head,
            "HTTP/1.1 418 Odd\r\nX: y\r\nContent-Length: 2\r\n\r\n"
        );
    }
}

#[test]
fn many_runtimes_poll_at_once() {
    let guard = Guard::enforcing();
    let mut pairs: Vec<_> = (0..64)
        .map(|_| {
            let (client, upstream) = guard.polled();
            (client, upstream)
        })
        .collect();
    // Answered in another order than asked, each gets its own.
    for (n, (_, upstream)) in pairs.iter_mut().enumerate().rev() {
        upstream.send(event(&n.to_string(), &format!("{{\"n\":{n}}}")));
    }
    for (n, (client, _)) in pairs.iter_mut().enumerate() {
        assert_eq!(client.read().unwrap().text(), format!("{{\"n\":{n}}}"));
    }
}

#[test]
fn a_large_event_passes_and_its_memory_is_given_back() {
    let guard = Guard::enforcing();
    let mut client = guard.connect();
    let large = format!("{{\"a\":\"{}\"}}", "lorem ipsum ".repeat((6 << 20) / 12));
    client.send(NEXT);
    let mut upstream = guard.accept();
    upstream.read().unwrap();
    let sending = {
        let text = event("1", &large);
        let mut upstream = upstream;
        std::thread::spawn(move || {
            upstream.send(text);
            upstream
        })
    };
    let got = client.read().unwrap();
    assert!(got.text() == large);
    let mut upstream = sending.join().unwrap();
    client.send(answer("1", "response", "1"));
    upstream.read().unwrap();
    upstream.send(ACCEPTED);
    client.read().unwrap();
    assert!(guard.resident() < 12 << 10, "{} KiB", guard.resident());
}

#[test]
fn a_thousand_invocations_leave_nothing_behind() {
    let guard = Guard::enforcing();
    let mut client = guard.connect();
    client.send(NEXT);
    let mut upstream = guard.accept();
    let mut before = (0, 0);
    for n in 0..1200 {
        if n == 200 {
            before = (guard.resident(), guard.descriptors());
        }
        let id = n.to_string();
        upstream.read().unwrap();
        upstream.send(event(&id, "{\"a\":\"b\"}"));
        client.read().unwrap();
        client.send(answer(&id, "response", "{}"));
        upstream.read().unwrap();
        upstream.send(ACCEPTED);
        client.read().unwrap();
        client.send(NEXT);
    }
    assert!(
        guard.resident() <= before.0 + 256,
        "{before:?} {}",
        guard.resident()
    );
    assert_eq!(guard.descriptors(), before.1);
}

#[test]
fn bad_input_arrives_byte_for_byte_or_is_blocked() {
    let guard = Guard::enforcing();
    let mut client = guard.connect();
    client.send(NEXT);
    let mut upstream = guard.accept();
    let mut passed = 0;
    for (name, sent) in bad_input::events() {
        upstream.read().unwrap();
        let head = format!(
            "HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: 1\r\nContent-Length: {}\r\n\r\n",
            sent.len()
        );
        let whole = [head.as_bytes(), &sent].concat();
        // More than a socket holds: someone has to read at the other end.
        let mut sender = upstream.stream().try_clone().unwrap();
        let sending = std::thread::spawn(move || sender.write_all(&whole));
        let answered = client.stream().try_clone().unwrap();
        answered.set_nonblocking(true).unwrap();
        let mut first = [0];
        let mut arrives = || loop {
            if answered.peek(&mut first).is_ok_and(|count| count > 0) {
                return true;
            }
            if upstream_speaks(upstream.stream()) {
                return false;
            }
            std::thread::sleep(std::time::Duration::from_millis(1));
        };
        let arrives = arrives();
        answered.set_nonblocking(false).unwrap();
        if arrives {
            passed += 1;
            assert!(client.read().unwrap().body == sent, "{name}");
            client.send(answer("1", "response", "{}"));
            assert_eq!(upstream.read().unwrap().text(), "{}", "{name}");
            upstream.send(ACCEPTED);
            client.read().unwrap();
            client.send(NEXT);
        } else {
            let got = upstream.read().unwrap();
            assert!(got.line().contains("/1/error "), "{name}: {}", got.head);
            upstream.send(ACCEPTED);
        }
        sending.join().unwrap().unwrap();
    }
    // None of it holds an attack.
    assert_eq!(passed, bad_input::events().len());
}

/// Whether there is something to be read.
fn upstream_speaks(stream: &std::net::TcpStream) -> bool {
    stream.set_nonblocking(true).unwrap();
    let speaks = stream.peek(&mut [0]).is_ok_and(|count| count > 0);
    stream.set_nonblocking(false).unwrap();
    speaks
}
