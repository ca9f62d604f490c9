//! Heads of requests and responses: how long they are, how their bodies are framed, and what the
//! proxy needs of them.
//!
//! Everything else in a head stays bytes, forwarded as they came. Must not know: sockets.

use httparse::{EMPTY_HEADER, Header, Status};

use super::Malformed;
use crate::endpoint::Endpoint;

/// The longest head accepted. The platform's own heads have about 1 KiB; a client context adds at
/// most 3.5 KiB, an error's X-Ray cause 64 KiB.
pub(crate) const LONGEST: usize = 128 << 10;

/// Most fields in a head; the platform's have about a dozen.
const MOST_FIELDS: usize = 96;

/// How a body's end is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Body {
    Length(u64),
    Chunked,
    /// By the connection's end; responses only.
    UntilClose,
}

impl Body {
    pub(crate) const NONE: Self = Self::Length(0);
}

/// What is known of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    /// Bytes of the head, its empty line included.
    pub(crate) len: usize,
    pub(crate) target: Target,
    pub(crate) is_head: bool,
    pub(crate) body: Body,
    /// The sender waits for leave to send the body.
    pub(crate) expects: bool,
    /// The connection ends with this exchange.
    pub(crate) closes: bool,
    /// Error trailers are announced, so that a stream can end in an error.
    pub(crate) has_error_trailers: bool,
}

/// What a request to the Runtime API asks for, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// The next event.
    Next,
    /// To take the function's response to an invocation.
    Response(String),
    /// To take the function's error in an invocation.
    Error(String),
    /// Anything else.
    Other,
}

/// What is known of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Response {
    /// Bytes of the head, its empty line included.
    pub(crate) len: usize,
    pub(crate) status: u16,
    pub(crate) body: Body,
    pub(crate) closes: bool,
}

/// What `/next` says of an invocation beside its event.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Invocation {
    pub(crate) request_id: String,
    pub(crate) trace_id: Option<String>,
    /// To be echoed with the answer, where the platform sends it.
    pub(crate) invocation_id: Option<String>,
    /// When it has to be answered, in milliseconds since the Unix epoch.
    pub(crate) deadline_ms: Option<u64>,
}

/// The field that ties an answer to its invocation; newer platforms refuse an answer without it.
pub(crate) const INVOCATION_ID: &str = "lambda-runtime-invocation-id";
/// The field, and trailer, that names an error's type.
pub(crate) const ERROR_TYPE: &str = "Lambda-Runtime-Function-Error-Type";
/// The trailer that holds the error of a stream that has begun, in base64.
pub(crate) const ERROR_BODY: &str = "Lambda-Runtime-Function-Error-Body";

/// Reads the head that `bytes` begin with; nothing while it is not whole.
pub(crate) fn request(bytes: &[u8]) -> Result<Option<Request>, Malformed> {
    let mut fields = [EMPTY_HEADER; MOST_FIELDS];
    let mut parsed = httparse::Request::new(&mut fields);
    let Status::Complete(len) = parsed.parse(bytes).map_err(malformed)? else {
        return incomplete(bytes);
    };
    let framing = Framing::of(parsed.headers, parsed.version)?;
    let method = parsed.method.unwrap_or_default();
    Ok(Some(Request {
        len,
        target: target(method, parsed.path.unwrap_or_default()),
        is_head: method == "HEAD",
        body: match (framing.is_chunked, framing.length) {
            (true, _) => Body::Chunked,
            (false, length) => Body::Length(length.unwrap_or(0)),
        },
        expects: field(parsed.headers, "expect")
            .is_some_and(|value| value.eq_ignore_ascii_case(b"100-continue")),
        closes: framing.closes,
        has_error_trailers: values(parsed.headers, "trailer")
            .flat_map(tokens)
            .any(|token| token.eq_ignore_ascii_case(ERROR_TYPE.as_bytes())),
    }))
}

