//! A Runtime API on loopback: real HTTP over real sockets, hands out events and keeps answers.

use std::collections::{HashMap, VecDeque};
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

/// What the function under test posted.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) path: String,
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The request id that the path names.
    pub(crate) fn request_id(&self) -> &str {
        self.path.split('/').nth(4).unwrap_or_default()
    }

    /// `response` or `error`.
    pub(crate) fn outcome(&self) -> &str {
        self.path.split('/').nth(5).unwrap_or_default()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| {
            panic!("{error} in {:?}", String::from_utf8_lossy(&self.body));
        })
    }
}

#[derive(Debug, Default)]
struct State {
    events: VecDeque<(String, Vec<u8>)>,
    answers: Vec<Answer>,
    status: u16,
}

#[derive(Debug, Clone)]
pub(crate) struct RuntimeApi {
    address: SocketAddr,
    state: Arc<(Mutex<State>, Condvar)>,
}

impl RuntimeApi {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state: Arc<(Mutex<State>, Condvar)> = Arc::default();
        state.0.lock().unwrap().status = 202;
        let api = Self { address, state };
        let served = api.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, api) = (stream.unwrap(), served.clone());
                std::thread::spawn(move || api.serve(&stream));
            }
        });
        api
    }

    /// `host:port`, as `AWS_LAMBDA_RUNTIME_API` holds it.
    pub(crate) fn address(&self) -> String {
        self.address.to_string()
    }

    pub(crate) fn push(&self, request_id: &str, event: &[u8]) {
        self.state
            .0
            .lock()
            .unwrap()
            .events
            .push_back((request_id.to_owned(), event.to_owned()));
        self.state.1.notify_all();
    }

    /// Answers posts with `status` from now on.
    pub(crate) fn refuse_with(&self, status: u16) {
        self.state.0.lock().unwrap().status = status;
    }

    /// The answers so far.
    pub(crate) fn answers(&self) -> Vec<Answer> {
        self.state.0.lock().unwrap().answers.clone()
    }

    /// Waits until there are `n` answers, a minute at most: events of 6 MiB take an unoptimised handler seconds
    /// on a busy machine.
    pub(crate) fn wait_for(&self, n: usize) -> Vec<Answer> {
        let end = Instant::now() + Duration::from_secs(60);
        let mut state = self.state.0.lock().unwrap();
        while state.answers.len() < n {
            let left = end.saturating_duration_since(Instant::now());
            let paths = || Vec::from_iter(state.answers.iter().map(|answer| &answer.path));
            assert!(!left.is_zero(), "{n} answers awaited, got {:?}", paths());
            state = self.state.1.wait_timeout(state, left).unwrap().0;
        }
        state.answers.clone()
    }

    fn serve(&self, stream: &TcpStream) {
        stream.set_nodelay(true).unwrap();
        let mut reader = BufReader::new(stream);
        while let Some((method, answer)) = read_request(&mut reader) {
            let reply = if method == "GET" && answer.path.ends_with("/invocation/next") {
                let (request_id, event) = self.next();
                let mut reply = format!(
                    "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\
                     lambda-runtime-aws-request-id: {request_id}\r\n\
                     lambda-runtime-invocation-id: invocation-of-{request_id}\r\n\
                     lambda-runtime-trace-id: Root=1-5759e988-bd862e3fe1be46a994272793\r\n\
                     lambda-runtime-deadline-ms: 9999999999999\r\n\r\n",
                    event.len()
                )
                .into_bytes();
                reply.extend(event);
                reply
            } else {
                let mut state = self.state.0.lock().unwrap();
                state.answers.push(answer);
                self.state.1.notify_all();
                format!(
                    "HTTP/1.1 {} Answered\r\ncontent-length: 0\r\n\r\n",
                    state.status
                )
                .into()
            };
            let mut stream = stream;
            if stream.write_all(&reply).is_err() {
                return;
            }
        }
    }

    fn next(&self) -> (String, Vec<u8>) {
        let mut state = self.state.0.lock().unwrap();
        loop {
            match state.events.pop_front() {
                Some(event) => return event,
                None => state = self.state.1.wait(state).unwrap(),
            }
        }
    }
}

/// The next request of a connection, its body with any chunking undone.
fn read_request(reader: &mut impl BufRead) -> Option<(String, Answer)> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|n| *n > 0)?;
    let mut words = line.split_whitespace();
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = HashMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        match line.trim_end().split_once(':') {
            Some((name, value)) => {
                headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
            }
            None => break,
        }
    }
    let mut body = Vec::new();
    if headers
        .get("transfer-encoding")
        .is_some_and(|coding| coding == "chunked")
    {
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok()?;
            let length = usize::from_str_radix(line.trim_end(), 16).ok()?;
            let mut chunk = vec![0; length + 2];
            reader.read_exact(&mut chunk).ok()?;
            if length == 0 {
                break;
            }
            body.extend(&chunk[..length]);
        }
    } else if let Some(length) = headers.get("content-length") {
        body.resize(length.parse().ok()?, 0);
        reader.read_exact(&mut body).ok()?;
    }
    Some((
        method,
        Answer {
            path,
            headers,
            body,
        },
    ))
}
