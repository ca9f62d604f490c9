//! `guard check`: what is wrong with the policy, and what it means.

use std::ffi::OsString;

use serde_json::json;

use crate::{exit, settings};

pub(super) fn run(arguments: &[OsString]) -> u8 {
    let json = match super::json("check", arguments) {
        Ok(json) => json,
        Err(code) => return code,
    };
    let (policy, errors) = match settings::policy() {
        Ok(policy) => (Some(policy), Vec::new()),
        Err(errors) => (
            None,
            errors.errors().iter().map(ToString::to_string).collect(),
        ),
    };
    let effect = policy.as_ref().map(|policy| policy.effect());
    let warnings = policy
        .as_ref()
        .map_or_else(Vec::new, |policy| policy.warnings());
    if json {
        println!(
            "{}",
            json!({ "errors": errors, "warnings": warnings, "effect": effect })
        );
    } else {
        for error in &errors {
            println!("error: {error}");
        }
        for warning in &warnings {
            println!("warning: {warning}");
        }
        for line in effect.iter().flatten() {
            println!("{line}");
        }
    }
    if errors.is_empty() { 0 } else { exit::USAGE }
}
