//! Events that are none, or hardly: what a function gets of them with Guard is what it gets without,
//! or they are blocked.
//!
//! The tests of other packages include this file as it is: it needs nothing but the standard library.

/// Most bytes of an event that Lambda and its emulator take.
const MOST: usize = 6 << 20;

/// Each with a name.
#[must_use]
pub fn events() -> Vec<(&'static str, Vec<u8>)> {
    let action = |rest: &[u8]| [b"{\"action\":\"orders\",\"customer\":\"", rest, b"\"}"].concat();
    let nested = |open: &[u8], inner: &[u8], close: &[u8], depth: usize| {
        [open.repeat(depth), inner.to_vec(), close.repeat(depth)].concat()
    };
    vec![
        ("empty", Vec::new()),
        ("white space", b" \r\n\t ".to_vec()),
        ("not JSON", b"orders of alice".to_vec()),
        ("not JSON but nearly", b"{'action': undefined}".to_vec()),
        (
            "two values",
            b"{\"action\":\"x\"}{\"action\":\"y\"}".to_vec(),
        ),
        (
            "behind a byte order mark",
            [b"\xef\xbb\xbf", &*action(b"al")].concat(),
        ),
        ("UTF-16", b"{\0\"\0a\0\"\0:\x001\0}\0".to_vec()),
        ("truncated in a string", action(b"al")[..33].to_vec()),
        ("truncated in an escape", action(b"al\\u00")[..36].to_vec()),
        ("truncated behind a key", b"{\"action\":".to_vec()),
        ("truncated in a word", b"{\"action\":tru".to_vec()),
        ("a quote", b"\"".to_vec()),
        ("invalid UTF-8", action(b"al\xff\xc0\x80ice")),
        ("UTF-8 cut in a character", action(b"al\xe2\x82")),
        (
            "invalid UTF-8 in a key",
            b"{\"act\xffion\":1,\"action\":\"orders\"}".to_vec(),
        ),
        (
            "duplicate keys",
            br#"{"action":"x","action":"orders","customer":"bob"}"#.to_vec(),
        ),
        (
            "duplicate keys, one escaped",
            br#"{"action":"x","acti\u006fn":"orders","customer":"bob"}"#.to_vec(),
        ),
        ("10000 levels", nested(b"[", b"", b"]", 10_000)),
        (
            "10000 levels of objects",
            nested(b"{\"a\":", b"1", b"}", 10_000),
        ),
        ("10000 levels, open", vec![b'['; 10_000]),
        ("10000 levels, closed", vec![b']'; 10_000]),
        (
            "10000 levels in a string",
            action(&nested(b"[", b"", b"]", 10_000)),
        ),
        (
            "6 MiB of escaped quotes",
            action(&b"\\\"".repeat(MOST / 2 - 64)),
        ),
        ("6 MiB of quotes", vec![b'"'; MOST - 64]),
        (
            "6 MiB of backslashes",
            action(&b"\\\\".repeat(MOST / 2 - 64)),
        ),
        ("lone high surrogate", action(br"al\ud800ice")),
        ("lone low surrogate", action(br"al\udc00ice")),
        (
            "surrogates the wrong way round",
            action(br"al\udc00\ud800ice"),
        ),
        ("a surrogate's bytes", action(b"al\xed\xa0\x80ice")),
        ("NUL", action(br"alice\u0000")),
        ("raw NUL", action(b"alice\0")),
        ("NULs", vec![0; 4096]),
        ("raw control characters", action(b"al\x01\x1b\x7f\nice")),
        ("a number", b"42".to_vec()),
        ("a number too large", b"{\"action\":1e999999}".to_vec()),
        ("null", b"null".to_vec()),
    ]
}
