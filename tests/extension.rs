//! The extension under Amazon's Runtime Interface Emulator, attached as Lambda attaches the layer,
//! with functions that do not know of it.

use std::path::Path;

use guard_tests::demo;
use guard_tests::emulator::Emulator;
use guard_tests::function::{self, Profile};
use guard_tests::isolation::{Isolation, isolated};
use guard_tests::{extension, fetch, skip};
use serde_json::{Value, json};

const SECRET: &str = "correct-horse-battery";
const WRAPPER: (&str, &str) = ("AWS_LAMBDA_EXEC_WRAPPER", "/opt/guard/wrap");
const ENFORCE: (&str, &str) = ("GUARD_MODE", "enforce");

/// Builds and fetches outside the namespaces, which have no network.
fn prepare() {
    if std::env::var_os("TESTS_INSIDE").is_none() {
        // A reason not to have one is given by the test that needs it.
        let _ = fetch::EMULATOR.path();
        let _ = extension::python_client();
        function::build("order-service", Profile::Debug).expect("the order service builds");
        extension::build().expect("the extension builds");
    }
}

/// Why a test cannot run here, said if so.
fn cannot_run(test: &str, isolation: Isolation) -> bool {
    let reason = match (
        isolation,
        fetch::EMULATOR.path(),
        extension::python_client(),
    ) {
        (Isolation::Ports, ..) => Some("/opt is needed, and namespaces for it".to_owned()),
        (_, Err(reason), _) | (_, _, Err(reason)) => Some(reason),
        _ => None,
    };
    reason.is_some_and(|reason| {
        skip(test, &reason);
        true
    })
}

fn start(isolation: Isolation, bootstrap: &Path, variables: &[(&str, &str)]) -> Emulator {
    let mut all = vec![("DB_PASSWORD", SECRET)];
    all.extend_from_slice(variables);
    Emulator::start(isolation, bootstrap, &all).expect("the emulator starts")
}

/// The emulator and function without Guard: no wrapper, and started before the layer is attached.
fn plain(isolation: Isolation, bootstrap: &Path) -> Emulator {
    start(isolation, bootstrap, &[])
}

fn invoke(emulator: &mut Emulator, event: &Value) -> (u16, String) {
    let response = emulator
        .invoke(event.to_string().as_bytes())
        .expect("an answer");
    (
        response.status,
        String::from_utf8_lossy(&response.body).into_owned(),
    )
}

fn events() -> Vec<(String, Value, bool)> {
    demo::events()
        .expect("the demo's events")
        .into_iter()
        .map(|event| {
            let path = guard_tests::root()
                .join("tests/data/demo")
                .join(&event.file);
            let text = std::fs::read_to_string(path).expect("the demo's event");
            let value = serde_json::from_str(&text).expect("an event");
            (event.file, value, event.attack.is_some())
        })
        .collect()
}

#[test]
fn a_python_function_gets_benign_events_alone_and_answers_them_as_before() {
    prepare();
    isolated(|isolation| {
        if cannot_run("python", isolation) {
            return;
        }
        let bootstrap = extension::python_bootstrap().expect("a bootstrap");
        let mut plain = plain(isolation, &bootstrap);
        // The emulator starts function and extensions with the first event.
        invoke(&mut plain, &json!({}));
        extension::attach(false).expect("the layer's files");
        let mut guarded = start(isolation, &bootstrap, &[ENFORCE, WRAPPER]);
        let mut hostile = 0;
        for (file, event, is_attack) in events() {
            let got = invoke(&mut guarded, &event);
            if is_attack {
                hostile += 1;
                assert!(got.1.contains("blocked by rule"), "{file}: {got:?}");
            } else {
                assert_eq!(got, invoke(&mut plain, &event), "{file}");
            }
        }
        assert!(hostile > 5);
        let benign = [
            json!(null),
            json!("text"),
            json!([1, 2.50, "\u{e9}\u{1F600}"]),
            json!({ "action": "long", "length": 5_000_000 }),
            json!({ "blob": "lorem ipsum ".repeat((5 << 20) / 12) }),
        ];
        for event in &benign {
            let got = invoke(&mut guarded, event);
            assert!(
                got == invoke(&mut plain, event),
                "{:.60}",
                event.to_string()
            );
        }
        // An error says which request it was; all else is the same.
        let failing = json!({ "action": "fail", "message": "no such order" });
        let error = |emulator: &mut Emulator| {
            let (status, text) = invoke(emulator, &failing);
            let mut error: Value = serde_json::from_str(&text).expect("an error");
            let id = error
                .as_object_mut()
                .and_then(|error| error.remove("requestId"));
            (status, id.is_some(), error)
        };
        assert_eq!(error(&mut guarded), error(&mut plain));
        assert_eq!(
            invoke(&mut guarded, &json!({ "action": "exit" })).0,
            invoke(&mut plain, &json!({ "action": "exit" })).0
        );
        assert_eq!(invoke(&mut guarded, &json!({ "a": 1 })).1, "{\"a\": 1}");

        let output = guarded.output();
        assert!(
            !output.contains("HANDLED {\"q\""),
            "a hostile event reached the function"
        );
        assert!(output.contains("\"type\":\"status\""), "{output}");
        assert_eq!(
            output.matches("\"verdict\":\"block\"").count(),
            hostile,
            "{output}"
        );
    });
}

