//! The order service under Amazon's Runtime Interface Emulator.

use guard_tests::demo::{self, Outcome};
use guard_tests::emulator::Emulator;
use guard_tests::function::{self, Profile};
use guard_tests::http::Response;
use guard_tests::isolation::{Isolation, isolated};
use guard_tests::{bad_input, fetch, skip};

const GUARDED: [(&str, &str); 2] = [("ORDERS_GUARD", "on"), ("GUARD_MODE", "enforce")];

/// An emulator with the order service in it; `None` when this machine has no emulator to offer.
fn start(test: &str, isolation: Isolation, variables: &[(&str, &str)]) -> Option<Emulator> {
    if let Err(reason) = fetch::EMULATOR.path() {
        skip(test, &reason);
        return None;
    }
    let function = function::program("order-service", Profile::Debug);
    Some(Emulator::start(isolation, &function, variables).expect("the emulator starts"))
}

/// Builds and fetches outside the namespaces, which have no network.
fn prepare() {
    if std::env::var_os("TESTS_INSIDE").is_none() {
        // A reason not to have it is given by the test that needs it.
        let _ = fetch::EMULATOR.path();
        function::build("order-service", Profile::Debug).expect("the order service builds");
    }
}

#[test]
fn without_guard_every_event_does_what_its_sender_wants() {
    prepare();
    isolated(|isolation| {
        let Some(mut plain) = start("without guard", isolation, &[]) else {
            return;
        };
        for event in demo::events().expect("the demo's events") {
            // The forgery aims at a port that is only known inside namespaces.
            if isolation == Isolation::Ports && event.file.contains("ssrf") {
                continue;
            }
            let (outcome, response) = event.send(&mut plain).expect("an answer");
            assert!(
                matches!(outcome, Outcome::Done(_)),
                "{}: {outcome:?} {response:?}",
                event.file
            );
        }
    });
}

#[test]
fn with_guard_attacks_are_blocked_and_the_rest_is_unchanged() {
    prepare();
    isolated(|isolation| {
        let Some(mut plain) = start("with guard", isolation, &[]) else {
            return;
        };
        let Some(mut guarded) = start("with guard", isolation, &GUARDED) else {
            return;
        };
        let surprises = demo::surprises(&mut guarded, &mut plain).expect("answers");
        assert_eq!(surprises, [""; 0]);
    });
}

#[test]
fn with_guard_bad_input_reaches_the_function_as_it_came_or_is_blocked() {
    prepare();
    isolated(|isolation| {
        let Some(mut plain) = start("bad input", isolation, &[]) else {
            return;
        };
        let Some(mut guarded) = start("bad input", isolation, &GUARDED) else {
            return;
        };
        for (name, event) in bad_input::events() {
            let expected = plain.invoke(&event).expect("an answer");
            let response = guarded.invoke(&event).expect("an answer");
            let blocked = text(&response).contains("Guard.Blocked");
            assert!(
                blocked || text(&response) == text(&expected),
                "{name}: {} instead of {}",
                text(&response),
                text(&expected)
            );
        }
        // Still there, and still itself.
        let event = br#"{"action":"orders","customer":"alice"}"#;
        let expected = plain.invoke(event).expect("an answer");
        assert_eq!(guarded.invoke(event).expect("an answer"), expected);
    });
}

#[test]
fn with_guard_a_dropped_record_leaves_the_others_to_the_function() {
    prepare();
    isolated(|isolation| {
        let variables = [GUARDED[0], GUARDED[1], ("GUARD_ON_BLOCK", "drop")];
        let Some(mut guarded) = start("drop", isolation, &variables) else {
            return;
        };
        // A thank-you and a forged log line, one message each.
        let events = demo::events().expect("the demo's events");
        let forged = events
            .iter()
            .find(|event| event.file == "sqs-note-log.json");
        let forged = &forged.expect("the event").bytes;
        let response = guarded.invoke(forged).expect("an answer");
        assert_eq!(
            text(&response),
            r#"200 {"answers":[{"noted":"b-1"}],"batchItemFailures":[]}"#
        );
        let output = guarded.output();
        assert!(output.contains("note on b-1: thanks"), "{output}");
        assert!(output.contains("log.forged_entry"), "{output}");
        assert!(!output.contains("note on m-1"), "{output}");
    });
}

/// A response without what differs from one invocation to the next.
fn text(response: &Response) -> String {
    format!(
        "{} {}",
        response.status,
        String::from_utf8_lossy(&response.body)
    )
}
