//! Files that are read and changed.

use std::fs;

use crate::rig::{check, check_with, directory, probe, text};

/// What the programs themselves need, and nothing else.
const READ: &[(&str, &str)] = &[("GUARD_FILE_READ", "runtime")];
const WRITE: &[(&str, &str)] = &[("GUARD_FILE_WRITE", "")];

#[test]
fn a_file_that_is_read_however_it_is_named() {
    let directory = directory("read");
    let path = text(directory.join("secret"));
    fs::write(&path, "secret").unwrap();
    let link = text(directory.join("link"));
    let ways = [
        "open",
        "open-raw",
        "openat2",
        "open-dirfd",
        "open-relative",
        "open-dots",
        "open-root-link",
        "open-path-reopen",
        "open-link",
    ];
    for way in ways {
        check(READ, "file.denied", &path, &[&probe(), way, &path, &link]);
    }
}

#[test]
fn a_directory_that_is_listed() {
    let path = text(directory("list"));
    check(READ, "file.denied", &path, &[&probe(), "list", &path]);
}

#[test]
fn files_that_are_changed() {
    let directory = directory("write");
    let path = text(directory.join("file"));
    for way in ["append", "truncate", "chmod", "unlink"] {
        check_with(WRITE, "file.denied", &path, &[&probe(), way, &path], || {
            fs::write(&path, "content").unwrap();
        });
    }
    for way in ["create", "symlink", "mkdir"] {
        check_with(WRITE, "file.denied", &path, &[&probe(), way, &path], || {
            let _ = fs::remove_file(&path);
            let _ = fs::remove_dir(&path);
        });
    }
}

#[test]
fn a_denied_file_is_not_changed() {
    let path = text(directory("unchanged").join("file"));
    fs::write(&path, "content").unwrap();
    let ran = crate::rig::guarded(
        &[("GUARD_MODE", "enforce"), ("GUARD_FILE_WRITE", "")],
        &[&probe(), "truncate", &path],
    );
    assert_eq!(ran.stderr, "errno 13\n");
    assert_eq!(fs::read_to_string(&path).unwrap(), "content");
}

#[test]
fn tmp_that_is_not_to_be_used() {
    let path = format!("/tmp/guard-test-{}", std::process::id());
    fs::write(&path, "content").unwrap();
    let probe = probe();
    let run = |tmp: &str, way: &str| {
        let variables = [("GUARD_MODE", "enforce"), ("GUARD_TMP", tmp)];
        crate::rig::guarded(&variables, &[&probe, way, &path]).worked()
    };
    assert!(run("keep", "open") && run("keep", "append"));
    assert!(run("read-only", "open") && !run("read-only", "append"));
    assert!(!run("none", "open") && !run("none", "append"));
    fs::remove_file(&path).unwrap();
}
