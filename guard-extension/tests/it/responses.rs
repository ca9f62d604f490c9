//! Responses on their way out.

use crate::rig::{ACCEPTED, Guard, Message, SECRET, answer};

const STREAM: &str = "POST /2018-06-01/runtime/invocation/1/response HTTP/1.1\r\nHost: h\r\n\
                      Lambda-Runtime-Function-Response-Mode: streaming\r\n\
                      Trailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body\
                      \r\nTransfer-Encoding: chunked\r\n\r\n";

fn chunk(bytes: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}

/// What reaches the Runtime API of `chunks`, sent one by one as a streaming response.
fn streamed(guard: &Guard, chunks: &[Vec<u8>], end: &str) -> Message {
    let mut client = guard.connect();
    let reading = std::thread::scope(|scope| {
        let reading = scope.spawn(|| {
            let mut upstream = guard.accept();
            let message = upstream.read();
            upstream.send(ACCEPTED);
            message
        });
        client.send(STREAM);
        for bytes in chunks {
            client.send(chunk(bytes));
        }
        client.send(end);
        reading.join().unwrap()
    });
    assert_eq!(client.read().unwrap().line(), "HTTP/1.1 202 Accepted");
    reading.unwrap()
}

#[test]
fn a_stream_of_20_mb_passes_with_its_trailers_in_every_mode() {
    for mode in ["enforce", "monitor"] {
        let guard = Guard::start(&[("GUARD_MODE", mode)]);
        // Of lengths that are no multiples of any buffer's.
        let chunks: Vec<Vec<u8>> = (0..1999u32)
            .map(|n| {
                (0..10_501)
                    .map(|i| ((n + i) % 251).to_le_bytes()[0])
                    .collect()
            })
            .collect();
        let end = "0\r\nX-Last: y\r\n\r\n";
        let got = streamed(&guard, &chunks, end);
        assert!(got.body == chunks.concat(), "{mode}");
        assert_eq!(got.trailers, "X-Last: y\r\n\r\n", "{mode}");
        assert!(
            guard.resident() < 12 << 10,
            "{mode}: {} KiB",
            guard.resident()
        );
    }
}

#[test]
fn a_stream_is_not_held_up() {
    let guard = Guard::enforcing();
    let mut client = guard.connect();
    client.send(STREAM);
    client.send(chunk(b"first"));
    let upstream = guard.accept();
    // The first chunk is there before a second one is.
    let mut got = [0; 1024];
    let mut text = String::new();
    while !text.contains("first") {
        let n = std::io::Read::read(&mut upstream.stream(), &mut got).unwrap();
        text.push_str(std::str::from_utf8(&got[..n]).unwrap());
    }
    client.send("0\r\n\r\n");
}

#[test]
fn a_secret_in_a_stream_is_cut_before_its_first_byte_wherever_chunks_end() {
    let (left, right) = SECRET.split_at(7);
    for pieces in [
        vec!["hello ".to_owned(), format!("{SECRET} bye")],
        vec!["hello ".to_owned(), left.to_owned(), format!("{right} bye")],
        vec![
            "hel".to_owned(),
            format!("lo {left}"),
            right.to_owned(),
            "bye".to_owned(),
        ],
    ] {
        let mut guard = Guard::enforcing();
        let chunks: Vec<Vec<u8>> = pieces
            .iter()
            .map(|piece| piece.clone().into_bytes())
            .collect();
        let mut client = guard.connect();
        client.send(STREAM);
        let mut upstream = None;
        for bytes in &chunks {
            client.send(chunk(bytes));
            // The response has begun before the secret comes, however slow the machine is.
            upstream.get_or_insert_with(|| guard.accept());
            // Each on its own, or they would be one.
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        client.send("0\r\n\r\n");
        let mut upstream = upstream.unwrap();
        let got = upstream.read().unwrap();
        assert_eq!(got.text(), "hello ");
        assert!(
            got.trailers
                .contains("Lambda-Runtime-Function-Error-Type: Guard.Withheld\r\n")
        );
        upstream.send(ACCEPTED);
        assert_eq!(client.read().unwrap().line(), "HTTP/1.1 202 Accepted");
        assert!(
            guard
                .record("leak")
                .contains("\"variable\":\"DB_PASSWORD\"")
        );
    }
}

#[test]
fn a_secret_in_a_response_becomes_an_error() {
    let guard = Guard::enforcing();
    let mut client = guard.connect();
    let padding = "x".repeat(50_000);
    let mut upstream = None;
    for (kind, body) in [
        ("response", format!("{{\"p\":\"{SECRET}\"}}")),
        (
            "response",
            format!("{{\"a\":\"{padding}\",\"p\":\"{SECRET}\"}}"),
        ),
        ("error", format!("{{\"errorMessage\":\"no {SECRET}\"}}")),
    ] {
        client.send(answer("7", kind, &body));
        let upstream = upstream.get_or_insert_with(|| guard.accept());
        let got = upstream.read().unwrap();
        assert_eq!(
            got.line(),
            "POST /.rt/f/2018-06-01/runtime/invocation/7/error HTTP/1.1"
        );
        assert!(got.text().contains("Guard.Withheld") && !got.text().contains(SECRET));
        upstream.send(ACCEPTED);
        assert_eq!(client.read().unwrap().line(), "HTTP/1.1 202 Accepted");
        // Its sibling passes as it is.
        let body = body.replace(SECRET, "a password");
        client.send(answer("8", kind, &body));
        let got = upstream.read().unwrap();
        assert!(got.line().ends_with(&format!("/8/{kind} HTTP/1.1")) && got.text() == body);
        upstream.send(ACCEPTED);
        client.read().unwrap();
    }
}

#[test]
fn a_long_response_is_cut_before_a_secret_far_behind() {
    let guard = Guard::enforcing();
    let mut client = guard.connect();
    let body = format!("{}{SECRET}", "x".repeat(200_000));
    let request = answer("7", "response", &body);
    let sending = std::thread::spawn(move || {
        client.send(request);
        client
    });
    let mut upstream = guard.accept();
    // Its length was promised: it breaks off, and an error comes on a connection of its own.
    let begun = upstream.rest();
    assert!(
        !begun
            .windows(SECRET.len())
            .any(|bytes| bytes == SECRET.as_bytes())
    );
    assert!((60_000..201_000).contains(&begun.len()), "{}", begun.len());
    let mut upstream = guard.accept();
    let got = upstream.read().unwrap();
    assert!(got.text().contains("Guard.Withheld"));
    upstream.send(ACCEPTED);
    assert!(sending.join().unwrap().read().is_some());
}

#[test]
fn in_monitor_a_secret_is_recorded_once_and_passes() {
    let mut guard = Guard::start(&[]);
    let mut client = guard.connect();
    let body = format!("{SECRET} {SECRET}");
    client.send(answer("7", "response", &body));
    let mut upstream = guard.accept();
    assert_eq!(upstream.read().unwrap().text(), body);
    upstream.send(ACCEPTED);
    client.read().unwrap();
    assert!(guard.record("leak").contains("\"verdict\":\"report\""));
}
