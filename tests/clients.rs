//! Real clients of many languages at the process tier: each works without Guard, works when the
//! policy allows what it does, is stopped when it does not, and works in monitor mode whatever the
//! policy says.

use std::path::PathBuf;
use std::sync::OnceLock;

use guard_tests::client::{self, Client, Folder, Outcome};
use guard_tests::{Result, skip, target};

/// A setting or word, and its value.
type Setting = (&'static str, String);

/// What one operation is told to do, and the policy that tells its siblings apart.
struct Operation<V, P> {
    name: &'static str,
    /// What is put into the commands, for what the policy allows or denies.
    values: V,
    policy: P,
}

#[test]
fn connections() {
    let (allowed, denied) = (
        client::serve_tcp().expect("a port"),
        client::serve_tcp().expect("a port"),
    );
    all(&Operation {
        name: "tcp",
        values: move |_: &Folder, part: &str| {
            let port = if part == "allowed" { allowed } else { denied };
            vec![
                ("host", "127.0.0.1".to_owned()),
                ("port", port.to_string()),
                ("url", format!("http://127.0.0.1:{port}/")),
            ]
        },
        policy: move |_: &Folder| vec![("GUARD_EGRESS_ALLOW", format!("127.0.0.1:{allowed}"))],
    });
}

#[test]
fn datagrams() {
    let (allowed, denied) = (
        client::serve_udp().expect("a port"),
        client::serve_udp().expect("a port"),
    );
    all(&Operation {
        name: "udp",
        values: move |_: &Folder, part: &str| {
            let port = if part == "allowed" { allowed } else { denied };
            vec![("host", "127.0.0.1".to_owned()), ("port", port.to_string())]
        },
        policy: move |_: &Folder| vec![("GUARD_EGRESS_ALLOW", format!("udp:127.0.0.1:{allowed}"))],
    });
}

#[test]
fn reads() {
    all(&Operation {
        name: "read",
        values: |folder: &Folder, part: &str| vec![("file", text(folder.path(part).join("file")))],
        policy: |folder: &Folder| {
            let own = own(folder);
            vec![(
                "GUARD_FILE_READ",
                format!("/usr:/bin:/sbin:/lib:/lib64:/etc:/proc:/sys:/dev:{own}"),
            )]
        },
    });
}

#[test]
fn writes() {
    all(&Operation {
        name: "write",
        values: |folder: &Folder, part: &str| vec![("folder", text(folder.path(part)))],
        policy: |folder: &Folder| {
            let own = own(folder);
            vec![("GUARD_FILE_WRITE", format!("/dev:/proc:{own}"))]
        },
    });
}

#[test]
fn programs() {
    all(&Operation {
        name: "exec",
        values: |folder: &Folder, part: &str| {
            vec![("program", text(folder.path(part).join("program")))]
        },
        policy: |folder: &Folder| {
            let own = own(folder);
            vec![(
                "GUARD_EXEC_ALLOW",
                format!("/usr:/bin:/sbin:/lib:/lib64:{own}"),
            )]
        },
    });
}

/// The client's own folders, without the one that is denied.
fn own(folder: &Folder) -> String {
    let parts = ["work", "scratch", "allowed"];
    parts.map(|part| text(folder.path(part))).join(":")
}

fn text(path: PathBuf) -> String {
    path.to_string_lossy().into_owned()
}

fn all<V, P>(operation: &Operation<V, P>)
where
    V: Fn(&Folder, &str) -> Vec<Setting>,
    P: Fn(&Folder) -> Vec<Setting>,
{
    let clients = client::read(operation.name).expect("the clients can be read");
    let (mut ran, mut failures) = (0, Vec::new());
    for client in &clients {
        if let Some(missing) = client.missing() {
            skip(&client.name, &format!("there is no {missing}"));
            continue;
        }
        ran += 1;
        match one(operation, client) {
            Ok(complaints) => failures.extend(
                complaints
                    .into_iter()
                    .map(|complaint| format!("{}: {complaint}", client.name)),
            ),
            Err(error) => failures.push(format!("{}: {error}", client.name)),
        }
    }
    eprintln!(
        "{}: {ran} clients, {} complaints",
        operation.name,
        failures.len()
    );
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// What is wrong with one client's four runs.
fn one<V, P>(operation: &Operation<V, P>, client: &Client) -> Result<Vec<String>>
where
    V: Fn(&Folder, &str) -> Vec<Setting>,
    P: Fn(&Folder) -> Vec<Setting>,
{
    let folder = Folder::new(operation.name, &client.name)?;
    static PROGRAM: OnceLock<Result<PathBuf>> = OnceLock::new();
    let program = PROGRAM.get_or_init(client::program).clone()?;
    client.prepare(&folder)?;
    let run = |part: &str, mode: Option<&str>| -> Result<Outcome> {
        folder.fill_part(part, Some(&program))?;
        let values = (operation.values)(&folder, part);
        let Some(mode) = mode else {
            return client.run(&folder, &[], &values, &[]);
        };
        let mut settings = (operation.policy)(&folder);
        settings.push(("GUARD_MODE", mode.to_owned()));
        settings.push(("GUARD_REQUIRE", "process".to_owned()));
        settings.push(("GUARD_TIER", "process".to_owned()));
        let guard = [text(guard()), "exec".to_owned(), "--".to_owned()];
        client.run(&folder, &guard, &values, &settings)
    };
    let mut complaints = Vec::new();
    let mut check = |what: &str, outcome: &Outcome, right: bool| {
        if !right {
            let ended = if outcome.ended {
                ""
            } else {
                " and did not end"
            };
            complaints.push(format!("{what}{ended}: {}", outcome.last_words()));
        }
    };
    for part in ["denied", "allowed"] {
        run(part, None)?.is_honest()?;
    }
    let allowed = run("allowed", Some("enforce"))?;
    let may_fail = client.allowed_may_fail.is_some();
    check(
        "allowed, does not work",
        &allowed,
        allowed.worked() && allowed.ended || may_fail,
    );
    let denied = run("denied", Some("enforce"))?;
    check("denied, works", &denied, !denied.worked());
    check("denied, does not end", &denied, denied.ended);
    check(
        "denied, no record",
        &denied,
        denied.output.contains("\"verdict\":\"block\""),
    );
    let watched = run("denied", Some("monitor"))?;
    check(
        "watched, does not work",
        &watched,
        watched.worked() && watched.ended,
    );
    check(
        "watched, no record",
        &watched,
        watched.output.contains("\"verdict\":\"report\""),
    );
    Ok(complaints)
}

/// The command under test, beside this test's own program.
fn guard() -> PathBuf {
    let profile = if cfg!(debug_assertions) {
        "debug"
    } else {
        "release"
    };
    target().join(profile).join("guard")
}
