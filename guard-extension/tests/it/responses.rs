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
fn a_secret_in_the_error_that_a_function_starts_with_stays() {
    let mut guard = Guard::enforcing();
    let mut client = guard.connect();
    let mut upstream = None;
    for start in ["init", "restore"] {
        let error = |message: &str| {
            answer("", "", &format!("{{\"errorMessage\":\"{message}\"}}"))
                .replace("invocation//", &format!("{start}/error"))
        };
        client.send(error(&format!("cannot log in with {SECRET}")));
        let upstream = upstream.get_or_insert_with(|| guard.accept());
        let got = upstream.read().unwrap();
        let line = format!("POST /.rt/f/2018-06-01/runtime/{start}/error HTTP/1.1");
        assert_eq!(got.line(), line);
        assert!(got.text().contains("Guard.Withheld") && !got.text().contains(SECRET));
        let named = got.field("lambda-runtime-function-error-type");
        assert_eq!(named, Some("Guard.Withheld"));
        upstream.send(ACCEPTED);
        assert_eq!(client.read().unwrap().line(), "HTTP/1.1 202 Accepted");
        assert!(!guard.record("leak").contains("\"request_id\":\""));
        // Its sibling passes as it is.
        client.send(error("cannot log in"));
        let got = upstream.read().unwrap();
        assert_eq!(got.line(), line);
        assert_eq!(got.text(), "{\"errorMessage\":\"cannot log in\"}");
        upstream.send(ACCEPTED);
        client.read().unwrap();
    }
}

#[test]
fn a_secret_in_a_field_stays() {
    for (mode, stays) in [("enforce", true), ("monitor", false)] {
        let mut guard = Guard::start(&[("GUARD_MODE", mode)]);
        let mut client = guard.connect();
        let mut upstream = None;
        for head in [
            format!("Content-Type: text/{SECRET}\r\nContent-Length: 2\r\n\r\n{{}}"),
            format!("X: {SECRET}\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{{}}\r\n0\r\n\r\n"),
        ] {
            client.send(format!(
                "POST /2018-06-01/runtime/invocation/1/response HTTP/1.1\r\nHost: h\r\n{head}"
            ));
            let upstream = upstream.get_or_insert_with(|| guard.accept());
            let got = upstream.read().unwrap();
            assert_eq!(!got.head.contains(SECRET), stays, "{}", got.head);
            assert_eq!(got.text().contains("Guard.Withheld"), stays);
            upstream.send(ACCEPTED);
            client.read().unwrap();
            guard.record("leak");
        }
    }
}

#[test]
fn a_secret_in_the_error_behind_a_stream_stays() {
    // {"errorMessage":"correct-horse-battery","errorType":"E"} in base64 (RFC 4648, section 4), and
    // the same with the secret one byte and two bytes further on.
    for body in [
        "eyJlcnJvck1lc3NhZ2UiOiJjb3JyZWN0LWhvcnNlLWJhdHRlcnkiLCJlcnJvclR5cGUiOiJFIn0=",
        "eyJlcnJvck1lc3NhZ2UiOiJ4Y29ycmVjdC1ob3JzZS1iYXR0ZXJ5IiwiZXJyb3JUeXBlIjoiRSJ9",
        "eyJlcnJvck1lc3NhZ2UiOiJ4eWNvcnJlY3QtaG9yc2UtYmF0dGVyeSIsImVycm9yVHlwZSI6IkUifQ==",
    ] {
        let guard = Guard::enforcing();
        let end = format!(
            "0\r\nLambda-Runtime-Function-Error-Type: E\r\nLambda-Runtime-Function-Error-Body: \
             {body}\r\n\r\n"
        );
        let got = streamed(&guard, &[b"hello".to_vec()], &end);
        assert!(!got.trailers.contains(body), "{}", got.trailers);
        assert!(got.trailers.contains("Guard.Withheld") || got.text().contains("Guard.Withheld"));
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

/// Numbers that look random and are the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        usize::try_from(self.0 >> 33).unwrap() % end
    }

    /// Cuts `bytes` into pieces: some of a byte or two, some long.
    fn cut(&mut self, mut bytes: &[u8]) -> Vec<Vec<u8>> {
        let mut pieces = Vec::new();
        while !bytes.is_empty() {
            let most = [2, 9, 40, 5_000, 90_000][self.below(5)];
            let (piece, rest) = bytes.split_at((1 + self.below(most)).min(bytes.len()));
            pieces.push(piece.to_vec());
            bytes = rest;
        }
        pieces
    }
}

/// A body of `length` bytes that is full of beginnings of the secret, with `inner` at `at`.
fn body(numbers: &mut Numbers, length: usize, at: usize, inner: &str) -> Vec<u8> {
    let mut body = Vec::new();
    while body.len() < length {
        let part = SECRET.len().min(1 + numbers.below(SECRET.len() - 1));
        body.extend_from_slice(&SECRET.as_bytes()[..part]);
        body.push(b'.');
    }
    body.truncate(length);
    body.splice(at..at, format!(".{inner}").into_bytes());
    body
}

