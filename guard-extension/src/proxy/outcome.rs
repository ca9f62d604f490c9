//! A response or an error on its way out.
//!
//! In `monitor` it passes as it comes, and what it holds is recorded. In `enforce` nothing of a
//! secret may leave: bytes that may be the start of one wait for the next. A response that comes
//! with its length and within one read of the socket, as most do, is looked at whole and can still
//! be replaced by an error. A longer one, or one that is streamed, is on its way by then and is cut
//! before the secret.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::Instant;

use guard_core::policy::Mode;
use guard_core::reply::Trimmed;

use super::answer::{About, BLOCKED, Outcome, WITHHELD, error_body};
use super::exchange::Exchange;
use super::invocations::Running;
use crate::http::chunked::{Chunked, Piece};
use crate::http::connection::{Connection, Stopped};
use crate::http::head::{
    Body, ERROR_BODY, ERROR_TYPE, Request, check_trailers, write_field, write_request,
};
use crate::http::target::Start;

/// How much of a response that is not streamed waits for its end: a few reads' worth, since a
/// runtime may write head and body apart. Nothing beyond is held, whatever the response's length.
const WINDOW: usize = 64 << 10;

/// The longest response that withheld records can be merged into: Lambda takes no longer one.
const LONGEST: usize = 8 << 20;

/// What of an invocation is needed beside its request.
struct Subject<'a> {
    about: About<'a>,
    trace_id: Option<&'a str>,
    invocation_id: Option<&'a str>,
}

impl Exchange {
    /// Forwards the function's answer. Answers whether the connection can be used again.
    pub(super) fn outcome(
        &mut self,
        request: &Request,
        request_id: &str,
        is_response: bool,
    ) -> io::Result<bool> {
        let shared = Arc::clone(&self.shared);
        // While the records still belong to the invocation.
        shared.drain();
        let answering = shared.invocations.answer(request_id);
        let running = answering.running();
        let trimmed = running.and_then(|running| running.trimmed.as_ref());
        let subject = Subject {
            about: About::Invocation(request_id),
            trace_id: invocation(running, |i| i.trace_id.as_deref()),
            invocation_id: invocation(running, |i| i.invocation_id.as_deref()),
        };
        let goes_on = match trimmed.filter(|_| is_response) {
            Some(trimmed) => self.merged(request, &subject, trimmed)?,
            None => self.looked_at(request, &subject)?,
        };
        if (200..300).contains(&self.status) {
            answering.taken();
        } else {
            drop(answering);
        }
        shared.answered();
        Ok(goes_on)
    }

    /// Forwards the error that the function started with: the caller of the first invocation gets it.
    /// Answers whether the connection can be used again.
    pub(super) fn start_error(&mut self, request: &Request, start: Start) -> io::Result<bool> {
        let subject = Subject {
            about: About::Start(start),
            trace_id: None,
            invocation_id: None,
        };
        self.looked_at(request, &subject)
    }

    /// Forwards an answer as the mode says.
    fn looked_at(&mut self, request: &Request, subject: &Subject<'_>) -> io::Result<bool> {
        let shared = Arc::clone(&self.shared);
        if !shared.looks_at_responses() {
            return self.pass(request, |_| {});
        }
        if shared.mode() == Mode::Enforce {
            return self.scanned(request, subject);
        }
        let mut is_clean = !self.leaks_in_head(request, subject);
        let mut scanner = shared.secrets.scanner();
        self.pass(request, |bytes| {
            let start = Instant::now();
            // One record says it: a response that holds a secret often holds it all over.
            if is_clean && let Some(leak) = scanner.feed(bytes) {
                is_clean = false;
                shared.leaks(subject.about.request_id(), subject.trace_id, &leak, start);
            }
        })
    }

    /// Whether a request's head holds a secret: some of its fields reach the caller too.
    fn leaks_in_head(&self, request: &Request, subject: &Subject<'_>) -> bool {
        let start = Instant::now();
        let head = self.client.unused().get(..request.len).unwrap_or_default();
        let leak = self.shared.secrets.find(head);
        leak.is_some_and(|leak| {
            let id = subject.about.request_id();
            self.shared.leaks(id, subject.trace_id, &leak, start);
            true
        })
    }

