//! Programs that stress what surrounds a system call: nothing they do may break.

use crate::rig::{compiled, guarded, plain};

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
