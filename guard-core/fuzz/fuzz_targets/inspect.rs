//! Whole events of any bytes: findings lie inside, and searching on from anywhere ends.
#![no_main]

use guard_core::{Families, Inspector};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|event: &[u8]| {
    let inspector = Inspector::new(Families::ALL);
    let mut findings = inspector.inspect(event);
    while let Some(finding) = findings.next() {
        assert!(event.get(finding.span.clone()).is_some());
        if event.first() == Some(&b' ') {
            findings.skip_to(finding.span.end);
        }
    }
    for finding in inspector.inspect_value(event) {
        assert!(event.get(finding.span).is_some());
    }
});