    /// Forwards a response with what was withheld from its event named in it.
    fn merged(
        &mut self,
        request: &Request,
        subject: &Subject<'_>,
        trimmed: &Trimmed,
    ) -> io::Result<bool> {
        let shared = Arc::clone(&self.shared);
        let (length, _) = self.client.collect(request.len, request.body, LONGEST)?;
        let end = request.len + length;
        let bytes = self.client.unused().get(..end).unwrap_or_default();
        let response = bytes.get(request.len..).unwrap_or_default();
        let start = Instant::now();
        let leaks = shared.looks_at_responses()
            && shared.secrets.find(bytes).is_some_and(|leak| {
                shared.leaks(subject.about.request_id(), subject.trace_id, &leak, start)
            });
        let merged = trimmed.merge(response);
        self.scratch.clear();
        write_request(bytes, request, &shared.endpoint, false, &mut self.scratch);
        self.client.consume(end);
        let response = match merged {
            _ if leaks => self.withhold(subject)?,
            Ok(body) => {
                write_field(
                    &mut self.scratch,
                    "Content-Length",
                    body.len().to_string().as_bytes(),
                );
                self.scratch.extend_from_slice(b"\r\n");
                self.scratch.extend_from_slice(&body);
                self.exchange(false)?
            }
            Err(error) => {
                let about = subject.about;
                let message = format!("blocked records could not be named: {error} ({about})");
                shared.records.notice(about.request_id(), &message);
                let outcome = Outcome::Error(BLOCKED, &message);
                self.post(about, subject.invocation_id, &outcome)?
            }
        };
        self.reply(&response)
    }

    /// Forwards an answer as far as it holds no secret.
    fn scanned(&mut self, request: &Request, subject: &Subject<'_>) -> io::Result<bool> {
        let shared = Arc::clone(&self.shared);
        if self.leaks_in_head(request, subject) {
            self.client.consume(request.len);
            let mut source = Source::new(request.body);
            let mut held = Vec::new();
            while !source.is_done() {
                source.read(&mut self.client, &mut held)?;
                held.clear();
            }
            let response = self.withhold(subject)?;
            return self.reply(&response);
        }
        if let Body::Length(length) = request.body
            && let Some(body) = self.client.unused().get(request.len..)
            && let Some(body) = usize::try_from(length).ok().and_then(|n| body.get(..n))
        {
            // All of it is there, as of most: it is looked at where it lies.
            let start = Instant::now();
            let leak = shared.secrets.find(body);
            let is_withheld = leak.is_some_and(|leak| {
                shared.leaks(subject.about.request_id(), subject.trace_id, &leak, start)
            });
            if !is_withheld {
                return self.pass(request, |_| {});
            }
            let end = request.len + body.len();
            self.client.consume(end);
            let response = self.withhold(subject)?;
            return self.reply(&response);
        }
        let mut scanner = shared.secrets.scanner();
        self.write_head(request);
        self.client.consume(request.len);
        let mut source = Source::new(request.body);
        let mut upstream: Option<Connection> = None;
        // Data that was looked at and not sent.
        let mut held = Vec::new();
        let response = loop {
            let before = held.len();
            source.read(&mut self.client, &mut held)?;
            let start = Instant::now();
            let new = held.get(before..).unwrap_or_default();
            let leak = match scanner.feed(new) {
                None if source.is_done() => shared.secrets.find(&source.trailers),
                leak => leak,
            };
            if let Some(leak) = leak
                && shared.leaks(subject.about.request_id(), subject.trace_id, &leak, start)
            {
                held.clear();
                while !source.is_done() {
                    source.read(&mut self.client, &mut held)?;
                    held.clear();
                }
                break self.cut(request, subject, upstream)?;
            }
            let is_done = source.is_done();
            let ready = match is_done {
                true => held.len(),
                false => held.len().saturating_sub(scanner.held_back()),
            };
            if !is_done {
                let waits = upstream.is_none() && !source.is_chunked() && held.len() < WINDOW;
                if ready == 0 || waits {
                    continue;
                }
            }
            let is_first = upstream.is_none();
            if is_first && is_done {
                // Whole in the buffer: it can be sent again where a connection turns out stale.
                source.begin(held.len(), &mut self.scratch);
                self.scratch.extend_from_slice(&held);
                source.end(held.len(), &mut self.scratch);
                break self.exchange(false)?;
            }
            if !is_first {
                self.scratch.clear();
            }
            source.begin(ready, &mut self.scratch);
            let mut behind = Vec::new();
            source.end(ready, &mut behind);
            let mut connection = match upstream.take() {
                Some(connection) => connection,
                None => self.upstream()?,
            };
            let data = held.get(..ready).unwrap_or_default();
            let sent = connection.send(&[&self.scratch, data, &behind]);
            if is_done || sent.is_err() {
                let relayed = sent.map_err(Stopped::Destination);
                break self.answer_to(connection, relayed, false)?;
            }
            upstream = Some(connection);
            held.drain(..ready);
        };
        self.reply(&response)
    }

