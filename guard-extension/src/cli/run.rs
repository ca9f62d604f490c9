//! `guard run`: Amazon's emulator with a function behind Guard in it, on this machine.
//!
//! Knows how the emulator is found, started and ended, and its one request. The function runs under
//! `guard exec`, with a proxy of its own: nothing has to be installed below /opt. Must not know: what
//! is done with events.

use std::ffi::OsString;
use std::io::{self, BufRead as _, BufReader, Read, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command as Program, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use lexopt::prelude::*;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value as Json, json};
use tokio::signal::unix::{SignalKind, signal};

use super::{Command, Exit, print};
use crate::{endpoint, exit, settings};

pub(super) const COMMAND: Command = Command {
    name: "run",
    summary: "try events on a function behind Guard, under Amazon's emulator",
    help: "\
usage: guard run --event FILE [--event FILE...] [--json] [--emulator PATH] -- COMMAND [ARGUMENT...]
       guard run [--emulator PATH] -- COMMAND [ARGUMENT...]

Runs COMMAND as a Lambda function behind Guard on this machine, with the policy of the
GUARD_ variables, and sends it the events. COMMAND is what talks to the Runtime API: a
bootstrap, or a runtime's client, as `python3 -m awslambdaric app.handler`.

The answer goes to standard output; Guard's records and what the function prints go to
standard error; the record `learned` is the smallest policy for what was used. Without
--event it listens on loopback, says where, and ends with Ctrl-C.

  --event FILE     an event; - for standard input
  --json           one JSON object with answers, records and log
  --emulator PATH  Amazon's Runtime Interface Emulator; without it the one that
                   GUARD_EMULATOR names, or aws-lambda-rie of PATH

exit codes: 0 every event was answered, with whatever; 64 an argument, the policy or an event
cannot be read; 69 there is no emulator; 70 the emulator broke off
",
    run,
};

const EMULATOR: &str = "aws-lambda-rie";

/// Where to get it, for who has not.
const GET: &str = "\
guard run: no aws-lambda-rie, Amazon's Runtime Interface Emulator. It comes in a Python package:
  pip download --no-deps --dest . aws-sam-cli==1.170.0
  unzip -p aws_sam_cli-*.whl samcli/local/rapid/aws-lambda-rie-ARCHITECTURE > aws-lambda-rie
  chmod 755 aws-lambda-rie
Then name it with --emulator or GUARD_EMULATOR, or put it where PATH finds it
";

/// How long the emulator may take until it listens, and to end.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long the function may take to end when it is told to.
const FAREWELL: Duration = Duration::from_secs(2);

/// How long nothing has to be printed after an answer: lines come through pipes, on their own time.
const QUIET: Duration = Duration::from_millis(150);

/// Largest event read: above Lambda's own limit, so that the emulator sees what is too large.
const LARGEST: u64 = 64 << 20;

struct Options {
    events: Vec<PathBuf>,
    as_json: bool,
    emulator: Option<PathBuf>,
    command: Vec<OsString>,
}

fn run(arguments: &mut lexopt::Parser) -> Result<Exit, lexopt::Error> {
    let options = parse(arguments)?;
    Ok(match start(&options) {
        Ok(()) => Exit::Done,
        Err(failure) => {
            // Nowhere is left to report a closed standard error to.
            let _ = io::stderr().write_all(failure.message.as_bytes());
            Exit::With(failure.code)
        }
    })
}

fn parse(arguments: &mut lexopt::Parser) -> Result<Options, lexopt::Error> {
    let mut options = Options {
        events: Vec::new(),
        as_json: false,
        emulator: None,
        command: Vec::new(),
    };
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("event") => options.events.push(arguments.value()?.into()),
            Long("json") => options.as_json = true,
            Long("emulator") => options.emulator = Some(arguments.value()?.into()),
            Value(program) => {
                options.command.push(program);
                options.command.extend(arguments.raw_args()?);
            }
            other => return Err(other.unexpected()),
        }
    }
    if options.command.is_empty() {
        return Err(
            "no command, accepted is: guard run [OPTION...] -- COMMAND [ARGUMENT...]".into(),
        );
    }
    if options.as_json && options.events.is_empty() {
        return Err("--json is for --event".into());
    }
    Ok(options)
}

