//! Programs under load are not harmed by the process tier: they end as they do without Guard when no
//! rule is set, under rules that allow all they do, and when they are only watched. And what
//! debuggers meet: they work where nothing is enforced, and are refused below a policy.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Instant;

use guard_tests::client::{self, Client, Folder, Outcome};
use guard_tests::{Result, extension, skip};

type Setting = (&'static str, String);

/// Under what a program is run; the last rule sets are for the folder of the client and a port.
fn policies(folder: &Folder, port: u16) -> [(&'static str, Vec<Setting>); 3] {
    let own = ["work", "scratch", "allowed"].map(|part| folder.path(part).display().to_string());
    let system = "/usr:/bin:/sbin:/lib:/lib64:/opt";
    [
        (
            "enforce, no rule",
            vec![("GUARD_MODE", "enforce".to_owned())],
        ),
        (
            "enforce, rules",
            vec![
                ("GUARD_MODE", "enforce".to_owned()),
                ("GUARD_EGRESS_ALLOW", format!("127.0.0.1:{port},unix:/tmp/")),
                (
                    "GUARD_FILE_READ",
                    // Of `/` itself busybox' find reads no more than that it is there.
                    format!("{system}:/etc:/proc:/sys:/dev:/tmp:{}", own.join(":")),
                ),
                (
                    "GUARD_FILE_WRITE",
                    format!("/dev:/proc:/tmp:{}", own.join(":")),
                ),
                ("GUARD_EXEC_ALLOW", format!("{system}:{}", own.join(":"))),
            ],
        ),
        (
            "monitor, nothing allowed",
            vec![
                ("GUARD_MODE", "monitor".to_owned()),
                ("GUARD_EGRESS_ALLOW", String::new()),
                ("GUARD_FILE_READ", String::new()),
                ("GUARD_FILE_WRITE", String::new()),
                ("GUARD_EXEC_ALLOW", String::new()),
            ],
        ),
    ]
}

/// `guard exec` in front of a command.
fn guard() -> Result<[String; 3]> {
    static BUILT: OnceLock<Result<()>> = OnceLock::new();
    BUILT.get_or_init(extension::build).clone()?;
    let program = extension::program().display().to_string();
    Ok([program, "exec".to_owned(), "--".to_owned()])
}

fn with_tier(mut settings: Vec<Setting>) -> Vec<Setting> {
    settings.push(("GUARD_TIER", "process".to_owned()));
    settings.push(("GUARD_REQUIRE", "process".to_owned()));
    settings
}

#[test]
fn programs_under_load() {
    let clients = client::read("load").expect("the clients can be read");
    let mut complaints = Vec::new();
    for client in &clients {
        if let Some(missing) = client.missing() {
            skip(&client.name, &format!("there is no {missing}"));
            continue;
        }
        let start = Instant::now();
        match ends_as_natively(client) {
            Ok(found) => complaints.extend(found),
            Err(error) => complaints.push(format!("{}: {error}", client.name)),
        }
        eprintln!("{}: {} s", client.name, start.elapsed().as_secs());
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

fn ends_as_natively(client: &Client) -> Result<Vec<String>> {
    static PROGRAM: OnceLock<Result<PathBuf>> = OnceLock::new();
    let program = PROGRAM.get_or_init(client::program).clone()?;
    let (guard, port) = (guard()?, client::serve_tcp()?);
    let folder = Folder::new("load", &client.name)?;
    client.prepare(&folder)?;
    folder.fill_part("allowed", Some(&program))?;
    let path = |name: &str| folder.path("allowed").join(name).display().to_string();
    let values = [
        ("host", "127.0.0.1".to_owned()),
        ("port", port.to_string()),
        ("url", format!("http://127.0.0.1:{port}/")),
        ("file", path("file")),
        ("program", path("program")),
    ];
    let native = client.run(&folder, &[], &values, &[])?;
    native.is_honest()?;
    let mut complaints = Vec::new();
    for (name, settings) in policies(&folder, port) {
        if client.is_refused && settings.contains(&("GUARD_MODE", "enforce".to_owned())) {
            continue;
        }
        let ran = client.run(&folder, &guard, &values, &with_tier(settings))?;
        let ended = if ran.ended { "" } else { " and did not end" };
        if !(ran.worked() && ran.ended) {
            let words = ran.last_words();
            complaints.push(format!("{}: {name}: failed{ended}: {words}", client.name));
        }
        let blocked = ran
            .output
            .lines()
            .find(|line| line.contains("\"verdict\":\"block\""));
        if let Some(record) = blocked {
            complaints.push(format!("{}: {name}: {record}", client.name));
        }
    }
    Ok(complaints)
}

/// What a debugger is started with, by itself and on another program.
const DEBUGGERS: [(&str, &str, &str); 4] = [
    (
        "strace, a child",
        "strace",
        "strace -f -o \"$0/trace\" /bin/echo {mark} && grep -q execve \"$0/trace\"",
    ),
    (
        "strace, attached",
        "strace",
        "sleep 20 & p=$!; timeout 2 strace -p $p -o \"$0/trace\"; grep -q . \"$0/trace\"; f=$?; kill $p; \
         test $f = 0 && echo {mark}",
    ),
    (
        "gdb, a child",
        "gdb",
        "gdb -q -nx -batch -ex run --args /bin/echo {mark} 2>&1 | tee \"$0/trace\"; \
         grep -q 'exited normally' \"$0/trace\"",
    ),
    (
        "gdb, attached",
        "gdb",
        "sleep 20 & p=$!; timeout 15 gdb -q -nx -batch -p $p -ex 'info registers rip' >\"$0/trace\" 2>&1; \
         kill $p; cat \"$0/trace\"; grep -q '^rip ' \"$0/trace\" && echo {mark}",
    ),
];

#[test]
fn debuggers_work_when_watched_and_are_refused_below_a_policy() {
    for (name, needs, script) in DEBUGGERS {
        if !Path::new("/usr/bin").join(needs).exists() {
            skip(name, &format!("there is no {needs}"));
            continue;
        }
        if let Err(complaint) = debugger(name, script) {
            panic!("{name}: {complaint}");
        }
    }
}

fn debugger(name: &str, script: &str) -> Result<()> {
    let guard = guard()?;
    let folder = Folder::new("debuggers", name)?;
    let words = ["sh", "-c", script, "{scratch}"].map(ToOwned::to_owned);
    let client = Client::of(name, words.to_vec());
    let run = |guarded: bool, mode: &str| -> Result<Outcome> {
        let settings = with_tier(vec![
            ("GUARD_MODE", mode.to_owned()),
            ("GUARD_EGRESS_ALLOW", "127.0.0.1:1".to_owned()),
        ]);
        let guard: &[String] = if guarded { &guard } else { &[] };
        let _ = std::fs::remove_file(folder.path("scratch").join("trace"));
        client.run(&folder, guard, &[], &settings)
    };
    let native = run(false, "off")?;
    if !native.worked() {
        // A machine may refuse all tracing.
        skip(
            name,
            &format!("does not work without Guard: {}", native.last_words()),
        );
        return Ok(());
    }
    let is_recorded = |ran: &Outcome, verdict: &str| {
        let verdict = format!("\"verdict\":\"{verdict}\"");
        let mut lines = ran.output.lines();
        lines.any(|line| line.contains("process.denied") && line.contains(&verdict))
    };
    let watched = run(true, "monitor")?;
    if !(watched.worked() && watched.ended && is_recorded(&watched, "report")) {
        return Err(format!("watched: {}", watched.last_words()));
    }
    let refused = run(true, "enforce")?;
    if refused.worked() || !refused.ended || !is_recorded(&refused, "block") {
        return Err(format!("enforced: {}", refused.last_words()));
    }
    Ok(())
}
