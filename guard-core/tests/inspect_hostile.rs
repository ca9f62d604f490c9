//! Input that no trigger sends: the inspector answers, in bounded time, with spans inside of it.
#![allow(clippy::unwrap_used, reason = "what fails in a test is to end it")]
#![allow(clippy::disallowed_methods, reason = "a hang is found by the clock")]

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use guard_core::{Families, Finding, Inspector};

/// Far more than any of these take, even unoptimised on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

const ATTACK: &str = "x' or '1'='1' -- ";

fn inspect(event: &[u8]) -> Vec<Finding> {
    let start = Instant::now();
    let findings: Vec<_> = Inspector::new(Families::ALL).inspect(event).collect();
    for finding in &findings {
        let span = &finding.span;
        assert!(
            span.start <= span.end && span.end <= event.len(),
            "{span:?} of {}",
            event.len()
        );
    }
    assert!(start.elapsed() < PATIENCE, "{:?}", start.elapsed());
    findings
}

fn finds_sql(event: &[u8]) -> bool {
    inspect(event)
        .iter()
        .any(|finding| finding.rule.as_str().starts_with("sql."))
}

fn fixtures() -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/events");
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files
        .into_iter()
        .map(|path| (path.display().to_string(), fs::read(path).unwrap()))
        .collect()
}

/// Pseudo-random numbers (xorshift64).
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % n.max(1)
    }
}

#[test]
fn what_is_no_event_is_answered() {
    let deep = "[".repeat(10_000) + &format!("\"{ATTACK}\"") + &"]".repeat(10_000);
    let objects = "{\"a\":".repeat(10_000) + "1" + &"}".repeat(10_000);
    let cases: [&[u8]; 12] = [
        b"",
        b" ",
        b"\"",
        b"{",
        b"null",
        b"not json",
        b"\xff\xfe\x00",
        b"{\"a\":\"\\ud800\",\"b\":\"\\udc00\\u\"}",
        b"{\"a\":\"\0\",\"a\":\"\0\"}",
        b"{\"body\":\"%\",\"isBase64Encoded\":true}",
        deep.as_bytes(),
        objects.as_bytes(),
    ];
    for case in cases {
        inspect(case);
    }
    assert!(finds_sql(deep.as_bytes()), "no depth hides a string");
    assert!(finds_sql(b"{\"a\":1,\"a\":\"x' or '1'='1' -- \",\"a\":2}"));
    assert!(finds_sql(b"{\"a\":\"\xff\xfe x' or '1'='1' -- \"}"));
    assert!(finds_sql(b"{\"a\":\"\\ud800 x' or '1'='1' -- \"}"));
}

#[test]
fn fixtures_may_end_anywhere() {
    for (_, event) in fixtures() {
        for end in 0..event.len() {
            inspect(&event[..end]);
        }
    }
}

#[test]
fn mutations_are_answered() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let fixtures = fixtures();
    let pieces: [&[u8]; 16] = [
        b"\"",
        b"\\",
        b"{",
        b"}",
        b"[",
        b"]",
        b":",
        b",",
        b"%27",
        b"\\u0027",
        b"' or 1=1",
        b"\xef\xbc\x87",
        b"<a b=\"",
        b"&#39;",
        b"H4sI",
        b"--\\r\\nContent-",
    ];
    for round in 0..3000 {
        let (_, event) = &fixtures[round % fixtures.len()];
        let mut event = event.clone();
        for _ in 0..=random.below(8) {
            let at = random.below(event.len() + 1);
            match random.below(4) {
                0 if at < event.len() => event[at] = u8::try_from(random.below(256)).unwrap(),
                1 => event.truncate(at),
                2 if at < event.len() => {
                    let end = (at + random.below(64)).min(event.len());
                    event.drain(at..end);
                }
                _ => {
                    let piece = pieces[random.below(pieces.len())];
                    event.splice(at..at, piece.iter().copied());
                }
            }
        }
        inspect(&event);
    }
}

