//! `guard explain`: the settings, and the policy in effect.

use std::ffi::OsString;

use guard_core::policy::settings::SETTINGS;
use serde_json::json;

use crate::{exit, settings};

pub(super) fn run(arguments: &[OsString]) -> u8 {
    let json = match super::json("explain", arguments) {
        Ok(json) => json,
        Err(code) => return code,
    };
    let policy = settings::policy();
    let effect = policy.as_ref().ok().map(|policy| policy.effect());
    if json {
        let settings: Vec<_> = SETTINGS
            .iter()
            .map(|setting| {
                json!({
                    "variable": setting.variable,
                    "key": setting.key,
                    "accepts": setting.grammar,
                    "unset": setting.unset,
                    "empty": setting.empty,
                    "meaning": setting.doc,
                    "value": settings::variable(setting.variable),
                })
            })
            .collect();
        println!("{}", json!({ "settings": settings, "effect": effect }));
    } else {
        for setting in SETTINGS {
            println!("{}", setting.variable);
            println!("    {}", setting.doc);
            println!("    accepts: {}", setting.grammar);
            println!("    unset: {}; empty: {}", setting.unset, setting.empty);
            if let Some(value) = settings::variable(setting.variable) {
                println!("    here: {value:?}");
            }
        }
        println!("\nin effect:");
        for line in effect.iter().flatten() {
            println!("    {line}");
        }
    }
    match policy {
        Ok(_) => 0,
        Err(errors) => {
            eprintln!("{errors}");
            exit::USAGE
        }
    }
}
