//! Real clients put under guard: what each runs, built and started with and without Guard.
//!
//! `tests/data/clients/OPERATION.toml` names them. Each does one thing and prints the mark when it
//! worked, so the same client tells that it works, that it is stopped, and that its allowed sibling
//! is not.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, UdpSocket};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde::Deserialize;

use crate::{Result, kept, layer, process::Process, root, target};

/// What a client prints when it did what it was told to.
pub const MARK: &str = "it-worked-7f3c";

/// How long a client may take, a JVM on a busy machine included.
const PATIENCE: Duration = Duration::from_secs(60);

/// Programs are looked for where Debian has them: what a developer installed elsewhere is not in
/// the policies.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// One client.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Client {
    /// What it is, unique in its file.
    pub name: String,
    /// Programs without which it cannot run.
    #[serde(default)]
    pub needs: Vec<String>,
    /// Python modules without which it cannot run.
    #[serde(default)]
    pub modules: Vec<String>,
    /// The only architecture that it is for.
    pub machine: Option<String>,
    /// Files it consists of: name, content.
    #[serde(default)]
    pub files: BTreeMap<String, String>,
    /// A file of `tests/clients` it consists of; `parts.h` is put beside it.
    pub source: Option<String>,
    /// Commands that build it.
    #[serde(default)]
    pub build: Vec<Vec<String>>,
    /// The command that runs it.
    pub run: Vec<String>,
    /// Why it may be refused even what the policy allows.
    pub allowed_may_fail: Option<String>,
    /// Whether enforcing refuses it whatever the policy lists, so that it can only be watched.
    #[serde(default)]
    pub is_refused: bool,
}

#[derive(Deserialize)]
struct File {
    client: Vec<Client>,
}

/// The clients of one operation.
///
/// # Errors
///
/// When the file cannot be read.
pub fn read(operation: &str) -> Result<Vec<Client>> {
    let path = root().join(format!("tests/data/clients/{operation}.toml"));
    let text = fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    let file: File = toml::from_str(&text).map_err(|e| format!("{}: {e}", path.display()))?;
    Ok(file.client)
}

/// How a run ended.
#[derive(Debug)]
pub struct Outcome {
    /// Everything it and Guard printed.
    pub output: String,
    /// Whether it ended by itself.
    pub ended: bool,
}

impl Outcome {
    /// Whether the client did what it was told to.
    #[must_use]
    pub fn worked(&self) -> bool {
        self.output.contains(MARK)
    }

    /// Nothing, when the client did what it was told to without Guard.
    ///
    /// # Errors
    ///
    /// When it did not: then what it does with Guard says nothing.
    pub fn is_honest(&self) -> Result<()> {
        if self.worked() && self.ended {
            return Ok(());
        }
        let words = self.last_words();
        Err(format!("does not work without Guard: {words}"))
    }

    /// The end of the output in one line, without what was merely used.
    #[must_use]
    pub fn last_words(&self) -> String {
        let told = |line: &&str| !line.contains("{\"guard\":1,") || line.contains("denial");
        let lines: Vec<_> = self.output.lines().rev().filter(told).take(5).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join(" / ")
    }
}

impl Client {
    /// A client that is just a command.
    #[must_use]
    pub fn of(name: &str, run: Vec<String>) -> Self {
        Self {
            name: name.to_owned(),
            run,
            ..Self::default()
        }
    }

    /// What is missing on this machine to run it.
    #[must_use]
    pub fn missing(&self) -> Option<String> {
        if self
            .machine
            .as_deref()
            .is_some_and(|m| m != std::env::consts::ARCH)
        {
            return self.machine.as_ref().map(|m| format!("an {m} processor"));
        }
        // What builds it may be installed anywhere.
        let path = std::env::var("PATH").unwrap_or_default();
        let path = format!("{PATH}:{path}");
        let found =
            |program: &&String| path.split(':').any(|f| Path::new(f).join(program).exists());
        if let Some(program) = self.needs.iter().find(|program| !found(program)) {
            return Some(program.clone());
        }
        let has = |module: &&String| {
            Command::new("/usr/bin/python3")
                .args(["-c", &format!("import {module}")])
                .stderr(Stdio::null())
                .status()
                .is_ok_and(|status| status.success())
        };
        let module = self.modules.iter().find(|module| !has(module))?;
        Some(format!("the Python module {module}"))
    }

