//! Ways around the process tier, each in a program of its own (`tests/clients/escape*.c`): every
//! technique reaches what the policy denies when nothing guards it, and must not under guard. Its
//! sibling, the same technique on what the policy allows, goes on working, unless the technique
//! itself is refused.
//!
//! Once as whoever runs the tests, which is root mostly, and once as a user without rights in a jail
//! modelled on public reports about Lambda, where programs begin with the searches of libraries that
//! the extension keeps.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use guard_tests::client::{self, Client, Folder, Outcome};
use guard_tests::example::is_inside;
use guard_tests::isolation::isolated;
use guard_tests::jail::prepared;
use guard_tests::{Result, extension, layer, root, skip, target};
use rustix::mount::{MountFlags, mount};

/// The programs, and what each of their techniques is aimed at where its table does not say.
const SOURCES: [(&str, &[&str]); 3] = [
    ("escape.c", &["tcp", "read"]),
    ("escape-files.c", &[]),
    ("escape-races.c", &[]),
];

/// Whom the jail makes of root: user, group.
const INSIDE: (u32, u32) = (993, 990);
/// Where techniques are in the jail: another user can reach it.
const HOME: &str = "/mnt";

/// Techniques that are refused whatever they are used for.
const REFUSED: &[(&str, &str)] = &[
    ("by-handle", "handles name files past every path"),
    ("cloned-three", "its flags lie in memory"),
    (
        "dropped-locked-pages",
        "what was changed would be the file's again",
    ),
    (
        "dropped-pages",
        "what was changed would be the file's again",
    ),
    (
        "exec-from-memory",
        "a program without a path is on no allowlist",
    ),
    (
        "fast-open-connect",
        "the address would be judged after the data is on its way",
    ),
    ("fast-open-sendmmsg", "sending while connecting is refused"),
    ("fast-open-sendmsg", "sending while connecting is refused"),
    ("fast-open-sendto", "sending while connecting is refused"),
    (
        "interrupt",
        "calls of another architecture's table are refused",
    ),
    ("joined-call", "code stays where it was searched"),
    ("left-mapping", "what was changed would be the file's again"),
    (
        "lengthened-mapping",
        "what comes of the file was not looked at",
    ),
    (
        "library-without-room",
        "a call that cannot be led through the check is not mapped",
    ),
    (
        "lying-filter",
        "a filter answers the guard's own calls as well",
    ),
    (
        "mapped-implied",
        "code would be mapped without a call that says so",
    ),
    (
        "mapped-without-descriptors",
        "what cannot be looked at is not mapped as code",
    ),
    ("multipath", "policies know TCP and UDP"),
    (
        "own-memory",
        "the program's text is what the tier consists of",
    ),
    ("prefixed-many", "no compiler makes such a call"),
    ("prefixed-repeat", "no compiler makes such a call"),
    ("prefixed-rex", "no compiler makes such a call"),
    (
        "program-in-halves",
        "a call that cannot be led through the check is not mapped",
    ),
    ("ring", "calls in a ring pass no call site"),
    (
        "split-call",
        "a call that cannot be led through the check is not mapped",
    ),
    (
        "trace-child",
        "a traced process makes any call its tracer likes",
    ),
    ("unmap-guard", "the policy is what the tier decides by"),
];

/// Techniques that are tried on local sockets, too.
const LOCAL: &[&str] = &["plain", "race-of-sockets"];

/// Techniques without a sibling.
const ALONE: &[(&str, &str)] = &[
    (
        "folder-above",
        "what stands above what is allowed would hold other files",
    ),
    ("move-folder", "nothing moves into itself"),
    ("race-of-links", "there is no other file to get hold of"),
];

/// Ways out that this tier documents as open.
const OPEN: &[(&str, &str)] = &[];

