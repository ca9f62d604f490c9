//! Events that are none, through the layer and the real runtime.

use lambda_runtime::{Error, LambdaEvent};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::bad_input;
use crate::function::Function;

const ENFORCE: (&str, &str) = ("GUARD_MODE", "enforce");

/// An order as a handler would declare it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Order {
    action: String,
    #[serde(default)]
    customer: Option<String>,
}

/// Gives back what it understood.
pub(crate) async fn typed(event: LambdaEvent<Order>) -> Result<Order, Error> {
    Ok(event.payload)
}

/// Gives back the bytes that it got, as they were.
pub(crate) async fn raw(event: LambdaEvent<Box<RawValue>>) -> Result<Box<RawValue>, Error> {
    Ok(event.payload)
}

/// Events that are none: whatever the handler takes, it answers as it does without Guard, or the
/// event is blocked.
#[test]
fn bad_input_is_seen_as_without_guard_or_blocked() {
    for (guarded, plain) in [
        ("typed", "typed-plain"),
        ("raw", "raw-plain"),
        ("echo", "value-plain"),
    ] {
        let events = bad_input::events();
        let answers = [guarded, plain].map(|name| {
            let function = Function::start(name, &[ENFORCE]);
            for (index, (_, event)) in events.iter().enumerate() {
                function.api.push(&format!("r{index}"), event);
            }
            function.api.wait_for(events.len())
        });
        let [with, without] = &answers;
        for ((name, _), (with, without)) in events.iter().zip(with.iter().zip(without)) {
            let error = with.headers.get("lambda-runtime-function-error-type");
            // None of it is an attack: what is blocked here is blocked by mistake.
            assert_ne!(error.map(String::as_str), Some("Guard.Blocked"), "{name}");
            assert_eq!(with.path, without.path, "{guarded}: {name}");
            assert!(with.body == without.body, "{guarded}: {name}");
        }
    }
}
