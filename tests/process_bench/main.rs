//! What the process tier costs: calls, starts of programs, memory, a mixed workload and a function
//! that serves HTTP, native against guarded in turn, in one run. `--record` writes a dated record
//! beside the others.
//!
//! Run by root it drops to another user first, as functions run: programs of root may change any
//! file, so that nothing which the extension knows of files is taken for true.

mod function;
mod parts;
mod report;

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, UdpSocket};
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread;

use guard_tests::{Result, clients};
use parts::Parts;
use report::Report;

/// What can be asked for.
const OPTIONS: [&str; 2] = ["--record", "--quick"];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |name: &str| arguments.iter().any(|argument| argument == name);
    let done = match arguments.iter().all(|option| OPTIONS.contains(&&**option)) {
        true => measure(has("--record"), has("--quick")),
        false => Err(format!("accepted is any of {}", OPTIONS.join(", "))),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("process-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(is_recorded: bool, is_quick: bool) -> Result<()> {
    let parts = Parts::build()?;
    let port = listen()?;
    let mut report = Report::new(is_recorded);
    for (linked, flags) in [("dynamic", &[][..]), ("static", &["-static"])] {
        let program = parts.compile("cost.c", &format!("cost-{linked}"), flags)?;
        for _ in 0..if is_quick { 1 } else { 3 } {
            let file = parts.place.join("file").display().to_string();
            let arguments = [file.as_str(), &port];
            let native = run(parts.as_user(&program).args(arguments))?;
            let mut guarded = parts.exec(&port);
            let guarded = run(guarded.arg(&program).args(arguments))?;
            report.calls(linked, &native, &guarded);
        }
    }
    report.end_calls();
    starts(&parts, &port, &mut report, is_quick)?;
    function::measure(&parts, &port, &mut report, is_quick)?;
    report.finish()
}

/// Starts of programs, each under a guard that runs already.
fn starts(parts: &Parts, port: &str, report: &mut Report, is_quick: bool) -> Result<()> {
    let timer = parts.compile("starts.c", "starts", &[])?;
    let mut shell = parts.exec(port);
    shell.args(["/bin/sh", "-c", "echo ready; read line"]);
    let mut daemon = Daemon::start(shell)?;
    let mixed = parts.place.join("mixed.py").display().to_string();
    let go = parts.build_go();
    let boto3 = clients::python_packages("boto3==1.35.0")
        .map(|folder| folder.display().to_string())
        .unwrap_or_default();
    let go = go.unwrap_or_else(|reason| {
        eprintln!("process-bench: left out: go: {reason}");
        String::new()
    });
    let python = "/usr/bin/python3";
    let import = format!("import sys; sys.path.insert(0, {boto3:?}); import boto3");
    let rows: [(&str, u32, &[&str]); 8] = [
        ("true", 200, &["/bin/true"]),
        ("python", 60, &[python, "-c", "pass"]),
        ("import boto3", 20, &[python, "-c", &import]),
        ("node", 40, &["/usr/bin/node", "-e", "0"]),
        ("java", 20, &["/usr/bin/java", "-version"]),
        ("go static", 100, &[&go]),
        ("busybox static", 100, &["/bin/busybox", "true"]),
        ("mixed workload", 20, &[python, &mixed, port]),
    ];
    for (name, rounds, command) in rows {
        let rounds = if is_quick { rounds / 10 + 1 } else { rounds };
        // Also leaves what Python compiled where the other user may not write.
        let works = Command::new(command[0])
            .args(&command[1..])
            .stdin(Stdio::null())
            .output();
        if !works.is_ok_and(|output| output.status.success()) {
            eprintln!(
                "process-bench: left out: {name}: {} does not run here",
                command[0]
            );
            continue;
        }
        let mut timed = parts.as_user(&timer);
        timed.arg(rounds.to_string()).arg(&daemon.rendezvous);
        timed.arg(parts.place.join("guard-loader")).args(command);
        report.starts(name, &run(&mut timed)?);
    }
    daemon.end();
    Ok(())
}

/// Runs a command; what it printed without the guard's records.
fn run(command: &mut Command) -> Result<Vec<String>> {
    let name = command.get_program().display().to_string();
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("{name}: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        let last = String::from_utf8_lossy(&output.stderr);
        let last = last.lines().last().unwrap_or("no reason").to_owned();
        return Err(format!("{name}: ended with {}: {last}", output.status));
    }
    let lines = text.lines().filter(|line| !line.starts_with('{'));
    Ok(lines.map(str::to_owned).collect())
}

/// A guard that stays.
struct Daemon {
    process: Child,
    rendezvous: String,
}

impl Daemon {
    fn start(mut command: Command) -> Result<Self> {
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("guard: {error}"))?;
        let out = process.stdout.take().ok_or("guard: no output")?;
        let mut lines = BufReader::new(out)
            .lines()
            .map_while(std::result::Result::ok);
        lines
            .find(|line| line == "ready")
            .ok_or("guard: it does not start")?;
        let rendezvous = rendezvous(process.id()).ok_or("guard: it offers no rendezvous")?;
        // Its records are not to fill the pipe.
        thread::spawn(move || lines.for_each(drop));
        Ok(Self {
            process,
            rendezvous,
        })
    }

    fn end(&mut self) {
        if let Some(mut input) = self.process.stdin.take() {
            let _ = input.write_all(b"\n");
        }
        let _ = self.process.wait();
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The name of the abstract socket that a guard waits at for programs: those under it do not see it
/// in their environment.
fn rendezvous(guard: u32) -> Option<String> {
    let held: Vec<String> = fs::read_dir(format!("/proc/{guard}/fd"))
        .ok()?
        .filter_map(|entry| fs::read_link(entry.ok()?.path()).ok())
        .filter_map(|link| Some(link.to_str()?.strip_prefix("socket:[")?.to_owned()))
        .collect();
    let sockets = fs::read_to_string("/proc/net/unix").ok()?;
    sockets.lines().find_map(|line| {
        let (inode, name) = line
            .split_once(" @lambda-guard/")
            .and_then(|(rest, name)| Some((rest.split_whitespace().last()?, name)))?;
        let held = held
            .iter()
            .any(|held| held.strip_suffix(']') == Some(inode));
        held.then(|| format!("lambda-guard/{name}"))
    })
}

/// A server on loopback that answers whoever says something, and a socket that takes datagrams on
/// the same port.
fn listen() -> Result<String> {
    let io = |error: std::io::Error| format!("127.0.0.1: {error}");
    let listener = TcpListener::bind("127.0.0.1:0").map_err(io)?;
    let address = listener.local_addr().map_err(io)?;
    let datagrams = UdpSocket::bind(address).map_err(io)?;
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut asked = [0; 256];
            if stream.read(&mut asked).is_ok_and(|length| length > 0) {
                let _ = stream.write_all(&[b'x'; 2000]);
            }
        }
    });
    thread::spawn(move || {
        let mut taken = [0; 64];
        while datagrams.recv(&mut taken).is_ok() {}
    });
    Ok(address.port().to_string())
}
