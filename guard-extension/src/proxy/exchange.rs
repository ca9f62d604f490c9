//! A runtime's connection, one exchange after the other.

use std::io::{self, ErrorKind};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Shared;
use crate::http::Malformed;
use crate::http::connection::{Connection, Stopped, relay};
use crate::http::head::{self, Body, Request, Response};
use crate::http::target::Target;

/// Most bytes that wait of a runtime that waits for an answer: its request and what it sends ahead.
const AHEAD: usize = head::LONGEST + (64 << 10);

/// After how long a rest a connection is looked at before it is used.
const RESTED: Duration = Duration::from_millis(100);

/// A runtime's connection and ours to the Runtime API.
#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) shared: Arc<Shared>,
    pub(super) client: Connection,
    upstream: Option<Connection>,
    /// The upstream connection has served an exchange before: its other end may have closed it.
    is_reused: bool,
    /// When the upstream connection was last used.
    used: Instant,
    /// The status of the Runtime API's last answer; 0 before the first.
    pub(super) status: u16,
    /// When an answer of the Runtime API is waited for no longer.
    pub(super) until: Option<Instant>,
    /// Heads and small messages on their way out.
    pub(super) scratch: Vec<u8>,
}

/// Serves one connection of a runtime until one side ends it.
pub(super) fn serve(client: TcpStream, shared: Arc<Shared>) {
    let mut exchange = Exchange {
        shared,
        client: Connection::new(client),
        upstream: None,
        is_reused: false,
        used: Instant::now(),
        status: 0,
        until: None,
        scratch: Vec::new(),
    };
    let Err(error) = exchange.run() else {
        return;
    };
    // A side that has gone is the daily end of a connection; the runtime sees it as it would see the
    // Runtime API go.
    if error.kind() == ErrorKind::InvalidData {
        exchange
            .shared
            .records
            .notice(None, &format!("connection to the Runtime API: {error}"));
    }
}

impl Exchange {
    fn run(&mut self) -> io::Result<()> {
        while let Some(request) = self.request()? {
            let closes = request.closes;
            let goes_on = match &request.target {
                Target::Next => self.next(&request)?,
                Target::Response(id) => self.outcome(&request, id, true)?,
                Target::Error(id) => self.outcome(&request, id, false)?,
                Target::StartError(start) => self.start_error(&request, *start)?,
                Target::Other => self.pass(&request, |_| {})?,
            };
            if closes || !goes_on {
                return Ok(());
            }
        }
        Ok(())
    }

    /// The next request's head, which stays among the client's unused bytes; nothing when there is
    /// none.
    fn request(&mut self) -> io::Result<Option<Request>> {
        let mut seen = 0;
        loop {
            let bytes = self.client.unused();
            let parsed = match head::may_be_whole(bytes, seen) {
                true => head::request(bytes),
                false => Ok(None),
            };
            seen = bytes.len();
            match parsed {
                Ok(Some(request)) => {
                    if request.expects {
                        // The upstream is not asked: it would be waited for on the runtime's time.
                        self.client.send(&[b"HTTP/1.1 100 Continue\r\n\r\n"])?;
                    }
                    return Ok(Some(request));
                }
                Ok(None) => {}
                Err(error) => return self.refuse(error),
            }
            if self.client.fill()? == 0 {
                return match self.client.unused() {
                    [] => Ok(None),
                    _ => Err(ErrorKind::UnexpectedEof.into()),
                };
            }
        }
    }

    #[cold]
    fn refuse<T>(&mut self, error: Malformed) -> io::Result<T> {
        const REFUSED: &[u8] =
            b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        self.client.send(&[REFUSED])?;
        Err(error.into())
    }

    /// Forwards a request and its answer as they are; `see` is shown the request's body. Answers
    /// whether the connection can be used again.
    pub(super) fn pass(
        &mut self,
        request: &Request,
        mut see: impl FnMut(&[u8]),
    ) -> io::Result<bool> {
        self.write_head(request);
        self.client.consume(request.len);
        let there = self.client.unused().len();
        let response = match request.body {
            // What came with its head goes with it.
            Body::Length(length) if usize::try_from(length).is_ok_and(|length| length <= there) => {
                let length = usize::try_from(length).unwrap_or(there);
                let body = self.client.unused().get(..length).unwrap_or_default();
                see(body);
                self.scratch.extend_from_slice(body);
                self.client.consume(length);
                if request.repeats {
                    self.exchange(request.is_head)?
                } else {
                    self.exchange_once(request.is_head)?
                }
            }
            body => {
                let mut upstream = self.upstream()?;
                upstream.send(&[&self.scratch])?;
                let relayed = relay(&mut self.client, &mut upstream, body, see);
                self.answer_to(upstream, relayed, request.is_head)?
            }
        };
        self.reply(&response)
    }

    /// The answer to a request whose body was relayed, or was not to its end: a server may refuse a
    /// body before it has read all of it.
    pub(super) fn answer_to(
        &mut self,
        upstream: Connection,
        relayed: Result<(), Stopped>,
        is_head: bool,
    ) -> io::Result<Response> {
        match relayed {
            Ok(()) => self.response(upstream, is_head),
            Err(Stopped::Source(error)) => Err(error),
            Err(Stopped::Destination(error)) => {
                let response = self.response(upstream, is_head);
                let mut response = response.map_err(|_| error)?;
                // The rest of the request's body is in the way of another.
                response.closes = true;
                Ok(response)
            }
        }
    }

    /// Writes the request's head, as the Runtime API is to see it, to the scratch buffer.
    pub(super) fn write_head(&mut self, request: &Request) {
        self.write_head_framed(request, true);
    }

