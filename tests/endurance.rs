//! The extension with much to do, in bad surroundings, and over a long time: AWS's own Python client
//! under Amazon's emulator.

use std::fs;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::time::{Duration, Instant};

use guard_tests::emulator::{Emulator, INVOKE};
use guard_tests::http::{Connection, Response};
use guard_tests::isolation::{Isolation, isolated};
use guard_tests::{extension, fetch, skip};
use serde_json::json;

const WRAPPER: (&str, &str) = ("AWS_LAMBDA_EXEC_WRAPPER", "/opt/guard/wrap");
const ENFORCE: (&str, &str) = ("GUARD_MODE", "enforce");
const SECRET: (&str, &str) = ("DB_PASSWORD", "correct-horse-battery");
const ATTACK: &[u8] = br#"{"q": "1 UNION SELECT password FROM users--"}"#;

/// Most bytes of an event or a response that Lambda takes.
const MOST: usize = 6 << 20;

/// Builds and fetches outside the namespaces, which have no network.
fn prepare() {
    if std::env::var_os("TESTS_INSIDE").is_none() {
        // A reason not to have one is given by the test that needs it.
        let _ = fetch::EMULATOR.path();
        let _ = extension::python_client();
        extension::build().expect("the extension builds");
    }
}

/// Attaches the layer; or says why not, and answers so.
fn is_attached(test: &str, isolation: Isolation) -> bool {
    let missing = match (
        isolation,
        fetch::EMULATOR.path(),
        extension::python_client(),
    ) {
        (Isolation::Ports, ..) => "/opt is needed, and namespaces for it".to_owned(),
        (_, Err(reason), _) | (_, _, Err(reason)) => reason,
        _ => {
            extension::attach(false).expect("the layer's files");
            return true;
        }
    };
    skip(test, &missing);
    false
}

fn start(bootstrap: &std::path::Path, variables: &[(&str, &str)]) -> Emulator {
    let all = [&[SECRET, WRAPPER], variables].concat();
    Emulator::start(Isolation::Namespaces, bootstrap, &all).expect("the emulator starts")
}

fn extension_id() -> String {
    let ids = extension::extension_ids();
    ids.first().expect("the extension runs").clone()
}

fn resident_kib(id: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{id}/status")).expect("a process");
    let line = status.lines().find(|line| line.starts_with("VmRSS"));
    let number = line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok());
    number.expect("a size")
}

fn descriptors(id: &str) -> usize {
    fs::read_dir(format!("/proc/{id}/fd"))
        .expect("a process")
        .count()
}

/// What is sent again and again: 1 KiB, 20 KB, and an attack now and then.
fn events() -> Vec<Vec<u8>> {
    // As Python writes it, who sends it back.
    let text = |bytes: usize| {
        format!("{{\"text\": \"{}\"}}", "lorem ipsum ".repeat(bytes / 12)).into_bytes()
    };
    let mut events = vec![text(1_000); 8];
    events.push(text(20_000));
    events.push(ATTACK.to_vec());
    events
}

#[test]
fn invocations_in_a_row_leave_nothing_behind() {
    prepare();
    isolated(|isolation| {
        // `make soak` asks for 10 000.
        let count = std::env::var("SOAK")
            .ok()
            .and_then(|count| count.parse().ok());
        let count: usize = count.unwrap_or(1_000);
        if !is_attached("row", isolation) {
            return;
        }
        let bootstrap = extension::python_bootstrap().expect("a bootstrap");
        let mut emulator = start(&bootstrap, &[ENFORCE]);
        let events = events();
        let mut settled = (0, 0);
        let (mut blocked, mut passed) = (0, 0);
        for n in 0..count {
            let event = &events[n % events.len()];
            let response = emulator.invoke(event).expect("an answer");
            if event == ATTACK {
                let text = String::from_utf8_lossy(&response.body);
                assert!(text.contains("blocked by rule"), "{text}");
                blocked += 1;
            } else {
                assert!(response.body == *event, "event {n}");
                passed += 1;
            }
            if n == count / 5 {
                let id = extension_id();
                settled = (resident_kib(&id), descriptors(&id));
            }
        }
        let id = extension_id();
        let end = (resident_kib(&id), descriptors(&id));
        eprintln!("{passed} passed, {blocked} blocked: {settled:?} to {end:?} KiB and files");
        assert!(end.0 <= settled.0 + 128, "{settled:?} {end:?}");
        assert_eq!(end.1, settled.1);
    });
}

