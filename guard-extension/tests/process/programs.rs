//! Programs that are started, and that they are guarded as well.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::rig::{check_in_invoke, compiled, directory, guarded, installed, plain, probe, text};

const NONE: &[(&str, &str)] = &[("GUARD_EXEC_ALLOW", "")];

#[test]
fn a_program_however_it_is_started() {
    for way in ["exec", "vfork-exec", "execveat", "exec-bare"] {
        check_in_invoke(
            NONE,
            "exec.denied",
            "/true",
            &[&probe(), way, "/usr/bin/true"],
        );
    }
}

#[test]
fn a_program_may_be_started_until_the_first_event() {
    let (probe, policy) = (
        probe(),
        [("GUARD_MODE", "enforce"), ("GUARD_EXEC_ALLOW", "")],
    );
    assert!(guarded(&policy, &[&probe, "exec", "/usr/bin/true"]).worked());
    let policy = [policy[0], policy[1], ("PROBE_END_INIT", "1")];
    assert!(!guarded(&policy, &[&probe, "exec", "/usr/bin/true"]).worked());
}

#[test]
fn a_program_in_memory() {
    let ran = plain(&[], &[&probe(), "memfd", "/usr/bin/true"]);
    assert!(ran.worked(), "{ran:?}");
    let ran = guarded(
        &[
            ("GUARD_MODE", "enforce"),
            ("GUARD_EXEC_ALLOW", "/usr/bin/true"),
        ],
        &[&probe(), "memfd", "/usr/bin/true"],
    );
    assert!(!ran.worked(), "{ran:?}");
}

#[test]
fn children_are_guarded_whatever_they_do_to_their_environment() {
    let path = text(directory("children").join("secret"));
    fs::write(&path, "secret").unwrap();
    let probe = probe();
    let policy = [("GUARD_MODE", "enforce"), ("GUARD_FILE_READ", "runtime")];
    for way in ["exec", "vfork-exec", "exec-bare", "exec-self"] {
        let command = [probe.as_str(), way, &probe, "open", &path];
        assert!(plain(&[], &command).worked());
        let ran = guarded(&policy, &command);
        assert!(!ran.worked(), "{way}: {ran:?}");
        assert!(ran.denial("file.denied", &path).is_some(), "{way}: {ran:?}");
    }
    let command = ["/usr/bin/env", "-i", &probe, "open", &path];
    assert!(!guarded(&policy, &command).worked());
}

#[test]
fn static_children_of_dynamic_programs_and_the_other_way_round() {
    let path = text(directory("static-children").join("secret"));
    fs::write(&path, "secret").unwrap();
    let probe = probe();
    let policy = [("GUARD_MODE", "enforce"), ("GUARD_FILE_READ", "runtime")];
    let fixed = compiled("probe", "cc", &["-static"]);
    let moved = compiled("probe", "cc", &["-static-pie", "-fPIE"]);
    let musl = compiled("probe", "musl-gcc", &["-static", "-DMUSL"]);
    for program in [fixed, moved, musl].into_iter().flatten() {
        for command in [
            vec![program.as_str(), "open", &path],
            vec![&probe, "exec", &program, "open", &path],
            vec![&program, "exec", &probe, "open", &path],
            vec![
                &program,
                "vfork-exec",
                &program,
                "exec-bare",
                &program,
                "open",
                &path,
            ],
        ] {
            assert!(plain(&[], &command).worked(), "{command:?}");
            let ran = guarded(&policy, &command);
            assert!(!ran.worked(), "{command:?}: {ran:?}");
            assert!(
                ran.denial("file.denied", &path).is_some(),
                "{command:?}: {ran:?}"
            );
            let allowed = format!("runtime:{path}");
            let policy = [
                ("GUARD_MODE", "enforce"),
                ("GUARD_FILE_READ", allowed.as_str()),
            ];
            let ran = guarded(&policy, &command);
            assert!(ran.worked(), "{command:?}: {ran:?}");
        }
    }
}

