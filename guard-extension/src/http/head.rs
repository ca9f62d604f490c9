//! Heads of requests and responses: how long they are, how their bodies are framed, and what the
//! proxy needs of them.
//!
//! Everything else in a head stays bytes, forwarded as they came. Must not know: sockets.

use std::mem::MaybeUninit;

use httparse::{EMPTY_HEADER, Header, ParserConfig, Status};

use super::Malformed;
use super::target::Target;
use crate::endpoint::Endpoint;

/// The longest head accepted. The platform's own heads have about 1 KiB; a client context adds at
/// most 3.5 KiB, an error's X-Ray cause 64 KiB.
pub(crate) const LONGEST: usize = 128 << 10;

/// Most fields in a head; the platform's have about a dozen.
pub(super) const MOST_FIELDS: usize = 96;

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
    /// Whether it may be sent again where its connection ends without an answer: if its method is
    /// safe (RFC 9110, 9.2.1), or if it is one of those that the Runtime API takes once for each
    /// invocation and each start, whoever sends them twice.
    pub(crate) repeats: bool,
    pub(crate) body: Body,
    /// The sender waits for leave to send the body.
    pub(crate) expects: bool,
    /// The connection ends with this exchange.
    pub(crate) closes: bool,
    /// Error trailers are announced, so that a stream can end in an error.
    pub(crate) has_error_trailers: bool,
    /// Where the method and the path begin.
    method: usize,
    path: usize,
    lines: Lines,
}

/// The lines of a request's head that may not go on as they are, in the order they stand in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Lines {
    found: [Line; MOST_LINES],
    count: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Line {
    name: Name,
    start: usize,
    end: usize,
}

/// Each of them is there once in what a client sends; a length may be said twice.
const MOST_LINES: usize = 8;

/// What is known of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Response {
    /// Bytes of the head, its empty line included.
    pub(crate) len: usize,
    pub(crate) status: u16,
    pub(crate) body: Body,
    pub(crate) closes: bool,
    named: Named,
}

/// Where in a response's head the values stand that tell of an invocation: start and end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Named {
    request_id: Option<(usize, usize)>,
    trace_id: Option<(usize, usize)>,
    invocation_id: Option<(usize, usize)>,
    deadline_ms: Option<(usize, usize)>,
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
    let mut fields = [const { MaybeUninit::uninit() }; MOST_FIELDS];
    let mut parsed = httparse::Request::new(&mut []);
    let parsing = parsed.parse_with_uninit_headers(bytes, &mut fields);
    let Status::Complete(len) = parsing.map_err(malformed)? else {
        return incomplete(bytes);
    };
    let head = bytes.get(..len).unwrap_or_default();
    check_lines(head)?;
    let mut framing = Framing::default();
    let mut lines = Lines::default();
    let (mut expects, mut has_error_trailers) = (false, false);
    for Header { name, value } in &*parsed.headers {
        let known = Name::of(name);
        framing.see(known, value)?;
        match known {
            Name::Host | Name::ContentLength | Name::TransferEncoding => {}
            Name::Expect => expects = value.eq_ignore_ascii_case(b"100-continue"),
            Name::Trailer => {
                has_error_trailers |=
                    tokens(value).any(|token| token.eq_ignore_ascii_case(ERROR_TYPE.as_bytes()));
            }
            _ => continue,
        }
        let start = offset(head, name.as_bytes());
        let rest = head.get(start..).unwrap_or_default();
        let length = rest.iter().position(|byte| *byte == b'\n').unwrap_or(0) + 1;
        lines.push(known, start, start + length)?;
    }
    let framing = framing.finish(parsed.version)?;
    let method = parsed.method.unwrap_or_default();
    let path = parsed.path.unwrap_or_default();
    // What answers it has no body, whatever its head says (RFC 9110, 9.3.6): a tunnel.
    if method.eq_ignore_ascii_case("CONNECT") {
        return Err(Malformed("a request asks for a tunnel"));
    }
    // Servers take the absolute form as well (RFC 9112, 3.2.2): it would go by what is known of
    // paths here.
    if !path.starts_with('/') && path != "*" {
        return Err(Malformed("a request's target is no path"));
    }
    let target = Target::of(method, path)?;
    Ok(Some(Request {
        len,
        repeats: target != Target::Other || matches!(method, "GET" | "HEAD" | "OPTIONS"),
        target,
        is_head: method == "HEAD",
        body: match (framing.is_chunked, framing.length) {
            (true, _) => Body::Chunked,
            (false, length) => Body::Length(length.unwrap_or(0)),
        },
        // A client of HTTP/1.0 would take leave to send for the answer (RFC 9110, 10.1.1).
        expects: expects && parsed.version != Some(0),
        closes: framing.closes,
        has_error_trailers,
        method: offset(head, method.as_bytes()),
        path: offset(head, path.as_bytes()),
        lines,
    }))
}