/// Reads the head that `bytes` begin with; nothing while it is not whole. `to_head`: the request's
/// method was HEAD, so that there is no body whatever the head says.
pub(crate) fn response(bytes: &[u8], to_head: bool) -> Result<Option<Response>, Malformed> {
    let mut fields = [EMPTY_HEADER; MOST_FIELDS];
    let mut parsed = httparse::Response::new(&mut fields);
    let Status::Complete(len) = parsed.parse(bytes).map_err(malformed)? else {
        return incomplete(bytes);
    };
    let framing = Framing::of(parsed.headers, parsed.version)?;
    let status = parsed.code.unwrap_or_default();
    let body = match (framing.is_chunked, framing.length) {
        _ if to_head || matches!(status, 100..=199 | 204 | 304) => Body::NONE,
        (true, _) => Body::Chunked,
        (false, Some(length)) => Body::Length(length),
        (false, None) => Body::UntilClose,
    };
    Ok(Some(Response {
        len,
        status,
        body,
        closes: framing.closes || body == Body::UntilClose,
    }))
}

/// What the whole head `bytes` of an answer to `/next` says of the invocation; nothing when it names
/// none.
pub(crate) fn invocation(bytes: &[u8]) -> Option<Invocation> {
    let mut fields = [EMPTY_HEADER; MOST_FIELDS];
    let mut parsed = httparse::Response::new(&mut fields);
    parsed.parse(bytes).ok()?;
    let text = |name| {
        field(parsed.headers, name)
            .and_then(|value| std::str::from_utf8(value).ok())
            .map(str::to_owned)
    };
    Some(Invocation {
        request_id: text("lambda-runtime-aws-request-id").filter(|id| is_id(id))?,
        trace_id: text("lambda-runtime-trace-id"),
        invocation_id: text(INVOCATION_ID),
        deadline_ms: text("lambda-runtime-deadline-ms").and_then(|ms| ms.parse().ok()),
    })
}

/// The field `name` of the whole response head `bytes`, as text.
pub(crate) fn response_field(bytes: &[u8], name: &str) -> Option<String> {
    let mut fields = [EMPTY_HEADER; MOST_FIELDS];
    let mut parsed = httparse::Response::new(&mut fields);
    parsed.parse(bytes).ok()?;
    let value = field(parsed.headers, name)?;
    std::str::from_utf8(value).ok().map(str::to_owned)
}

/// Writes the whole request head `bytes` as `endpoint` is to see it, without the empty line: its
/// path, its name, nothing about leave to send a body; all else as it came. `framed`: with the
/// fields that frame the body.
pub(crate) fn write_request(bytes: &[u8], endpoint: &Endpoint, framed: bool, out: &mut Vec<u8>) {
    let mut fields = [EMPTY_HEADER; MOST_FIELDS];
    let mut parsed = httparse::Request::new(&mut fields);
    if parsed.parse(bytes).is_err() {
        return;
    }
    let path = parsed.path.unwrap_or_default();
    out.extend_from_slice(parsed.method.unwrap_or_default().as_bytes());
    out.push(b' ');
    if path.starts_with('/') {
        out.extend_from_slice(endpoint.base().as_bytes());
    }
    out.extend_from_slice(path.as_bytes());
    let version: &[u8] = match parsed.version {
        Some(0) => b" HTTP/1.0\r\n",
        _ => b" HTTP/1.1\r\n",
    };
    out.extend_from_slice(version);
    write_field(out, "Host", endpoint.authority().as_bytes());
    for Header { name, value } in &*parsed.headers {
        let is = |other: &str| name.eq_ignore_ascii_case(other);
        let frames = is("content-length") || is("transfer-encoding") || is("trailer");
        if is("host") || is("expect") || (frames && !framed) {
            continue;
        }
        write_field(out, name, value);
    }
}

