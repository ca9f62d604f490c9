//! `guard explain`: the settings table and the effective policy.

use std::fmt::{Display, Write as _};

use guard_core::Policy;
use guard_core::policy::Entry;
use guard_core::policy::settings::{SETTINGS, Setting, markdown};
use lexopt::prelude::*;
use serde_json::{Value as Json, json};

use super::{Command, Exit, check, print};
use crate::settings::{self, SettingsError, variable};

pub(super) const COMMAND: Command = Command {
    name: "explain",
    summary: "the settings table and the effective policy",
    help: "\
usage: guard explain [--json | --markdown] [SETTING...]

Prints every setting: what it is for, what it accepts, what holds when it is unset
and when it is empty, and the variable's value here; then the effective policy with
every rule that its entries stand for. With settings named (GUARD_MODE, or mode)
only those.

  --json       one JSON object: settings, policy, rules
  --markdown   the settings as the README's table, nothing else

exit codes: 0 done, 64 the policy cannot be read; the settings are printed all the same
",
    run,
};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Json,
    Markdown,
    Text,
}

fn run(arguments: &mut lexopt::Parser) -> Result<Exit, lexopt::Error> {
    let mut form = Form::Text;
    let mut chosen = Vec::new();
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("json") if form == Form::Text => form = Form::Json,
            Long("markdown") if form == Form::Text => form = Form::Markdown,
            Value(name) => chosen.push(find(&name.to_string_lossy())?),
            other => return Err(other.unexpected()),
        }
    }
    let settings = if chosen.is_empty() {
        SETTINGS.iter().collect()
    } else {
        chosen.clone()
    };
    if form == Form::Markdown {
        print(&markdown());
        return Ok(Exit::Done);
    }
    let read = settings::read();
    let output = match form {
        Form::Json => format!("{}\n", report(&settings, &read)),
        _ => {
            let mut text = String::new();
            settings
                .iter()
                .for_each(|setting| describe(&mut text, setting));
            if chosen.is_empty() {
                effective(&mut text, &read);
            }
            text
        }
    };
    print(&output);
    Ok(if read.is_ok() {
        Exit::Done
    } else {
        Exit::Unreadable
    })
}

fn find(name: &str) -> Result<&'static Setting, lexopt::Error> {
    let is_it = |setting: &&Setting| setting.variable == name || setting.key == Some(name);
    SETTINGS.iter().find(is_it).ok_or_else(|| {
        let names: Vec<_> = SETTINGS.iter().map(|setting| setting.variable).collect();
        format!("{name:?} is no setting; accepted: {}", names.join(", ")).into()
    })
}

fn describe(text: &mut String, setting: &Setting) {
    let key = setting
        .key
        .map_or(String::new(), |key| format!(" ({key} in the policy file)"));
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{}{key}", setting.variable);
    let value = variable(setting.variable);
    let lines = [
        ("", setting.doc.to_owned()),
        ("accepts: ", setting.grammar.to_owned()),
        ("unset: ", setting.unset.to_owned()),
        ("empty: ", setting.empty.to_owned()),
        (
            "here: ",
            value.map_or_else(|| "unset".to_owned(), |value| format!("{value:?}")),
        ),
    ];
    for (label, line) in lines {
        let _ = writeln!(text, "    {label}{}", line.replace('`', ""));
    }
}

fn effective(text: &mut String, read: &Result<Policy, SettingsError>) {
    let policy = match read {
        Ok(policy) => policy,
        Err(error) => {
            let _ = writeln!(text, "\nthe policy cannot be read\n{error}");
            return;
        }
    };
    text.push_str("\neffective policy\n");
    for line in policy.effect() {
        let _ = writeln!(text, "    {line}");
    }
    for (variable, entries) in rules(policy) {
        let _ = writeln!(text, "{variable}");
        for (entry, rules) in entries {
            let _ = writeln!(text, "    {entry}");
            // An entry that is its own only rule needs no second line.
            for rule in rules
                .iter()
                .filter(|rule| rules.len() > 1 || **rule != entry)
            {
                let _ = writeln!(text, "        {rule}");
            }
        }
    }
}

type Entries = Vec<(String, Vec<String>)>;

/// Every list that is set, with what its entries stand for.
fn rules(policy: &Policy) -> Vec<(&'static str, Entries)> {
    let egress = policy.egress().map(spelled);
    // Where nothing is restricted, nothing has to be let through.
    let platform = policy.egress().map(|_| spelled(policy.platform()));
    let lists = [
        ("GUARD_EGRESS_ALLOW", egress),
        ("platform", platform),
        ("GUARD_FILE_READ", policy.file_read().map(spelled)),
        ("GUARD_FILE_WRITE", policy.file_write().map(spelled)),
        ("GUARD_EXEC_ALLOW", policy.exec().map(spelled)),
    ];
    lists
        .into_iter()
        .filter_map(|(name, entries)| Some((name, entries?)))
        .collect()
}

fn spelled<T: Display>(entries: &[Entry<T>]) -> Entries {
    let rules = |entry: &Entry<T>| entry.rules.iter().map(ToString::to_string).collect();
    entries
        .iter()
        .map(|entry| (entry.text.clone(), rules(entry)))
        .collect()
}

fn report(settings: &[&Setting], read: &Result<Policy, SettingsError>) -> Json {
    let settings: Vec<_> = settings
        .iter()
        .map(|setting| {
            json!({
                "variable": setting.variable,
                "key": setting.key,
                "accepts": setting.grammar,
                "unset": setting.unset,
                "empty": setting.empty,
                "doc": setting.doc,
                "here": variable(setting.variable),
            })
        })
        .collect();
    let rules = read.as_ref().map(rules).unwrap_or_default();
    let rules: serde_json::Map<_, _> = rules
        .into_iter()
        .map(|(name, entries)| {
            let list = entries
                .into_iter()
                .map(|(entry, rules)| json!({"entry": entry, "rules": rules}));
            (name.to_owned(), list.collect())
        })
        .collect();
    json!({ "settings": settings, "policy": check::report(read), "rules": rules })
}