/// Reads the head that `bytes` begin with; nothing while it is not whole. `to_head`: the request's
/// method was HEAD, so that there is no body whatever the head says.
pub(crate) fn response(bytes: &[u8], to_head: bool) -> Result<Option<Response>, Malformed> {
    let mut fields = [const { MaybeUninit::uninit() }; MOST_FIELDS];
    let mut parsed = httparse::Response::new(&mut []);
    let parsing =
        ParserConfig::default().parse_response_with_uninit_headers(&mut parsed, bytes, &mut fields);
    let Status::Complete(len) = parsing.map_err(malformed)? else {
        return incomplete(bytes);
    };
    check_lines(bytes.get(..len).unwrap_or_default())?;
    let mut framing = Framing::default();
    let mut named = Named::default();
    for Header { name, value } in &*parsed.headers {
        let known = Name::of(name);
        framing.see(known, value)?;
        let slot = match known {
            Name::RequestId => &mut named.request_id,
            Name::TraceId => &mut named.trace_id,
            Name::InvocationId => &mut named.invocation_id,
            Name::DeadlineMs => &mut named.deadline_ms,
            _ => continue,
        };
        let start = offset(bytes, value);
        slot.get_or_insert((start, start + value.len()));
    }
    let framing = framing.finish(parsed.version)?;
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
        named,
    }))
}

/// What the head `bytes` of an answer to `/next`, which `response` was read from, says of the
/// invocation; nothing when it names none.
pub(crate) fn invocation(bytes: &[u8], response: &Response) -> Option<Invocation> {
    let text = |span: Option<(usize, usize)>| {
        let (start, end) = span?;
        let value = std::str::from_utf8(bytes.get(start..end)?).ok()?;
        Some(value.to_owned())
    };
    let named = &response.named;
    Some(Invocation {
        request_id: text(named.request_id).filter(|id| is_id(id))?,
        trace_id: text(named.trace_id),
        invocation_id: text(named.invocation_id),
        deadline_ms: text(named.deadline_ms).and_then(|ms| ms.parse().ok()),
    })
}

/// Whether `bytes`, of which the first `seen` were looked at before, may hold the end of a head: what
/// comes byte by byte is not to be read from its start as often. At first always, so that what is no
/// head is refused at once.
pub(crate) fn may_be_whole(bytes: &[u8], seen: usize) -> bool {
    let new = bytes.get(seen.saturating_sub(2)..).unwrap_or_default();
    let ends = |three: &[u8]| three.ends_with(b"\n\n") || three == b"\n\r\n";
    seen == 0 || bytes.len() > LONGEST || new.windows(3).any(ends) || new.starts_with(b"\n\n")
}

/// Whether the trailers of a request, empty line included, say nothing of what its head alone may
/// say (RFC 9110, 6.5.1): whoever joins them with the head would read another request.
///
/// # Errors
/// When they do, or are no fields.
pub(crate) fn check_trailers(bytes: &[u8]) -> Result<(), Malformed> {
    let mut fields = [EMPTY_HEADER; MOST_FIELDS];
    let parsed = httparse::parse_headers(bytes, &mut fields).map_err(malformed)?;
    let Status::Complete((_, trailers)) = parsed else {
        return Err(Malformed("trailers are no fields"));
    };
    let is_of_the_head = |field: &Header<'_>| {
        matches!(
            Name::of(field.name),
            Name::Connection
                | Name::ContentLength
                | Name::Expect
                | Name::Host
                | Name::InvocationId
                | Name::Trailer
                | Name::TransferEncoding
        )
    };
    if trailers.iter().any(is_of_the_head) {
        return Err(Malformed("a trailer is one of the head's fields"));
    }
    Ok(())
}

