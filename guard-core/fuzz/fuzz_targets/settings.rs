//! Any text for any settings, and for the policy file: read or refused, never a panic; what is read
//! compiles to an image that is accepted, and every error points into the value.
#![no_main]

use guard_core::Policy;
use guard_core::error::Place;
use guard_core::policy::CompiledPolicy;
use guard_core::policy::settings::SETTINGS;
use libfuzzer_sys::fuzz_target;

// One line for each setting, in the table's order; what is behind them is the file.
fuzz_target!(|data: &str| {
    let mut lines = data.splitn(SETTINGS.len() + 1, '\n');
    let values: Vec<_> = SETTINGS.iter().map(|setting| (setting.variable, lines.next())).collect();
    let lookup = |name: &str| match name {
        "AWS_REGION" => Some("eu-central-1".to_owned()),
        _ => values
            .iter()
            .find(|(known, _)| *known == name)
            .and_then(|(_, value)| *value)
            // A line of "-" leaves the setting unset.
            .filter(|value| *value != "-")
            .map(ToOwned::to_owned),
    };
    let file = lines.next().map(|text| ("/policy.toml", text));
    match Policy::from_vars_and_file(lookup, [""; 0], file) {
        Ok(policy) => {
            CompiledPolicy::from_bytes(&policy.compile()).expect("an image of our own");
            let _ = (policy.effect(), policy.warnings());
        }
        Err(errors) => {
            for error in errors.errors() {
                assert!(!error.to_string().contains('\n'));
                if let Place::Variable { offset, .. } = error.place() {
                    let value = lookup(error.setting()).unwrap_or_default();
                    assert!(*offset <= value.len());
                }
            }
            CompiledPolicy::from_bytes(&errors.readable().compile()).expect("an image of our own");
        }
    }
});