/// Where techniques are tried, and under which guard.
struct Place {
    name: &'static str,
    /// Below it each program has its folder.
    home: PathBuf,
    /// What enters it.
    enter: Vec<String>,
    guard: Vec<String>,
    /// Whose the files are there.
    user: Option<(u32, u32)>,
    settings: Vec<(&'static str, String)>,
}

#[test]
fn techniques_reach_nothing_that_is_denied() {
    extension::build().expect("the extension builds");
    let kind = if cfg!(debug_assertions) {
        "debug"
    } else {
        "release"
    };
    let guard = target().join(kind).join("guard");
    all(&Place {
        name: "here",
        home: target().join("rig/clients"),
        enter: Vec::new(),
        guard: vec![text(&guard), "exec".to_owned(), "--".to_owned()],
        user: None,
        settings: Vec::new(),
    });
}

#[test]
fn techniques_reach_nothing_as_a_user_without_rights() {
    if !is_inside() {
        extension::build().expect("the extension builds");
    }
    isolated(|isolation| {
        let Some(jail) = prepared("escapes in the jail", isolation) else {
            return;
        };
        layer::attach().expect("the layer's files");
        mount("tmpfs", HOME, "tmpfs", MountFlags::empty(), None).expect("a place for programs");
        all(&Place {
            name: "in the jail",
            home: HOME.into(),
            enter: vec![text(&jail)],
            guard: ["/opt/extensions/guard", "exec", "--"]
                .map(str::to_owned)
                .to_vec(),
            user: Some(INSIDE),
            // Settings of the jail: these two calls are refused, too.
            settings: ["J_SECCOMP", "J_PTRACE"]
                .map(|name| (name, "1".to_owned()))
                .to_vec(),
        });
    });
}

fn all(place: &Place) {
    if !Path::new("/usr/bin/gcc").exists() {
        skip("escape", "there is no gcc");
        return;
    }
    let printing = client::program().expect("a program");
    let (mut tried, mut escaped, mut complaints) = (0, Vec::new(), Vec::new());
    // Whether a program is static makes a difference to who searches it, not to whose user's it is.
    let links: &[(&str, &[&str])] = match place.user {
        None => &[("dynamic", &[]), ("static", &["-static"])],
        Some(_) => &[("dynamic", &[])],
    };
    for ((source, aims), (link, flags)) in SOURCES
        .iter()
        .flat_map(|source| links.iter().map(move |link| (source, link)))
    {
        let name = format!("{link}-{source}");
        let folder = Folder::below(&place.home, "escape", &name).expect("a folder");
        let program = build(source, &folder, flags).expect("it builds");
        for (technique, aim) in techniques(source, aims) {
            let name = format!("{technique}, {aim}, {link}");
            let attempt = Attempted {
                place,
                folder: &folder,
                program: &program,
                technique: &technique,
                aim: &aim,
                printing: &printing,
            };
            let start = Instant::now();
            let outcome = attempt.outcome();
            eprintln!("{name}: {} ms", start.elapsed().as_millis());
            match outcome {
                Ok(None) => eprintln!("{name}: not here: it does not work without Guard"),
                Ok(Some(Attempt { got_out, sibling })) => {
                    tried += 1;
                    let known = OPEN.iter().find(|(open, _)| *open == technique);
                    if let Some(outcome) = got_out {
                        eprintln!("{name}: ESCAPED {}", known.map_or("", |(_, why)| why));
                        if known.is_none() {
                            escaped.push(format!("{name}: {}", outcome.last_words()));
                        }
                    }
                    if let Some(outcome) = sibling {
                        let words = outcome.last_words();
                        complaints.push(format!("{name}: the allowed sibling fails: {words}"));
                    }
                }
                Err(error) => complaints.push(format!("{name}: {error}")),
            }
        }
    }
    eprintln!("{}: escaped {} of {tried}", place.name, escaped.len());
    escaped.extend(complaints);
    assert!(escaped.is_empty(), "{}", escaped.join("\n"));
}

/// What one technique did under guard.
struct Attempt {
    /// How it ended, if it reached what is denied.
    got_out: Option<Outcome>,
    /// How its sibling ended, if that failed and should not have.
    sibling: Option<Outcome>,
}

/// A technique and what it is tried with.
struct Attempted<'a> {
    place: &'a Place,
    folder: &'a Folder,
    program: &'a str,
    technique: &'a str,
    /// `tcp`, `read`, `unix`, `write` or `exec`.
    aim: &'a str,
    /// A program that prints the mark.
    printing: &'a Path,
}