#[test]
fn large_bodies_of_one_kind_are_answered() {
    for unit in [
        "\"",
        "\\",
        "[",
        "{\"",
        "\\\"",
        "'",
        "%27",
        "%25",
        "&#39;",
        "<a b='",
        "a=1&",
        "a=1; ",
        "\\u0027",
        "\u{ff07}",
        "--\r\nContent-",
        "=\"",
        "/%2e",
        "1+or+",
        "<![CDATA[",
        "\0",
        "A",
    ] {
        let body = unit.repeat((32 << 10) / unit.len());
        for encoded in [false, true] {
            let event = serde_event(&body, encoded);
            inspect(event.as_bytes());
        }
        inspect(body.as_bytes());
    }
    for unit in ["\"", "\\", "["] {
        inspect(unit.repeat(6 << 20).as_bytes());
    }
}

/// An HTTP event with this body, its JSON escapes done.
fn serde_event(body: &str, encoded: bool) -> String {
    let mut json = String::new();
    for c in body.chars() {
        match c {
            '"' | '\\' => json.extend(['\\', c]),
            '\r' => json.push_str("\\r"),
            '\n' => json.push_str("\\n"),
            '\0' => json.push_str("\\u0000"),
            c => json.push(c),
        }
    }
    format!(
        "{{\"version\":\"2.0\",\"routeKey\":\"$default\",\"rawPath\":\"/\",\"rawQueryString\":\"\",\
         \"headers\":{{}},\"requestContext\":{{\"http\":{{\"method\":\"POST\"}}}},\
         \"body\":\"{json}\",\"isBase64Encoded\":{encoded}}}"
    )
}

#[test]
fn where_an_attack_stands_does_not_matter() {
    for padding in 0..100 {
        let spaces = " ".repeat(padding);
        let letters = "a".repeat(padding);
        for event in [
            format!("{spaces}{{\"body\":\"{ATTACK}\"}}"),
            format!("{{\"a\":\"{letters}\",\"body\":\"{ATTACK}\"}}"),
            format!("{{\"a\":\"{letters}\",\"body\":\"{{\\\"n\\\":\\\"{ATTACK}\\\"}}\"}}"),
            format!("{{\"body\":\"{{\\\"a\\\":\\\"{letters}\\\",\\\"n\\\":\\\"{ATTACK}\\\"}}\"}}"),
            format!("{{\"body\":\"p={letters}&n=x%27+or+%271%27%3D%271%27+--+\"}}"),
            format!("{{\"body\":\"<a b=\\\"{letters}\\\"><c>{ATTACK}</c></a>\"}}"),
            format!("{{\"cookie\":\"p={letters}; n=x%27%20or%20%271%27%3D%271%27%20--%20\"}}"),
            format!("{{\"path\":\"/{letters}/x%27%20or%20%271%27%3D%271%27%20--%20/b\"}}"),
        ] {
            assert!(finds_sql(event.as_bytes()), "{event}");
        }
    }
}

#[test]
fn windows_have_no_gaps() {
    // Around the borders of the windows in which decoded texts are looked at.
    for border in [128usize, 1 << 10, 15 << 10, 16 << 10, 31 << 10, 32 << 10] {
        for shift in (0..48).map(|n| n * 3) {
            let filler = "a ".repeat((border.saturating_sub(72) + shift) / 2);
            for event in [
                format!("{{\"text\":\"\\u0061{filler}{ATTACK}{filler}\"}}"),
                format!(
                    "{{\"body\":\"[\\\"\\\\u0061{filler}\\\",\\\"{ATTACK}\\\",\\\"{filler}\\\"]\"}}"
                ),
                format!(
                    "{{\"body\":\"p={}&n=x%27+or+%271%27%3D%271%27+--+&q={}\"}}",
                    filler.replace(' ', "+"),
                    filler.replace(' ', "+")
                ),
                format!("{{\"body\":\"<a><b>\\u0061{filler}</b><c>{ATTACK}</c>{filler}</a>\"}}"),
            ] {
                assert!(finds_sql(event.as_bytes()), "at {border} and {shift}");
            }
        }
    }
}
