//! `guard run` and `guard probe`, as a developer uses them.

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use guard_tests::function::{self, Profile};
use guard_tests::isolation::isolated;
use guard_tests::{clients, extension, fetch, skip};
use serde_json::Value;

/// Builds what is needed, where cargo may be called.
fn prepare() {
    if std::env::var_os("TESTS_INSIDE").is_none() {
        extension::build().expect("the extension builds");
        function::build("order-service", Profile::Debug).expect("the order service builds");
        // A reason not to have one is given by the test that needs it.
        let _ = fetch::EMULATOR.path();
        let _ = extension::python_client();
    }
}

fn guard(arguments: &[&str]) -> Command {
    let mut command = Command::new(extension::program());
    command
        .args(arguments)
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .stdin(Stdio::null());
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// `guard run` with the Python example and its events.
fn run(mode: &str, options: &[&str]) -> Result<Output, String> {
    let example = guard_tests::root().join("examples/python");
    let python = clients::python_folder()?;
    let mut command = guard(&["run"]);
    command
        .args(options)
        .args(["--", "./run"])
        .current_dir(example)
        .env("GUARD_EMULATOR", fetch::EMULATOR.path()?)
        .env("GUARD_MODE", mode)
        .env("PYTHONPATH", extension::python_client()?)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env(
            "PATH",
            format!("{}:/usr/local/bin:/usr/bin:/bin", python.display()),
        );
    command.output().map_err(|error| error.to_string())
}

/// A session that the README shows: the command, and what it prints.
fn sessions() -> Vec<(String, String)> {
    let readme = std::fs::read_to_string(guard_tests::root().join("README.md")).expect("a README");
    let blocks = readme.split("```console\n$ ").skip(1);
    blocks
        .filter_map(|block| block.split("```").next()?.split_once('\n'))
        .map(|(command, printed)| (command.to_owned(), printed.to_owned()))
        .collect()
}

/// `text` with the request's id as the README has it.
fn with_the_id_shown(text: &str) -> String {
    let id = text
        .split("(request ")
        .nth(1)
        .and_then(|rest| rest.split(')').next());
    id.map_or_else(|| text.to_owned(), |id| text.replace(id, "7f3c"))
}

#[test]
fn what_the_readme_shows_is_what_a_reader_sees() {
    prepare();
    isolated(|_| {
        let (python, emulator) = match (clients::python_folder(), fetch::EMULATOR.path()) {
            (Ok(python), Ok(emulator)) => (python, emulator),
            (Err(reason), _) | (_, Err(reason)) => return skip("the README", &reason),
        };
        let client = extension::python_client().expect("the Python client");
        let program = extension::program();
        let folder = program.parent().expect("a folder");
        let sessions = sessions();
        assert_eq!(sessions.len(), 2, "{sessions:?}");
        for (command, shown) in sessions {
            // Cargo would fetch and build; what it then runs is there.
            let pasted =
                command.replace("cargo run --release -p lambda-guard-extension --", "guard");
            let output = Command::new("sh")
                .args(["-c", &pasted])
                .current_dir(guard_tests::root())
                .env_clear()
                .env("GUARD_EMULATOR", &emulator)
                .env("PYTHONPATH", &client)
                .env("PYTHONDONTWRITEBYTECODE", "1")
                .env(
                    "PATH",
                    format!(
                        "{}:{}:/usr/local/bin:/usr/bin:/bin",
                        folder.display(),
                        python.display()
                    ),
                )
                .stdin(Stdio::null())
                .output()
                .expect("a shell");
            // A terminal shows both; records of a run go to standard error and are told of below it.
            let mut printed = with_the_id_shown(&text(&output.stdout));
            if printed != shown {
                printed.push_str(&text(&output.stderr));
            }
            assert_eq!(printed, shown, "{command}");
        }
    });
}

#[test]
fn events_are_tried_before_anything_is_deployed() {
    prepare();
    isolated(|_| {
        let events = [
            "--event",
            "events/orders.json",
            "--event",
            "events/hostile.json",
        ];
        let enforced = match run("enforce", &events) {
            Ok(output) => output,
            Err(reason) => return skip("guard run", &reason),
        };
        let (answers, rest) = (text(&enforced.stdout), text(&enforced.stderr));
        assert!(enforced.status.success(), "{rest}");
        let example = guard_tests::root().join("examples/python");
        let expected = std::fs::read_to_string(example.join("expected/orders.json"));
        let lines: Vec<&str> = answers.lines().collect();
        assert_eq!(
            lines.first().copied(),
            expected.expect("expected").lines().next()
        );
        assert!(
            lines
                .get(1)
                .is_some_and(|line| line.contains("blocked by rule sql.tautology")),
            "{answers}"
        );
        assert!(rest.contains("\"verdict\":\"block\""), "{rest}");
        assert!(!rest.contains("CloudWatchMetrics"), "{rest}");

        let monitored = run("monitor", &["--json", "--event", "events/hostile.json"]);
        let monitored = monitored.expect("it runs");
        let report: Value = serde_json::from_slice(&monitored.stdout).expect("a report");
        assert_eq!(
            report["answers"][0]["answer"]["statusCode"], 200,
            "{report}"
        );
        let records = report["records"].as_array().expect("records");
        assert!(
            records.iter().any(|record| record["verdict"] == "report"),
            "{report}"
        );
        let learned = records
            .iter()
            .find(|record| record["type"] == "learned")
            .unwrap_or_else(|| panic!("{report}"));
        // The Runtime API is all that it talks to.
        assert_eq!(learned["policy"]["GUARD_EGRESS_ALLOW"], "", "{learned}");
        // Nothing stays behind.
        let left = extension::processes_of("aws-lambda-rie");
        assert!(left.is_empty(), "{left:?}");
    });
}

#[test]
fn what_is_missing_is_said() {
    prepare();
    let cases: [(&[&str], &str, i32, &str); 5] = [
        (&["run", "--", "true"], "monitor", 69, "pip download"),
        (
            &["run", "--emulator", "/nonexistent", "--", "true"],
            "monitor",
            69,
            "/nonexistent: no such file",
        ),
        (&["run"], "monitor", 64, "no command"),
        (
            &["run", "--event", "/nonexistent", "--", "true"],
            "monitor",
            64,
            "/nonexistent",
        ),
        (&["run", "--", "true"], "enforced", 64, "GUARD_MODE"),
    ];
    for (arguments, mode, code, says) in cases {
        let output = guard(arguments)
            .env("GUARD_MODE", mode)
            .output()
            .expect("it runs");
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        assert!(said.contains(says), "{arguments:?}: {said}");
    }
}

#[test]
fn a_function_that_does_not_start_is_told_from_one_that_answers() {
    prepare();
    isolated(|_| {
        let emulator: PathBuf = match fetch::EMULATOR.path() {
            Ok(path) => path,
            Err(reason) => return skip("guard run", &reason),
        };
        let event = guard_tests::root().join("examples/python/events/orders.json");
        let output = guard(&["run", "--event"])
            .arg(event)
            .arg("--emulator")
            .arg(emulator)
            .args(["--", "/nonexistent"])
            .output()
            .expect("it runs");
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(70), "{said}");
        // In the loader's words where the process tier starts it, else in the system's.
        let said = said.to_lowercase();
        assert!(said.contains("/nonexistent: no such file"), "{said}");
    });
}

#[test]
fn a_probe_answers_every_question() {
    prepare();
    let output = guard(&["probe", "--json"]).output().expect("it runs");
    assert!(output.status.success());
    let report: Value = serde_json::from_slice(&output.stdout).expect("a report");
    let probes = report["probes"].as_array().expect("probes");
    assert!(probes.len() >= 12, "{report}");
    // Every Linux that runs these tests has them.
    for name in ["memfd_create", "writable to executable"] {
        let works = probes
            .iter()
            .any(|probe| probe["name"] == name && probe["works"] == true);
        assert!(works, "{name}: {report}");
    }
    let table = guard(&["probe"]).output().expect("it runs");
    let table = text(&table.stdout);
    for probe in probes {
        let name = probe["name"].as_str().expect("a name");
        assert!(table.contains(name), "{table}");
    }
}
