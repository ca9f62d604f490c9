//! An event on its way to the function.

use std::io;

use guard_core::decide::Decision;
use guard_core::reply::Answer;

use super::answer::{About, BLOCKED, Outcome};
use super::exchange::Exchange;
use super::invocations::Running;
use crate::http::Malformed;
use crate::http::head::{self, Body, Request};

/// The longest event that is taken. Lambda's own limit is 6 MiB; this one is there so that what is
/// not Lambda cannot fill the memory.
const LONGEST: usize = 64 << 20;

/// The longest body of a request for an event, which has none: what is there is read and dropped.
const LONGEST_POLL: usize = 64 << 10;

impl Exchange {
    /// Hands the runtime the next event that is not blocked. Answers whether the connection can be
    /// used again.
    pub(super) fn next(&mut self, request: &Request) -> io::Result<bool> {
        self.shared.before_next();
        // Nothing of a poll's own goes on: the Runtime API would take the guard's next request for a
        // body that was announced and not sent.
        let body = match request.body {
            Body::NONE => 0,
            body => self.client.collect(request.len, body, LONGEST_POLL)?.0,
        };
        let asked = request.len + body;
        loop {
            // Written again for each event: answers go through the same buffer.
            self.write_head_framed(request, false);
            let response = self.exchange(request.is_head)?;
            if !(200..300).contains(&response.status) {
                self.client.consume(asked);
                return self.reply(&response);
            }
            let head = self.answer_bytes().get(..response.len).unwrap_or_default();
            // One without a name is looked at all the same; there is only no answering it.
            let named = head::invocation(head, &response);
            let is_named = named.is_some();
            let invocation = named.unwrap_or_default();
            let (length, trailers) =
                self.answering()?
                    .collect(response.len, response.body, LONGEST)?;
            let end = response.len + length;
            let event = self
                .answer_bytes()
                .get(response.len..end)
                .unwrap_or_default();
            let decision = self.shared.decide(&invocation, event);
            let is_chunked = response.body == Body::Chunked;

            let answer = match decision {
                Decision::Pass => {
                    if is_named {
                        self.shared.invocations.begin(Running {
                            invocation,
                            trimmed: None,
                        });
                    }
                    self.client.consume(asked);
                    let (client, upstream) = self.both()?;
                    let bytes = upstream.unused().get(..end).unwrap_or_default();
                    if is_chunked {
                        let (head, event) = bytes.split_at(response.len);
                        send_chunk(client, head, event, &trailers)?;
                    } else {
                        client.send(&[bytes])?;
                    }
                    upstream.consume(end);
                    if response.closes {
                        self.hang_up();
                    }
                    return Ok(!response.closes);
                }
                Decision::Replace(answer) => answer,
                // `Decision` may grow; what is not known here is not let through.
                _ => unknown(&invocation.request_id),
            };
            if !is_named {
                return Err(Malformed("an event that is blocked has no request id").into());
            }
            if let Answer::Deliver(mut trimmed) = answer {
                let event = std::mem::take(&mut trimmed.event);
                let head = self.answer_bytes().get(..response.len).unwrap_or_default();
                let mut rewritten = Vec::new();
                head::write_response(head, event.len(), &mut rewritten);
                let trimmed = trimmed.merges().then_some(trimmed);
                self.shared.invocations.begin(Running {
                    invocation,
                    trimmed,
                });
                self.client.consume(asked);
                self.client.send(&[&rewritten, &event])?;
                self.answering()?.consume(end);
                if response.closes {
                    self.hang_up();
                }
                return Ok(!response.closes);
            }
            self.answering()?.consume(end);
            if response.closes {
                self.hang_up();
            }
            let outcome = match &answer {
                Answer::Respond(body) => Outcome::Response(body),
                Answer::Fail {
                    error_type,
                    error_message,
                } => Outcome::Error(error_type, error_message),
                _ => Outcome::Error(BLOCKED, "event was blocked"),
            };
            let id = invocation.invocation_id.as_deref();
            self.answer(About::Invocation(&invocation.request_id), id, &outcome)?;
            self.shared.answered();
        }
    }
}

fn unknown(request_id: &str) -> Answer {
    Answer::Fail {
        error_type: BLOCKED,
        error_message: format!(
            "event was blocked in a way that this release cannot carry out (request {request_id})"
        ),
    }
}

/// Sends an event that came in chunks as one.
fn send_chunk(
    client: &mut crate::http::connection::Connection,
    head: &[u8],
    event: &[u8],
    trailers: &[u8],
) -> io::Result<()> {
    let mut before = head.to_vec();
    let mut after = Vec::new();
    if event.is_empty() {
        after.extend_from_slice(b"0\r\n");
    } else {
        before.extend_from_slice(format!("{:x}\r\n", event.len()).as_bytes());
        after.extend_from_slice(b"\r\n0\r\n");
    }
    after.extend_from_slice(trailers);
    client.send(&[&before, event, &after])
}
