//! What a request to the Runtime API asks for, told by its method and path.
//!
//! The server behind the proxy may read a path more generously than it is written: undo escapes, join
//! slashes, look past case. A path that could be one of those told apart here, and is not written as
//! one, would pass unseen: it is refused. Must not know: fields, bodies.

use super::Malformed;

/// What a request asks for, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// The next event.
    Next,
    /// To take the function's response to an invocation.
    Response(String),
    /// To take the function's error in an invocation.
    Error(String),
    /// To take the error that the function started with.
    StartError(Start),
    /// Anything else.
    Other,
}

/// How a function starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start {
    /// From its code.
    Init,
    /// From a snapshot.
    Restore,
}

impl Start {
    /// As paths name it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Init => "init",
            Self::Restore => "restore",
        }
    }
}

/// How often escapes are undone that escapes were hidden in. Servers undo them once; what is wrapped
/// deeper is refused.
const ROUNDS: usize = 8;

impl Target {
    /// Of a request's first line.
    ///
    /// # Errors
    /// For a path that is written in another way than the Runtime API's documentation does.
    pub(crate) fn of(method: &str, target: &str) -> Result<Self, Malformed> {
        let path = target.split('?').next().unwrap_or_default();
        let is = |wanted: &str| method.eq_ignore_ascii_case(wanted);
        if is_plain(path) {
            // Whatever the version: an answer is an answer in the next one as well.
            let mut parts = path.split('/').skip(2);
            let first = [parts.next(), parts.next(), parts.next(), parts.next()];
            match (first, parts.next()) {
                ([Some("runtime"), Some("invocation"), Some("next"), None], _) => {
                    return Ok(if is("GET") { Self::Next } else { Self::Other });
                }
                ([Some("runtime"), Some("invocation"), Some(id), Some(kind)], None)
                    if matches!(kind, "response" | "error") =>
                {
                    return Ok(match kind {
                        _ if is("GET") || is("HEAD") => Self::Other,
                        "response" => Self::Response(id.to_owned()),
                        _ => Self::Error(id.to_owned()),
                    });
                }
                (
                    [
                        Some("runtime"),
                        Some(start @ ("init" | "restore")),
                        Some("error"),
                        None,
                    ],
                    _,
                ) if !is("GET") && !is("HEAD") => {
                    return Ok(Self::StartError(match start {
                        "init" => Start::Init,
                        _ => Start::Restore,
                    }));
                }
                _ if !path.bytes().any(|byte| byte.is_ascii_uppercase()) => {
                    return Ok(Self::Other);
                }
                _ => {}
            }
        }
        if names_invocations(path) {
            return Err(Malformed("a path is written in a way of its own"));
        }
        Ok(Self::Other)
    }
}

