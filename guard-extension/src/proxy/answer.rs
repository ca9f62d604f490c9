//! Answers in the function's place.

use std::time::{Duration, Instant};
use std::{fmt, io};

use serde_json::json;

use super::exchange::Exchange;
use crate::http::head::{ERROR_TYPE, INVOCATION_ID, Response, write_field};
use crate::http::target::Start;

/// The type of the error of an event that was blocked, as `guard_core::reply` names it.
pub(super) const BLOCKED: &str = "Guard.Blocked";
/// The type of the error of a response that was withheld.
pub(super) const WITHHELD: &str = "Guard.Withheld";

/// How long the Runtime API may take to take an answer of ours. It does so in microseconds; an
/// extension that waits longer is of no use to the function that waits for it.
const PATIENCE: Duration = Duration::from_secs(10);

/// Longest answer to an answer that is read, to leave the connection usable.
const LONGEST: usize = 64 << 10;

/// What an answer is about.
#[derive(Debug, Clone, Copy)]
pub(super) enum About<'a> {
    /// An invocation, by its request id.
    Invocation(&'a str),
    /// The function's start, which can only fail.
    Start(Start),
}

impl<'a> About<'a> {
    /// The request id, where there is one.
    pub(super) const fn request_id(self) -> Option<&'a str> {
        match self {
            Self::Invocation(id) => Some(id),
            Self::Start(_) => None,
        }
    }
}

/// For a message: which one.
impl fmt::Display for About<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invocation(id) => write!(f, "request {id}"),
            Self::Start(start) => f.write_str(start.name()),
        }
    }
}

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
    /// Answers and reads what the Runtime API says to it; whether it was accepted.
    pub(super) fn answer(
        &mut self,
        about: About<'_>,
        invocation_id: Option<&str>,
        outcome: &Outcome<'_>,
    ) -> io::Result<()> {
        let response = self.post(about, invocation_id, outcome)?;
        let upstream = self.answering()?;
        let (length, _) = upstream.collect(response.len, response.body, LONGEST)?;
        upstream.consume(response.len + length);
        if response.closes {
            self.hang_up();
        }
        if !(200..300).contains(&response.status) {
            // It came too late, mostly: the invocation timed out.
            self.shared.records.notice(
                about.request_id(),
                &format!(
                    "the Runtime API refused the guard's answer with status {}",
                    response.status
                ),
            );
        }
        Ok(())
    }

    /// Answers; the Runtime API's own answer to that is left to be read.
    pub(super) fn post(
        &mut self,
        about: About<'_>,
        invocation_id: Option<&str>,
        outcome: &Outcome<'_>,
    ) -> io::Result<Response> {
        self.write_answer(about, invocation_id, outcome);
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
        about: About<'_>,
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
        let base = endpoint.base();
        let line = match about {
            About::Invocation(id) => {
                format!("POST {base}/2018-06-01/runtime/invocation/{id}/{kind} HTTP/1.1\r\n")
            }
            About::Start(start) => {
                let start = start.name();
                format!("POST {base}/2018-06-01/runtime/{start}/error HTTP/1.1\r\n")
            }
        };
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
