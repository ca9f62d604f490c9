//! The order service under cargo-lambda, whose Runtime API address is a URL with a path.

use std::path::Path;

use guard_tests::cargo_lambda::CargoLambda;
use guard_tests::function::{self, Profile};
use guard_tests::isolation::{Isolation, isolated};
use guard_tests::{extension, fetch, layer, skip};

const ORDERS: &[u8] = br#"{"action":"orders","customer":"alice"}"#;
const LEAK: &[u8] = br#"{"action":"orders","customer":"x' OR '1'='1"}"#;

/// Builds and fetches outside the namespaces, which have no network; whether that is done.
fn prepared() -> bool {
    if std::env::var_os("TESTS_INSIDE").is_some() {
        return true;
    }
    function::build("order-service", Profile::Debug).expect("the order service builds");
    extension::build().expect("the extension builds");
    fetch::CARGO_LAMBDA
        .path()
        .map_err(|reason| skip("cargo-lambda", &reason))
        .is_ok()
}

/// Starts `bootstrap` with Guard: a benign event gets the answer that it got without, an attack none.
fn guards(
    isolation: Isolation,
    bootstrap: &Path,
    variables: &[(&str, &str)],
    plain: &mut CargoLambda,
) {
    let expected = plain.post(ORDERS).expect("an answer");
    let mut guarded = CargoLambda::start(isolation, bootstrap, variables).expect("it starts");
    assert_eq!(guarded.post(ORDERS).expect("an answer"), expected);
    let blocked = guarded.invoke(LEAK).expect("an answer");
    assert!(blocked.contains("Guard.Blocked"), "{blocked}");
    assert!(!blocked.contains("customer"), "{blocked}");
}

#[test]
fn answers_with_and_without_guard() {
    if !prepared() {
        return;
    }
    isolated(|isolation| {
        let function = function::program("order-service", Profile::Debug);
        let mut plain = CargoLambda::start(isolation, &function, &[]).expect("it starts");
        let expected = plain.post(ORDERS).expect("an answer");
        assert_eq!(
            String::from_utf8_lossy(&expected.body)
                .matches("customer")
                .count(),
            2
        );
        let leaked = plain.invoke(LEAK).expect("an answer");
        assert_eq!(leaked.matches("customer").count(), 12, "{leaked}");

        let variables = [("ORDERS_GUARD", "on"), ("GUARD_MODE", "enforce")];
        guards(isolation, &function, &variables, &mut plain);
    });
}

#[test]
fn a_function_that_knows_nothing_of_guard_is_started_by_guard_exec() {
    if !prepared() {
        return;
    }
    isolated(|isolation| {
        if isolation == Isolation::Ports {
            return skip(
                "cargo-lambda",
                "a script is put in /opt, and namespaces are needed for it",
            );
        }
        let function = function::program("order-service", Profile::Debug);
        let guarded = extension::exec_bootstrap(&function).expect("a bootstrap");
        let mut plain = CargoLambda::start(isolation, &function, &[]).expect("it starts");
        let enforce = [("GUARD_MODE", "enforce")];
        guards(isolation, &guarded, &enforce, &mut plain);
    });
}

/// The extension started by hand beside the function, as nobody else does it there: cargo-lambda
/// starts none.
#[test]
fn the_extension_serves_a_function_of_cargo_lambda() {
    if !prepared() {
        return;
    }
    isolated(|isolation| {
        if isolation == Isolation::Ports {
            return skip("cargo-lambda", "/opt is needed, and namespaces for it");
        }
        let function = function::program("order-service", Profile::Debug);
        let mut plain = CargoLambda::start(isolation, &function, &[]).expect("it starts");
        layer::attach().expect("the layer's files");
        // Lambda starts the function when its extensions have registered; the wrapper tells.
        let script = format!(
            "#!/bin/sh\n/opt/extensions/guard &\n\
             until /opt/guard/wrap true 2>/dev/null; do sleep 0.05; done\n\
             exec /opt/guard/wrap {}\n",
            function.display()
        );
        let guarded = Path::new("/opt/bootstrap");
        std::fs::write(guarded, script).expect("a bootstrap");
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(guarded, mode).expect("its mode");
        let enforce = [("GUARD_MODE", "enforce")];
        guards(isolation, guarded, &enforce, &mut plain);
    });
}