/// Why it ends, and how.
struct Failure {
    message: String,
    code: u8,
}

impl Failure {
    fn new(code: u8, message: &str) -> Self {
        Self {
            message: format!("guard run: {message}\n"),
            code,
        }
    }
}

fn start(options: &Options) -> Result<(), Failure> {
    // Before anything is started: the function's process would say the same, but in the log.
    settings::Settings::from_env().map_err(|errors| Failure {
        message: format!("{errors}\n"),
        code: exit::USAGE,
    })?;
    let events = options
        .events
        .iter()
        .map(|path| {
            read(path)
                .map_err(|error| Failure::new(exit::USAGE, &format!("{}: {error}", path.display())))
        })
        .collect::<Result<Vec<_>, _>>()?;
    let emulator = options
        .emulator
        .clone()
        .or_else(|| settings::variable(settings::EMULATOR).map(PathBuf::from));
    let emulator = match emulator {
        Some(path) if path.is_file() => path,
        Some(path) => {
            let path = path.display();
            return Err(Failure::new(exit::TIER, &format!("{path}: no such file")));
        }
        None => in_path().ok_or_else(|| Failure {
            message: GET.replace("ARCHITECTURE", architecture()),
            code: exit::TIER,
        })?,
    };
    let fault =
        |error: io::Error| Failure::new(exit::FAULT, &format!("{}: {error}", emulator.display()));
    let mut sandbox = Sandbox::start(&emulator, &options.command).map_err(fault)?;
    if events.is_empty() {
        sandbox.serve().map_err(fault)?;
        return Ok(());
    }
    let mut answers = Vec::new();
    for (path, event) in options.events.iter().zip(&events) {
        let answered = sandbox.send(event);
        let answer = answered.map_err(|error| {
            // What was printed tells why.
            sandbox.end();
            for line in sandbox.lines().iter().filter(|line| !is_emulators(line)) {
                eprintln!("{line}");
            }
            fault(error)
        })?;
        if !options.as_json {
            print(&format!("{}\n", answer.trim_end()));
        }
        answers.push((path, answer));
    }
    sandbox.end();
    let (records, log): (Vec<String>, Vec<String>) = sandbox
        .lines()
        .into_iter()
        .filter(|line| !is_emulators(line))
        .partition(|line| line.starts_with("{\"guard\":"));
    if options.as_json {
        print(&format!("{}\n", report(&answers, &records, &log)));
        return Ok(());
    }
    let log = log.iter().filter(|line| !is_counters(line));
    for line in records.iter().chain(log) {
        eprintln!("{line}");
    }
    Ok(())
}

fn read(path: &PathBuf) -> io::Result<Vec<u8>> {
    let mut event = Vec::new();
    if path.as_os_str() == "-" {
        io::stdin().take(LARGEST).read_to_end(&mut event)?;
    } else {
        std::fs::File::open(path)?
            .take(LARGEST)
            .read_to_end(&mut event)?;
    }
    Ok(event)
}

fn in_path() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(EMULATOR))
        .find(|program| program.is_file())
}

/// As the package names it.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "aarch64" => "arm64",
        other => other,
    }
}

/// The emulator's own log: `22 Nov 2026 21:41:06,001 [INFO] (rapid) ...`, and the lines that Lambda
/// would write around an invocation.
fn is_emulators(line: &str) -> bool {
    const AROUND: [&str; 4] = [
        "START RequestId",
        "END RequestId",
        "REPORT RequestId",
        "INIT ",
    ];
    line.contains("(rapid)")
        || line.contains("(rie)")
        || AROUND.iter().any(|start| line.starts_with(start))
}

