//! `guard exec` with the parts that run inside programs, programs compiled for the purpose, and what
//! came out.

use std::ffi::OsStr;
use std::fs;
use std::io::Read;
use std::net::{TcpListener, UdpSocket};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::Value;

/// Nothing here takes this long unless it hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a run was.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) records: Vec<Value>,
}

impl Ran {
    pub(crate) fn worked(&self) -> bool {
        self.code == Some(0)
    }

    /// Records of a type.
    pub(crate) fn of<'r>(&'r self, kind: &'r str) -> impl Iterator<Item = &'r Value> {
        self.records
            .iter()
            .filter(move |record| record["type"] == kind)
    }

    /// The denial of a rule, of a target that ends so. An address that a name was learned for is
    /// recorded under the name: with its port it counts as well.
    pub(crate) fn denial(&self, rule: &str, target: &str) -> Option<&Value> {
        self.of("denial").find(|record| {
            let found = record["target"].as_str().unwrap_or_default();
            let address = record["address"].as_str().map(|address| {
                let port = found.rsplit(':').next().unwrap_or_default();
                format!("{address}:{port}")
            });
            let is_it = |found: &str| found.trim_start_matches("udp:").ends_with(target);
            record["rule"] == rule && (is_it(found) || address.as_deref().is_some_and(is_it))
        })
    }
}

/// Runs a command as it is, with these variables and nothing but `PATH`.
pub(crate) fn plain(variables: &[(&str, &str)], command: &[&str]) -> Ran {
    let mut program = Command::new(command[0]);
    program.args(&command[1..]);
    run(program, variables)
}

/// Runs a command under `guard exec`.
pub(crate) fn guarded(variables: &[(&str, &str)], command: &[&str]) -> Ran {
    let mut program = Command::new(guard());
    program.args(["exec", "--"]).args(command);
    program.env("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:1");
    let mut all = vec![("GUARD_REQUIRE", "process")];
    all.extend(variables);
    run(program, &all)
}

fn run(mut program: Command, variables: &[(&str, &str)]) -> Ran {
    program
        // What hangs is killed with all that it started.
        .process_group(0)
        .env("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin")
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    for (name, _) in std::env::vars_os() {
        let is_kept = name == "PATH" || name == "AWS_LAMBDA_RUNTIME_API";
        if !is_kept && !variables.iter().any(|(own, _)| name == *own) {
            program.env_remove(name);
        }
    }
    let mut child = program.spawn().unwrap();
    let collect = |mut from: Box<dyn Read + Send>| {
        thread::spawn(move || {
            let mut bytes = Vec::new();
            from.read_to_end(&mut bytes).unwrap();
            String::from_utf8_lossy(&bytes).into_owned()
        })
    };
    let out = collect(Box::new(child.stdout.take().unwrap()));
    let err = collect(Box::new(child.stderr.take().unwrap()));
    let start = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if start.elapsed() > PATIENCE {
            if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
                let _ = kill_process_group(group, Signal::KILL);
            }
            panic!("{program:?} hangs");
        }
        thread::sleep(Duration::from_millis(2));
    };
    let (out, stderr) = (out.join().unwrap(), err.join().unwrap());
    let mut ran = Ran {
        code: status.code(),
        stdout: String::new(),
        stderr,
        records: Vec::new(),
    };
    for line in out.lines() {
        match serde_json::from_str(line) {
            Ok(record) if line.starts_with("{\"guard\":") => ran.records.push(record),
            _ => ran.stdout += &format!("{line}\n"),
        }
    }
    ran
}

/// Tries one thing four times: unguarded it works; in enforce mode under `policy` it does not, and a
/// record says which entry would allow it; with that entry it works; in monitor mode it works, and
/// the same record says that it would be refused.
pub(crate) fn check(policy: &[(&str, &str)], rule: &str, target: &str, command: &[&str]) {
    check_with(policy, rule, target, command, || {});
}

/// [`check`], after the init phase. For the probe only, which asks for an event.
pub(crate) fn check_in_invoke(policy: &[(&str, &str)], rule: &str, target: &str, command: &[&str]) {
    let mut policy = policy.to_vec();
    policy.push(("PROBE_END_INIT", "1"));
    check_with(&policy, rule, target, command, || {});
}