/// Writes the whole response head `bytes`, empty line included, for a body of `length` bytes.
pub(crate) fn write_response(bytes: &[u8], length: usize, out: &mut Vec<u8>) {
    let mut fields = [EMPTY_HEADER; MOST_FIELDS];
    let mut parsed = httparse::Response::new(&mut fields);
    if parsed.parse(bytes).is_err() {
        return;
    }
    let line = bytes.split_inclusive(|byte| *byte == b'\n').next();
    out.extend_from_slice(line.unwrap_or_default());
    for Header { name, value } in &*parsed.headers {
        let is = |other: &str| name.eq_ignore_ascii_case(other);
        if !(is("content-length") || is("transfer-encoding") || is("trailer")) {
            write_field(out, name, value);
        }
    }
    write_field(out, "Content-Length", length.to_string().as_bytes());
    out.extend_from_slice(b"\r\n");
}

pub(crate) fn write_field(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

fn target(method: &str, path: &str) -> Target {
    const INVOCATION: &str = "/2018-06-01/runtime/invocation/";
    let path = path.split('?').next().unwrap_or_default();
    let Some(rest) = path.strip_prefix(INVOCATION) else {
        return Target::Other;
    };
    match (method, rest.split_once('/')) {
        ("GET", None) if rest == "next" => Target::Next,
        ("POST", Some((id, "response"))) => Target::Response(id.to_owned()),
        ("POST", Some((id, "error"))) => Target::Error(id.to_owned()),
        _ => Target::Other,
    }
}

/// Whether a request id can stand in a path as it is. Lambda's are UUIDs.
fn is_id(id: &str) -> bool {
    (1..=128).contains(&id.len())
        && id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':'))
}

struct Framing {
    is_chunked: bool,
    length: Option<u64>,
    closes: bool,
}

