//! As much HTTP/1.1 as it takes to post an event and read the answer, with nothing between the
//! clock and the socket.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// The longest answer read: Lambda's own limit on a response.
const LONGEST: u64 = 6 * 1024 * 1024;

/// A connection that stays open between requests.
#[derive(Debug)]
pub struct Connection {
    stream: BufReader<TcpStream>,
    host: String,
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The body, chunks joined.
    pub body: Vec<u8>,
}

impl Connection {
    /// Connects as soon as someone listens at `address`, for at most `patience`.
    ///
    /// # Errors
    ///
    /// The last refusal.
    pub fn wait(address: SocketAddr, patience: Duration) -> io::Result<Self> {
        let start = Instant::now();
        loop {
            match TcpStream::connect(address) {
                Ok(stream) => {
                    stream.set_nodelay(true)?;
                    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
                    let host = address.to_string();
                    return Ok(Self {
                        stream: BufReader::new(stream),
                        host,
                    });
                }
                Err(error) if start.elapsed() > patience => return Err(error),
                // Nothing tells when another process begins to listen.
                Err(_) => std::thread::sleep(Duration::from_millis(2)),
            }
        }
    }

    /// Posts `body` and reads the answer.
    ///
    /// # Errors
    ///
    /// When the connection breaks or the answer is not HTTP.
    pub fn post(&mut self, path: &str, body: &[u8]) -> io::Result<Response> {
        let mut request = format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n",
            self.host,
            body.len()
        )
        .into_bytes();
        request.extend_from_slice(body);
        self.stream.get_mut().write_all(&request)?;
        self.read()
    }

    fn read(&mut self) -> io::Result<Response> {
        let bad = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_string());
        let status = self.line()?;
        let status = status
            .split(' ')
            .nth(1)
            .and_then(|code| code.parse().ok())
            .ok_or_else(|| bad("no HTTP status"))?;
        let (mut length, mut chunked) = (0, false);
        loop {
            let line = self.line()?;
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':').ok_or_else(|| bad("no HTTP header"))?;
            match name.to_ascii_lowercase().as_str() {
                "content-length" => {
                    length = value.trim().parse().map_err(|_| bad("no content length"))?;
                }
                "transfer-encoding" => chunked = value.trim() == "chunked",
                _ => {}
            }
        }
        let mut body = Vec::new();
        if !chunked {
            self.take(length, &mut body)?;
            return Ok(Response { status, body });
        }
        loop {
            let size = self.line()?;
            let size = size.split(';').next().unwrap_or_default().trim();
            let size = u64::from_str_radix(size, 16).map_err(|_| bad("no chunk size"))?;
            self.take(size, &mut body)?;
            // The line break after a chunk, or the end of the trailers (which nobody here sends).
            self.line()?;
            if size == 0 {
                return Ok(Response { status, body });
            }
        }
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.stream.by_ref().take(64 * 1024).read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        line.truncate(line.trim_end().len());
        Ok(line)
    }

    fn take(&mut self, length: u64, body: &mut Vec<u8>) -> io::Result<()> {
        let read = self
            .stream
            .by_ref()
            .take(length.min(LONGEST))
            .read_to_end(body)?;
        if read as u64 == length {
            Ok(())
        } else {
            Err(io::ErrorKind::UnexpectedEof.into())
        }
    }
}
