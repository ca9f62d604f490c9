//! Programs with every site patched do what they did before.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::rewrite::{PARENT, rewrite};

fn patched(original: &str) -> Option<PathBuf> {
    if !Path::new(original).exists() {
        println!("skipped: {original} is not here");
        return None;
    }
    let (file, outcome) = rewrite(&fs::read(original).unwrap());
    println!("{original}: {outcome:?}");
    assert!(outcome.open.is_empty());
    let name = Path::new(original).file_name().unwrap();
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
        .join(format!("patched-{}", std::process::id()))
        .join(original.trim_start_matches('/').replace('/', "-"));
    fs::create_dir_all(&directory).unwrap();
    let path = directory.join(name);
    fs::write(&path, file).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    Some(path)
}

fn run(program: &Path, arguments: &[&str]) -> Output {
    Command::new(program).args(arguments).output().unwrap()
}

fn assert_same(original: &Output, patched: &Output) {
    let text = |output: &Output| {
        format!(
            "{:?}\n{}\n{}",
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        )
    };
    assert_eq!(text(original), text(patched));
}

/// Pipes, fork, exec, wait, signals, files and sockets.
const SCRIPT: &str = "\
    for i in 1 2 3; do echo $i | cat | wc -c; done; \
    (trap 'echo term' TERM; kill -TERM $BASHPID$0; echo after) 2>/dev/null; \
    ls -ld /etc/passwd | cut -c1-10; cd /; pwd; umask; \
    sleep 0.01 & wait; echo done; exit 7";

#[test]
fn a_static_shell() {
    let Some(patched) = patched("/bin/busybox") else {
        return;
    };
    let arguments = ["sh", "-c", SCRIPT, ""];
    assert_same(
        &run(Path::new("/bin/busybox"), &arguments),
        &run(&patched, &arguments),
    );
    let parent = run(&patched, &["sh", "-c", "echo $PPID"]);
    assert_eq!(
        String::from_utf8_lossy(&parent.stdout).trim(),
        PARENT.to_string()
    );
}

#[test]
fn glibc_under_a_shell() {
    let Some(libc) = patched("/lib/x86_64-linux-gnu/libc.so.6") else {
        return;
    };
    let library_path = libc.parent().unwrap().to_str().unwrap();
    let loader = Path::new("/lib64/ld-linux-x86-64.so.2");
    let arguments = [
        "--library-path",
        library_path,
        "/bin/bash",
        "-c",
        SCRIPT,
        "",
    ];
    assert_same(
        &run(Path::new("/bin/bash"), &arguments[3..]),
        &run(loader, &arguments),
    );
    let parent = run(
        loader,
        &[
            "--library-path",
            library_path,
            "/bin/bash",
            "-c",
            "echo $PPID",
        ],
    );
    assert_eq!(
        String::from_utf8_lossy(&parent.stdout).trim(),
        PARENT.to_string()
    );
}