#[test]
fn scripts_and_missing_files_end_as_they_do_natively() {
    let directory = directory("scripts");
    let make = |name: &str, text: &[u8], mode: u32| {
        let path = directory.join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        crate::rig::text(path)
    };
    // A program whose headers are said to be where no file has anything.
    let mut wild = fs::read("/bin/true").unwrap();
    wild[32..40].fill(0xff);
    let mut programs = vec![
        make("script", b"#!/bin/sh\nexit 7\n", 0o755),
        make("argument", b"#!/bin/sh -e\nfalse\nexit 7\n", 0o755),
        make("env", b"#!/usr/bin/env sh\nexit 8\n", 0o755),
        make("not-executable", b"#!/bin/sh\nexit 7\n", 0o644),
        make("no-interpreter", b"#!/nowhere/sh\n", 0o755),
        make("empty", b"", 0o755),
        make("wild", &wild, 0o755),
        make("garbage", b"\x7fELFgarbage", 0o755),
        text(directory.join("missing")),
        text(&directory),
    ];
    if let Some(busybox) = installed("busybox") {
        programs.push(make(
            "static",
            format!("#!{busybox} sh\nexit 9\n").as_bytes(),
            0o755,
        ));
    }
    for program in &programs {
        for way in ["exec", "vfork-exec"] {
            // The program that is started as root reads what is not executable: permission counts.
            let probe = probe();
            let command = [probe.as_str(), way, program.as_str()];
            let (native, ran) = (plain(&[], &command), guarded(&[], &command));
            assert_eq!(
                (native.code, native.stderr),
                (ran.code, ran.stderr),
                "{command:?}"
            );
        }
        let quoted = format!("{program}; echo $?");
        let command = ["/bin/sh", "-c", &quoted];
        let (native, ran) = (plain(&[], &command), guarded(&[], &command));
        assert_eq!(
            (native.stdout, native.stderr),
            (ran.stdout, ran.stderr),
            "{command:?}"
        );
    }
}

/// The interpreter gets no library preloaded; what the user starts needs no entry.
#[test]
fn a_script_of_a_static_program_that_is_started_first() {
    let script = directory("first").join("script");
    let Some(program) = compiled("probe", "cc", &["-static"]) else {
        return;
    };
    // It reads what it is given last, which is the script.
    fs::write(&script, format!("#!{program} open\n")).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let script = text(script);
    let command = [script.as_str()];
    assert!(plain(&[], &command).worked());
    for (read, is_allowed) in [("runtime", false), (&*format!("runtime:{script}"), true)] {
        let policy = [
            ("GUARD_MODE", "enforce"),
            ("GUARD_FILE_READ", read),
            ("GUARD_EXEC_ALLOW", ""),
        ];
        let ran = guarded(&policy, &command);
        assert_eq!(ran.worked(), is_allowed, "{ran:?}");
        assert_eq!(ran.denial("file.denied", &script).is_none(), is_allowed);
    }
}

#[test]
fn libraries_load_late_from_where_the_function_cannot_write_and_not_from_elsewhere() {
    let own = text(directory("library").join("library.so"));
    fs::copy("/lib/x86_64-linux-gnu/libz.so.1", &own).unwrap();
    let probe = probe();
    let run = |library: &str| {
        let policy = [
            ("GUARD_MODE", "enforce"),
            ("GUARD_EXEC_ALLOW", ""),
            ("GUARD_FILE_WRITE", own.as_str()),
            ("PROBE_END_INIT", "1"),
        ];
        guarded(&policy, &[&probe, "dlopen", library])
    };
    let ran = run("libz.so.1");
    assert!(ran.worked(), "{ran:?}");
    let ran = run(&own);
    assert!(
        !ran.worked() && ran.denial("exec.denied", &own).is_some(),
        "{ran:?}"
    );
}

#[test]
fn a_static_program_sees_itself_and_not_the_loader() {
    let Some(program) = compiled("self", "cc", &["-static"]) else {
        return;
    };
    let command = [program.as_str(), "one", "two words", ""];
    let (native, ran) = (
        plain(&[("A", "1")], &command),
        guarded(&[("A", "1")], &command),
    );
    assert!(native.worked());
    assert_eq!(native.stdout, ran.stdout, "{ran:?}");
}