/// [`check`], with something to be done before every try.
pub(crate) fn check_with(
    policy: &[(&str, &str)],
    rule: &str,
    target: &str,
    command: &[&str],
    prepare: impl Fn(),
) {
    prepare();
    let ran = plain(&[], command);
    assert!(ran.worked(), "{command:?} does not work unguarded: {ran:?}");

    prepare();
    let mut enforced = vec![("GUARD_MODE", "enforce")];
    enforced.extend(policy);
    let ran = guarded(&enforced, command);
    assert!(!ran.worked(), "{command:?} worked in enforce: {ran:?}");
    let denial = ran
        .denial(rule, target)
        .unwrap_or_else(|| panic!("{command:?}: no {rule} about {target}: {ran:?}"));
    assert_eq!(
        (&denial["verdict"], &denial["mode"]),
        (&"block".into(), &"enforce".into())
    );

    if let Some(setting) = denial["allow"]["setting"].as_str() {
        let entry = denial["allow"]["entry"].as_str().unwrap();
        let separator = if setting == "GUARD_EGRESS_ALLOW" {
            ","
        } else {
            ":"
        };
        let allowed: Vec<(&str, String)> = enforced
            .iter()
            .map(|(name, value)| match (*name == setting, value.is_empty()) {
                (true, true) => (*name, entry.to_owned()),
                (true, false) => (*name, format!("{value}{separator}{entry}")),
                (false, _) => (*name, (*value).to_owned()),
            })
            .collect();
        let allowed: Vec<(&str, &str)> = allowed.iter().map(|(n, v)| (*n, v.as_str())).collect();
        prepare();
        let ran = guarded(&allowed, command);
        assert!(
            ran.worked(),
            "{command:?} did not work with {entry}: {ran:?}"
        );
        assert!(ran.denial(rule, target).is_none(), "{ran:?}");
    }

    prepare();
    let mut monitored = vec![("GUARD_MODE", "monitor")];
    monitored.extend(policy);
    let ran = guarded(&monitored, command);
    assert!(ran.worked(), "{command:?} did not work in monitor: {ran:?}");
    let denial = ran
        .denial(rule, target)
        .unwrap_or_else(|| panic!("{command:?}: no {rule} about {target} in monitor: {ran:?}"));
    assert_eq!(
        (&denial["verdict"], &denial["mode"]),
        (&"report".into(), &"monitor".into())
    );
}

/// The guard command, with the library and the loader beside it.
pub(crate) fn guard() -> &'static Path {
    static GUARD: OnceLock<PathBuf> = OnceLock::new();
    GUARD.get_or_init(|| {
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("process");
        let target = scratch().join("parts");
        let built = Command::new(env!("CARGO"))
            .args(["build", "--release", "--quiet", "--target-dir"])
            .arg(&target)
            .current_dir(&workspace)
            .status()
            .unwrap();
        assert!(built.success(), "the parts inside of programs do not build");
        let home = scratch().join("home");
        fs::create_dir_all(&home).unwrap();
        let guard = home.join("guard");
        let parts = target.join("release");
        for (from, to) in [
            (Path::new(env!("CARGO_BIN_EXE_guard")), "guard"),
            (&parts.join("libguard.so"), "libguard.so"),
            (&parts.join("guard-loader"), "guard-loader"),
        ] {
            // Renamed, as other tests may be running the file.
            let new = home.join(format!("{to}.{}", std::process::id()));
            fs::copy(from, &new).unwrap();
            fs::rename(&new, home.join(to)).unwrap();
        }
        guard
    })
}

/// A directory that stays: what is built is built again only when it changed.
fn scratch() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("process")
}

/// An empty directory of a test's own, outside of what a policy allows by `runtime`.
pub(crate) fn directory(test: &str) -> PathBuf {
    let path = scratch().join("files").join(test);
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).unwrap();
    path
}

/// A C program of `programs/`, compiled; nothing where there is no such compiler.
pub(crate) fn compiled(name: &str, compiler: &str, flags: &[&str]) -> Option<String> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/process/programs")
        .join(name)
        .with_extension("c");
    let tag: String = flags
        .join("")
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .collect();
    let output = scratch().join(format!("{name}-{compiler}{tag}"));
    let partial = scratch().join(format!(
        "{name}-{compiler}{tag}.{:?}",
        thread::current().id()
    ));
    fs::create_dir_all(scratch()).unwrap();
    let built = Command::new(compiler)
        .args(["-O1", "-w", "-o"])
        .arg(&partial)
        .arg(&source)
        .args(flags)
        .args(["-lpthread"])
        .output();
    match built {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            skip(&format!("{compiler} is not installed"));
            None
        }
        built => {
            let built = built.unwrap();
            assert!(
                built.status.success(),
                "{}",
                String::from_utf8_lossy(&built.stderr)
            );
            fs::rename(&partial, &output).unwrap();
            Some(output.to_str().unwrap().to_owned())
        }
    }
}

/// The program that tries one thing.
pub(crate) fn probe() -> String {
    static PROBE: OnceLock<String> = OnceLock::new();
    PROBE
        .get_or_init(|| compiled("probe", "cc", &["-ldl"]).unwrap())
        .clone()
}

/// Where a program is; says so and answers nothing when it is not installed.
pub(crate) fn installed(name: &str) -> Option<String> {
    let found = std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())
        .chain(["/usr/bin".into(), "/bin".into()])
        .map(|directory| directory.join(name))
        // Not a version manager's script: it starts dozens of programs.
        .find(|file| file.is_file() && !file.components().any(|c| c.as_os_str() == "shims"));
    if found.is_none() {
        skip(&format!("{name} is not installed"));
    }
    found.map(|path| path.to_str().unwrap().to_owned())
}

/// Says why a test does not run; fails where every test has to.
pub(crate) fn skip(why: &str) {
    assert!(std::env::var_os("CI").is_none(), "{why}");
    eprintln!("skipped: {why}");
}

/// A TCP listener on loopback that takes and closes connections for as long as the test runs.
pub(crate) fn tcp() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            drop(stream);
        }
    });
    port
}

/// A bound UDP port on loopback.
pub(crate) fn udp() -> (UdpSocket, String) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = socket.local_addr().unwrap().port().to_string();
    (socket, port)
}

/// A path as text.
pub(crate) fn text(path: impl AsRef<OsStr>) -> String {
    path.as_ref().to_str().unwrap().to_owned()
}
