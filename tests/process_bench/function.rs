//! Requests to a function that serves HTTP: how many a second, and what memory it takes for that.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Instant;

use guard_tests::Result;

use crate::parts::Parts;
use crate::report::{Report, Served};

const NODE: &str = "/usr/bin/node";
/// Clients at a time, each with a connection that stays.
const CLIENTS: u32 = 4;

/// Measures the function native and guarded in turn.
pub(crate) fn measure(
    parts: &Parts,
    port: &str,
    report: &mut Report,
    is_quick: bool,
) -> Result<()> {
    let (rounds, requests) = if is_quick { (2, 250) } else { (5, 1500) };
    let script = parts.place.join("function.js").display().to_string();
    let file = parts.place.join("file").display().to_string();
    let arguments = [script.as_str(), &file, port];
    if !fs::exists(NODE).is_ok_and(|exists| exists) {
        eprintln!("process-bench: left out: http function: {NODE} is not there");
        return Ok(());
    }
    let (mut native, mut guarded) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let mut command = parts.as_user(NODE.as_ref());
        native.push(serve(command.args(arguments), requests)?);
        let mut command = parts.exec(port);
        guarded.push(serve(command.arg(NODE).args(arguments), requests)?);
    }
    report.function("http function", &native, &guarded);
    Ok(())
}

/// A function that runs; ended in the end.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Requests a second, and KiB resident, of a function that is started for it.
fn serve(command: &mut Command, requests: u32) -> Result<Served> {
    let failed = |what: &dyn std::fmt::Display| format!("function: {what}");
    let mut server = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map(Server)
        .map_err(|error| failed(&error))?;
    let out = server.0.stdout.take().ok_or_else(|| failed(&"no output"))?;
    let mut lines = BufReader::new(out)
        .lines()
        .map_while(std::result::Result::ok);
    let ready = lines
        .find_map(|line| Some(line.strip_prefix("ready ")?.to_owned()))
        .ok_or_else(|| failed(&"it does not start"))?;
    // The guard's records are not to fill the pipe.
    thread::spawn(move || lines.for_each(drop));
    let (process, port) = ready.split_once(' ').ok_or_else(|| failed(&ready))?;
    // What is compiled and cached at first is no request's.
    ask(port, requests / 5)?;
    let begin = Instant::now();
    thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| scope.spawn(|| ask(port, requests)))
            .collect();
        clients.into_iter().try_for_each(|client| {
            client
                .join()
                .unwrap_or_else(|_| Err("a client ended".to_owned()))
        })
    })?;
    let rate = f64::from(CLIENTS * requests) / begin.elapsed().as_secs_f64();
    let status =
        fs::read_to_string(format!("/proc/{process}/status")).map_err(|error| failed(&error))?;
    let kib = |name: &str| {
        status
            .lines()
            .find_map(|line| line.strip_prefix(name)?.split_whitespace().next())
            .and_then(|kib| kib.parse::<f64>().ok())
            .ok_or_else(|| failed(&"its memory is not told"))
    };
    let served = Served {
        rate,
        peak: kib("VmHWM:")?,
        own: kib("RssAnon:")?,
        shared: kib("RssFile:")? + kib("RssShmem:")?,
    };
    // It is the guard's child, where it has one.
    let id = process
        .parse()
        .ok()
        .and_then(rustix::process::Pid::from_raw);
    if let Some(id) = id {
        let _ = rustix::process::kill_process(id, rustix::process::Signal::TERM);
    }
    Ok(served)
}

/// As many requests in a row on one connection.
fn ask(port: &str, requests: u32) -> Result<()> {
    let failed = |error: std::io::Error| format!("127.0.0.1:{port}: {error}");
    let mut stream = TcpStream::connect(format!("127.0.0.1:{port}")).map_err(failed)?;
    let mut held = Vec::new();
    for _ in 0..requests {
        stream
            .write_all(b"GET /orders HTTP/1.1\r\nHost: localhost\r\n\r\n")
            .map_err(failed)?;
        held.clear();
        while !held.ends_with(b"\"}") {
            let mut part = [0; 4096];
            match stream.read(&mut part).map_err(failed)? {
                0 => return Err(format!("127.0.0.1:{port}: no answer")),
                read => held.extend_from_slice(part.get(..read).unwrap_or_default()),
            }
        }
        if !held.starts_with(b"HTTP/1.1 200 ") {
            return Err(format!("127.0.0.1:{port}: another answer"));
        }
    }
    Ok(())
}
