//! A runtime that is not one: what it sends is to be read by the Runtime API as it is read here, or
//! by nobody.

use std::io::{ErrorKind, Write as _};

use crate::rig::{ACCEPTED, Guard, NEXT, Peer, SECRET, answer, event};

const ATTACK: &str = r#"{"q":"1 UNION SELECT password FROM users--"}"#;
const REFUSED: &str = "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n";

/// The guard between a runtime and a Runtime API that have been through one event already.
fn connected(guard: &Guard) -> (Peer, Peer) {
    let (mut client, mut upstream) = guard.polled();
    upstream.send(event("1", "{}"));
    client.read().unwrap();
    (client, upstream)
}

fn post(fields: &str, body: &str) -> String {
    format!(
        "POST /2018-06-01/runtime/invocation/1/response HTTP/1.1\r\nHost: h\r\n{fields}\r\n{body}"
    )
}

#[test]
fn what_two_may_read_differently_is_refused_and_nothing_of_it_goes_on() {
    let requests = [
        post("Content-Length: 5\r\nContent-Length: 0\r\n", "{}"),
        post("Content-Length: 5, 5\r\n", "hello"),
        post("Content-Length: +2\r\n", "{}"),
        post(
            "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n",
            "0\r\n\r\n",
        ),
        post(
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
            "{}",
        ),
        post("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"),
        post("Transfer-Encoding : chunked\r\n", "0\r\n\r\n"),
        post("Transfer-Encoding:\r\n chunked\r\n", "0\r\n\r\n"),
        post("X: y\r\n Content-Length: 2\r\n", "{}"),
        post("X: y\nContent-Length: 2\r\n", "{}"),
        post("Connection: Content-Length\r\nContent-Length: 2\r\n", "{}"),
        post("Host: other\r\nContent-Length: 2\r\n", "{}"),
        post("Content-Length: 2\r\n", "{}").replace("/1.1\r\nHost", "/1.1\nHost"),
        post("Transfer-Encoding: chunked\r\n", "0\r\n\r\n").replace("HTTP/1.1", "HTTP/1.0"),
        format!("\r\n\r\n{NEXT}"),
        NEXT.replace("GET /", "GET http://127.0.0.1/"),
        NEXT.replace(
            "GET /2018-06-01/runtime/invocation/next",
            "CONNECT 127.0.0.1:9001",
        ),
        NEXT.replace("/next", "/1/..%2fnext"),
        NEXT.replace("/next", "/1/../next"),
        NEXT.replace("/next", "/%6eext"),
        answer("1", "respons%65", "{}"),
        answer("1", "response/", "{}"),
        answer("1", "response;x", "{}"),
        answer("1%2fresponse", "x", "{}"),
        answer("1/./", "response", "{}"),
        answer("1", "response#x", "{}"),
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(),
    ];
    let guard = Guard::enforcing();
    guard.upstream.set_nonblocking(true).unwrap();
    for request in requests {
        let mut client = guard.connect();
        // What is refused early may not be taken to its end.
        let _ = client.stream().write_all(request.as_bytes());
        let refused = client.rest();
        assert!(
            refused.starts_with(b"HTTP/1.1 400 "),
            "{request:?}: {}",
            refused.escape_ascii()
        );
        let reached = guard.upstream.accept();
        assert_eq!(
            reached.unwrap_err().kind(),
            ErrorKind::WouldBlock,
            "{request:?}"
        );
    }
}

