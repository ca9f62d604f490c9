//! Inside a jail modelled on public reports about standard Lambda (prctl(2) refused, no Landlock,
//! foreign architectures killed): the probe's answers, and a static function with the layer.
//!
//! The jail's source lies beside the repository. It imitates reports, not AWS.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use guard_tests::emulator::Emulator;
use guard_tests::function::{self, Profile};
use guard_tests::isolation::{Isolation, isolated};
use guard_tests::{Result, extension, fetch, layer, skip};
use serde_json::{Value, json};

/// Compiles the jail. `None` where its source is not, which is no fault: it is optional.
fn jail() -> Option<Result<PathBuf>> {
    let source = guard_tests::root().join("../shared/rig/lambdajail.c");
    if !source.exists() {
        return None;
    }
    let program = guard_tests::target().join("rig/lambdajail");
    let compiled = layer::run(
        Command::new("cc")
            .args(["-O1", "-o"])
            .arg(&program)
            .arg(source),
    );
    Some(compiled.map(|()| program))
}

/// Copies to `/opt`, the test's own, what another user has to reach: not every checkout lies where
/// one can.
fn hand_over(program: &Path, name: &str) -> PathBuf {
    let path = Path::new("/opt").join(name);
    std::fs::copy(program, &path).expect("a copy");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("its mode");
    path
}

/// The jail, where this machine can make one.
fn prepared(test: &str, isolation: Isolation) -> Option<PathBuf> {
    let jail = match jail() {
        None => {
            eprintln!("{test}: not run: there is no ../shared/rig/lambdajail.c");
            return None;
        }
        Some(Ok(jail)) => jail,
        Some(Err(reason)) => {
            skip(test, &reason);
            return None;
        }
    };
    if isolation == Isolation::Ports || !rustix::process::geteuid().is_root() {
        skip(test, "/opt is needed, and root to become another user");
        return None;
    }
    if std::env::consts::ARCH != "x86_64" {
        eprintln!("{test}: not run: the jail is for x86_64");
        return None;
    }
    let jail = hand_over(&jail, "jail");
    // A user namespace of one user has no other to become.
    let works = Command::new(&jail).arg("/bin/true").status();
    if !works.is_ok_and(|status| status.success()) {
        skip(
            test,
            "the jail cannot be entered: it needs root outside of a user namespace",
        );
        return None;
    }
    Some(jail)
}

fn build() {
    if std::env::var_os("TESTS_INSIDE").is_none() {
        let _ = fetch::EMULATOR.path();
        extension::build().expect("the extension builds");
        function::build("order-service", Profile::Debug).expect("the order service builds");
    }
}

#[test]
fn a_probe_says_what_the_jail_allows() {
    build();
    isolated(|isolation| {
        let Some(jail) = prepared("probe in the jail", isolation) else {
            return;
        };
        layer::attach().expect("the layer's files");
        // By the path at which a function finds it.
        let output = Command::new(jail)
            .args(["/opt/extensions/guard", "probe", "--json"])
            .env("J_SECCOMP", "1")
            .output()
            .expect("it runs");
        let report: Value = serde_json::from_slice(&output.stdout).expect("a report");
        let works = |name: &str| {
            let probes = report["probes"].as_array().into_iter().flatten();
            probes
                .filter(|probe| probe["name"] == name)
                .any(|probe| probe["works"] == true)
        };
        for name in [
            "Landlock",
            "no_new_privs",
            "seccomp filter",
            "seccomp notification",
        ] {
            assert!(!works(name), "{name}: {report}");
        }
        for name in ["memfd_create", "own text through /proc/self/mem"] {
            assert!(works(name), "{name}: {report}");
        }
        let allowed = |tier: usize| report["tiers"][tier]["allowed"] == true;
        assert!(!allowed(0) && allowed(2), "{report}");
    });
}

#[test]
fn a_function_with_the_layer_runs_in_the_jail() {
    build();
    isolated(|isolation| {
        let Some(jail) = prepared("a function in the jail", isolation) else {
            return;
        };
        let emulator = match fetch::EMULATOR.path() {
            Ok(emulator) => hand_over(&emulator, "aws-lambda-rie"),
            Err(reason) => return skip("a function in the jail", &reason),
        };
        let service = function::program("order-service", Profile::Debug);
        let service = hand_over(&service, "order-service");
        // As the bootstrap of a provided.* function does it.
        let bootstrap = Path::new("/opt/bootstrap");
        let script = format!("#!/bin/sh\nexec $WRAP {}\n", service.display());
        std::fs::write(bootstrap, script).expect("a bootstrap");
        std::fs::set_permissions(bootstrap, std::fs::Permissions::from_mode(0o755)).expect("mode");
        // In the machine's /tmp another user's files may have the names.
        let tmp = Path::new("/opt/tmp");
        std::fs::create_dir(tmp).expect("a folder");
        std::fs::set_permissions(tmp, std::fs::Permissions::from_mode(0o1777)).expect("mode");
        let start = |variables: &[(&str, &str)]| {
            let mut command = Command::new(&jail);
            command.arg(&emulator);
            let mut all = vec![("TMPDIR", "/opt/tmp")];
            all.extend_from_slice(variables);
            let variables = &all[..];
            Emulator::start_by(command, isolation, bootstrap, variables).expect("it starts")
        };
        let orders = json!({ "action": "orders", "customer": "alice" }).to_string();
        let attack = json!({ "action": "orders", "customer": "x' OR '1'='1" }).to_string();
        let mut plain = start(&[]);
        let before = plain.invoke(orders.as_bytes()).expect("an answer");
        assert!(
            String::from_utf8_lossy(&before.body).contains("alice"),
            "{before:?} {}",
            plain.output()
        );

        layer::attach().expect("the layer's files");
        let mut guarded = start(&[("WRAP", "/opt/guard/wrap"), ("GUARD_MODE", "enforce")]);
        assert_eq!(
            guarded.invoke(orders.as_bytes()).expect("an answer"),
            before
        );
        let blocked = guarded.invoke(attack.as_bytes()).expect("an answer");
        let blocked = String::from_utf8_lossy(&blocked.body).into_owned();
        assert!(
            blocked.contains("blocked by rule sql.tautology"),
            "{blocked}"
        );
        assert!(guarded.output().contains("\"verdict\":\"block\""));
    });
}
