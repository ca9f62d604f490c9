//! A runtime and a function in one: asks for an event, answers, does nothing else. Each request is
//! one call of the system, as hyper and curl make them.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use guard_tests::Result;

/// Where an answer's length stands in an event: see [`crate::figures::event`].
const LENGTH: std::ops::Range<usize> = 10..17;

/// Runs until the Runtime API goes.
pub(crate) fn run() -> Result<()> {
    let api = std::env::var("AWS_LAMBDA_RUNTIME_API").map_err(|error| error.to_string())?;
    let mut runtime = Runtime::connect(&api).map_err(|error| format!("{api}: {error}"))?;
    loop {
        let answered = runtime.next().and_then(|id| runtime.answer(&id));
        if answered.is_err() {
            return Ok(());
        }
    }
}

/// A connection to a Runtime API.
#[derive(Debug)]
pub(crate) struct Runtime {
    stream: BufReader<TcpStream>,
    event: Vec<u8>,
    out: Vec<u8>,
}

impl Runtime {
    pub(crate) fn connect(api: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(api)?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream: BufReader::with_capacity(64 << 10, stream),
            event: Vec::new(),
            out: Vec::new(),
        })
    }

    /// Takes the next event; the invocation's id.
    fn next(&mut self) -> io::Result<String> {
        self.ask()?;
        self.take()
    }

    /// Asks for the next event.
    pub(crate) fn ask(&mut self) -> io::Result<()> {
        self.stream.get_mut().write_all(
            b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: 127.0.0.1\r\n\
              User-Agent: bench/1\r\n\r\n",
        )
    }

    /// Takes the event that was asked for; the invocation's id.
    pub(crate) fn take(&mut self) -> io::Result<String> {
        self.read()?
            .ok_or_else(|| io::Error::other("an event without an id"))
    }

    /// Answers with as many bytes as the event asks for.
    fn answer(&mut self, id: &str) -> io::Result<()> {
        self.send(id)?;
        self.accepted()
    }

    /// How many bytes the event asks for.
    pub(crate) fn answers_with(&self) -> usize {
        let length = self.event.get(LENGTH).unwrap_or(b"2");
        let length = std::str::from_utf8(length).ok();
        length
            .and_then(|length| length.parse().ok())
            .unwrap_or(2)
            .max(2)
    }

    /// Sends the answer.
    pub(crate) fn send(&mut self, id: &str) -> io::Result<()> {
        let length = self.answers_with();
        self.out.clear();
        write!(
            self.out,
            "POST /2018-06-01/runtime/invocation/{id}/response HTTP/1.1\r\nHost: 127.0.0.1\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n\""
        )?;
        self.out
            .extend((2..length).map(|at| b"lorem ipsum "[at % 12]));
        self.out.push(b'"');
        self.stream.get_mut().write_all(&self.out)
    }

    /// Reads what is said to the answer.
    pub(crate) fn accepted(&mut self) -> io::Result<()> {
        self.read().map(drop)
    }

    /// Reads an answer into the event's buffer; the invocation's id, if it has one.
    fn read(&mut self) -> io::Result<Option<String>> {
        let (mut id, mut length, mut chunked) = (None, 0, false);
        let mut line = String::new();
        loop {
            line.clear();
            if self.stream.read_line(&mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let Some((name, value)) = line.split_once(':') else {
                match line.trim_end() {
                    "" => break,
                    _ => continue,
                }
            };
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.trim().parse().map_err(io::Error::other)?,
                "transfer-encoding" => chunked = true,
                "lambda-runtime-aws-request-id" => id = Some(value.trim().to_owned()),
                _ => {}
            }
        }
        self.event.clear();
        if !chunked {
            self.event.resize(length, 0);
            self.stream.read_exact(&mut self.event)?;
            return Ok(id);
        }
        loop {
            line.clear();
            self.stream.read_line(&mut line)?;
            let size = usize::from_str_radix(line.trim(), 16).map_err(io::Error::other)?;
            let from = self.event.len();
            self.event.resize(from + size + 2, 0);
            self.stream
                .read_exact(self.event.get_mut(from..).unwrap_or_default())?;
            self.event.truncate(from + size);
            if size == 0 {
                return Ok(id);
            }
        }
    }
}