/// Guard's counters for CloudWatch, which are for CloudWatch.
fn is_counters(line: &str) -> bool {
    line.starts_with('{') && line.contains("\"_aws\":{\"CloudWatchMetrics\":")
}

fn report(answers: &[(&PathBuf, String)], records: &[String], log: &[String]) -> Json {
    // What is no JSON is shown as the text it is.
    let value = |text: &str| serde_json::from_str(text).unwrap_or_else(|_| json!(text));
    let answers: Vec<Json> = answers
        .iter()
        .map(|(path, answer)| json!({ "event": path.to_string_lossy(), "answer": value(answer) }))
        .collect();
    let records: Vec<Json> = records.iter().map(|line| value(line)).collect();
    json!({ "answers": answers, "records": records, "log": log })
}

/// The running emulator; ended with all that it started when it is dropped.
struct Sandbox {
    child: Child,
    address: SocketAddr,
    /// What was printed, and when last.
    printed: Arc<Mutex<Printed>>,
    /// Ends when nothing is left that could print.
    closed: Option<JoinHandle<()>>,
}

struct Printed {
    lines: Vec<String>,
    last: Instant,
    /// Whether lines are shown as they come.
    is_shown: bool,
}

impl Sandbox {
    fn start(emulator: &PathBuf, command: &[OsString]) -> io::Result<Self> {
        let (address, runtime_api) = (free()?, free()?);
        let guard = std::env::current_exe()?;
        let mut program = Program::new(emulator);
        program
            .arg("--runtime-interface-emulator-address")
            .arg(address.to_string())
            .arg("--runtime-api-address")
            .arg(runtime_api.to_string())
            .arg(guard)
            .args(["exec", "--"])
            .args(command)
            // Set where this is tried inside of a function; the emulator sets its own.
            .env_remove(endpoint::VARIABLE)
            .env_remove(settings::EMULATOR)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Ctrl-C is for this process, which then ends the others in an order that loses nothing.
            .process_group(0);
        if settings::variable("AWS_LAMBDA_FUNCTION_NAME").is_none() {
            program.env("AWS_LAMBDA_FUNCTION_NAME", "function");
        }
        let mut child = program.spawn()?;
        let printed = Arc::new(Mutex::new(Printed {
            lines: Vec::new(),
            last: Instant::now(),
            is_shown: false,
        }));
        let closed = child.stdout.take().map(|output| collect(output, &printed));
        if let Some(output) = child.stderr.take() {
            collect(output, &printed);
        }
        let mut sandbox = Self {
            child,
            address,
            printed,
            closed,
        };
        sandbox.connect()?;
        Ok(sandbox)
    }

    /// Connects as soon as the emulator listens.
    fn connect(&mut self) -> io::Result<TcpStream> {
        let start = Instant::now();
        loop {
            match TcpStream::connect(self.address) {
                Ok(stream) => return Ok(stream),
                Err(error) if start.elapsed() > PATIENCE => return Err(error),
                Err(_) => {}
            }
            if let Some(status) = self.child.try_wait()? {
                return Err(io::Error::other(format!("it ended with {status}")));
            }
            // Nothing tells when another process begins to listen.
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Sends an event; the answer.
    fn send(&mut self, event: &[u8]) -> io::Result<String> {
        let mut stream = self.connect()?;
        // Of HTTP/1.0, so that the body ends with the connection.
        let head = format!(
            "POST /2015-03-31/functions/function/invocations HTTP/1.0\r\nHost: {}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            self.address,
            event.len()
        );
        stream.write_all(head.as_bytes())?;
        stream.write_all(event)?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        let end = answer
            .windows(4)
            .position(|window| window == b"\r\n\r\n")
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        let body = answer.get(end + 4..).unwrap_or_default();
        if body.is_empty() {
            return Err(io::Error::other("the function gave no answer"));
        }
        Ok(String::from_utf8_lossy(body).into_owned())
    }

    /// Shows what is printed until the emulator ends.
    fn serve(&mut self) -> io::Result<()> {
        eprintln!(
            "guard run: listening; in another terminal:\n  curl --data @EVENT.json \
             http://{}/2015-03-31/functions/function/invocations",
            self.address
        );
        {
            let mut printed = self.printed.lock().unwrap_or_else(PoisonError::into_inner);
            for line in printed.lines.drain(..) {
                eprintln!("{line}");
            }
            printed.is_shown = true;
        }
        let closed = self.closed.take();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let ended = runtime.block_on(async {
            let mut terminate = signal(SignalKind::terminate())?;
            let mut interrupt = signal(SignalKind::interrupt())?;
            let closed = tokio::task::spawn_blocking(|| closed.map(JoinHandle::join));
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
                _ = closed => {}
            }
            Ok(())
        });
        runtime.shutdown_background();
        self.end();
        ended
    }

    fn lines(&self) -> Vec<String> {
        let mut printed = self.printed.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut printed.lines)
    }

