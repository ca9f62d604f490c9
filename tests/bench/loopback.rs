//! Warm invocations with a Runtime API in this process: nothing but the proxy between two sockets,
//! so that a microsecond shows. The Runtime API is a load generator here, no more; what an
//! invocation takes under Amazon's own is measured in `warm`. All on one processor, as a function of
//! up to 1.7 GB has: on two, what is measured is where the scheduler has put whom.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use guard_tests::Result;
use rustix::process::{Pid, Signal, kill_process};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::figures::{Samples, event};
use crate::report::{self, Report};
use crate::runtime::Runtime;
use crate::{Effort, VARIABLES, guard};

const ACCEPTED: &[u8] = b"HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\n\
                          Content-Length: 16\r\n\r\n{\"status\":\"OK\"}\n";

/// Event, answer, and how many of them in a round.
const SIZES: [(usize, usize, usize); 6] = [
    (1 << 10, 200, 40),
    (20_000, 200, 20),
    (256_000, 200, 6),
    (6_000_000, 200, 1),
    (1 << 10, 20_000, 20),
    (1 << 10, 6_000_000, 1),
];

/// A runtime's connection and the Runtime API's end of it.
struct Path {
    name: &'static str,
    runtime: Runtime,
    api: BufReader<TcpStream>,
    proxy: Option<Child>,
}

pub(crate) fn measure(effort: Effort, report: &mut Report) -> Result<()> {
    run(effort, report).map_err(|error| format!("loopback: {error}"))
}

fn run(effort: Effort, table: &mut Report) -> io::Result<()> {
    let all = sched_getaffinity(None)?;
    let mut one = CpuSet::new();
    let first = (0..CpuSet::MAX_CPU).find(|cpu| all.is_set(*cpu));
    one.set(first.unwrap_or(0));
    sched_setaffinity(None, &one)?;
    let done = on_one_processor(effort, table);
    sched_setaffinity(None, &all)?;
    done
}

fn on_one_processor(effort: Effort, table: &mut Report) -> io::Result<()> {
    let me = std::env::current_exe()?;
    let mut paths = [
        Path::open("none", None)?,
        Path::open("floor", Some(Command::new(me).arg("--floor")))?,
        Path::open(
            "guard",
            Some(Command::new(guard()).args(["exec", "--"]).envs(VARIABLES)),
        )?,
    ];
    for (bytes, answer, times) in SIZES.into_iter().take(effort.sizes) {
        let event = event(bytes, answer);
        let mut samples = [const { Samples::empty() }; 3];
        let ids = [1, 2].map(|at| paths.get(at)?.proxy.as_ref().map(Child::id));
        let before = report::now(ids);
        for round in 0..effort.rounds + 1 {
            for (path, samples) in paths.iter_mut().zip(&mut samples) {
                for _ in 0..times {
                    let start = Instant::now();
                    path.invoke(&event)?;
                    // The first round is for buffers and caches.
                    if round > 0 {
                        samples.push(start.elapsed());
                    }
                }
            }
        }
        let cpu = report::since(before, ids, (effort.rounds + 1) * times);
        table.compare("loopback", event.len(), answer, &samples, cpu);
    }
    for path in &mut paths {
        table.process(path.name, path.proxy.as_ref().map(Child::id));
    }
    Ok(())
}

impl Path {
    /// Opens a way to a Runtime API here, through a proxy that runs a command in a shell.
    fn open(name: &'static str, proxy: Option<&mut Command>) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let api = listener.local_addr()?.to_string();
        let (address, proxy) = match proxy {
            None => (api, None),
            Some(command) => {
                let mut child = command
                    .args(["sh", "-c", "echo $AWS_LAMBDA_RUNTIME_API; exec sleep 3600"])
                    .env("AWS_LAMBDA_RUNTIME_API", api)
                    .stdout(Stdio::piped())
                    .spawn()?;
                let stdout = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
                let mut lines = BufReader::new(stdout).lines();
                let address = lines
                    .by_ref()
                    .map_while(io::Result::ok)
                    .find(|line| line.starts_with("127.0.0.1:"))
                    .ok_or(io::ErrorKind::UnexpectedEof)?;
                std::thread::spawn(move || lines.for_each(drop));
                (address, Some(child))
            }
        };
        let runtime = Runtime::connect(&address)?;
        let mut path = Self {
            name,
            runtime,
            api: BufReader::new(TcpStream::connect(listener.local_addr()?)?),
            proxy,
        };
        // Proxies connect when there is something to say, or at once.
        let own = path.api.get_ref().local_addr()?;
        path.runtime.ask()?;
        loop {
            let (stream, from) = listener.accept()?;
            if from != own {
                stream.set_nodelay(true)?;
                path.api = BufReader::with_capacity(64 << 10, stream);
                break;
            }
        }
        path.request()?;
        Ok(path)
    }

    /// One invocation, from its event to the next poll.
    fn invoke(&mut self, event: &[u8]) -> io::Result<()> {
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nLambda-Runtime-Aws-Request-Id: \
             8476a536-e9f4-11e8-9739-2dfe598c3fcd\r\nLambda-Runtime-Deadline-Ms: 1542409706888\
             \r\nLambda-Runtime-Invoked-Function-Arn: \
             arn:aws:lambda:us-east-2:123456789012:function:custom-runtime\r\n\
             Lambda-Runtime-Trace-Id: Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=\
             9a9197af755a6419;Sampled=1\r\nContent-Length: {}\r\n\r\n",
            event.len()
        );
        let (api, runtime) = (&mut self.api, &mut self.runtime);
        std::thread::scope(|scope| {
            if event.len() > 64 << 10 {
                // More than a socket holds: someone has to read at the other end.
                let mut sender = api.get_ref().try_clone()?;
                scope.spawn(move || {
                    sender
                        .write_all(head.as_bytes())
                        .and_then(|()| sender.write_all(event))
                });
            } else {
                let whole = [head.as_bytes(), event].concat();
                api.get_mut().write_all(&whole)?;
            }
            let id = runtime.take()?;
            if runtime.answers_with() > 64 << 10 {
                let reading = scope.spawn(move || serve(api));
                runtime.send(&id)?;
                reading.join().map_err(|_| io::Error::other("panicked"))??;
            } else {
                runtime.send(&id)?;
                serve(api)?;
            }
            runtime.accepted()?;
            runtime.ask()
        })?;
        self.request()
    }

    fn request(&mut self) -> io::Result<()> {
        read(&mut self.api)
    }
}

/// Takes an answer.
fn serve(api: &mut BufReader<TcpStream>) -> io::Result<()> {
    read(api)?;
    api.get_mut().write_all(ACCEPTED)
}

/// Reads a request.
fn read(api: &mut BufReader<TcpStream>) -> io::Result<()> {
    let mut length = 0;
    let mut line = String::new();
    loop {
        line.clear();
        if api.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if line == "\r\n" {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().map_err(io::Error::other)?;
        }
    }
    io::copy(&mut api.take(length), &mut io::sink()).map(drop)
}

impl Drop for Path {
    fn drop(&mut self) {
        if let Some(proxy) = &mut self.proxy {
            // What it started ends with the namespaces.
            let id = i32::try_from(proxy.id()).ok().and_then(Pid::from_raw);
            let _ = id.map(|id| kill_process(id, Signal::TERM));
            let _ = proxy.wait();
        }
    }
}