/// Posts `event` until a worker is free for it, as who calls a Managed Instance does.
fn patient(connection: &mut Connection, event: &[u8]) -> Response {
    let start = Instant::now();
    loop {
        let response = connection.post(INVOKE, event).expect("an answer");
        let is_busy = response.body == br#"{"errorType":"Runtime.Unavailable"}"#;
        if !is_busy || start.elapsed() > Duration::from_secs(30) {
            return response;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_managed_instance_runs_64_invocations_at_once() {
    prepare();
    isolated(|isolation| {
        if !is_attached("managed", isolation) {
            return;
        }
        let bootstrap = extension::managed_bootstrap().expect("a bootstrap");
        let several = ("AWS_LAMBDA_MAX_CONCURRENCY", "64");
        let emulator = start(&bootstrap, &[ENFORCE, several]);
        std::thread::scope(|scope| {
            for caller in 0..64 {
                let mut connection = emulator.connect().expect("a connection");
                scope.spawn(move || {
                    for n in 0..6 {
                        let is_attack = (caller + n) % 8 == 0;
                        let event = if is_attack {
                            ATTACK.to_vec()
                        } else {
                            // Long enough that one answer could be cut by another.
                            let text = format!("{caller}-{n} ").repeat(2_000);
                            json!({ "text": text, "pause": 0.05 })
                                .to_string()
                                .into_bytes()
                        };
                        let response = patient(&mut connection, &event);
                        let text = String::from_utf8_lossy(&response.body);
                        if is_attack {
                            assert!(text.contains("blocked by rule"), "{text:.200}");
                        } else {
                            let got: serde_json::Value =
                                serde_json::from_slice(&response.body).expect("JSON");
                            let sent: serde_json::Value =
                                serde_json::from_slice(&event).expect("JSON");
                            assert!(got == sent, "{text:.200}");
                        }
                    }
                });
            }
        });
        assert!(!emulator.output().contains("HANDLED {\"q\""));
        eprintln!("64 at once: {} KiB", resident_kib(&extension_id()));
    });
}

#[test]
fn events_and_responses_of_six_mebibytes_pass_whole() {
    prepare();
    isolated(|isolation| {
        if !is_attached("long", isolation) {
            return;
        }
        let bootstrap = extension::python_bootstrap().expect("a bootstrap");
        let mut emulator = start(&bootstrap, &[ENFORCE]);
        let empty = "{\"text\": \"\"}".len();
        let text: String = "lorem ipsum ".chars().cycle().take(MOST - empty).collect();
        let event = format!("{{\"text\": \"{text}\"}}").into_bytes();
        assert_eq!(event.len(), MOST);
        for _ in 0..3 {
            let response = emulator.invoke(&event).expect("an answer");
            assert!(response.status == 200 && response.body == event);
        }
    });
}

#[test]
fn a_full_tmp_hinders_nothing() {
    prepare();
    isolated(|isolation| {
        if guard_tests::target().starts_with("/tmp") {
            // Nothing that could be installed, so no failure in CI either.
            eprintln!("full: skipped: the programs under test lie in /tmp themselves");
            return;
        }
        if !is_attached("full", isolation) {
            return;
        }
        let flags = rustix::mount::MountFlags::empty();
        let small = c"size=64k";
        rustix::mount::mount("tmpfs", "/tmp", "tmpfs", flags, Some(small)).expect("a /tmp");
        let fill = fs::write("/tmp/full", vec![0; 1 << 20]);
        assert!(fill.is_err(), "/tmp is full");
        let bootstrap = extension::python_bootstrap().expect("a bootstrap");
        for tmp in ["keep", "wipe"] {
            let mut emulator = start(&bootstrap, &[ENFORCE, ("GUARD_TMP", tmp)]);
            let response = emulator.invoke(br#"{"a": 1}"#).expect("an answer");
            assert_eq!(response.body, br#"{"a": 1}"#, "{tmp}");
            let response = emulator.invoke(ATTACK).expect("an answer");
            let text = String::from_utf8_lossy(&response.body).into_owned();
            assert!(text.contains("blocked by rule"), "{tmp}: {text}");
        }
    });
}

#[test]
fn a_taken_name_is_an_error_of_init_or_said() {
    prepare();
    isolated(|isolation| {
        if !is_attached("taken", isolation) {
            return;
        }
        let bootstrap = extension::python_bootstrap().expect("a bootstrap");
        // The names under which the exec wrapper looks for the extension beside the Runtime
        // APIs of the next two emulators.
        let taken: Vec<_> = (9001..9003)
            .map(|port| {
                let name = format!("lambda-guard/127.0.0.1:{port}");
                let address = SocketAddr::from_abstract_name(name).expect("a name");
                let listener = UnixListener::bind_addr(&address).expect("the name");
                std::thread::spawn(move || listener.incoming().for_each(drop))
            })
            .collect();
        let mut enforcing = start(&bootstrap, &[ENFORCE]);
        assert_ne!(enforcing.invoke(b"{}").expect("an answer").status, 200);
        let output = enforcing.output();
        assert!(
            output.contains("attach the layer once") && !output.contains("HANDLED"),
            "{output}"
        );
        let mut monitoring = start(&bootstrap, &[]);
        let response = monitoring.invoke(br#"{"a": 1}"#).expect("an answer");
        assert_eq!(response.body, br#"{"a": 1}"#);
        let output = monitoring.output();
        assert!(
            output.contains("attach the layer once") && output.contains("runs unguarded"),
            "{output}"
        );
        drop(taken);
    });
}

#[test]
fn a_runtime_that_went_past_the_wrapper_is_noticed_soon() {
    prepare();
    isolated(|isolation| {
        if !is_attached("past", isolation) {
            return;
        }
        let bootstrap = extension::python_bootstrap().expect("a bootstrap");
        // Said where, and nothing done about it: the bootstrap's own variable is another.
        let wrapper = ("AWS_LAMBDA_EXEC_WRAPPER", "");
        // Lambda always says it, the emulator if it was told.
        let handler = ("_HANDLER", "app.handler");
        let mut emulator = start(&bootstrap, &[ENFORCE, wrapper, handler]);
        let begin = Instant::now();
        emulator.invoke(b"{}").expect("an answer");
        while !emulator.output().contains("setup.not-wrapped") {
            assert!(
                begin.elapsed() < Duration::from_secs(2),
                "{}",
                emulator.output()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    });
}
