//! `guard inspect` as a user runs it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

/// Names and values of variables.
type Settings<'a> = &'a [(&'a str, &'a str)];

fn guard(arguments: &[&str], settings: Settings<'_>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_guard"));
    command
        .arg("inspect")
        .args(arguments)
        .env_clear()
        .envs(settings.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Runs the command with `input` on its standard input.
fn inspect(arguments: &[&str], settings: Settings<'_>, input: &[u8]) -> Output {
    let mut child = guard(arguments, settings).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    // A command that refuses its options reads nothing.
    let writer = std::thread::spawn(move || stdin.write_all(&input).is_ok());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output
}

fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

fn lines(output: &Output) -> Vec<Value> {
    let lines = stdout(output).lines();
    lines.map(|l| serde_json::from_str(l).unwrap()).collect()
}

/// Two messages of a queue, the second with SQL; the receipt handle looks like a path that climbs,
/// but is the platform's.
fn queue() -> Vec<u8> {
    let message = |id: &str, body: &str| {
        json!({
            "messageId": id,
            "receiptHandle": "../../../../etc/passwd",
            "eventSource": "aws:sqs",
            "body": body,
        })
    };
    let records = [
        message("m-1", "{\"customer\":\"Ada\"}"),
        message("m-2", "{\"customer\":\"x' or '1'='1\"}"),
    ];
    json!({ "Records": records }).to_string().into_bytes()
}

#[test]
fn an_event_s_findings_are_shown_one_to_a_line() {
    let event = queue();
    let output = inspect(&[], &[], &event);
    let shown = stdout(&output);
    assert_eq!(shown.lines().count(), 1, "{shown}");
    assert!(
        shown.starts_with("stdin: sqs sql.tautology at /Records/1/body bytes "),
        "{shown}"
    );
    assert!(stderr(&output).contains("1 event inspected, 1 finding in 1 event"));
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn json_holds_the_same_and_the_span_points_at_what_matched() {
    let event = queue();
    let output = inspect(&["--json"], &[], &event);
    let [finding] = &lines(&output)[..] else {
        panic!("{}", stdout(&output));
    };
    assert_eq!(finding["file"], "stdin");
    assert_eq!(finding["trigger"], "sqs");
    assert_eq!(finding["source"], "/Records/1/body");
    assert_eq!(finding["family"], "sql");
    assert_eq!(finding["rule"], "sql.tautology");
    let place = |name: &str| usize::try_from(finding[name].as_u64().unwrap()).unwrap();
    let matched = String::from_utf8_lossy(&event[place("start")..place("end")]);
    assert!(matched.contains("'1'='1"), "{matched}");
    assert_eq!(stderr(&output), "");
}

#[test]
fn settings_hold_as_in_a_function() {
    let event = queue();
    let cases: &[(Settings<'_>, &[&str])] = &[
        (&[], &["sql.tautology"]),
        (&[("GUARD_INSPECT", "all,-sql")], &[]),
        (&[("GUARD_INSPECT", "sql")], &["sql.tautology"]),
        (&[("GUARD_INSPECT_SKIP", "/Records/*/body")], &[]),
        (&[("GUARD_INSPECT_SKIP", "/Records/*/body=sql")], &[]),
        (
            &[("GUARD_INSPECT_SKIP", "/Records/*/body=xss")],
            &["sql.tautology"],
        ),
        (
            &[("GUARD_INSPECT_SKIP", "/Records/0/body")],
            &["sql.tautology"],
        ),
        (
            &[("GUARD_LIMIT_BYTES", "100")],
            &["limit.bytes", "sql.tautology"],
        ),
        (
            &[("GUARD_LIMIT_DEPTH", "1")],
            &["limit.depth", "sql.tautology"],
        ),
        // The mode decides about events in a function; here, everything is shown.
        (&[("GUARD_MODE", "off")], &["sql.tautology"]),
        (&[("GUARD_MODE", "enforce")], &["sql.tautology"]),
    ];
    for (settings, wanted) in cases {
        let output = inspect(&["--json"], settings, &event);
        let findings = lines(&output);
        let rules: Vec<_> = findings
            .iter()
            .map(|f| f["rule"].as_str().unwrap())
            .collect();
        assert_eq!(rules, *wanted, "{settings:?}");
    }
}

#[test]
fn findings_fail_the_command_only_where_it_was_asked() {
    let event = queue();
    assert_eq!(inspect(&[], &[], &event).status.code(), Some(0));
    assert_eq!(inspect(&["--fail"], &[], &event).status.code(), Some(1));
    assert_eq!(inspect(&["--fail"], &[], b"{}").status.code(), Some(0));
    let strings = inspect(
        &["--strings", "v", "--fail"],
        &[],
        b"{\"v\":\"1' or '1'='1\"}\n",
    );
    assert_eq!(strings.status.code(), Some(1));
}

#[test]
fn files_are_inspected_in_order_and_a_missing_one_keeps_no_other_from_it() {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
    let (hostile, clean) = (folder.join("hostile.json"), folder.join("clean.json"));
    std::fs::write(&hostile, queue()).unwrap();
    std::fs::write(&clean, b"{}").unwrap();
    let missing = folder.join("missing.json");
    let files = [&missing, &clean, &hostile].map(|file| file.to_str().unwrap());
    let output = inspect(&files, &[], b"");
    assert!(stdout(&output).starts_with(files[2]), "{}", stdout(&output));
    assert!(stderr(&output).contains(files[0]), "{}", stderr(&output));
    assert!(stderr(&output).contains("2 events inspected, 1 finding in 1 event"));
    assert_eq!(output.status.code(), Some(64));
}

#[test]
fn bytes_that_are_no_event_are_inspected_as_they_stand() {
    let cases: [(&[u8], u64); 5] = [
        (b"", 0),
        (b"not JSON", 0),
        (b"\xff\xfe\x00{", 0),
        (b"{\"a\": \"x' or '1'='1", 1),
        (b"x' or '1'='1' -- ", 1),
    ];
    for (event, wanted) in cases {
        let output = inspect(&["--json"], &[], event);
        let found = lines(&output)
            .iter()
            .filter(|f| f["family"] == "sql")
            .count();
        assert_eq!(u64::try_from(found).unwrap(), wanted, "{event:?}");
        assert_eq!(output.status.code(), Some(0), "{event:?}");
    }
}

#[test]
fn nothing_of_an_event_reaches_the_terminal_as_it_is() {
    let event = b"{\"\\u001b[2J\": \"x' or '1'='1\", \"b\": \"${jndi:ldap://h/\x1b[31m}\"}";
    let output = inspect(&[], &[], event);
    assert!(stdout(&output).lines().count() >= 2);
    assert!(!output.stdout.contains(&0x1b), "{}", stdout(&output));
}

#[test]
fn each_line_is_answered_in_order_with_its_id() {
    let input = concat!(
        "{\"id\":\"a\",\"v\":\"Ada\"}\n",
        "{\"v\":\"1' or '1'='1\",\"id\":{\"n\":[1,2.50]},\"other\":[[\"x\"]]}\n",
        "\n",
        "{\"id\":7,\"v\":\"<script>alert(1)</script>' or '1'='1\"}\n",
        "{\"v\":\"no id\"}",
    );
    let output = inspect(&["--strings", "v"], &[], input.as_bytes());
    let answers = lines(&output);
    assert_eq!(answers.len(), 4);
    assert_eq!(answers[0], json!({"id": "a", "findings": []}));
    assert_eq!(answers[1]["findings"][0]["family"], "sql");
    assert_eq!(answers[1]["findings"][0]["rule"], "sql.tautology");
    assert!(stdout(&output).contains("{\"id\":{\"n\":[1,2.50]},"));
    let families = answers[2]["findings"].as_array().unwrap().iter();
    let families: Vec<_> = families.map(|f| f["family"].as_str().unwrap()).collect();
    assert_eq!(families, ["sql", "xss"]);
    assert_eq!(answers[3], json!({"id": null, "findings": []}));
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn spans_count_bytes_of_the_value_as_utf_8() {
    // An escape, a character of two bytes and one of four before what matches.
    let line = "{\"v\":\"\\n\\u00e9\\ud83d\\ude00 <script>alert(1)</script>\"}\n";
    let output = inspect(
        &["--strings", "v"],
        &[("GUARD_INSPECT", "xss")],
        line.as_bytes(),
    );
    let finding = &lines(&output)[0]["findings"][0];
    let value = "\n\u{e9}\u{1f600} <script>alert(1)</script>";
    let place = |name: &str| usize::try_from(finding[name].as_u64().unwrap()).unwrap();
    assert!(value[place("start")..place("end")].starts_with("<script"));
}

#[test]
fn a_line_that_cannot_be_used_is_answered_too_and_named() {
    let cases = [
        ("{\"id\":1,\"v\":", "1", "1: not JSON at column 12 (EOF"),
        ("[1]", "null", "2: not a JSON object"),
        ("{\"id\":3}", "3", "3: no field \"v\""),
        (
            "{\"v\":null,\"id\":4}",
            "4",
            "4: field \"v\" is not a string",
        ),
        ("{\"id\":5,\"v\":\"\\x\"}", "5", "5: not JSON at column "),
        ("{\"id\":6,\"v\":\"\"} x", "6", "6: not JSON at column "),
        ("\u{feff}{}", "null", "7: not JSON at column "),
    ];
    let input: String = cases.iter().map(|(line, ..)| format!("{line}\n")).collect();
    let input = input + "{\"id\":\"last\",\"v\":\"1' or '1'='1\"}\n";
    let output = inspect(&["--strings", "v"], &[], input.as_bytes());
    let answers: Vec<_> = stdout(&output).lines().collect();
    assert_eq!(answers.len(), cases.len() + 1);
    for ((line, id, message), answer) in cases.iter().zip(&answers) {
        let wanted = format!("{{\"id\":{id},\"error\":\"");
        assert!(answer.starts_with(&wanted), "{line}: {answer}");
        let named = format!("guard inspect: stdin:{message}");
        assert!(
            stderr(&output).contains(&named),
            "{named}\n{}",
            stderr(&output)
        );
    }
    assert!(answers[cases.len()].starts_with("{\"id\":\"last\",\"findings\":[{\"family\":\"sql\""));
    assert_eq!(output.status.code(), Some(64));
}

#[test]
fn a_value_with_a_lone_surrogate_is_inspected() {
    let line = b"{\"\\udc00\":1,\"v\":\"\\ud800 <script>alert(1)</script>\"}\n";
    let output = inspect(&["--strings", "v"], &[("GUARD_INSPECT", "xss")], line);
    assert_eq!(lines(&output)[0]["findings"][0]["family"], "xss");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn deep_nesting_beside_the_value_is_no_trouble() {
    let deep = "[".repeat(100_000) + &"]".repeat(100_000);
    let line = format!("{{\"deep\":{deep},\"id\":1,\"v\":\"1' or '1'='1\"}}\n");
    let output = inspect(&["--strings", "v"], &[], line.as_bytes());
    assert_eq!(lines(&output)[0]["findings"][0]["family"], "sql");
}

#[test]
fn a_line_is_answered_before_the_next_is_written() {
    let mut child = guard(&["--strings", "v"], &[]).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut answers = BufReader::new(child.stdout.take().unwrap()).lines();
    for number in 0..3 {
        writeln!(stdin, "{{\"id\":{number},\"v\":\"Ada\"}}").unwrap();
        let answer = answers.next().unwrap().unwrap();
        assert_eq!(answer, format!("{{\"id\":{number},\"findings\":[]}}"));
    }
    drop(stdin);
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_reader_that_leaves_ends_the_command_quietly() {
    let mut child = guard(&["--strings", "v"], &[]).spawn().unwrap();
    drop(child.stdout.take());
    let mut stdin = child.stdin.take().unwrap();
    let _ = stdin.write_all(&b"{\"v\":\"\"}\n".repeat(10_000));
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert_eq!(stderr(&output), "");
}

#[test]
fn what_cannot_be_read_ends_with_64_and_says_what_is_accepted() {
    let cases: &[(&[&str], Settings<'_>, &str)] = &[
        (
            &["--josn"],
            &[],
            "\"--josn\" is not an option; accepted: --strings FIELD",
        ),
        (
            &["--strings"],
            &[],
            "--strings: the name of a field is missing",
        ),
        (&[], &[("GUARD_INSPECT", "sqll")], "did you mean \"sql\"?"),
        (
            &[],
            &[("GUARD_INSPCT", "sql")],
            "did you mean \"GUARD_INSPECT\"?",
        ),
    ];
    for (arguments, settings, wanted) in cases {
        let output = inspect(arguments, settings, b"{}");
        assert!(stderr(&output).contains(wanted), "{}", stderr(&output));
        assert_eq!(stdout(&output), "");
        assert_eq!(output.status.code(), Some(64));
    }
}

#[test]
fn help_names_every_option() {
    let output = inspect(&["--help"], &[("GUARD_INSPECT", "wrong")], b"");
    for option in ["--strings FIELD", "--json", "--fail", "exit codes"] {
        assert!(stdout(&output).contains(option), "{option}");
    }
    assert_eq!(output.status.code(), Some(0));
}
