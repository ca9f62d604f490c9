//! Answers in the function's place.

use std::io;
use std::time::{Duration, Instant};

use serde_json::json;

use super::exchange::Exchange;
use crate::http::head::{ERROR_TYPE, INVOCATION_ID, Response, write_field};

/// The type of the error of an event that was blocked, as `guard_core::reply` names it.
pub(super) const BLOCKED: &str = "Guard.Blocked";
/// The type of the error of a response that was withheld.
pub(super) const WITHHELD: &str = "Guard.Withheld";

/// How long the Runtime API may take to take an answer of ours. It does so in microseconds; an
/// extension that waits longer is of no use to the function that waits for it.
const PATIENCE: Duration = Duration::from_secs(10);

/// Longest answer to an answer that is read, to leave the connection usable.
const LONGEST: usize = 64 << 10;

/// What an invocation is answered with.
pub(super) enum Outcome<'a> {
    /// A response.
    Response(&'a [u8]),
    /// An error: type and message.
    Error(&'a str, &'a str),
}

/// What Lambda and callers see of an error.
pub(super) fn error_body(error_type: &str, message: &str) -> String {
    json!({ "errorMessage": message, "errorType": error_type }).to_string()
}

impl Exchange {
    /// Answers the invocation and reads what the Runtime API says to it; whether it was accepted.
    pub(super) fn answer(
        &mut self,
        request_id: &str,
        invocation_id: Option<&str>,
        outcome: &Outcome<'_>,
    ) -> io::Result<()> {
        let response = self.post(request_id, invocation_id, outcome)?;
        let upstream = self.answering()?;
        let (length, _) = upstream.collect(response.len, response.body, LONGEST)?;
        upstream.consume(response.len + length);
        if response.closes {
            self.hang_up();
        }
        if !(200..300).contains(&response.status) {
            // It came too late, mostly: the invocation timed out.
            self.shared.records.notice(
                Some(request_id),
                &format!(
                    "the Runtime API refused the guard's answer with status {}",
                    response.status
                ),
            );
        }
        Ok(())
    }

    /// Answers the invocation; the Runtime API's own answer to that is left to be read.
    pub(super) fn post(
        &mut self,
        request_id: &str,
        invocation_id: Option<&str>,
        outcome: &Outcome<'_>,
    ) -> io::Result<Response> {
        self.write_answer(request_id, invocation_id, outcome);
        self.until = Some(Instant::now() + PATIENCE);
        let response = self.exchange(false);
        self.until = None;
        response.map_err(|error| match error.kind() {
            io::ErrorKind::TimedOut => io::Error::new(
                io::ErrorKind::InvalidData,
                "the Runtime API does not take the guard's answer",
            ),
            _ => error,
        })
    }

    fn write_answer(
        &mut self,
        request_id: &str,
        invocation_id: Option<&str>,
        outcome: &Outcome<'_>,
    ) {
        let endpoint = &self.shared.endpoint;
        let (kind, body) = match outcome {
            Outcome::Response(body) => ("response", body.to_vec()),
            Outcome::Error(name, message) => ("error", error_body(name, message).into_bytes()),
        };
        let out = &mut self.scratch;
        out.clear();
        let line = format!(
            "POST {}/2018-06-01/runtime/invocation/{request_id}/{kind} HTTP/1.1\r\n",
            endpoint.base()
        );
        out.extend_from_slice(line.as_bytes());
        write_field(out, "Host", endpoint.authority().as_bytes());
        write_field(out, "Content-Type", b"application/json");
        write_field(out, "Content-Length", body.len().to_string().as_bytes());
        if let Some(id) = invocation_id {
            write_field(out, INVOCATION_ID, id.as_bytes());
        }
        if let Outcome::Error(name, _) = outcome {
            write_field(out, ERROR_TYPE, name.as_bytes());
        }
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(&body);
    }
}
