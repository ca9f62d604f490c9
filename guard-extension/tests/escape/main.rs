//! Ways around the process tier, each tried unguarded first: what does not work there is no escape.
//!
//! Prints `escaped N of M`. What code of a function computes in its own memory is out of reach of a
//! guard without privileges, and not tried: see SECURITY.md.
#![allow(clippy::unwrap_used, reason = "what fails in a test is to end it")]

use std::fs;

#[path = "../process/rig.rs"]
#[allow(
    dead_code,
    reason = "the tests of the process tier share this file and use more of it"
)]
mod rig;

use rig::{Ran, directory, guarded, plain, tcp, text};

/// What an escape needs: a file that may not be read, a port that may not be connected to, a program
/// that may not be started, and a file that may be read.
struct Setting {
    program: String,
    file: String,
    port: String,
    allowed: String,
}

impl Setting {
    fn command<'s>(&'s self, way: &'s str) -> [&'s str; 6] {
        [
            &self.program,
            way,
            &self.file,
            &self.port,
            "/usr/bin/id",
            &self.allowed,
        ]
    }

    fn restore(&self) {
        fs::write(&self.file, "secret").unwrap();
        fs::write(&self.allowed, "public").unwrap();
    }
}

fn escapes(kind: &str, flags: &[&str]) {
    let Some(program) = compile(kind, flags) else {
        return;
    };
    let closed = directory(&format!("escape-{kind}-closed"));
    let open = directory(&format!("escape-{kind}-open"));
    let setting = Setting {
        file: text(closed.join("file")),
        // Of the same length, so that races are about the content.
        allowed: text(open.join("allowed-file")),
        port: tcp(),
        program,
    };
    setting.restore();
    let ways = plain(&[], &setting.command("list"));
    let read = format!("runtime:/proc:{}", text(&open));
    let write = text(&open);
    let start = format!("{}:/bin/sh", setting.program);
    let strict = [
        ("GUARD_MODE", "enforce"),
        ("GUARD_EGRESS_ALLOW", ""),
        ("GUARD_FILE_READ", &read),
        ("GUARD_FILE_WRITE", &write),
        ("GUARD_EXEC_ALLOW", &start),
    ];
    let (mut tried, mut escaped) = (0, Vec::new());
    for way in ways.stdout.lines() {
        setting.restore();
        if !plain(&[], &setting.command(way)).worked() {
            eprintln!("{kind} {way}: does not work here without a guard either");
            continue;
        }
        tried += 1;
        setting.restore();
        let ran = through_init(&strict, &setting.command(way));
        if ran.worked() {
            escaped.push(way.to_owned());
            eprintln!("{kind} {way}: ESCAPED {ran:?}");
        }
        // The sibling: nothing of it is refused when nothing is restricted.
        setting.restore();
        let ran = guarded(&[("GUARD_MODE", "monitor")], &setting.command(way));
        assert!(
            ran.worked(),
            "{kind} {way} does not work in monitor: {ran:?}"
        );
    }
    println!("{kind}: escaped {} of {tried} {escaped:?}", escaped.len());
    assert!(escaped.is_empty(), "escaped: {escaped:?}");
}

/// Runs a command in enforce mode, after the runtime has asked for an event.
fn through_init(variables: &[(&str, &str)], command: &[&str]) -> Ran {
    let ask = "exec 3<>/dev/tcp/${AWS_LAMBDA_RUNTIME_API%:*}/${AWS_LAMBDA_RUNTIME_API#*:} && printf \
               'GET /2018-06-01/runtime/invocation/next HTTP/1.1\\r\\nHost: h\\r\\n\\r\\n' >&3 && \
               read -r -n 1 -u 3; exec 3>&-; exec \"$@\"";
    let mut all = vec!["/bin/bash", "-c", ask, "bash"];
    all.extend(command);
    guarded(variables, &all)
}

fn compile(kind: &str, flags: &[&str]) -> Option<String> {
    let source = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/escape/escape.c");
    let output = directory(&format!("escape-{kind}-program")).join("escape");
    let built = std::process::Command::new("cc")
        .args(["-O1", "-w", "-o"])
        .arg(&output)
        .arg(source)
        .args(flags)
        .arg("-lpthread")
        .status()
        .unwrap();
    assert!(built.success());
    Some(text(output))
}

#[test]
fn from_a_dynamic_program() {
    escapes("dynamic", &[]);
}

#[test]
fn from_a_static_program() {
    escapes("static", &["-static"]);
}
