//! Real clients of many languages inside a jail modelled on public reports about standard Lambda,
//! where seccomp(2) and ptrace(2) are refused too, as a user without rights: what the policy allows
//! works and what it denies does not, as it is outside.
//!
//! One client of each language and each way to be built, of those that `clients` runs.

use std::collections::BTreeSet;
use std::path::Path;

use guard_tests::client::{self, Client, Folder, Outcome};
use guard_tests::example::is_inside;
use guard_tests::isolation::{Isolation, isolated};
use guard_tests::jail::prepared;
use guard_tests::{Result, extension, layer, skip};
use rustix::mount::{MountFlags, mount};

/// Whom the jail makes of root: user, group.
const INSIDE: (u32, u32) = (993, 990);

/// Where the clients are, covered by files of the test's own: another user can reach it, and nothing
/// of the platform's is there. What is below `/opt` is always allowed.
const HOME: &str = "/mnt";

/// Where the distribution keeps programs.
const SYSTEM: &str = "/usr:/bin:/sbin:/lib:/lib64";

#[test]
fn connections() {
    build();
    isolated(|isolation| {
        all("tcp", isolation, |_| {
            let (port, other) = (client::serve_tcp()?, client::serve_tcp()?);
            Ok(network(port, other, ""))
        });
    });
}

#[test]
fn datagrams() {
    build();
    isolated(|isolation| {
        all("udp", isolation, |_| {
            let (port, other) = (client::serve_udp()?, client::serve_udp()?);
            Ok(network(port, other, "udp:"))
        });
    });
}

#[test]
fn reads() {
    build();
    isolated(|isolation| {
        all("read", isolation, |folder| {
            let policy = format!("{SYSTEM}:/etc:/proc:/sys:/dev:{}", own(folder));
            Ok(files(folder, "file", "file", ("GUARD_FILE_READ", policy)))
        });
    });
}

#[test]
fn writes() {
    build();
    isolated(|isolation| {
        all("write", isolation, |folder| {
            let policy = format!("/dev:/proc:{}", own(folder));
            Ok(files(folder, "folder", "", ("GUARD_FILE_WRITE", policy)))
        });
    });
}

#[test]
fn programs() {
    build();
    isolated(|isolation| {
        all("exec", isolation, |folder| {
            let policy = ("GUARD_EXEC_ALLOW", format!("{SYSTEM}:{}", own(folder)));
            Ok(files(folder, "program", "program", policy))
        });
    });
}

fn build() {
    if !is_inside() {
        extension::build().expect("the extension builds");
    }
}

/// Words that are put into commands, or settings.
type Settings = Vec<(&'static str, String)>;

/// What a client is told to do.
struct Told {
    allowed: Settings,
    denied: Settings,
    policy: (&'static str, String),
}

fn network(allowed: u16, denied: u16, protocol: &str) -> Told {
    let words = |port: u16| {
        vec![
            ("host", "127.0.0.1".to_owned()),
            ("port", port.to_string()),
            ("url", format!("http://127.0.0.1:{port}/")),
        ]
    };
    let rule = format!("{protocol}127.0.0.1:{allowed}");
    Told {
        allowed: words(allowed),
        denied: words(denied),
        policy: ("GUARD_EGRESS_ALLOW", rule),
    }
}

/// The same file, or the folder itself, of what is allowed and of what is denied.
fn files(folder: &Folder, word: &'static str, file: &str, policy: (&'static str, String)) -> Told {
    let words = |part: &str| {
        let folder = folder.path(part);
        let path = if file.is_empty() {
            folder
        } else {
            folder.join(file)
        };
        vec![(word, text(&path))]
    };
    Told {
        allowed: words("allowed"),
        denied: words("denied"),
        policy,
    }
}

/// The client's own folders, without the one that is denied.
fn own(folder: &Folder) -> String {
    ["work", "scratch", "allowed"]
        .map(|part| text(&folder.path(part)))
        .join(":")
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// One of each language, and all that are built: they differ in how.
fn chosen(operation: &str) -> Vec<Client> {
    let clients = client::read(operation).expect("the clients can be read");
    let mut languages = BTreeSet::new();
    clients
        .into_iter()
        .filter(|client| {
            let language = client.name.split(':').next().unwrap_or_default();
            languages.insert(language.to_owned()) || !client.build.is_empty()
        })
        .collect()
}

fn all(operation: &str, isolation: Isolation, tell: fn(&Folder) -> Result<Told>) {
    let Some(jail) = prepared(&format!("{operation} in the jail"), isolation) else {
        return;
    };
    layer::attach().expect("the layer's files");
    mount("tmpfs", HOME, "tmpfs", MountFlags::empty(), None).expect("a place for the clients");
    let program = (operation == "exec").then(|| client::program().expect("a program"));
    let (mut ran, mut failures) = (0, Vec::new());
    for client in chosen(operation) {
        if let Some(missing) = client.missing() {
            skip(&client.name, &format!("there is no {missing}"));
            continue;
        }
        ran += 1;
        let folder = Folder::below(Path::new(HOME), operation, &client.name);
        let told = folder
            .and_then(|folder| one(&client, &folder, &jail, program.as_deref(), &tell(&folder)?));
        let told = told.unwrap_or_else(|error| vec![error]);
        failures.extend(told.iter().map(|told| format!("{}: {told}", client.name)));
    }
    eprintln!(
        "{operation} in the jail: {ran} clients, {} complaints",
        failures.len()
    );
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// What is wrong with one client's runs.
fn one(
    client: &Client,
    folder: &Folder,
    jail: &Path,
    program: Option<&Path>,
    told: &Told,
) -> Result<Vec<String>> {
    client.prepare(folder)?;
    let run = |part: &str, guarded: bool| -> Result<Outcome> {
        folder.fill_part(part, program)?;
        folder.give(INSIDE)?;
        let mut prefix = vec![text(jail)];
        // Settings of the jail: these two calls are refused, too.
        let mut settings: Settings = ["J_SECCOMP", "J_PTRACE"]
            .map(|name| (name, "1".to_owned()))
            .to_vec();
        if guarded {
            prefix.extend(["/opt/extensions/guard", "exec", "--"].map(str::to_owned));
            settings.push(told.policy.clone());
            settings.extend([
                ("GUARD_MODE", "enforce".to_owned()),
                ("GUARD_REQUIRE", "process".to_owned()),
            ]);
        }
        let words = if part == "allowed" {
            &told.allowed
        } else {
            &told.denied
        };
        client.run(folder, &prefix, words, &settings)
    };
    run("denied", false)?.is_honest()?;
    let mut complaints = Vec::new();
    let mut check = |what: &str, outcome: &Outcome, right: bool| {
        if !right {
            complaints.push(format!("{what}: {}", outcome.last_words()));
        }
    };
    let allowed = run("allowed", true)?;
    let right = allowed.worked() && allowed.ended || client.allowed_may_fail.is_some();
    check("allowed, does not work", &allowed, right);
    let right = allowed.output.contains("\"tier\":\"process\"");
    check("allowed, another tier", &allowed, right);
    let denied = run("denied", true)?;
    check("denied, works", &denied, !denied.worked());
    check("denied, does not end", &denied, denied.ended);
    let right = denied.output.contains("\"verdict\":\"block\"");
    check("denied, no record", &denied, right);
    Ok(complaints)
}
