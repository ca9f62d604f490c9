//! The commands as a user runs them: output, exit codes.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io::Write as _;
use std::process::{Command, Output};

use serde_json::Value;

fn guard(arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_guard"));
    command
        .args(arguments)
        .env_clear()
        .envs(variables.iter().copied());
    command.output().unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn check_ends_with_64_when_the_policy_cannot_be_read() {
    let wrong = guard(
        &["check"],
        &[("GUARD_MODE", "enforce"), ("GUARD_EGRESS_ALLOW", "a b,c/d")],
    );
    assert_eq!(code(&wrong), 64);
    let text = stdout(&wrong);
    assert!(text.starts_with("the policy has 2 errors\n"), "{text}");
    assert!(text.contains("the function does not start"), "{text}");
    assert!(!text.contains("in effect"), "{text}");
    let fine = guard(
        &["check"],
        &[("GUARD_MODE", "enforce"), ("GUARD_EGRESS_ALLOW", "a.b,c:1")],
    );
    assert_eq!(code(&fine), 0);
    assert!(stdout(&fine).contains("only what the platform needs and a.b, c:1 (2 rules)"));
}

#[test]
fn check_in_monitor_says_what_still_holds() {
    let output = guard(&["check"], &[("GUARD_EGRESS_ALLOW", "a.b,c/d")]);
    assert_eq!(code(&output), 64);
    let text = stdout(&output);
    assert!(text.contains("what can be read holds"), "{text}");
    assert!(
        text.contains("only what the platform needs and a.b (1 rule)"),
        "{text}"
    );
}

#[test]
fn check_prints_json() {
    let output = guard(
        &["check", "--json"],
        &[("GUARD_EGRES_ALLOW", ""), ("GUARD_TMP", "x")],
    );
    assert_eq!(code(&output), 64);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["ok"], false);
    assert_eq!(report["mode"], "monitor");
    assert_eq!(report["errors"][0]["setting"], "GUARD_TMP");
    assert_eq!(report["errors"][0]["offset"], 0);
    assert_eq!(report["errors"][1]["setting"], "GUARD_EGRES_ALLOW");
}

#[test]
fn the_policy_file_is_read_and_variables_win() {
    let mut file = std::env::temp_dir();
    file.push(format!("guard-cli-{}.toml", std::process::id()));
    let mut writer = std::fs::File::create(&file).unwrap();
    writer
        .write_all(b"mode = 'enforce'\negress_allow = ['a.b']\ntmp = 'wipe'\n")
        .unwrap();
    let path = file.to_str().unwrap();
    let output = guard(
        &["check", "--json"],
        &[("GUARD_POLICY", path), ("GUARD_TMP", "keep")],
    );
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let missing = guard(&["check"], &[("GUARD_POLICY", "/nonexistent/policy.toml")]);
    std::fs::remove_file(&file).unwrap();
    assert_eq!(code(&output), 0);
    assert_eq!(report["mode"], "enforce");
    let effect: Vec<_> = report["effect"].as_array().unwrap().iter().collect();
    assert!(effect.contains(&&Value::from("/tmp: keep")), "{effect:?}");
    assert_eq!(code(&missing), 64);
    assert!(
        stdout(&missing).contains("No such file"),
        "{}",
        stdout(&missing)
    );
}

#[test]
fn explain_prints_every_setting_and_the_rules() {
    let variables = [
        ("GUARD_EGRESS_ALLOW", "aws:sqs"),
        ("AWS_REGION", "eu-west-1"),
    ];
    let output = guard(&["explain", "--json"], &variables);
    assert_eq!(code(&output), 0);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["settings"].as_array().unwrap().len(), 19);
    let rules = report["rules"]["GUARD_EGRESS_ALLOW"][0]["rules"]
        .as_array()
        .unwrap();
    assert!(
        rules.contains(&Value::from("sqs.eu-west-1.amazonaws.com:443")),
        "{rules:?}"
    );
    let text = stdout(&guard(&["explain", "mode"], &variables));
    assert!(
        text.starts_with("GUARD_MODE (mode in the policy file)\n"),
        "{text}"
    );
    assert!(!text.contains("GUARD_TMP"), "{text}");
    let table = stdout(&guard(&["explain", "--markdown"], &[]));
    assert_eq!(table, guard_core::policy::settings::markdown());
}

#[test]
fn every_command_has_help() {
    let list = stdout(&guard(&["--help"], &[]));
    for command in ["check", "exec", "explain", "inspect", "probe", "run"] {
        assert!(list.contains(command));
        let help = guard(&[command, "--help"], &[("GUARD_MODE", "wrong")]);
        assert_eq!(code(&help), 0);
        assert!(stdout(&help).starts_with(&format!("usage: guard {command}")));
    }
}

#[test]
fn wrong_arguments_are_named() {
    for (arguments, found) in [
        (&["chekc"][..], "\"chekc\" is no command"),
        (&[], "a command is missing"),
        (&["check", "--jsno"], "--jsno"),
        (&["explain", "GUARD_MOD"], "\"GUARD_MOD\" is no setting"),
        (&["--frobnicate"], "--frobnicate"),
    ] {
        let output = guard(arguments, &[]);
        assert_eq!(code(&output), 64, "{arguments:?}");
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(error.contains(found), "{error}");
        assert_eq!(error.lines().count(), 1);
    }
}

#[test]
#[cfg(target_arch = "x86_64")]
fn scan_lists_the_calls_of_a_program() {
    let itself = env!("CARGO_BIN_EXE_guard");
    let text = guard(&["scan", itself], &[]);
    let last = stdout(&text).lines().last().unwrap().to_owned();
    assert!(last.ends_with("stay open"), "{last}");
    let output = guard(&["scan", "--json", itself], &[]);
    assert_eq!(code(&text), code(&output));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["file"], itself);
    assert_eq!(report["machine"], "x86_64");
    // rustix makes its calls itself.
    let sites = report["sites"].as_array().unwrap();
    assert!(!sites.is_empty());
    let fates = ["patched", "left", "open"].map(|fate| report[fate].as_u64().unwrap());
    assert_eq!(fates.iter().sum::<u64>(), sites.len() as u64);
    let call = sites[0]["call"].as_str().unwrap();
    assert!(call.contains(' '), "{call}");
}

#[test]
fn scan_says_what_it_cannot_read() {
    let output = guard(&["scan", "/nonexistent", env!("CARGO_MANIFEST_PATH")], &[]);
    assert_eq!(code(&output), 64);
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.starts_with("guard: scan: /nonexistent: "), "{text}");
    assert!(text.ends_with("Cargo.toml: not an ELF file\n"), "{text}");
    assert_eq!(code(&guard(&["scan"], &[])), 64);
}