impl Attempted<'_> {
    /// Nothing when the technique does not even work without Guard.
    fn outcome(&self) -> Result<Option<Attempt>> {
        let ports = [client::serve_tcp()?, client::serve_tcp()?];
        self.fill()?;
        if !self
            .run(&self.words(["denied", "allowed"], ports), None)?
            .worked()
        {
            return Ok(None);
        }
        let policy = self.policy(ports);
        let guarded = |part| {
            self.fill()?;
            self.run(&self.words([part, "allowed"], ports), Some(&policy))
        };
        let (out, sibling) = (guarded("denied")?, guarded("allowed")?);
        let mut without = REFUSED.iter().chain(ALONE);
        let refused = without.any(|(refused, _)| *refused == self.technique);
        Ok(Some(Attempt {
            got_out: Some(out).filter(Outcome::worked),
            sibling: Some(sibling).filter(|sibling| !sibling.worked() && !refused),
        }))
    }

    /// What the policy tells apart, as it is at first.
    fn fill(&self) -> Result<()> {
        let program = (self.aim == "exec").then_some(self.printing);
        for part in ["allowed", "denied"] {
            self.folder.fill_part(part, program)?;
            if self.aim == "unix" {
                client::serve_unix(&self.folder.path(part).join("socket"))?;
            }
        }
        let Some(user) = self.place.user else {
            return Ok(());
        };
        self.folder.give(user)?;
        // It moves what stands beside it, too.
        let owner = format!("{}:{}", user.0, user.1);
        layer::run(
            Command::new("chown")
                .arg(owner)
                .arg(self.place.home.join("escape")),
        )?;
        if self.aim == "exec" {
            // Where the user could not have put it, as what comes with the system.
            let denied = self.folder.path("denied");
            layer::run(Command::new("chown").args(["-R", "0:0"]).arg(denied))?;
        }
        Ok(())
    }

    /// The command, for what is `wanted` and what is allowed. The ports are those of the parts.
    fn words(&self, parts: [&str; 2], [allowed, denied]: [u16; 2]) -> Vec<String> {
        let mut words = vec![self.program, self.technique, self.aim]
            .into_iter()
            .map(str::to_owned)
            .collect::<Vec<_>>();
        if self.aim == "tcp" {
            words.push("127.0.0.1".to_owned());
        }
        words.extend(parts.map(|part| match self.aim {
            "tcp" if part == "allowed" => allowed.to_string(),
            "tcp" => denied.to_string(),
            "unix" => text(&self.folder.path(part).join("socket")),
            "write" => text(&self.folder.path(part).join("old")),
            "exec" => text(&self.folder.path(part).join("program")),
            _ => text(&self.folder.path(part).join("file")),
        }));
        words
    }

    fn policy(&self, [allowed, denied]: [u16; 2]) -> Vec<(&'static str, String)> {
        let own = ["work", "allowed"].map(|part| text(&self.folder.path(part)));
        let own = own.join(":");
        let mut policy = vec![
            ("GUARD_MODE", "enforce".to_owned()),
            ("GUARD_TIER", "process".to_owned()),
            // Datagrams may go where streams may not: one is not to be taken for the other.
            (
                "GUARD_EGRESS_ALLOW",
                format!(
                    "127.0.0.1:{allowed},udp:127.0.0.1:{denied},unix:{}/",
                    text(&self.folder.path("allowed"))
                ),
            ),
        ];
        policy.push(match self.aim {
            "write" => ("GUARD_FILE_WRITE", format!("/dev:/proc:{own}")),
            "exec" => ("GUARD_EXEC_ALLOW", format!("/usr:/bin:/lib:/lib64:{own}")),
            _ => (
                "GUARD_FILE_READ",
                format!("/usr:/lib:/lib64:/etc:/proc:/dev:{own}"),
            ),
        });
        policy
    }

    /// Runs a command, under guard with a policy.
    fn run(&self, words: &[String], policy: Option<&[(&'static str, String)]>) -> Result<Outcome> {
        let client = Client::of(self.technique, words.to_vec());
        let mut prefix = self.place.enter.clone();
        let mut settings = self.place.settings.clone();
        let Some(policy) = policy else {
            return client.run(self.folder, &prefix, &[], &settings);
        };
        prefix.extend(self.place.guard.iter().cloned());
        settings.extend(policy.iter().cloned());
        if self.place.user.is_none() {
            return client.run(self.folder, &prefix, &[], &settings);
        }
        // Not before the extension keeps what it found in libc: programs that start then use it.
        const WAIT: &str = "until [ -e \"$0\" ]; do sleep 0.02; done; exec \"$@\"";
        let go = self.folder.path("scratch").join("go");
        let _ = fs::remove_file(&go);
        prefix.extend(["/bin/sh", "-c", WAIT].map(str::to_owned));
        prefix.push(text(&go));
        let is_kept = AtomicBool::new(false);
        let outcome = thread::scope(|scope| {
            scope.spawn(|| {
                is_kept.store(keeps_libc(&go), Ordering::Relaxed);
                fs::write(&go, "").expect("a file");
            });
            client.run(self.folder, &prefix, &[], &settings)
        })?;
        match is_kept.into_inner() {
            true => Ok(outcome),
            false => Err(format!("nothing is kept: {}", outcome.last_words())),
        }
    }
}

/// Waits until the guard whose command names `go` keeps what it found in libc: the file stays open.
fn keeps_libc(go: &Path) -> bool {
    let (go, start) = (text(go), Instant::now());
    let guard_keeps =
        |process: PathBuf| {
            let command = fs::read(process.join("cmdline")).unwrap_or_default();
            let is_guard = command.starts_with(b"/opt/extensions/guard\0")
                && command
                    .split(|byte| *byte == 0)
                    .any(|word| word == go.as_bytes());
            let files = fs::read_dir(process.join("fd")).ok().filter(|_| is_guard);
            files.into_iter().flatten().flatten().any(|file| {
                fs::read_link(file.path()).is_ok_and(|path| path.ends_with("libc.so.6"))
            })
        };
    while start.elapsed() < Duration::from_secs(20) {
        let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
        if processes.map(|process| process.path()).any(guard_keeps) {
            return true;
        }
        thread::sleep(Duration::from_millis(10));
    }
    false
}

/// The techniques, as the program's own table names them, each with what it is aimed at.
fn techniques(source: &str, aims: &[&str]) -> Vec<(String, String)> {
    let path = root().join("tests/clients").join(source);
    let source = fs::read_to_string(path).expect("its source");
    let (_, table) = source.split_once("TECHNIQUES[] = {").expect("a table");
    let rows = table.lines().take_while(|line| !line.starts_with("};"));
    rows.filter_map(|line| {
        let mut quoted = line.trim().strip_prefix("{\"")?.split('"');
        let name = quoted.next()?;
        let own = quoted.nth(1);
        let mut aims = own.map_or_else(|| aims.to_vec(), |aim| vec![aim]);
        if LOCAL.contains(&name) && own.is_none() {
            aims.push("unix");
        }
        Some(
            aims.into_iter()
                .map(|aim| (name.to_owned(), aim.to_owned()))
                .collect::<Vec<_>>(),
        )
    })
    .flatten()
    .collect()
}

fn build(source: &str, folder: &Folder, flags: &[&str]) -> Result<String> {
    let program = text(&folder.path("work").join("escape"));
    let output = Command::new("gcc")
        .args(["-O1", "-pthread", "-o", &program])
        .arg(format!("-DMARK=\"{}\"", client::MARK))
        .args(flags)
        .arg(root().join("tests/clients").join(source))
        .output()
        .map_err(|e| format!("gcc: {e}"))?;
    if output.status.success() {
        Ok(program)
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
