//! Ways around the process tier, each in a program of its own (`tests/clients/escape.c`): every
//! technique reaches what the policy denies when nothing guards it, and must not under guard. Its
//! sibling, the same technique on what the policy allows, goes on working, unless the technique
//! itself is refused.

use std::path::Path;
use std::process::Command;

use guard_tests::client::{self, Client, Folder, Outcome};
use guard_tests::{Result, root, skip, target};

/// Techniques that are refused whatever they are used for.
const REFUSED: &[(&str, &str)] = &[
    ("by-handle", "handles name files past every path"),
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
    (
        "own-memory",
        "the program's text is what the tier consists of",
    ),
    ("ring", "calls in a ring pass no call site"),
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
    ("move-folder", "nothing moves into itself"),
    ("race-of-links", "there is no other file to get hold of"),
];

/// Ways out that this tier documents as open.
const OPEN: &[(&str, &str)] = &[];

#[test]
fn techniques_reach_nothing_that_is_denied() {
    if !Path::new("/usr/bin/gcc").exists() {
        skip("escape", "there is no gcc");
        return;
    }
    let (mut tried, mut escaped, mut complaints) = (0, Vec::new(), Vec::new());
    for (link, flags) in [("dynamic", &[][..]), ("static", &["-static"][..])] {
        let folder = Folder::new("escape", link).expect("a folder");
        let program = build(&folder, flags).expect("it builds");
        for technique in techniques() {
            for target in ["tcp", "read", "unix"] {
                if target == "unix" && !LOCAL.contains(&technique.as_str()) {
                    continue;
                }
                let name = format!("{technique}, {target}, {link}");
                match attempt(&folder, &program, &technique, target) {
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
    }
    println!("escaped {} of {tried}", escaped.len());
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

/// Nothing when the technique does not even work without Guard.
fn attempt(folder: &Folder, program: &str, technique: &str, what: &str) -> Result<Option<Attempt>> {
    let (allowed, denied) = (client::serve_tcp()?, client::serve_tcp()?);
    for part in ["allowed", "denied"] {
        folder.fill_part(part, None)?;
        if what == "unix" {
            client::serve_unix(&folder.path(part).join("socket"))?;
        }
    }
    let path = |part: &str, name: &str| folder.path(part).join(name).to_string_lossy().into_owned();
    let file = |part: &str| path(part, "file");
    let socket = |part: &str| path(part, "socket");
    let words = |wanted: &str, other: &str| -> Vec<String> {
        let port = |part: &str| if part == "allowed" { allowed } else { denied }.to_string();
        let tail = match what {
            "tcp" => vec![
                "tcp".to_owned(),
                "127.0.0.1".to_owned(),
                port(wanted),
                port(other),
            ],
            "unix" => vec!["unix".to_owned(), socket(wanted), socket(other)],
            _ => vec!["read".to_owned(), file(wanted), file(other)],
        };
        [program.to_owned(), technique.to_owned()]
            .into_iter()
            .chain(tail)
            .collect()
    };
    let settings = [
        ("GUARD_MODE", "enforce".to_owned()),
        ("GUARD_TIER", "process".to_owned()),
        ("GUARD_REQUIRE", "process".to_owned()),
        // Datagrams may go where streams may not: one is not to be taken for the other.
        (
            "GUARD_EGRESS_ALLOW",
            format!(
                "127.0.0.1:{allowed},udp:127.0.0.1:{denied},unix:{}/",
                folder.path("allowed").display()
            ),
        ),
        (
            "GUARD_FILE_READ",
            format!(
                "/usr:/lib:/lib64:/etc:/proc:/dev:{}:{}",
                folder.path("work").display(),
                folder.path("allowed").display()
            ),
        ),
    ];
    let guard = target().join(if cfg!(debug_assertions) {
        "debug"
    } else {
        "release"
    });
    let guard = guard.join("guard").to_string_lossy().into_owned();
    let guard = [guard, "exec".to_owned(), "--".to_owned()];
    let run = |words: Vec<String>, guarded: bool| {
        let client = Client::of(technique, words);
        if guarded {
            client.run(folder, &guard, &[], &settings)
        } else {
            client.run(folder, &[], &[], &[])
        }
    };
    if !run(words("denied", "allowed"), false)?.worked() {
        return Ok(None);
    }
    let out = run(words("denied", "allowed"), true)?;
    let sibling = run(words("allowed", "allowed"), true)?;
    let mut without = REFUSED.iter().chain(ALONE);
    let refused = without.any(|(refused, _)| *refused == technique);
    Ok(Some(Attempt {
        got_out: Some(out).filter(Outcome::worked),
        sibling: Some(sibling).filter(|sibling| !sibling.worked() && !refused),
    }))
}

/// The techniques, as the program's own table names them.
fn techniques() -> Vec<String> {
    let source =
        std::fs::read_to_string(root().join("tests/clients/escape.c")).expect("its source");
    let (_, table) = source.split_once("TECHNIQUES[] = {").expect("a table");
    table
        .lines()
        .take_while(|line| !line.starts_with("};"))
        .filter_map(|line| {
            Some(
                line.trim()
                    .strip_prefix("{\"")?
                    .split_once('"')?
                    .0
                    .to_owned(),
            )
        })
        .collect()
}

fn build(folder: &Folder, flags: &[&str]) -> Result<String> {
    let program = folder
        .path("work")
        .join("escape")
        .to_string_lossy()
        .into_owned();
    let output = Command::new("gcc")
        .args(["-O1", "-pthread", "-o", &program])
        .args(flags)
        .arg(root().join("tests/clients/escape.c"))
        .output()
        .map_err(|e| format!("gcc: {e}"))?;
    if output.status.success() {
        Ok(program)
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}