#[test]
fn broken_chunks_break_the_answer_off() {
    for body in [
        "2 3\r\n{}\r\n0\r\n\r\n",
        "2;\x0b\r\n{}\r\n0\r\n\r\n",
        "0x2\r\n{}\r\n0\r\n\r\n",
        "2\n{}\r\n0\r\n\r\n",
        "2\r\n{}0\r\n\r\n",
        "2\r\n{}\r\n0\r\nX: y\r\n z\r\n\r\n",
        "2\r\n{}\r\n0\r\nContent-Length: 3\r\n\r\n",
        "2\r\n{}\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n",
        "2\r\n{}\r\n0\r\nLambda-Runtime-Invocation-Id: inv-2\r\n\r\n",
        "2\r\n{}\r\n0\r\nno field\r\n\r\n",
    ] {
        let guard = Guard::enforcing();
        let (mut client, mut upstream) = connected(&guard);
        client.send(post("Transfer-Encoding: chunked\r\n", body));
        assert_eq!(client.rest(), b"", "{body:?}");
        // Whatever has begun there never ends, and nothing follows.
        assert_eq!(upstream.read(), None, "{body:?}");
    }
}

#[test]
fn a_poll_with_a_body_is_a_poll() {
    let inner = answer("1", "response", "\"smuggled\"");
    let bodies = [
        format!("Content-Length: {}\r\n\r\n{inner}", inner.len()),
        format!(
            "Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{inner}\r\n0\r\n\r\n",
            inner.len()
        ),
        "Content-Length: 0\r\n\r\n".to_owned(),
    ];
    for body in bodies {
        let guard = Guard::enforcing();
        let mut client = guard.connect();
        let poll = NEXT.trim_end();
        client.send(format!("{poll}\r\n{body}"));
        let mut upstream = guard.accept();
        // A blocked event lies between: its answer is the next thing there, not a body.
        for id in ["1", "2"] {
            let got = upstream.read().unwrap();
            assert!(got.line().starts_with("GET "), "{}", got.head);
            assert_eq!(got.field("content-length"), None);
            assert_eq!(got.field("transfer-encoding"), None);
            if id == "1" {
                upstream.send(event("1", ATTACK));
                let got = upstream.read().unwrap();
                assert!(got.line().contains("/1/error "), "{}", got.head);
                upstream.send(ACCEPTED);
            }
        }
        upstream.send(event("2", "{}"));
        assert_eq!(client.read().unwrap().text(), "{}");
        // Nor does the body come back as a request of its own.
        client.send(answer("2", "response", "\"own\""));
        assert_eq!(upstream.read().unwrap().text(), "\"own\"");
    }
}

#[test]
fn requests_sent_ahead_are_served_in_their_order() {
    let guard = Guard::enforcing();
    let mut client = guard.connect();
    let leaking = format!("\"{SECRET}\"");
    client.send(format!(
        "{}{}{NEXT}",
        answer("1", "response", "\"a\""),
        answer("2", "response", &leaking)
    ));
    let mut upstream = guard.accept();
    assert_eq!(upstream.read().unwrap().text(), "\"a\"");
    upstream.send(ACCEPTED);
    let got = upstream.read().unwrap();
    assert!(got.line().contains("/2/error ") && !got.text().contains(SECRET));
    upstream.send(ACCEPTED);
    assert!(upstream.read().unwrap().line().starts_with("GET "));
    upstream.send(event("3", "{\"n\":3}"));
    for wanted in [ACCEPTED, ACCEPTED, "{\"n\":3}"] {
        assert!(wanted.ends_with(&client.read().unwrap().text()));
    }
}

#[test]
fn an_answer_under_another_version_or_method_is_an_answer() {
    let mut guard = Guard::enforcing();
    let (mut client, mut upstream) = connected(&guard);
    let leaking = answer("1", "response", &format!("\"{SECRET}\""));
    for request in [
        leaking.replace("2018-06-01", "2031-01-01"),
        leaking.replace("POST ", "PUT "),
        leaking.replace("POST ", "post "),
        leaking.replace("/response ", "/response?a=/../b "),
        leaking.replace("/1/", "/somebody-elses/"),
    ] {
        client.send(&request);
        let got = upstream.read().unwrap();
        assert!(got.line().ends_with("/error HTTP/1.1"), "{}", got.head);
        assert!(!got.text().contains(SECRET), "{request}");
        upstream.send(ACCEPTED);
        client.read().unwrap();
        guard.record("leak");
    }
}