/// The field `name` of the whole response head `bytes`, as text.
pub(crate) fn response_field(bytes: &[u8], name: &str) -> Option<String> {
    let mut fields = [EMPTY_HEADER; MOST_FIELDS];
    let mut parsed = httparse::Response::new(&mut fields);
    parsed.parse(bytes).ok()?;
    let value = field(parsed.headers, name)?;
    std::str::from_utf8(value).ok().map(str::to_owned)
}

/// Writes the head `bytes`, which `request` was read from, as `endpoint` is to see it, without the
/// empty line: its path, its name, nothing about leave to send a body; all else byte for byte.
/// `framed`: with the fields that frame the body.
pub(crate) fn write_request(
    bytes: &[u8],
    request: &Request,
    endpoint: &Endpoint,
    framed: bool,
    out: &mut Vec<u8>,
) {
    // The empty line's two bytes stay behind.
    let head = bytes.get(..request.len.saturating_sub(2));
    let head = head.unwrap_or_default();
    let part = |start: usize, end: usize| head.get(start..end).unwrap_or_default();
    out.extend_from_slice(part(request.method, request.path));
    if head.get(request.path) == Some(&b'/') {
        out.extend_from_slice(endpoint.base().as_bytes());
    }
    let (mut at, mut has_host) = (request.path, false);
    for line in request.lines.iter() {
        match line.name {
            Name::Host | Name::Expect => {}
            _ if framed => continue,
            _ => {}
        }
        out.extend_from_slice(part(at, line.start));
        at = line.end;
        if line.name == Name::Host {
            has_host = true;
            write_field(out, "Host", endpoint.authority().as_bytes());
        }
    }
    out.extend_from_slice(part(at, head.len()));
    if !has_host {
        write_field(out, "Host", endpoint.authority().as_bytes());
    }
}

/// Writes the whole response head `bytes`, empty line included, for a body of `length` bytes.
pub(crate) fn write_response(bytes: &[u8], length: usize, out: &mut Vec<u8>) {
    let mut fields = [EMPTY_HEADER; MOST_FIELDS];
    let mut parsed = httparse::Response::new(&mut fields);
    if parsed.parse(bytes).is_err() {
        return;
    }
    // An empty line may stand before the first.
    let bytes = bytes.strip_prefix(b"\r\n").unwrap_or(bytes);
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

/// Whether a request id can stand in a path as it is. Lambda's are UUIDs.
fn is_id(id: &str) -> bool {
    (1..=128).contains(&id.len())
        && id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':'))
}

impl Lines {
    fn push(&mut self, name: Name, start: usize, end: usize) -> Result<(), Malformed> {
        let is_repeated = self.iter().any(|line| line.name == name);
        if is_repeated && matches!(name, Name::Host | Name::Expect) {
            return Err(Malformed("a head names its host or expectation twice"));
        }
        let slot = self.found.get_mut(self.count);
        *slot.ok_or(Malformed("a head frames its body too often"))? = Line { name, start, end };
        self.count += 1;
        Ok(())
    }

    fn iter(&self) -> impl Iterator<Item = &Line> {
        self.found.iter().take(self.count)
    }
}

/// The fields that matter here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Name {
    Connection,
    ContentLength,
    DeadlineMs,
    Expect,
    Host,
    InvocationId,
    #[default]
    Other,
    RequestId,
    TraceId,
    Trailer,
    TransferEncoding,
}

impl Name {
    fn of(name: &str) -> Self {
        // No two have the same length: one comparison decides.
        let (wanted, known) = match name.len() {
            4 => ("host", Self::Host),
            6 => ("expect", Self::Expect),
            7 => ("trailer", Self::Trailer),
            10 => ("connection", Self::Connection),
            14 => ("content-length", Self::ContentLength),
            17 => ("transfer-encoding", Self::TransferEncoding),
            23 => ("lambda-runtime-trace-id", Self::TraceId),
            26 => ("lambda-runtime-deadline-ms", Self::DeadlineMs),
            28 => (INVOCATION_ID, Self::InvocationId),
            29 => ("lambda-runtime-aws-request-id", Self::RequestId),
            _ => return Self::Other,
        };
        if name.eq_ignore_ascii_case(wanted) {
            known
        } else {
            Self::Other
        }
    }
}