    /// Writes and builds it into a folder of its own.
    ///
    /// # Errors
    ///
    /// When a step fails.
    pub fn prepare(&self, folder: &Folder) -> Result<()> {
        let work = folder.path("work");
        for (name, content) in &self.files {
            write(&work.join(name), content)?;
        }
        if let Some(source) = &self.source {
            let from = root().join("tests/clients").join(source);
            let kind = from.extension().unwrap_or_default().to_string_lossy();
            let to = work.join(format!("client.{kind}"));
            fs::copy(&from, to).map_err(|e| format!("{}: {e}", from.display()))?;
            let headers = root().join("tests/clients/parts.h");
            let to = work.join("parts.h");
            fs::copy(&headers, to).map_err(|e| format!("{}: {e}", headers.display()))?;
        }
        for command in &self.build {
            let words: Vec<_> = command.iter().map(|word| folder.fill(word, &[])).collect();
            let (program, arguments) = words.split_first().ok_or("an empty command")?;
            let output = Command::new(program)
                .args(arguments)
                .output()
                .map_err(|e| format!("{program}: {e}"))?;
            if !output.status.success() {
                return Err(String::from_utf8_lossy(&output.stderr).into_owned());
            }
        }
        Ok(())
    }

    /// Runs it with `values` put in, behind `prefix` when there is one, with `variables` set.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub fn run(
        &self,
        folder: &Folder,
        prefix: &[String],
        values: &[(&str, String)],
        variables: &[(&str, String)],
    ) -> Result<Outcome> {
        let words = self.run.iter().map(|word| folder.fill(word, values));
        let words: Vec<String> = prefix.iter().cloned().chain(words).collect();
        let (program, arguments) = words.split_first().ok_or("an empty command")?;
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env_clear()
            .env("PATH", PATH)
            .env("HOME", folder.path("scratch"))
            .env("LANG", "C.UTF-8")
            // Else a JVM writes to /tmp, where this may be built.
            .env("JAVA_TOOL_OPTIONS", "-XX:-UsePerfData")
            .envs(variables.iter().map(|(name, value)| (name, value)));
        let mut process = Process::start("client", command)?;
        let start = Instant::now();
        let ended = loop {
            if process.has_ended() {
                break true;
            }
            if start.elapsed() > PATIENCE {
                break false;
            }
            thread::sleep(Duration::from_millis(5));
        };
        Ok(Outcome {
            output: process.output(),
            ended,
        })
    }
}