#[test]
fn an_old_client_is_served_and_its_connection_ends() {
    let guard = Guard::enforcing();
    let mut client = guard.connect();
    client.send(NEXT.replace("HTTP/1.1", "HTTP/1.0"));
    let mut upstream = guard.accept();
    assert!(upstream.read().unwrap().line().ends_with(" HTTP/1.0"));
    upstream.send(event("1", "{}"));
    assert!(client.rest().ends_with(b"\r\n\r\n{}"));
    assert_eq!(upstream.rest(), b"");
}

#[test]
fn an_event_without_a_name_is_looked_at() {
    for status in ["200 OK", "203 Odd"] {
        for id in ["X: y", "Lambda-Runtime-Aws-Request-Id: a/../b"] {
            let mut guard = Guard::enforcing();
            let mut client = guard.connect();
            let unnamed = |body: &str| {
                format!(
                    "HTTP/1.1 {status}\r\n{id}\r\nContent-Length: {}\r\n\r\n{body}",
                    body.len()
                )
            };
            client.send(NEXT);
            let mut upstream = guard.accept();
            upstream.read().unwrap();
            upstream.send(unnamed("{\"a\":1}"));
            assert_eq!(client.read().unwrap().text(), "{\"a\":1}");
            client.send(NEXT);
            upstream.read().unwrap();
            upstream.send(unnamed(ATTACK));
            // There is no answering it; it does not arrive either.
            assert_eq!(client.rest(), b"");
            assert!(guard.record("notice").contains("no request id"));
        }
    }
}

#[test]
fn an_answer_that_was_refused_leaves_the_next_one_the_blocked_records_names() {
    let message = |id: &str, body: &str| {
        format!(
            "{{\"messageId\":\"{id}\",\"receiptHandle\":\"r\",\"body\":\"{body}\",\
             \"attributes\":{{}},\"messageAttributes\":{{}},\"eventSource\":\"aws:sqs\",\
             \"eventSourceARN\":\"arn:aws:sqs:eu-central-1:1:q\",\"awsRegion\":\"eu-central-1\"}}"
        )
    };
    let batch = format!(
        "{{\"Records\":[{},{}]}}",
        message("bad", "1 UNION SELECT password FROM users--"),
        message("good", "hello")
    );
    let guard = Guard::start(&[("GUARD_MODE", "enforce"), ("GUARD_ON_BLOCK", "partial")]);
    let (mut client, mut upstream) = guard.polled();
    upstream.send(event("1", &batch));
    client.read().unwrap();
    for reply in [REFUSED, ACCEPTED] {
        client.send(answer("1", "response", "{\"batchItemFailures\":[]}"));
        let merged = "{\"batchItemFailures\":[{\"itemIdentifier\":\"bad\"}]}";
        assert_eq!(upstream.read().unwrap().text(), merged);
        upstream.send(reply);
        client.read().unwrap();
    }
    // Taken once: what comes now is the Runtime API's to refuse.
    client.send(answer("1", "response", "{\"batchItemFailures\":[]}"));
    assert_eq!(
        upstream.read().unwrap().text(),
        "{\"batchItemFailures\":[]}"
    );
    upstream.send("HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\n{}");
    assert_eq!(client.read().unwrap().line(), "HTTP/1.1 400 Bad Request");
}

#[test]
fn a_head_that_comes_byte_by_byte_costs_no_more_than_its_length() {
    let guard = Guard::enforcing();
    let mut client = guard.connect();
    let start = std::time::Instant::now();
    let head = format!(
        "GET /x HTTP/1.1\r\n{}\r\n\r\n",
        "Field: value\r\n".repeat(90)
    );
    for byte in head.trim_end().bytes() {
        client.send([byte]);
    }
    client.send("\r\n\r\n");
    let mut upstream = guard.accept();
    assert_eq!(upstream.read().unwrap().line(), "GET /.rt/f/x HTTP/1.1");
    upstream.send(ACCEPTED);
    assert!(client.read().is_some());
    assert!(start.elapsed() < std::time::Duration::from_secs(10));
}
