//! Events: the fixtures that all crates share, and attacked twins of them.

use std::path::Path;

use serde_json::Value;

/// Matches `path.traversal` in whatever it is put into; its benign sibling is [`CLEAN`].
pub(crate) const HOSTILE: &str = "../../../../etc/passwd";
pub(crate) const CLEAN: &str = "photos/2024/summer.jpg";

/// A benign event, as the trigger sends it but without white space.
pub(crate) fn fixture(name: &str) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/events");
    let text = std::fs::read(folder.join(name).with_extension("json")).unwrap();
    serde_json::from_slice(&text).unwrap()
}

/// The fixture with `value` at `pointer`.
pub(crate) fn with(name: &str, pointer: &str, value: &str) -> Vec<u8> {
    let mut event = fixture(name);
    *event.pointer_mut(pointer).unwrap() = value.into();
    event.to_string().into_bytes()
}

/// A queue's batch with `bodies` and the message ids `m0`, `m1`, ...
pub(crate) fn queue(bodies: &[&str]) -> Vec<u8> {
    let mut event = fixture("sqs");
    let template = event["Records"][0].clone();
    let records = bodies.iter().enumerate().map(|(index, body)| {
        let mut record = template.clone();
        record["messageId"] = format!("m{index}").into();
        record["body"] = (*body).into();
        record
    });
    event["Records"] = records.collect();
    event.to_string().into_bytes()
}