/// The folder of one client: `work` holds it, `scratch` it may write to, `allowed` and `denied` are
/// what the policy tells apart.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// An empty one.
    ///
    /// # Errors
    ///
    /// When it cannot be made.
    pub fn new(operation: &str, name: &str) -> Result<Self> {
        Self::below(&target().join("rig/clients"), operation, name)
    }

    /// An empty one, below `home`.
    ///
    /// # Errors
    ///
    /// When it cannot be made.
    pub fn below(home: &Path, operation: &str, name: &str) -> Result<Self> {
        let safe = name.replace(|c: char| !c.is_ascii_alphanumeric(), "-");
        let folder = Self(home.join(operation).join(safe));
        let _ = fs::remove_dir_all(&folder.0);
        for part in ["work", "scratch", "allowed", "denied"] {
            let path = folder.path(part);
            fs::create_dir_all(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        }
        Ok(folder)
    }

    /// Gives it away with all that is in it: (user, group).
    ///
    /// # Errors
    ///
    /// When that is refused.
    pub fn give(&self, to: (u32, u32)) -> Result<()> {
        let owner = format!("{}:{}", to.0, to.1);
        layer::run(Command::new("chown").args(["-R", &owner]).arg(&self.0))
    }

    /// One of its parts.
    #[must_use]
    pub fn path(&self, part: &str) -> PathBuf {
        self.0.join(part)
    }

    /// Fills `part` (`allowed`, `denied`) as it was at first: a file that holds the mark, a file to
    /// change, a program.
    ///
    /// # Errors
    ///
    /// When that fails.
    pub fn fill_part(&self, part: &str, program: Option<&Path>) -> Result<()> {
        let path = self.path(part);
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        write(&path.join("file"), &format!("{MARK}\n"))?;
        write(&path.join("old"), "old\n")?;
        if let Some(program) = program {
            let to = path.join("program");
            fs::copy(program, &to).map_err(|e| format!("{}: {e}", to.display()))?;
        }
        Ok(())
    }

    fn fill(&self, word: &str, values: &[(&str, String)]) -> String {
        let mut word = word
            .replace("{work}", &self.path("work").to_string_lossy())
            .replace("{scratch}", &self.path("scratch").to_string_lossy())
            .replace("{cache}", &target().join("rig/cache").to_string_lossy())
            .replace("{mark}", MARK);
        for (name, value) in values {
            word = word.replace(&format!("{{{name}}}"), value);
        }
        word
    }
}

/// A program that prints the mark.
///
/// # Errors
///
/// When it cannot be built.
pub fn program() -> Result<PathBuf> {
    kept::anew("client-program", |part| {
        let source = part.with_extension("c");
        let text =
            format!("#include <stdio.h>\nint main(void) {{ return puts(\"{MARK}\") < 0; }}\n");
        write(&source, &text)?;
        layer::run(Command::new("gcc").arg("-o").args([part, source.as_path()]))?;
        fs::set_permissions(part, fs::Permissions::from_mode(0o755)).map_err(|e| e.to_string())
    })
}

/// A server on loopback that answers every request with the mark; its port.
///
/// # Errors
///
/// When there is no port.
pub fn serve_tcp() -> Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(|e| e.to_string())?;
    let port = listener.local_addr().map_err(|e| e.to_string())?.port();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let _ = stream.set_read_timeout(Some(Duration::from_secs(10)));
            thread::spawn(move || answer(stream));
        }
    });
    Ok(port)
}

/// The same behind a local socket.
///
/// # Errors
/// When the socket cannot be made.
pub fn serve_unix(path: &Path) -> Result<()> {
    let listener = UnixListener::bind(path).map_err(|e| format!("{}: {e}", path.display()))?;
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let _ = stream.set_read_timeout(Some(Duration::from_secs(10)));
            thread::spawn(move || answer(stream));
        }
    });
    Ok(())
}

/// Reads a request and answers it.
fn answer(mut stream: impl Read + Write) {
    let mut head = Vec::new();
    let mut byte = [0; 512];
    while !head.windows(4).any(|w| w == b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(0) | Err(_) => return,
            Ok(n) => head.extend_from_slice(byte.get(..n).unwrap_or_default()),
        }
    }
    let length = MARK.len();
    let answer =
        format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{MARK}");
    let _ = stream.write_all(answer.as_bytes());
}

/// The same for datagrams.
///
/// # Errors
///
/// When there is no port.
pub fn serve_udp() -> Result<u16> {
    let socket = UdpSocket::bind("127.0.0.1:0").map_err(|e| e.to_string())?;
    let port = socket.local_addr().map_err(|e| e.to_string())?.port();
    thread::spawn(move || {
        let mut buffer = [0; 512];
        while let Ok((_, from)) = socket.recv_from(&mut buffer) {
            let _ = socket.send_to(MARK.as_bytes(), from);
        }
    });
    Ok(port)
}

fn write(path: &Path, content: &str) -> Result<()> {
    fs::write(path, content).map_err(|e| format!("{}: {e}", path.display()))
}
