//! Programs that stress what surrounds a system call: nothing they do may break.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::rig::{compiled, directory, guarded, installed, plain, skip, text};

fn storm(compiler: &str, flags: &[&str]) {
    let Some(program) = compiled("storm", compiler, flags) else {
        return;
    };
    let native = plain(&[], &[&program]);
    assert!(native.worked(), "{native:?}");
    for mode in ["monitor", "enforce"] {
        let variables = [
            ("GUARD_MODE", mode),
            ("GUARD_FILE_READ", "runtime:/etc:/tmp"),
            ("GUARD_FILE_WRITE", "/tmp"),
        ];
        let ran = guarded(&variables, &[&program]);
        assert!(ran.worked(), "{mode}: {ran:?}");
        assert_eq!(ran.stdout, native.stdout);
    }
}

#[test]
fn a_dynamic_program() {
    storm("cc", &[]);
}

#[test]
fn a_static_program() {
    storm("cc", &["-static"]);
}

#[test]
fn a_program_with_musl() {
    storm("musl-gcc", &["-static", "-DMUSL"]);
}

#[test]
fn go_under_signals_collections_and_profiling() {
    let Some(go) = installed("go") else { return };
    let directory = directory("go-storm");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/process/programs/storm.go");
    fs::copy(source, directory.join("storm.go")).unwrap();
    for cgo in ["0", "1"] {
        let program = text(directory.join(format!("storm{cgo}")));
        let built = Command::new(&go)
            .args(["build", "-o", &program, "storm.go"])
            .envs([("CGO_ENABLED", cgo), ("GO111MODULE", "off")])
            .env("GOCACHE", Path::new(env!("CARGO_TARGET_TMPDIR")).join("go"))
            .current_dir(&directory)
            .output()
            .unwrap();
        if !built.status.success() {
            skip(&String::from_utf8_lossy(&built.stderr));
            continue;
        }
        for collections in ["100", "5"] {
            let variables = [("GOGC", collections), ("GUARD_MODE", "monitor")];
            let ran = guarded(&variables, &[&program, "/etc/hostname"]);
            assert!(ran.worked() && ran.stdout == "ok\n", "{ran:?}");
        }
    }
}