#[test]
fn secrets_stay_in() {
    prepare();
    isolated(|isolation| {
        if cannot_run("secrets", isolation) {
            return;
        }
        let bootstrap = extension::python_bootstrap().expect("a bootstrap");
        extension::attach(false).expect("the layer's files");
        let leaking = [
            json!({ "action": "leak" }),
            json!({ "action": "fail", "message": format!("cannot log in with {SECRET}") }),
        ];
        let mut guarded = start(isolation, &bootstrap, &[ENFORCE, WRAPPER]);
        let mut monitored = start(isolation, &bootstrap, &[WRAPPER]);
        for event in &leaking {
            let (_, got) = invoke(&mut guarded, event);
            assert!(
                got.contains("Guard.Withheld") && !got.contains(SECRET),
                "{got}"
            );
            let (_, got) = invoke(&mut monitored, event);
            assert!(got.contains(SECRET), "{got}");
        }
        // Nor by the error of a function that does not start.
        let failing = ("FAIL_AT_START", "1");
        for (mode, leaks) in [("enforce", false), ("monitor", true)] {
            let variables = [("GUARD_MODE", mode), WRAPPER, failing];
            let mut emulator = start(isolation, &bootstrap, &variables);
            let (_, got) = invoke(&mut emulator, &json!({}));
            assert_eq!(got.contains(SECRET), leaks, "{got}");
            assert_eq!(got.contains("Guard.Withheld"), !leaks, "{got}");
        }

        let output = monitored.output();
        assert_eq!(
            output.matches("\"rule\":\"secret.leak\"").count(),
            2,
            "{output}"
        );
        assert!(output.contains("setup.plain-secret"), "{output}");
    });
}

#[test]
fn a_function_without_a_wrapper_of_its_own_is_started_by_guard_exec() {
    prepare();
    isolated(|isolation| {
        if cannot_run("exec", isolation) {
            return;
        }
        let service = function::program("order-service", Profile::Debug);
        let mut plain = plain(isolation, &service);
        invoke(&mut plain, &json!({}));
        extension::attach(false).expect("the layer's files");
        let bootstrap = extension::exec_bootstrap(&service).expect("a bootstrap");
        let mut guarded = start(isolation, &bootstrap, &[ENFORCE]);
        let surprises = demo::surprises(&mut guarded, &mut plain).expect("answers");
        assert_eq!(surprises, [""; 0]);
    });
}

#[test]
fn a_killed_extension_never_leaves_the_function_unguarded() {
    prepare();
    isolated(|isolation| {
        if cannot_run("killed", isolation) {
            return;
        }
        let bootstrap = extension::python_bootstrap().expect("a bootstrap");
        extension::attach(false).expect("the layer's files");
        let mut guarded = start(isolation, &bootstrap, &[ENFORCE, WRAPPER]);
        let attack = json!({ "q": "1 UNION SELECT password FROM users--" });
        let benign = json!({ "a": 1 });
        assert_eq!(invoke(&mut guarded, &benign).1, "{\"a\": 1}");
        for id in extension::extension_ids() {
            let killed = std::process::Command::new("kill")
                .args(["-9", &id])
                .status();
            assert!(killed.is_ok_and(|status| status.success()));
        }
        let (status, got) = invoke(&mut guarded, &attack);
        assert!(
            status != 200 || got.contains("blocked by rule"),
            "{status} {got}"
        );
        // The environment is started again, with the extension.
        let answers: Vec<_> = (0..3).map(|_| invoke(&mut guarded, &benign).1).collect();
        assert!(
            answers.iter().any(|answer| answer == "{\"a\": 1}"),
            "{answers:?}"
        );
        let (_, got) = invoke(&mut guarded, &attack);
        assert!(got.contains("blocked by rule"), "{got}");
        assert!(!guarded.output().contains("HANDLED {\"q\""));
    });
}

