//! What holds for any bytes: nothing panics, what is read does not
//! depend on the pieces it comes in, and what is written is read as what it was written of.

use super::Malformed;
use super::chunked::{Chunked, Piece};
use super::head::{self, Request};
use crate::endpoint::Endpoint;

/// Fails when `data` shows one of them broken.
fn hold(data: &[u8]) {
    request(data);
    response(data);
    let whole = chunked(data, data.len().max(1));
    for step in [1, 2, 7] {
        assert_eq!(chunked(data, step), whole, "chunks in pieces of {step}");
    }
    let _ = head::check_trailers(data);
}

fn request(data: &[u8]) {
    let Ok(Some(request)) = head::request(data) else {
        return;
    };
    assert!(request.len <= data.len());
    if let Some(prefix) = data.get(..request.len.saturating_sub(1)) {
        assert_eq!(head::request(prefix), Ok(None), "a head without its end");
    }
    let Ok(endpoint) = "127.0.0.1:9001".parse::<Endpoint>() else {
        return;
    };
    let again = |framed| -> Option<Request> {
        let mut out = Vec::new();
        head::write_request(data, &request, &endpoint, framed, &mut out);
        out.extend_from_slice(b"\r\n");
        let parsed = head::request(&out);
        assert!(matches!(parsed, Ok(Some(_))), "written and not read");
        parsed.ok().flatten().inspect(|again| {
            assert_eq!(again.len, out.len());
        })
    };
    for framed in [true, false] {
        let again = again(framed);
        let again = again.as_ref();
        assert_eq!(again.map(|again| &again.target), Some(&request.target));
        assert_eq!(again.map(|again| again.closes), Some(request.closes));
        assert_eq!(again.map(|again| again.expects), Some(false));
        let body = match framed {
            true => request.body,
            false => head::Body::NONE,
        };
        assert_eq!(again.map(|again| again.body), Some(body));
    }
}

fn response(data: &[u8]) {
    let Ok(Some(response)) = head::response(data, false) else {
        return;
    };
    assert!(response.len <= data.len());
    let head = data.get(..response.len).unwrap_or_default();
    if let Some(invocation) = head::invocation(head, &response) {
        assert!(!invocation.request_id.contains(['/', '%', '?', ' ']));
    }
    let mut out = Vec::new();
    head::write_response(head, 7, &mut out);
    let again = head::response(&out, false);
    let again = again.ok().flatten();
    let bodiless = matches!(response.status, 100..=199 | 204 | 304);
    let wanted = match bodiless {
        true => head::Body::NONE,
        false => head::Body::Length(7),
    };
    assert_eq!(again.map(|again| again.body), Some(wanted));
    assert_eq!(again.map(|again| again.status), Some(response.status));
}

/// Data, trailers, how many bytes the body took and whether it ended; or that it is none.
type Read = Result<(Vec<u8>, Vec<u8>, usize, bool), Malformed>;

fn chunked(data: &[u8], step: usize) -> Read {
    let (mut body, mut trailers, mut at) = (Vec::new(), Vec::new(), 0);
    let mut chunked = Chunked::new();
    for piece in data.chunks(step) {
        let mut rest = piece;
        while let Some(found) = chunked.next(rest)? {
            let (Piece::Data(count) | Piece::Framing(count) | Piece::Trailer(count)) = found;
            assert!(count > 0 && count <= rest.len());
            let (taken, behind) = rest.split_at(count);
            match found {
                Piece::Data(_) => body.extend_from_slice(taken),
                Piece::Trailer(_) => trailers.extend_from_slice(taken),
                Piece::Framing(_) => {}
            }
            at += count;
            rest = behind;
        }
    }
    Ok((body, trailers, at, chunked.is_done()))
}

/// What mutations start from.
const SEEDS: [&[u8]; 8] = [
    b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: a\r\nUser-Agent: x\r\n\r\n",
    b"POST /2018-06-01/runtime/invocation/7-f/response?x HTTP/1.1\r\nHost: a\r\n\
      Content-Length: 2\r\nExpect: 100-continue\r\nConnection: close, TE\r\n\r\n{}",
    b"POST /2018-06-01/runtime/invocation/7-f/error HTTP/1.0\r\nConnection: keep-alive\r\n\
      content-length:3\r\nContent-Length: 3\r\n\r\nabc",
    b"POST /2018-06-01/runtime/init/error HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\
      Trailer: Lambda-Runtime-Function-Error-Type\r\n\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: 7-f\r\nContent-Length: 2\r\n\
      lambda-runtime-invocation-id: i\r\nLambda-Runtime-Deadline-Ms: 12\r\n\r\n{}",
    b"HTTP/1.1 304 Not\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"5;a=\"b\"\r\nhello\r\n0A \t\r\n0123456789\r\n0\r\nX: y\r\nZ: w\r\n\r\nnext",
    b"1\r\n\r\r\n0000\r\n\r\n",
];

/// Bytes that mean something, or must not stand there.
const ODD: &[u8] = b"\r\n :;,%/.0aF\0\x7f\xff";

#[test]
fn they_hold_for_what_is_nearly_http() {
    let mut seed = 11_u64;
    let mut below = |end: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        usize::try_from(seed >> 33).unwrap() % end
    };
    for seed in SEEDS {
        hold(seed);
    }
    for _ in 0..30_000 {
        let mut data = SEEDS[below(SEEDS.len())].to_vec();
        for _ in 0..=below(4) {
            let at = below(data.len().max(1));
            match below(5) {
                0 => {
                    data.splice(at..at, [ODD[below(ODD.len())]]);
                }
                1 if !data.is_empty() => {
                    data.remove(at);
                }
                2 if !data.is_empty() => data[at] ^= 1 << below(8),
                3 => {
                    // A line of another one.
                    let other = SEEDS[below(SEEDS.len())];
                    let line = other.split_inclusive(|byte| *byte == b'\n').nth(below(4));
                    data.splice(at..at, line.unwrap_or_default().iter().copied());
                }
                _ => data.truncate(at),
            }
        }
        hold(&data);
    }
}
