//! Policies as they are written: decisions, errors and the settings table, by data; and against a
//! naive twin.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod bare;
mod cases;
mod image;
mod twin;

use std::path::Path;

/// Lookup over pairs, in place of the process environment.
fn lookup(variables: &[(String, String)]) -> impl Fn(&str) -> Option<String> {
    move |name| {
        variables
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.clone())
    }
}

#[test]
fn readme_holds_the_settings_table() {
    const BEGIN: &str = "<!-- settings:begin -->";
    const END: &str = "<!-- settings:end -->";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let Ok(readme) = std::fs::read_to_string(&path) else {
        eprintln!("skipped: there is no {}", path.display());
        return;
    };
    let (_, behind) = readme.split_once(BEGIN).expect(BEGIN);
    let (table, _) = behind.split_once(END).expect(END);
    assert_eq!(
        table.trim(),
        guard_core::policy::settings::markdown().trim(),
        "replace what is between the markers by the output of `guard explain --markdown`"
    );
}
