//! What happens when one side does what it should not.

use std::net::Shutdown;
use std::time::Duration;

use crate::rig::{ACCEPTED, Guard, NEXT, answer, event};

#[test]
fn a_malformed_answer_ends_the_connection_and_leaves_a_notice() {
    let cases = [
        "HTTQ/1.1 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: 1\r\nTransfer-Encoding: chunked\r\n\r\nzz",
        "HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: 1\r\nContent-Length: \
         999999999999\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\n\r\n",
    ];
    let mut guard = Guard::enforcing();
    for answer in cases {
        let mut client = guard.connect();
        client.send(NEXT);
        let mut upstream = guard.accept();
        upstream.read().unwrap();
        upstream.send(answer);
        assert_eq!(client.rest(), b"", "{answer:?}");
        assert!(guard.record("notice").contains("Runtime API"));
    }
}

#[test]
fn an_answer_that_breaks_off_never_reaches_the_function() {
    let guard = Guard::enforcing();
    let mut client = guard.connect();
    client.send(NEXT);
    let mut upstream = guard.accept();
    upstream.read().unwrap();
    let whole = event("1", "{\"a\":\"b\"}");
    upstream.send(&whole[..whole.len() - 3]);
    upstream.stream().shutdown(Shutdown::Both).unwrap();
    assert_eq!(client.rest(), b"");
}

#[test]
fn a_slow_answer_arrives() {
    let guard = Guard::enforcing();
    let mut client = guard.connect();
    client.send(NEXT);
    let mut upstream = guard.accept();
    upstream.read().unwrap();
    for byte in event("1", "{\"a\":\"b\"}").as_bytes() {
        upstream.send([*byte]);
        std::thread::sleep(Duration::from_micros(300));
    }
    assert_eq!(client.read().unwrap().text(), "{\"a\":\"b\"}");
}

#[test]
fn a_runtime_that_goes_takes_its_poll_along() {
    let guard = Guard::enforcing();
    let mut client = guard.connect();
    client.send(NEXT);
    let mut upstream = guard.accept();
    upstream.read().unwrap();
    drop(client);
    // An event given to this poll would be lost: it ends.
    assert_eq!(upstream.rest(), b"");
}

#[test]
fn a_closed_connection_is_replaced_before_it_is_used() {
    let guard = Guard::enforcing();
    let mut client = guard.connect();
    for n in 0..3 {
        client.send(answer(&n.to_string(), "response", "{}"));
        let mut upstream = guard.accept();
        assert_eq!(upstream.read().unwrap().text(), "{}");
        upstream.send(ACCEPTED);
        assert!(client.read().is_some());
    }
}

#[test]
fn a_connection_closed_under_a_request_is_replaced_once() {
    let guard = Guard::enforcing();
    let mut client = guard.connect();
    client.send(NEXT);
    let mut upstream = guard.accept();
    upstream.read().unwrap();
    upstream.send(event("1", "{}"));
    client.read().unwrap();
    client.send(answer("1", "response", "{}"));
    // Taken and not answered: what rested may be closed just then.
    upstream.read().unwrap();
    drop(upstream);
    let mut upstream = guard.accept();
    assert_eq!(upstream.read().unwrap().text(), "{}");
    // A new one that is closed has a reason.
    drop(upstream);
    assert_eq!(client.rest(), b"");
}

#[test]
fn no_runtime_api_is_a_closed_connection() {
    let mut guard = Guard::enforcing();
    let mut client = guard.connect();
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    drop(std::mem::replace(&mut guard.upstream, other));
    client.send(NEXT);
    assert_eq!(client.rest(), b"");
}

#[test]
fn a_body_that_is_refused_while_it_is_sent_is_refused_to_the_runtime() {
    for mode in ["enforce", "monitor"] {
        let guard = Guard::start(&[("GUARD_MODE", mode)]);
        let client = guard.connect();
        let mut sender = client.stream().try_clone().unwrap();
        let sending = std::thread::spawn(move || {
            // It may find the connection closed before it has sent everything.
            let _ = std::io::Write::write_all(
                &mut sender,
                answer("1", "response", &"x".repeat(30 << 20)).as_bytes(),
            );
        });
        let upstream = guard.accept();
        std::io::Read::read(&mut upstream.stream(), &mut [0; 100]).unwrap();
        std::io::Write::write_all(
            &mut upstream.stream(),
            b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        )
        .unwrap();
        let mut client = client;
        assert_eq!(
            client.read().unwrap().line(),
            "HTTP/1.1 413 Too Large",
            "{mode}"
        );
        drop(client);
        sending.join().unwrap();
    }
}

#[test]
fn a_malformed_request_is_refused() {
    let guard = Guard::enforcing();
    for request in [
        "GET\r\n\r\n".to_owned(),
        "POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned(),
        format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(200 << 10)),
    ] {
        let mut client = guard.connect();
        // The long one may be refused before it is sent.
        let _ = std::io::Write::write_all(&mut client.stream(), request.as_bytes());
        let answer = client.rest();
        let is_refused =
            answer.starts_with(b"HTTP/1.1 400 ") || (answer.is_empty() && request.len() > 1000);
        assert!(is_refused, "{}", answer.escape_ascii());
    }
}

#[test]
fn who_waits_for_leave_to_send_gets_it() {
    let guard = Guard::enforcing();
    let mut client = guard.connect();
    client.send(
        "POST /2018-06-01/runtime/invocation/1/response HTTP/1.1\r\nHost: h\r\n\
         Expect: 100-continue\r\nContent-Length: 2\r\n\r\n",
    );
    assert_eq!(client.read().unwrap().line(), "HTTP/1.1 100 Continue");
    client.send("{}");
    let mut upstream = guard.accept();
    let got = upstream.read().unwrap();
    assert_eq!((got.text().as_str(), got.field("expect")), ("{}", None));
    upstream.send(ACCEPTED);
    assert_eq!(client.read().unwrap().line(), "HTTP/1.1 202 Accepted");
}

#[test]
fn records_that_nobody_reads_hold_up_nothing() {
    // Nobody reads standard output here, and each event leaves a record of some 400 bytes.
    let guard = Guard::start(&[]);
    let mut client = guard.connect();
    client.send(NEXT);
    let mut upstream = guard.accept();
    let start = std::time::Instant::now();
    for n in 0..2000 {
        upstream.read().unwrap();
        upstream.send(event(
            &n.to_string(),
            r#"{"q":"1 UNION SELECT password FROM users--"}"#,
        ));
        client.read().unwrap();
        client.send(NEXT);
    }
    assert!(start.elapsed() < Duration::from_secs(20));
    assert!(guard.resident() < 12 << 10, "{} KiB", guard.resident());
}