/// Everything that a Runtime API gets, on however many connections, of a response sent in pieces.
fn gets(guard: &Guard, head: &str, pieces: Vec<Vec<u8>>) -> (Vec<u8>, String) {
    guard.upstream.set_nonblocking(true).unwrap();
    let client = guard.connect();
    let mut sender = client.stream().try_clone().unwrap();
    let head = head.to_owned();
    let sending = std::thread::spawn(move || {
        let whole = [head.into_bytes()].into_iter().chain(pieces);
        for piece in whole {
            // A response that was answered for is still read to its end.
            std::io::Write::write_all(&mut sender, &piece).unwrap();
        }
    });
    let mut client = client;
    let mut got = Vec::new();
    let line = std::thread::scope(|scope| {
        let answered = scope.spawn(|| client.read().unwrap().line().to_owned());
        let mut streams: Vec<std::net::TcpStream> = Vec::new();
        while !answered.is_finished() {
            if let Ok((stream, _)) = guard.upstream.accept() {
                stream.set_nonblocking(true).unwrap();
                streams.push(stream);
            }
            let mut buffer = [0; 64 << 10];
            for stream in &mut streams {
                while let Ok(count) = std::io::Read::read(stream, &mut buffer) {
                    if count == 0 {
                        break;
                    }
                    got.extend_from_slice(&buffer[..count]);
                }
                // Whole: by its length, or by its last chunk.
                if is_whole(&got) {
                    let _ = std::io::Write::write_all(stream, ACCEPTED.as_bytes());
                }
            }
            std::thread::sleep(std::time::Duration::from_micros(200));
        }
        answered.join().unwrap()
    });
    sending.join().unwrap();
    (got, line)
}

/// Whether the last request among `bytes` has come to its end.
fn is_whole(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let Some((head, body)) = text
        .rfind("POST /.rt/")
        .and_then(|at| text[at..].split_once("\r\n\r\n"))
    else {
        return false;
    };
    match head.split("Content-Length: ").nth(1) {
        Some(length) => {
            let length = length.lines().next().unwrap().parse::<usize>().unwrap();
            body.len() >= length
        }
        None => {
            body.ends_with("0\r\n\r\n") || (body.contains("Withheld") && body.ends_with("\r\n\r\n"))
        }
    }
}

/// The data of a chunked body.
fn joined(mut bytes: &[u8]) -> Vec<u8> {
    let mut data = Vec::new();
    loop {
        let Some(end) = bytes.windows(2).position(|two| two == b"\r\n") else {
            return data;
        };
        let size = std::str::from_utf8(&bytes[..end]).unwrap();
        let size = usize::from_str_radix(size, 16).unwrap();
        if size == 0 {
            return data;
        }
        data.extend_from_slice(&bytes[end + 2..end + 2 + size]);
        bytes = &bytes[end + 4 + size..];
    }
}

#[test]
fn a_secret_never_leaves_wherever_a_response_is_cut_and_nothing_else_is_changed() {
    let guard = Guard::enforcing();
    let mut numbers = Numbers(7);
    for round in 0..60 {
        let length = [30, 1_000, 30_000, 150_000][round % 4] + numbers.below(40);
        let at = numbers.below(length);
        let is_stream = round % 3 != 0;
        let (left, right) = SECRET.split_at(5);
        for (inner, leaks) in [
            (SECRET.to_owned(), true),
            (format!("{left}x{right}"), false),
        ] {
            let body = body(&mut numbers, length, at, &inner);
            let pieces = numbers.cut(&body);
            let (head, pieces) = if is_stream {
                let mut pieces: Vec<Vec<u8>> = pieces.iter().map(|piece| chunk(piece)).collect();
                pieces.push(b"0\r\n\r\n".to_vec());
                (STREAM.to_owned(), pieces)
            } else {
                let whole = answer("1", "response", &"x".repeat(body.len()));
                (whole[..whole.len() - body.len()].to_owned(), pieces)
            };
            let (got, line) = gets(&guard, &head, pieces);
            assert_eq!(line, "HTTP/1.1 202 Accepted", "{round} {leaks}");
            let start = got.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
            let data = match is_stream
                && !got.starts_with(b"POST /.rt/f/2018-06-01/runtime/invocation/1/error")
            {
                true => joined(&got[start..]),
                false => got[start..].to_vec(),
            };
            if leaks {
                let has = |bytes: &[u8]| {
                    bytes
                        .windows(SECRET.len())
                        .any(|part| part == SECRET.as_bytes())
                };
                assert!(!has(&got) && !has(&data), "{round}: it left");
                let told = String::from_utf8_lossy(&got).contains("Guard.Withheld");
                assert!(told, "{round}: no error came");
            } else {
                assert!(
                    data == body,
                    "{round}: {} of {} bytes",
                    data.len(),
                    body.len()
                );
            }
        }
    }
}