    /// Ends an answer that holds a secret: by an error in its place, or where it has begun, by one
    /// behind it.
    fn cut(
        &mut self,
        request: &Request,
        subject: &Subject<'_>,
        upstream: Option<Connection>,
    ) -> io::Result<crate::http::head::Response> {
        let Some(mut upstream) = upstream else {
            return self.withhold(subject);
        };
        if request.body == Body::Chunked && request.has_error_trailers {
            let body = base64(error_body(WITHHELD, &withheld(subject.about)).as_bytes());
            self.scratch.clear();
            self.scratch.extend_from_slice(b"0\r\n");
            write_field(&mut self.scratch, ERROR_TYPE, WITHHELD.as_bytes());
            write_field(&mut self.scratch, ERROR_BODY, body.as_bytes());
            self.scratch.extend_from_slice(b"\r\n");
            let sent = upstream.send(&[&self.scratch]);
            let relayed = sent.map_err(Stopped::Destination);
            return self.answer_to(upstream, relayed, false);
        }
        // Its length was promised and is not kept: the Runtime API sees it break off, takes nothing
        // more for the invocation, and the runtime ends as it does when an answer was refused.
        drop(upstream);
        self.withhold(subject)
    }

    /// Answers the invocation with an error; what the Runtime API says to that is the runtime's to
    /// read.
    fn withhold(&mut self, subject: &Subject<'_>) -> io::Result<crate::http::head::Response> {
        let message = withheld(subject.about);
        let outcome = Outcome::Error(WITHHELD, &message);
        self.post(subject.about, subject.invocation_id, &outcome)
    }
}

fn withheld(about: About<'_>) -> String {
    format!("response withheld: it holds a secret of the function ({about})")
}

fn invocation<'r>(
    running: Option<&'r Running>,
    member: impl Fn(&'r crate::http::head::Invocation) -> Option<&'r str>,
) -> Option<&'r str> {
    running.and_then(|running| member(&running.invocation))
}

/// A body that is read, and written again in the same framing with other borders.
struct Source {
    /// Bytes still to come, of a body whose length is known.
    left: u64,
    chunked: Option<Chunked>,
    trailers: Vec<u8>,
}

impl Source {
    fn new(body: Body) -> Self {
        let (left, chunked) = match body {
            Body::Length(length) => (length, None),
            // Requests end by length or last chunk only.
            Body::Chunked | Body::UntilClose => (0, Some(Chunked::new())),
        };
        Self {
            left,
            chunked,
            trailers: Vec::new(),
        }
    }

    fn is_done(&self) -> bool {
        match &self.chunked {
            Some(chunked) => chunked.is_done(),
            None => self.left == 0,
        }
    }

    fn is_chunked(&self) -> bool {
        self.chunked.is_some()
    }

    /// Reads what there is, at least something unless the body is done, and adds its data to
    /// `data`.
    fn read(&mut self, from: &mut Connection, data: &mut Vec<u8>) -> io::Result<()> {
        if self.is_done() {
            return Ok(());
        }
        if from.unused().is_empty() && from.fill()? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        let bytes = from.unused();
        let mut at = 0;
        match &mut self.chunked {
            None => {
                at = bytes
                    .len()
                    .min(usize::try_from(self.left).unwrap_or(usize::MAX));
                self.left -= at as u64;
                data.extend_from_slice(bytes.get(..at).unwrap_or_default());
            }
            Some(chunked) => {
                while let Some(piece) = chunked.next(bytes.get(at..).unwrap_or_default())? {
                    match piece {
                        Piece::Data(n) => {
                            data.extend_from_slice(bytes.get(at..at + n).unwrap_or_default());
                            at += n;
                        }
                        Piece::Framing(n) => at += n,
                        Piece::Trailer(n) => {
                            self.trailers
                                .extend_from_slice(bytes.get(at..at + n).unwrap_or_default());
                            at += n;
                        }
                    }
                }
                if chunked.is_done() {
                    check_trailers(&self.trailers)?;
                }
            }
        }
        from.consume(at);
        Ok(())
    }

    /// Writes what stands before the body's next `length` bytes.
    fn begin(&self, length: usize, out: &mut Vec<u8>) {
        if self.is_chunked() && length > 0 {
            out.extend_from_slice(format!("{length:x}\r\n").as_bytes());
        }
    }

    /// Writes what stands behind them, and the body's end if that is it.
    fn end(&self, length: usize, out: &mut Vec<u8>) {
        if self.is_chunked() {
            if length > 0 {
                out.extend_from_slice(b"\r\n");
            }
            if self.is_done() {
                out.extend_from_slice(b"0\r\n");
                out.extend_from_slice(&self.trailers);
            }
        }
    }
}

/// RFC 4648, section 4.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for group in bytes.chunks(3) {
        let byte = |n: usize| u32::from(group.get(n).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for n in 0..4 {
            let digit = (bits >> (18 - 6 * n) & 63) as usize;
            out.push(match DIGITS.get(digit) {
                Some(digit) if n <= group.len() => char::from(*digit),
                _ => '=',
            });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_of_every_remainder() {
        // RFC 4648, section 10.
        let cases = [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ];
        for (text, wanted) in cases {
            assert_eq!(base64(text.as_bytes()), wanted);
        }
    }
}
