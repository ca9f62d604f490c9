//! What holds for any bytes: nothing panics, what is read does not
//! depend on the pieces it comes in, and what is written is read as what it was written of.

use super::Malformed;
use super::chunked::{Chunked, Piece};
use super::head::{self, Request};
use super::target::Target;
use crate::endpoint::Endpoint;

/// Fails when `data` shows one of them broken.
pub(crate) fn hold(data: &[u8]) {
    request(data);
    target(data);
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
    let names_host = data.get(..request.len).unwrap_or_default().windows(7);
    let names_host = names_host
        .into_iter()
        .any(|part| part.eq_ignore_ascii_case(b"\r\nhost:"));
    let again = |framed| -> Option<Request> {
        let mut out = Vec::new();
        head::write_request(data, &request, &endpoint, framed, &mut out);
        out.extend_from_slice(b"\r\n");
        let parsed = head::request(&out);
        // A host that is added may be one field too many for who reads here.
        assert!(
            matches!(parsed, Ok(Some(_))) || !names_host,
            "written and not read"
        );
        parsed.ok().flatten().inspect(|again| {
            assert_eq!(again.len, out.len());
        })
    };
    for framed in [true, false] {
        let Some(again) = again(framed) else {
            continue;
        };
        assert_eq!(again.target, request.target);
        assert_eq!(again.closes, request.closes);
        assert!(!again.expects);
        let body = match framed {
            true => request.body,
            false => head::Body::NONE,
        };
        assert_eq!(again.body, body);
    }
}

/// A path that a generous server takes for an answer's or a poll's passes as that or not at all.
fn target(data: &[u8]) {
    let Ok(line) = str::from_utf8(data.split(|byte| *byte == b'\n').next().unwrap_or_default())
    else {
        return;
    };
    let mut words = line.split_ascii_whitespace();
    let (Some(method), Some(path)) = (words.next(), words.next()) else {
        return;
    };
    let Ok(found) = Target::of(method, path) else {
        return;
    };
    let read = generously(path);
    let segments: Vec<&str> = read.split('/').filter(|part| !part.is_empty()).collect();
    let is_wanted = match segments.as_slice() {
        [_, "runtime", "invocation", "next"] => method != "GET" || found == Target::Next,
        [_, "runtime", "invocation", _, "response"] => {
            method != "POST" || matches!(found, Target::Response(_))
        }
        [_, "runtime", "invocation", _, "error"] => {
            method != "POST" || matches!(found, Target::Error(_))
        }
        [_, "runtime", "init" | "restore", "error"] => {
            method != "POST" || matches!(found, Target::StartError(_))
        }
        _ => true,
    };
    assert!(is_wanted, "{method} {path} is {found:?}");
}

/// What a server makes of a path that undoes escapes once, takes a backslash for a slash and does not
/// look at case.
fn generously(path: &str) -> String {
    let path = path.split('?').next().unwrap_or_default().as_bytes();
    let (mut out, mut at) = (Vec::new(), 0);
    while let Some(byte) = path.get(at) {
        let digits = path
            .get(at + 1..at + 3)
            .and_then(|digits| str::from_utf8(digits).ok());
        let code = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match (byte, code) {
            (b'%', Some(code)) => {
                out.push(code);
                at += 3;
            }
            (b'\\', _) => {
                out.push(b'/');
                at += 1;
            }
            _ => {
                out.push(*byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).to_ascii_lowercase()
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
    // A length that is added may be one field too many for who reads here.
    let lines = head.iter().filter(|byte| **byte == b'\n').count();
    if again.is_err() && lines > head::MOST_FIELDS {
        return;
    }
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

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::hold;

    /// What mutations start from, as the fuzzer does.
    fn seeds() -> Vec<Vec<u8>> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/wire/http");
        let files = fs::read_dir(folder)
            .unwrap()
            .map(|file| file.unwrap().path());
        let mut files: Vec<_> = files
            .filter(|file| file.extension().is_some_and(|e| e == "bin"))
            .collect();
        files.sort();
        files.iter().map(|file| fs::read(file).unwrap()).collect()
    }

    /// Bytes that mean something, or must not stand there.
    const ODD: &[u8] = b"\r\n :;,%/.0aF\0\x7f\xff";

    #[test]
    fn they_hold_for_what_is_nearly_http() {
        let mut seed = 11_u64;
        let mut below = |end: usize| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            usize::try_from(seed >> 33).unwrap() % end
        };
        let seeds = seeds();
        assert!(seeds.len() > 8);
        for seed in &seeds {
            hold(seed);
        }
        for _ in 0..30_000 {
            let mut data = seeds[below(seeds.len())].clone();
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
                        let other = &seeds[below(seeds.len())];
                        let line = other.split_inclusive(|byte| *byte == b'\n').nth(below(4));
                        data.splice(at..at, line.unwrap_or_default().iter().copied());
                    }
                    _ => data.truncate(at),
                }
            }
            hold(&data);
        }
    }
}
