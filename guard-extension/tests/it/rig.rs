//! The program under test, a Runtime API made by hand, and a runtime made by hand.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

/// Nothing here takes this long unless it hangs.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) const SECRET: &str = "correct-horse-battery";

/// `guard exec` with its own proxy.
pub(crate) struct Guard {
    child: Child,
    stdout: BufReader<ChildStdout>,
    pub(crate) address: String,
    pub(crate) upstream: TcpListener,
}

impl Guard {
    pub(crate) fn start(variables: &[(&str, &str)]) -> Self {
        let upstream = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}/.rt/f", upstream.local_addr().unwrap());
        let mut child = Command::new(env!("CARGO_BIN_EXE_guard"))
            // The function: says where its Runtime API is, and stays.
            .args([
                "exec",
                "--",
                "sh",
                "-c",
                "echo $AWS_LAMBDA_RUNTIME_API; exec sleep 60",
            ])
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("AWS_LAMBDA_RUNTIME_API", address)
            .env("AWS_LAMBDA_FUNCTION_NAME", "f")
            .env("DB_PASSWORD", SECRET)
            .envs(variables.iter().copied())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let address = loop {
            let mut line = String::new();
            assert!(stdout.read_line(&mut line).unwrap() > 0, "guard ended");
            if line.starts_with("127.0.0.1:") {
                break line.trim().to_owned();
            }
        };
        Self {
            child,
            stdout,
            address,
            upstream,
        }
    }

    pub(crate) fn enforcing() -> Self {
        Self::start(&[("GUARD_MODE", "enforce")])
    }

    /// A runtime's new connection.
    pub(crate) fn connect(&self) -> Peer {
        Peer::new(TcpStream::connect(&self.address).unwrap())
    }

    /// The connection that the proxy makes.
    pub(crate) fn accept(&self) -> Peer {
        Peer::new(self.upstream.accept().unwrap().0)
    }

    /// A runtime that waits for an event, and the Runtime API that it asked.
    pub(crate) fn polled(&self) -> (Peer, Peer) {
        let mut client = self.connect();
        client.send(NEXT);
        let mut upstream = self.accept();
        upstream.read().unwrap();
        (client, upstream)
    }

    /// The next line that the proxy writes whose `type` is `kind`.
    pub(crate) fn record(&mut self, kind: &str) -> String {
        loop {
            let mut line = String::new();
            assert!(self.stdout.read_line(&mut line).unwrap() > 0, "guard ended");
            if line.contains(&format!("\"type\":\"{kind}\"")) {
                return line;
            }
        }
    }

    /// Closes the reading end of what the proxy and the function write.
    pub(crate) fn close_output(&mut self) {
        let nothing = std::fs::File::open("/dev/null").unwrap();
        self.stdout = BufReader::new(OwnedFd::from(nothing).into());
    }

    /// Sends the proxy a signal, by its name: ends it as Lambda or the kernel may, stops it as a
    /// frozen environment is stopped.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let status = Command::new("kill").args(["-s", name, &id]).status();
        assert!(status.unwrap().success());
    }

    /// Resident memory, in KiB.
    pub(crate) fn resident(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status
            .lines()
            .find(|line| line.starts_with("VmRSS"))
            .unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// Open descriptors.
    pub(crate) fn descriptors(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.child.id()))
            .unwrap()
            .count()
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // SIGTERM reaches the function through the guard, and both end.
        let _ = Command::new("kill")
            .arg(self.child.id().to_string())
            .status();
        let _ = self.child.wait();
    }
}

/// One end of a connection.
pub(crate) struct Peer {
    stream: BufReader<TcpStream>,
}

/// A head and a body, chunks joined; and the trailers.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: String,
}

impl Message {
    pub(crate) fn line(&self) -> &str {
        self.head.lines().next().unwrap_or_default()
    }

    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(": ")?;
            found.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl Peer {
    fn new(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self {
            stream: BufReader::new(stream),
        }
    }

    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.get_mut().write_all(bytes.as_ref()).unwrap();
    }

    pub(crate) fn stream(&self) -> &TcpStream {
        self.stream.get_ref()
    }

    /// A message; nothing at the connection's end.
    pub(crate) fn read(&mut self) -> Option<Message> {
        let head = self.lines()?;
        let mut message = Message {
            head,
            body: Vec::new(),
            trailers: String::new(),
        };
        if message.field("transfer-encoding") == Some("chunked") {
            loop {
                let mut size = String::new();
                self.stream.read_line(&mut size).ok()?;
                let size = usize::from_str_radix(size.trim(), 16).ok()?;
                if size == 0 {
                    message.trailers = self.lines()?;
                    return Some(message);
                }
                let from = message.body.len();
                message.body.resize(from + size + 2, 0);
                self.stream.read_exact(&mut message.body[from..]).ok()?;
                message.body.truncate(from + size);
            }
        }
        let length = message
            .field("content-length")
            .map_or(0, |n| n.parse().unwrap());
        message.body.resize(length, 0);
        self.stream.read_exact(&mut message.body).ok()?;
        Some(message)
    }

    /// Everything up to the connection's end.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        // Reset instead of closed is as much an end.
        let _ = self.stream.read_to_end(&mut rest);
        rest
    }

    fn lines(&mut self) -> Option<String> {
        let mut text = String::new();
        loop {
            let from = text.len();
            if self.stream.read_line(&mut text).ok()? == 0 {
                return None;
            }
            if &text[from..] == "\r\n" {
                return Some(text);
            }
        }
    }
}

pub(crate) const NEXT: &str = "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: h\r\n\r\n";

/// The answer to `/next` with `event`, as the Runtime API writes it.
pub(crate) fn event(id: &str, event: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nLambda-Runtime-Aws-Request-Id: {id}\
         \r\nlambda-runtime-INVOCATION-id: inv-{id}\r\nLambda-Runtime-Trace-Id: Root=1-{id}\r\n\
         Content-Length: {}\r\n\r\n{event}",
        event.len()
    )
}

/// A request with the function's answer.
pub(crate) fn answer(id: &str, kind: &str, body: &str) -> String {
    format!(
        "POST /2018-06-01/runtime/invocation/{id}/{kind} HTTP/1.1\r\nHost: h\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

pub(crate) const ACCEPTED: &str =
    "HTTP/1.1 202 Accepted\r\nContent-Length: 16\r\n\r\n{\"status\":\"OK\"}\n";