#[derive(Debug, Default)]
struct Framing {
    is_chunked: bool,
    length: Option<u64>,
    closes: bool,
    keeps_alive: bool,
}

impl Framing {
    fn see(&mut self, name: Name, value: &[u8]) -> Result<(), Malformed> {
        match name {
            Name::ContentLength => {
                let digits = value.iter().all(u8::is_ascii_digit);
                let text = std::str::from_utf8(value).unwrap_or_default();
                let found: u64 = text
                    .parse()
                    .ok()
                    .filter(|_| digits)
                    .ok_or(Malformed("the content length is no number"))?;
                if self.length.is_some_and(|length| length != found) {
                    return Err(Malformed("there are two content lengths"));
                }
                self.length = Some(found);
            }
            Name::TransferEncoding => {
                let mut codings = tokens(value);
                let is_chunked = codings
                    .next()
                    .is_some_and(|coding| coding.eq_ignore_ascii_case(b"chunked"));
                if self.is_chunked || !is_chunked || codings.next().is_some() {
                    return Err(Malformed("the transfer coding is not chunked alone"));
                }
                self.is_chunked = true;
            }
            Name::Connection => {
                for token in tokens(value) {
                    // A server that takes them for this connection's alone sees no framing.
                    let frames = [b"content-length".as_slice(), b"transfer-encoding", b"host"];
                    if frames.iter().any(|name| token.eq_ignore_ascii_case(name)) {
                        return Err(Malformed("a head's framing is said to be the connection's"));
                    }
                    self.closes |= token.eq_ignore_ascii_case(b"close");
                    self.keeps_alive |= token.eq_ignore_ascii_case(b"keep-alive");
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn finish(mut self, version: Option<u8>) -> Result<Self, Malformed> {
        if self.is_chunked && self.length.is_some() {
            return Err(Malformed("there is a content length beside chunks"));
        }
        // Servers of HTTP/1.0 know no chunks, and some look past them (RFC 9112, 6.1).
        if self.is_chunked && version == Some(0) {
            return Err(Malformed("there are chunks in HTTP/1.0"));
        }
        self.closes |= version == Some(0) && !self.keeps_alive;
        Ok(self)
    }
}

/// Where `part`, a part of `whole`, begins in it.
fn offset(whole: &[u8], part: &[u8]) -> usize {
    part.as_ptr().addr().saturating_sub(whole.as_ptr().addr())
}

fn field<'h>(fields: &'h [Header<'_>], name: &str) -> Option<&'h [u8]> {
    let mut fields = fields.iter();
    let found = fields.find(|field| field.name.eq_ignore_ascii_case(name));
    found.map(|field| field.value)
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

/// Refuses a head that goes on as it came and that two may read differently: what one takes for a
/// line's end, another may not, nor more than one empty line before the first (RFC 9112, 2.2).
fn check_lines(head: &[u8]) -> Result<(), Malformed> {
    if head.starts_with(b"\r\n\r\n") || head.starts_with(b"\n") {
        return Err(EMPTY_LINES);
    }
    // Counted, not found: without a way out of the loop it is done for many bytes at a time.
    let pairs = head.iter().zip(head.iter().skip(1));
    if pairs.filter(|(a, b)| **a != b'\r' && **b == b'\n').count() > 0 {
        return Err(Malformed("a head's line ends in a line feed alone"));
    }
    Ok(())
}

/// A client may send one too many behind a body, not as many as it likes.
const EMPTY_LINES: Malformed = Malformed("empty lines stand where a head begins");

fn incomplete<T>(bytes: &[u8]) -> Result<Option<T>, Malformed> {
    if bytes.len() > LONGEST {
        return Err(Malformed("a head is too long"));
    }
    if bytes.starts_with(b"\r\n\r\n") {
        return Err(EMPTY_LINES);
    }
    Ok(None)
}

#[cfg(test)]
mod tests;