/// Whether there is one way only to read `path`: no escapes, no parameters, no segment that stands
/// for another (RFC 3986, sections 2.1, 3.3 and 5.2.4).
fn is_plain(path: &str) -> bool {
    let Some(rest) = path.strip_prefix('/') else {
        return false;
    };
    let is_literal =
        |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:@!$&'()*+,=/".contains(&byte);
    rest.bytes().all(is_literal) && rest.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

/// Whether a path holds the words by which what is told apart here is named, however it is written.
fn names_invocations(path: &str) -> bool {
    let mut path = path.as_bytes().to_ascii_lowercase();
    let mut rounds = 0;
    while undo(&mut path) {
        rounds += 1;
        if rounds == ROUNDS {
            return true;
        }
    }
    let has = |word: &[u8]| path.windows(word.len()).any(|part| part == word);
    // Those that are told apart by it, and the errors that a function starts with.
    has(b"invocation") || (has(b"runtime") && has(b"error"))
}

/// Undoes the percent-encoding of `path`, in lower case; whether there was any.
fn undo(path: &mut Vec<u8>) -> bool {
    let mut out = Vec::with_capacity(path.len());
    let mut rest = path.as_slice();
    while let Some((byte, behind)) = rest.split_first() {
        let digit = |at: usize| char::from(*behind.get(at)?).to_digit(16);
        let escaped = (*byte == b'%').then(|| Some(digit(0)? << 4 | digit(1)?));
        if let Some(code) = escaped.flatten().and_then(|code| u8::try_from(code).ok()) {
            out.push(code.to_ascii_lowercase());
            rest = behind.get(2..).unwrap_or_default();
        } else {
            out.push(*byte);
            rest = behind;
        }
    }
    let was_undone = out.len() < path.len();
    *path = out;
    was_undone
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Result<Target, Malformed> {
        let (method, target) = line.split_once(' ').unwrap();
        Target::of(method, target)
    }

    #[test]
    fn targets() {
        let id = || "7f3c".to_owned();
        let cases = [
            ("GET /2018-06-01/runtime/invocation/next", Target::Next),
            ("get /2018-06-01/runtime/invocation/next?x", Target::Next),
            (
                "POST /2018-06-01/runtime/invocation/7f3c/response",
                Target::Response(id()),
            ),
            (
                "PUT /2031-01-01/runtime/invocation/7f3c/response?a=/../b",
                Target::Response(id()),
            ),
            (
                "POST /2018-06-01/runtime/invocation/7f3c/error",
                Target::Error(id()),
            ),
            ("POST /2018-06-01/runtime/invocation/next", Target::Other),
            (
                "GET /2018-06-01/runtime/invocation/7f3c/response",
                Target::Other,
            ),
            (
                "POST /2018-06-01/runtime/invocation/7f3c/checkpoint",
                Target::Other,
            ),
            (
                "POST /2018-06-01/runtime/init/error",
                Target::StartError(Start::Init),
            ),
            (
                "POST /2018-06-01/runtime/restore/error",
                Target::StartError(Start::Restore),
            ),
            ("GET /2018-06-01/runtime/init/error", Target::Other),
            ("GET /2018-06-01/runtime/restore/next", Target::Other),
            ("GET /2020-01-01/extension/event/next", Target::Other),
            ("GET /some%20file;a/../b", Target::Other),
            ("OPTIONS *", Target::Other),
            ("GET /", Target::Other),
        ];
        for (line, wanted) in cases {
            assert_eq!(of(line), Ok(wanted), "{line}");
        }
    }

    #[test]
    fn a_path_that_a_generous_server_takes_for_another_is_refused() {
        let mut deep = "e".to_owned();
        for _ in 0..20 {
            deep = deep.replace('%', "%25").replace('e', "%65");
        }
        let lines = [
            "GET /2018-06-01/runtime/invocation/7f3c/..%2fnext",
            "GET /2018-06-01/runtime/invocation/7f3c/../next",
            "POST /2018-06-01/runtime/invocation/7f3c/%72esponse",
            "POST /2018-06-01/runtime/invocation/7f3c/%2572esponse",
            "POST /2018-06-01/runtime/%69nvocation/7f3c/response",
            "POST /2018-06-01/runtime/invocation/7f3c/response/",
            "POST /2018-06-01/runtime/invocation/7f3c/response/.",
            "POST //2018-06-01/runtime/invocation/7f3c/response",
            "POST /2018-06-01/runtime/invocation//7f3c/response",
            "POST /./2018-06-01/runtime/invocation/7f3c/response",
            "POST /x/../2018-06-01/runtime/invocation/7f3c/response",
            "POST /../runtime/invocation/7f3c/response",
            "POST /2018-06-01/runtime/invocation/7f3c/Response",
            "POST /2018-06-01/Runtime/Invocation/7f3c/response",
            "POST /2018-06-01/runtime/invocation/7f3c/response;a=b",
            "POST /2018-06-01/runtime/invocation/7f3c/response#x",
            "POST /2018-06-01\\runtime\\invocation\\7f3c\\response",
            "POST /2018-06-01/runtime/invocation/7f3c/response%3fx",
            "POST /2018-06-01/runtime/invocation/7f3c/response%",
            "POST /2018-06-01/runtime/init/err%6fr",
            "POST /2018-06-01/runtime/init/error/",
            "POST /2018-06-01/Runtime/restore/error",
        ];
        for line in lines {
            assert!(of(line).is_err(), "{line}");
        }
        let deep = format!("POST /2018-06-01/runtim{deep}/x");
        assert!(of(&deep).is_err());
    }

    #[test]
    fn escapes_are_undone_once_a_round() {
        let cases = [
            ("a%2fB", "a/b", true),
            ("%4A%2541", "j%41", true),
            ("%", "%", false),
            ("%4", "%4", false),
            ("%zz%%41", "%zz%a", true),
        ];
        for (text, wanted, undone) in cases {
            let mut path = text.as_bytes().to_ascii_lowercase();
            assert_eq!(undo(&mut path), undone, "{text}");
            assert_eq!(path, wanted.as_bytes(), "{text}");
        }
    }
}
