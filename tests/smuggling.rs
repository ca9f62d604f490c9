//! A runtime that tries to get the function's secret past the layer to its caller, under Amazon's
//! emulator: some three dozen ways to say the same thing in HTTP, each by a connection of its own.

use guard_tests::emulator::Emulator;
use guard_tests::isolation::{Isolation, isolated};
use guard_tests::{extension, fetch, skip};
use serde_json::json;

const SECRET: (&str, &str) = ("DB_PASSWORD", "correct-horse-battery");
const WRAPPER: (&str, &str) = ("AWS_LAMBDA_EXEC_WRAPPER", "/opt/guard/wrap");

fn invoke(emulator: &mut Emulator, event: &str) -> String {
    let response = emulator
        .invoke(json!(event).to_string().as_bytes())
        .expect("an answer");
    String::from_utf8_lossy(&response.body).into_owned()
}

#[test]
fn no_way_to_say_it_gets_the_secret_out() {
    if std::env::var_os("TESTS_INSIDE").is_none() {
        extension::build().expect("the extension builds");
        // A reason not to have it is given below.
        let _ = fetch::EMULATOR.path();
    }
    isolated(|isolation| {
        if isolation == Isolation::Ports {
            return skip("smuggling", "/opt is needed, and namespaces for it");
        }
        if let Err(reason) = fetch::EMULATOR.path() {
            return skip("smuggling", &reason);
        }
        let runtime = guard_tests::root().join("tests/extension/smuggler.py");
        let text = format!(
            "exec $AWS_LAMBDA_EXEC_WRAPPER python3 {}",
            runtime.display()
        );
        let bootstrap = extension::script("smuggler", &text).expect("a bootstrap");
        let start = |variables: &[(&str, &str)]| {
            Emulator::start(isolation, &bootstrap, variables).expect("the emulator starts")
        };
        // Each way in turn; all of them without Guard before the layer is there.
        let mut plain = start(&[SECRET]);
        let ways = invoke(&mut plain, "ways");
        let ways: Vec<String> = serde_json::from_str(&ways).expect("a list");
        let leaking = |emulator: &mut Emulator| -> Vec<&str> {
            let leaks = |way: &&String| invoke(emulator, way).contains(SECRET.1);
            ways.iter().filter(leaks).map(String::as_str).collect()
        };
        let working = leaking(&mut plain);
        extension::attach(false).expect("the layer's files");
        let mut guarded = start(&[SECRET, WRAPPER, ("GUARD_MODE", "enforce")]);
        let out = leaking(&mut guarded);
        eprintln!(
            "{} ways, {} with it; without Guard {}: {working:?}",
            ways.len(),
            out.len(),
            working.len()
        );
        assert!(working.len() >= 15, "{working:?}: {}", plain.output());
        assert!(out.is_empty(), "{out:?}: {}", guarded.output());
        // And on it goes.
        let again: Vec<String> =
            serde_json::from_str(&invoke(&mut guarded, "ways")).expect("a list");
        assert_eq!(again, ways);
    });
}
