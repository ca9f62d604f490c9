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
        let (mut client, mut upstream) = guard.polled();
        upstream.send(answer);
        assert_eq!(client.rest(), b"", "{answer:?}");
        assert!(guard.record("notice").contains("Runtime API"));
    }
}

#[test]
fn an_answer_that_breaks_off_never_reaches_the_function() {
    let guard = Guard::enforcing();
    let (mut client, mut upstream) = guard.polled();
    let whole = event("1", "{\"a\":\"b\"}");
    upstream.send(&whole[..whole.len() - 3]);
    upstream.stream().shutdown(Shutdown::Both).unwrap();
    assert_eq!(client.rest(), b"");
}

#[test]
fn a_slow_answer_arrives() {
    let guard = Guard::enforcing();
    let (mut client, mut upstream) = guard.polled();
    for byte in event("1", "{\"a\":\"b\"}").as_bytes() {
        upstream.send([*byte]);
        std::thread::sleep(Duration::from_micros(300));
    }
    assert_eq!(client.read().unwrap().text(), "{\"a\":\"b\"}");
}

#[test]
fn a_runtime_that_goes_takes_its_poll_along() {
    let guard = Guard::enforcing();
    let (client, mut upstream) = guard.polled();
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
    let (mut client, mut upstream) = guard.polled();
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
fn what_may_count_twice_is_never_sent_twice() {
    let guard = Guard::enforcing();
    let cases = [
        ("POST", "/2018-06-01/runtime/later", false),
        ("DELETE", "/2018-06-01/runtime/later", false),
        ("POST", "/2018-06-01/runtime/init/error", true),
        ("GET", "/2018-06-01/runtime/restore/next", true),
        ("HEAD", "/2018-06-01/ping", true),
    ];
    for (method, path, again) in cases {
        let is_it = |line: &str| line.starts_with(method) && line.contains(path);
        let (mut client, mut upstream) = guard.polled();
        upstream.send(event("1", "{}"));
        client.read().unwrap();
        client.send(format!(
            "{method} {path} HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{{}}"
        ));
        // Taken, for all that is known.
        assert!(is_it(upstream.read().unwrap().line()));
        drop(upstream);
        if again {
            assert!(is_it(guard.accept().read().unwrap().line()));
        } else {
            assert_eq!(client.rest(), b"", "{method} {path}");
            guard.upstream.set_nonblocking(true).unwrap();
            assert!(guard.upstream.accept().is_err(), "{method} was sent again");
            guard.upstream.set_nonblocking(false).unwrap();
        }
    }
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

#[test]
fn records_that_go_nowhere_hold_up_nothing() {
    let mut guard = Guard::enforcing();
    guard.close_output();
    let (mut client, mut upstream) = guard.polled();
    for n in 0..200 {
        upstream.send(event(
            &n.to_string(),
            r#"{"q":"1 UNION SELECT password FROM users--"}"#,
        ));
        let error = upstream.read().unwrap();
        assert!(
            error.line().ends_with("/error HTTP/1.1"),
            "{}",
            error.line()
        );
        upstream.send(ACCEPTED);
        assert!(upstream.read().unwrap().line().contains("/next "));
    }
    upstream.send(event("benign", "{}"));
    assert_eq!(client.read().unwrap().text(), "{}");
}

#[test]
fn a_stopped_proxy_goes_on_where_it_was() {
    let guard = Guard::enforcing();
    let (mut client, mut upstream) = guard.polled();
    let attack = r#"{"q":"1 UNION SELECT password FROM users--"}"#;
    for (stopped_before, n) in [(true, "1"), (false, "2")] {
        if stopped_before {
            guard.signal("STOP");
        }
        let [first, rest] = ["HTTP/1.1 200 ", &event(n, attack)[13..]];
        upstream.send(first);
        guard.signal("STOP");
        upstream.send(rest);
        // A freeze lasts as long as it lasts.
        std::thread::sleep(Duration::from_secs(2));
        guard.signal("CONT");
        let error = upstream.read().unwrap();
        assert!(error.line().contains(&format!("/{n}/error ")));
        upstream.send(ACCEPTED);
        assert!(upstream.read().unwrap().line().contains("/next "));
    }
    upstream.send(event("3", "{}"));
    assert_eq!(client.read().unwrap().text(), "{}");
    client.send(answer("3", "response", "{}"));
    guard.signal("STOP");
    // As above: nothing happens that could be waited for.
    std::thread::sleep(Duration::from_millis(500));
    guard.signal("CONT");
    assert_eq!(upstream.read().unwrap().text(), "{}");
    upstream.send(ACCEPTED);
    assert_eq!(client.read().unwrap().line(), "HTTP/1.1 202 Accepted");
}

#[test]
fn connections_that_stand_half_open_hold_up_no_other() {
    let guard = Guard::enforcing();
    // Whoever serves has set everything up, and opens nothing more by itself.
    let mut first = guard.connect();
    first.send(NEXT);
    drop(guard.accept());
    assert_eq!(first.rest(), b"");
    let before = guard.descriptors();
    // Nothing sent, half a head, half a body, and a poll whose upstream never answers.
    let silent = guard.connect();
    let mut half_head = guard.connect();
    half_head.send(&NEXT[..20]);
    let mut half_body = guard.connect();
    half_body.send("POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nhalf");
    let waiting_upstream = guard.accept();
    let mut poll = guard.connect();
    poll.send(NEXT);
    let _mute = guard.accept();
    // One that does all it should is served at once.
    let (mut client, mut upstream) = guard.polled();
    upstream.send(event("1", "{}"));
    assert_eq!(client.read().unwrap().text(), "{}");
    drop((
        silent,
        half_head,
        half_body,
        poll,
        client,
        upstream,
        waiting_upstream,
    ));
    let start = std::time::Instant::now();
    while guard.descriptors() > before {
        assert!(
            start.elapsed() < Duration::from_secs(10),
            "descriptors leak"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_runtime_that_dies_in_its_answer_gives_none() {
    for mode in ["enforce", "monitor"] {
        let guard = Guard::start(&[("GUARD_MODE", mode)]);
        let mut client = guard.connect();
        // More than waits for its end in any mode.
        let body = "x".repeat(200_000);
        let whole = answer("1", "response", &body);
        client.send(&whole[..whole.len() - 10]);
        let mut upstream = guard.accept();
        drop(client);
        // The promised length does not come: the Runtime API takes nothing for an answer.
        assert_eq!(upstream.read(), None, "{mode}");
    }
}

#[test]
fn a_short_answer_that_breaks_off_never_begins() {
    let guard = Guard::enforcing();
    guard.upstream.set_nonblocking(true).unwrap();
    let mut client = guard.connect();
    let whole = answer("1", "response", "{\"a\":\"b\"}");
    client.send(&whole[..whole.len() - 3]);
    client.stream().shutdown(Shutdown::Write).unwrap();
    assert_eq!(client.rest(), b"");
    assert!(guard.upstream.accept().is_err());
}

#[test]
fn heads_without_end_and_broken_heads_end_the_connection() {
    let mut guard = Guard::enforcing();
    let long = format!("HTTP/1.1 200 OK\r\nX: {}", "x".repeat(200 << 10));
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "A: b\r\n".repeat(200));
    for answer in [
        long.as_str(),
        many.as_str(),
        "HTTP/1.1 200 OK\r\nLambda-Run",
    ] {
        let (mut client, upstream) = guard.polled();
        // The long one may be refused before it is sent.
        let _ = std::io::Write::write_all(&mut upstream.stream(), answer.as_bytes());
        let _ = upstream.stream().shutdown(Shutdown::Write);
        assert_eq!(client.rest(), b"");
        assert!(guard.record("notice").contains("Runtime API"));
    }
}

const ATTACK: &str = r#"{"q":"1 UNION SELECT password FROM users--"}"#;

#[test]
fn a_refused_answer_to_a_blocked_event_is_said_and_the_next_event_is_fetched() {
    let mut guard = Guard::enforcing();
    let (mut client, mut upstream) = guard.polled();
    upstream.send(event("1", ATTACK));
    assert!(upstream.read().unwrap().line().contains("/1/error "));
    upstream.send("HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\n{}");
    assert!(guard.record("notice").contains("status 400"));
    // Not answered again: the next request is a poll.
    assert!(upstream.read().unwrap().line().starts_with("GET "));
    upstream.send(event("2", "{}"));
    assert_eq!(client.read().unwrap().text(), "{}");
}

#[test]
fn an_answer_that_nobody_takes_is_given_up_in_time() {
    let mut guard = Guard::enforcing();
    let (mut client, mut upstream) = guard.polled();
    let start = std::time::Instant::now();
    upstream.send(event("1", ATTACK));
    // Read, never answered: the event stays blocked, and the runtime sees its connection end.
    upstream.read().unwrap();
    assert_eq!(client.rest(), b"");
    assert!(start.elapsed() < Duration::from_secs(15));
    assert!(
        guard
            .record("notice")
            .contains("does not take the guard's answer")
    );
}

#[test]
fn a_killed_proxy_is_a_closed_connection() {
    let guard = Guard::enforcing();
    let (mut client, mut upstream) = guard.polled();
    guard.signal("KILL");
    assert_eq!(client.rest(), b"");
    assert_eq!(upstream.rest(), b"");
}

#[test]
fn a_connection_for_every_invocation_leaves_nothing_behind() {
    let guard = Guard::enforcing();
    let (mut memory, mut descriptors) = (0, 0);
    for n in 0..600 {
        let (mut client, mut upstream) = guard.polled();
        upstream.send(event(&n.to_string(), "{}"));
        client.read().unwrap();
        client.send(answer(&n.to_string(), "response", "{}"));
        upstream.read().unwrap();
        upstream.send(ACCEPTED);
        client.read().unwrap();
        if n == 200 {
            (memory, descriptors) = (guard.resident(), guard.descriptors());
        }
    }
    // The last connections may still be closing.
    assert!(guard.descriptors() <= descriptors + 8);
    assert!(guard.resident() < memory + 512, "{} KiB", guard.resident());
}