    /// Ends everything that was started, when what it had to print is there.
    ///
    /// The function first: Guard then says what it learned, as it does when Lambda ends an
    /// environment.
    fn end(&mut self) {
        self.wait_until_quiet(PATIENCE);
        for (id, _) in self.family().filter(|(_, depth)| *depth > 1) {
            end(id, Signal::TERM);
        }
        let start = Instant::now();
        while start.elapsed() < FAREWELL && self.family().any(|(_, depth)| depth > 0) {
            std::thread::sleep(Duration::from_millis(10));
        }
        self.wait_until_quiet(FAREWELL);
        for (id, _) in self.family() {
            end(id, Signal::KILL);
        }
        let _ = self.child.wait();
    }

    fn wait_until_quiet(&self, longest: Duration) {
        let start = Instant::now();
        while start.elapsed() < longest {
            let printed = self.printed.lock().unwrap_or_else(PoisonError::into_inner);
            let last = printed.last;
            drop(printed);
            if last.elapsed() >= QUIET {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// The emulator and what it started, and what those did, each with its distance.
    fn family(&self) -> impl Iterator<Item = (u32, usize)> {
        let mut family = vec![(self.child.id(), 0)];
        let mut at = 0;
        while let Some(&(id, depth)) = family.get(at) {
            let tasks = std::fs::read_dir(format!("/proc/{id}/task"));
            for task in tasks.into_iter().flatten().flatten() {
                let children = std::fs::read_to_string(task.path().join("children"));
                let children = children.unwrap_or_default();
                let ids = children.split_whitespace();
                family.extend(
                    ids.filter_map(|id| id.parse().ok())
                        .map(|id| (id, depth + 1)),
                );
            }
            at += 1;
        }
        family.into_iter()
    }
}

fn end(id: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(id).ok().and_then(Pid::from_raw) {
        // It may have ended just now.
        let _ = kill_process(pid, signal);
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.end();
        }
    }
}

/// An address on loopback that nobody had a moment ago.
fn free() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

/// Collects lines as they come, each cut at a length that no record reaches.
fn collect(output: impl Read + Send + 'static, printed: &Arc<Mutex<Printed>>) -> JoinHandle<()> {
    const LONGEST: u64 = 1 << 20;
    let printed = Arc::clone(printed);
    // Ends with the pipe.
    std::thread::spawn(move || {
        let mut reader = BufReader::new(output);
        let mut line = Vec::new();
        while reader
            .by_ref()
            .take(LONGEST)
            .read_until(b'\n', &mut line)
            .is_ok_and(|read| read > 0)
        {
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            let mut printed = printed.lock().unwrap_or_else(PoisonError::into_inner);
            printed.last = Instant::now();
            if printed.is_shown {
                eprintln!("{text}");
            } else if !text.is_empty() {
                printed.lines.push(text);
            }
            line.clear();
        }
    })
}