impl Framing {
    fn of(fields: &[Header<'_>], version: Option<u8>) -> Result<Self, Malformed> {
        let mut length = None;
        for value in values(fields, "content-length") {
            let digits = value.iter().all(u8::is_ascii_digit);
            let text = std::str::from_utf8(value).unwrap_or_default();
            let found: u64 = text
                .parse()
                .ok()
                .filter(|_| digits)
                .ok_or(Malformed("the content length is no number"))?;
            if length.is_some_and(|length| length != found) {
                return Err(Malformed("there are two content lengths"));
            }
            length = Some(found);
        }
        let mut codings = values(fields, "transfer-encoding").flat_map(tokens);
        let is_chunked = match (codings.next(), codings.next()) {
            (None, _) => false,
            (Some(coding), None) if coding.eq_ignore_ascii_case(b"chunked") => true,
            _ => return Err(Malformed("the transfer coding is not chunked alone")),
        };
        if is_chunked && length.is_some() {
            return Err(Malformed("there is a content length beside chunks"));
        }
        let has = |wanted: &[u8]| {
            values(fields, "connection")
                .flat_map(tokens)
                .any(|token| token.eq_ignore_ascii_case(wanted))
        };
        let closes = has(b"close") || (version == Some(0) && !has(b"keep-alive"));
        Ok(Self {
            is_chunked,
            length,
            closes,
        })
    }
}

fn values<'h>(fields: &'h [Header<'_>], name: &str) -> impl Iterator<Item = &'h [u8]> {
    fields
        .iter()
        .filter(move |field| field.name.eq_ignore_ascii_case(name))
        .map(|field| field.value)
}

fn field<'h>(fields: &'h [Header<'_>], name: &str) -> Option<&'h [u8]> {
    values(fields, name).next()
}

fn tokens(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value
        .split(|byte| *byte == b',')
        .map(<[u8]>::trim_ascii)
        .filter(|token| !token.is_empty())
}

fn malformed(error: httparse::Error) -> Malformed {
    Malformed(match error {
        httparse::Error::TooManyHeaders => "a head has too many fields",
        _ => "a head is not HTTP/1.1",
    })
}

fn incomplete<T>(bytes: &[u8]) -> Result<Option<T>, Malformed> {
    if bytes.len() > LONGEST {
        return Err(Malformed("a head is too long"));
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(text: &str) -> Endpoint {
        text.parse().unwrap()
    }

    #[test]
    fn targets() {
        let of = |line: &str| {
            let head = format!("{line} HTTP/1.1\r\nHost: x\r\n\r\n");
            request(head.as_bytes()).unwrap().unwrap().target
        };
        assert_eq!(of("GET /2018-06-01/runtime/invocation/next"), Target::Next);
        let id = || "7f3c".to_owned();
        assert_eq!(
            of("POST /2018-06-01/runtime/invocation/7f3c/response"),
            Target::Response(id())
        );
        assert_eq!(
            of("POST /2018-06-01/runtime/invocation/7f3c/error"),
            Target::Error(id())
        );
        for other in [
            "POST /2018-06-01/runtime/invocation/next",
            "GET /2018-06-01/runtime/invocation/7f3c/response",
            "POST /2018-06-01/runtime/init/error",
            "GET /2018-06-01/runtime/restore/next",
            "GET /2020-01-01/extension/event/next",
            "OPTIONS *",
        ] {
            assert_eq!(of(other), Target::Other, "{other}");
        }
    }

    #[test]
    fn bodies() {
        let cases = [
            ("", Some(Body::NONE)),
            ("Content-Length: 17\r\n", Some(Body::Length(17))),
            (
                "Content-Length: 17\r\nContent-Length: 17\r\n",
                Some(Body::Length(17)),
            ),
            ("Transfer-Encoding: Chunked\r\n", Some(Body::Chunked)),
            ("Content-Length: 17\r\nContent-Length: 18\r\n", None),
            ("Content-Length: 17\r\nTransfer-Encoding: chunked\r\n", None),
            ("Content-Length: +17\r\n", None),
            ("Content-Length: \r\n", None),
            ("Content-Length: 99999999999999999999\r\n", None),
            ("Transfer-Encoding: gzip, chunked\r\n", None),
            (
                "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
                None,
            ),
        ];
        for (fields, wanted) in cases {
            let head = format!("POST / HTTP/1.1\r\n{fields}\r\n");
            let found = request(head.as_bytes()).ok().map(|head| head.unwrap().body);
            assert_eq!(found, wanted, "{fields}");
        }
        let of = |head: &str, to_head| response(head.as_bytes(), to_head).unwrap().unwrap().body;
        assert_eq!(of("HTTP/1.1 200 OK\r\n\r\n", false), Body::UntilClose);
        assert_eq!(of("HTTP/1.1 204 No\r\n\r\n", false), Body::NONE);
        assert_eq!(
            of("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", true),
            Body::NONE
        );
    }

    #[test]
    fn a_head_is_forwarded_as_it_came_but_for_where_it_goes() {
        let head = b"POST /a?b HTTP/1.1\r\nhost: 127.0.0.1:1\r\nX-Odd:  \tvalue \r\nExpect: \
                     100-continue\r\nContent-Length: 3\r\nUser-Agent: x\r\n\r\nabc";
        let mut out = Vec::new();
        write_request(head, &endpoint("http://h:2/base/"), true, &mut out);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "POST /base/a?b HTTP/1.1\r\nHost: h:2\r\nX-Odd: value\r\nContent-Length: 3\r\n\
             User-Agent: x\r\n"
        );
    }

    #[test]
    fn any_prefix_of_a_head_is_incomplete() {
        let head = b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: a\r\n\r\n";
        for end in 0..head.len() {
            assert_eq!(request(&head[..end]), Ok(None));
        }
        assert!(request(&vec![b'a'; LONGEST + 1]).is_err());
        assert!(request(b"GET / HTTP/1.1\r\n bad\r\n\r\n").is_err());
        assert!(response(b"HTTQ/1.1 200 OK\r\n\r\n", false).is_err());
    }

    #[test]
    fn an_id_that_could_change_a_path_is_none() {
        let head = |id: &str| {
            invocation(
                format!("HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: {id}\r\n\r\n")
                    .as_bytes(),
            )
            .map(|invocation| invocation.request_id)
        };
        assert_eq!(head("7f3c-1"), Some("7f3c-1".to_owned()));
        for id in ["", "a/b", "a b", "a?b"] {
            assert_eq!(head(id), None);
        }
    }
}
