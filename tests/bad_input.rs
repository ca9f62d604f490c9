//! Events that are none, or hardly, through the layer to AWS's own runtime clients under Amazon's
//! emulator: each function sees what it sees without Guard, which its answer shows, or the event is
//! blocked.

use std::path::{Path, PathBuf};

use guard_tests::emulator::Emulator;
use guard_tests::function::{self, Profile};
use guard_tests::http::Response;
use guard_tests::isolation::{Isolation, isolated};
use guard_tests::{Result, bad_input, clients, extension, fetch, skip};

const WRAPPER: (&str, &str) = ("AWS_LAMBDA_EXEC_WRAPPER", "/opt/guard/wrap");
const ENFORCE: (&str, &str) = ("GUARD_MODE", "enforce");

#[test]
fn python() {
    let client = prepared(extension::python_client);
    isolated(|isolation| {
        compare("python", isolation, &client, |_| {
            let bootstrap = extension::python_bootstrap()?;
            Ok((bootstrap.clone(), bootstrap))
        });
    });
}

#[test]
fn node() {
    let client = prepared(clients::node_modules);
    isolated(|isolation| {
        compare("node", isolation, &client, |modules| {
            let function = guard_tests::root().join("tests/extension");
            let text = format!(
                "cd {} && exec $AWS_LAMBDA_EXEC_WRAPPER node {}/aws-lambda-ric/bin/index.mjs \
                 echo.handler",
                function.display(),
                modules.display()
            );
            let bootstrap = extension::script("echo", &text)?;
            Ok((bootstrap.clone(), bootstrap))
        });
    });
}

#[test]
fn rust() {
    let service = prepared(|| {
        if std::env::var_os("TESTS_INSIDE").is_none() {
            function::build("order-service", Profile::Debug)?;
        }
        Ok(function::program("order-service", Profile::Debug))
    });
    isolated(|isolation| {
        compare("rust", isolation, &service, |service| {
            // It knows no exec wrapper.
            Ok((service.to_owned(), extension::exec_bootstrap(service)?))
        });
    });
}

/// Builds and fetches outside the namespaces, which have no network.
fn prepared(client: fn() -> Result<PathBuf>) -> Result<PathBuf> {
    if std::env::var_os("TESTS_INSIDE").is_none() {
        extension::build()?;
        fetch::EMULATOR.path()?;
    }
    client()
}

/// Compares a function's answers with Guard and without; `bootstraps` starts it without and with.
fn compare(
    test: &str,
    isolation: Isolation,
    client: &Result<PathBuf>,
    bootstraps: fn(&Path) -> Result<(PathBuf, PathBuf)>,
) {
    let client = match (isolation, client) {
        (Isolation::Ports, _) => return skip(test, "/opt is needed, and namespaces for it"),
        (_, Err(reason)) => return skip(test, reason),
        (_, Ok(client)) => client,
    };
    let (without, with) = bootstraps(client).expect("bootstraps");
    let start = |bootstrap: &Path, variables: &[(&str, &str)]| {
        Emulator::start(isolation, bootstrap, variables).expect("the emulator starts")
    };
    let mut plain = start(&without, &[]);
    // The emulator starts function and extensions with the first event.
    answer(&mut plain, b"{}");
    extension::attach(false).expect("the layer's files");
    let mut guarded = start(&with, &[ENFORCE, WRAPPER]);
    for (name, event) in bad_input::events() {
        let (expected, got) = (answer(&mut plain, &event), answer(&mut guarded, &event));
        // None of it is an attack: what is blocked here is blocked by mistake.
        assert!(
            got == expected,
            "{name}: {got:.300} instead of {expected:.300}"
        );
    }
    // Still there, and still itself.
    let good = br#"{"action":"orders","customer":"alice"}"#;
    assert_eq!(answer(&mut guarded, good), answer(&mut plain, good));
    let attack = br#"{"action":"1 UNION SELECT password FROM users--"}"#;
    assert!(answer(&mut guarded, attack).contains("blocked by rule"));
}

/// What the caller gets, without the invocation's own name, which some errors repeat.
fn answer(emulator: &mut Emulator, event: &[u8]) -> String {
    let Response { status, body, .. } = emulator.invoke(event).expect("an answer");
    format!("{status} {}", without_ids(&String::from_utf8_lossy(&body)))
}

/// The text with a mark in place of every UUID.
fn without_ids(text: &str) -> String {
    const GROUPS: [usize; 5] = [8, 4, 4, 4, 12];
    let is_id = |text: &str| {
        let mut groups = text.split('-');
        GROUPS.iter().all(|length| {
            groups.next().is_some_and(|group| {
                group.len() == *length && group.bytes().all(|byte| byte.is_ascii_hexdigit())
            })
        })
    };
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('-') {
        let id = at
            .checked_sub(8)
            .and_then(|start| Some((start, rest.get(start..start + 36)?)));
        match id {
            Some((start, id)) if is_id(id) => {
                out.push_str(rest.get(..start).unwrap_or_default());
                out.push_str("ID");
                rest = rest.get(start + 36..).unwrap_or_default();
            }
            _ => {
                out.push_str(rest.get(..=at).unwrap_or_default());
                rest = rest.get(at + 1..).unwrap_or_default();
            }
        }
    }
    out + rest
}

#[test]
fn ids_are_left_out() {
    let id = "8476a536-e9f4-11e8-9739-2dfe598c3fcd";
    assert_eq!(
        without_ids(&format!("a-b {id}, {id}-{id}")),
        "a-b ID, ID-ID"
    );
    assert_eq!(without_ids("8476a536-e9f4-11e8"), "8476a536-e9f4-11e8");
}