    /// As [`Self::write_head`], `framed`: with the fields that frame the request's body.
    pub(super) fn write_head_framed(&mut self, request: &Request, framed: bool) {
        let (bytes, endpoint) = (self.client.unused(), &self.shared.endpoint);
        let bytes = bytes.get(..request.len).unwrap_or_default();
        self.scratch.clear();
        head::write_request(bytes, request, endpoint, framed, &mut self.scratch);
        self.scratch.extend_from_slice(b"\r\n");
    }

    /// Sends the scratch buffer, a whole request, and waits for the head of its answer. For requests
    /// that may be sent again.
    pub(super) fn exchange(&mut self, is_head: bool) -> io::Result<Response> {
        loop {
            let mut upstream = self.recent_upstream()?;
            let was_reused = self.is_reused;
            let error = match upstream.send(&[&self.scratch]) {
                Ok(()) => match self.response(upstream, is_head) {
                    Ok(response) => return Ok(response),
                    Err(error) => error,
                },
                Err(error) => error,
            };
            // The Runtime API may close a connection that rested, just when it is used again; a
            // snapshot's connections are gone when it is restored. Nothing came back on it, and the
            // Runtime API takes one answer to an invocation only.
            let is_stale = matches!(
                error.kind(),
                ErrorKind::BrokenPipe | ErrorKind::ConnectionReset | ErrorKind::UnexpectedEof
            );
            if !(was_reused && is_stale) {
                return Err(error);
            }
        }
    }

    /// The same for a request that must not be sent again: what became of it when the connection
    /// ends is not known, and the runtime sees that it ended.
    fn exchange_once(&mut self, is_head: bool) -> io::Result<Response> {
        let mut upstream = self.upstream()?;
        upstream.send(&[&self.scratch])?;
        self.response(upstream, is_head)
    }

    /// Waits for the head of an answer; interim answers are forwarded. Ends when the runtime goes: a
    /// poll that nobody waits for would be given an event.
    fn response(&mut self, mut upstream: Connection, is_head: bool) -> io::Result<Response> {
        let mut seen = 0;
        loop {
            let bytes = upstream.unused();
            let parsed = match head::may_be_whole(bytes, seen) {
                true => head::response(bytes, is_head)?,
                false => None,
            };
            seen = bytes.len();
            match parsed {
                Some(response) if response.status == 101 => {
                    return Err(Malformed("the Runtime API changes the protocol").into());
                }
                Some(response) if response.status < 200 => {
                    let head = upstream.unused().get(..response.len).unwrap_or_default();
                    self.client.send(&[head])?;
                    upstream.consume(response.len);
                    seen = 0;
                    continue;
                }
                Some(response) => {
                    self.upstream = Some(upstream);
                    self.is_reused = true;
                    self.used = Instant::now();
                    self.status = response.status;
                    return Ok(response);
                }
                None => {}
            }
            if upstream.fill_beside(&mut self.client, AHEAD, self.until)? == 0 {
                return Err(match upstream.unused() {
                    [] => ErrorKind::UnexpectedEof.into(),
                    _ => Malformed("the Runtime API breaks off in a head").into(),
                });
            }
        }
    }

    /// Forwards an answer whose head is the upstream's next bytes. Answers whether the connection
    /// can be used again.
    pub(super) fn reply(&mut self, response: &Response) -> io::Result<bool> {
        let Some(upstream) = &mut self.upstream else {
            return Err(ErrorKind::NotConnected.into());
        };
        let body = match response.body {
            // One length, so that what came together goes together.
            Body::Length(length) => Body::Length(length.saturating_add(response.len as u64)),
            body => {
                let head = upstream.unused().get(..response.len).unwrap_or_default();
                self.client.send(&[head])?;
                upstream.consume(response.len);
                body
            }
        };
        relay(upstream, &mut self.client, body, |_| {})?;
        if response.closes {
            self.upstream = None;
        }
        Ok(!response.closes)
    }

    /// The connection to the Runtime API for a request that can be sent again if it turns out to be
    /// closed: one that was used just now need not be looked at.
    fn recent_upstream(&mut self) -> io::Result<Connection> {
        match self
            .upstream
            .take_if(|upstream| upstream.unused().is_empty() && self.used.elapsed() < RESTED)
        {
            Some(upstream) => Ok(upstream),
            None => self.upstream(),
        }
    }

    /// The connection to the Runtime API, a new one where the last cannot be used again.
    pub(super) fn upstream(&mut self) -> io::Result<Connection> {
        if let Some(mut upstream) = self.upstream.take()
            && upstream.is_idle()
        {
            return Ok(upstream);
        }
        self.is_reused = false;
        let stream = TcpStream::connect(self.shared.endpoint.address())?;
        Ok(Connection::to_server(stream))
    }

    /// The upstream's unused bytes: the answer that is being read.
    pub(super) fn answer_bytes(&self) -> &[u8] {
        self.upstream.as_ref().map_or(&[], Connection::unused)
    }

    /// The connection on which an answer is being read.
    pub(super) fn answering(&mut self) -> io::Result<&mut Connection> {
        self.upstream
            .as_mut()
            .ok_or_else(|| ErrorKind::NotConnected.into())
    }

    /// The two connections while an answer is forwarded.
    pub(super) fn both(&mut self) -> io::Result<(&mut Connection, &mut Connection)> {
        match &mut self.upstream {
            Some(upstream) => Ok((&mut self.client, upstream)),
            None => Err(ErrorKind::NotConnected.into()),
        }
    }

    /// Ends the upstream connection: a request on it was not finished, or it is not to be used
    /// again.
    pub(super) fn hang_up(&mut self) {
        self.upstream = None;
    }
}