#[test]
fn without_the_extension_the_mode_says_whether_the_function_starts() {
    prepare();
    isolated(|isolation| {
        if cannot_run("missing", isolation) {
            return;
        }
        let bootstrap = extension::python_bootstrap().expect("a bootstrap");
        extension::attach(true).expect("the layer's files");
        let cases = [
            (("GUARD_MODE", "monitor"), true, "runs unguarded"),
            (ENFORCE, false, "is not started"),
            (("GUARD_REQUIRE", "process"), false, "is not started"),
            (("GUARD_MODE", "off"), true, ""),
        ];
        for (variable, runs, says) in cases {
            let mut emulator = start(isolation, &bootstrap, &[WRAPPER, variable]);
            let got = invoke(&mut emulator, &json!({ "a": 1 }));
            assert_eq!(got.1 == "{\"a\": 1}", runs, "{variable:?} {got:?}");
            assert!(emulator.output().contains(says), "{}", emulator.output());
        }
    });
}

#[test]
fn what_cannot_be_kept_is_an_error_of_init_that_says_why() {
    prepare();
    isolated(|isolation| {
        if cannot_run("init", isolation) {
            return;
        }
        let bootstrap = extension::python_bootstrap().expect("a bootstrap");
        extension::attach(false).expect("the layer's files");
        let cases = [
            (("GUARD_TMP", "wype"), "GUARD_TMP: byte 0: \"wype\""),
            (
                ("GUARD_REQUIRE", "kernel"),
                "GUARD_REQUIRE: \"kernel\" is not reached",
            ),
        ];
        for (variable, says) in cases {
            let mut emulator = start(isolation, &bootstrap, &[ENFORCE, WRAPPER, variable]);
            let (status, _) = invoke(&mut emulator, &json!({ "a": 1 }));
            assert_ne!(status, 200);
            let output = emulator.output();
            assert!(
                output.contains(says) && !output.contains("HANDLED"),
                "{output}"
            );
        }
        // In monitor a policy is used as far as it can be read.
        let mut emulator = start(isolation, &bootstrap, &[WRAPPER, ("GUARD_TMP", "wype")]);
        assert_eq!(invoke(&mut emulator, &json!({ "a": 1 })).1, "{\"a\": 1}");
        assert!(emulator.output().contains("GUARD_TMP: byte 0"));
    });
}

#[test]
fn what_an_invocation_left_in_tmp_is_gone_for_the_next() {
    prepare();
    isolated(|isolation| {
        if cannot_run("tmp", isolation) {
            return;
        }
        if guard_tests::target().starts_with("/tmp") {
            // Nothing that could be installed, so no failure in CI either.
            eprintln!("tmp: skipped: the programs under test lie in /tmp themselves");
            return;
        }
        let bootstrap = extension::python_bootstrap().expect("a bootstrap");
        extension::attach(false).expect("the layer's files");
        let flags = rustix::mount::MountFlags::empty();
        rustix::mount::mount("tmpfs", "/tmp", "tmpfs", flags, None).expect("a /tmp of its own");
        let mut keeping = start(isolation, &bootstrap, &[ENFORCE, WRAPPER]);
        assert_eq!(
            invoke(&mut keeping, &json!({ "action": "write" })).1,
            "\"written\""
        );
        let (_, left) = invoke(&mut keeping, &json!({ "action": "list" }));
        assert_eq!(left, "[\"left-behind\"]");
        std::fs::remove_file("/tmp/left-behind").expect("the file");
        let wipe = ("GUARD_TMP", "wipe");
        let mut wiping = start(isolation, &bootstrap, &[ENFORCE, WRAPPER, wipe]);
        assert_eq!(
            invoke(&mut wiping, &json!({ "action": "write" })).1,
            "\"written\""
        );
        assert_eq!(invoke(&mut wiping, &json!({ "action": "list" })).1, "[]");
        assert!(wiping.output().contains("\"names\":[\"left-behind\"]"));
    });
}
