//! Programs with every site patched do what they did before.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::programs;
use crate::rewrite::{PARENT, rewrite};

fn patched(original: &Path) -> PathBuf {
    let (file, outcome) = rewrite(&fs::read(original).unwrap());
    println!("{}: {outcome:?}", original.display());
    assert_eq!(outcome.open, []);
    let path = directory()
        .join(original.display().to_string().replace('/', "-"))
        .join(original.file_name().unwrap());
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, file).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

fn directory() -> PathBuf {
    let name = format!("patched-{}", std::process::id());
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name)
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
    let Some(original) = programs::required("/bin/busybox") else {
        return;
    };
    let patched = patched(&original);
    let arguments = ["sh", "-c", SCRIPT, ""];
    assert_same(&run(&original, &arguments), &run(&patched, &arguments));
    let parent = run(&patched, &["sh", "-c", "echo $PPID"]);
    assert_eq!(
        String::from_utf8_lossy(&parent.stdout).trim(),
        PARENT.to_string()
    );
}

#[test]
fn glibc_under_a_shell() {
    let Some(original) = programs::required("/lib/x86_64-linux-gnu/libc.so.6") else {
        return;
    };
    let libc = patched(&original);
    let library_path = libc.parent().unwrap().to_str().unwrap();
    let loader = Path::new("/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2");
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

/// Threads that are cancelled while they wait, by name of the libc that waits.
const CANCELLED: &str = r#"
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>
static int ends[2];
static void *wait(void *argument) { char byte; read(ends[0], &byte, 1); return argument; }
int main(void) {
    int cancelled = 0;
    pipe(ends);
    for (int i = 0; i < 20; i++) {
        pthread_t thread;
        void *result;
        pthread_create(&thread, 0, wait, 0);
        usleep(1000);
        pthread_cancel(thread);
        pthread_join(thread, &result);
        cancelled += result == PTHREAD_CANCELED;
    }
    printf("%d %d\n", cancelled, getppid());
    return 0;
}
"#;

#[test]
fn threads_of_musl_can_be_cancelled() {
    let Some(original) = programs::required("/lib/x86_64-linux-musl/libc.so") else {
        return;
    };
    if Command::new("musl-gcc").arg("--version").output().is_err() {
        return programs::skip("musl-gcc (apt-get install musl-tools)");
    }
    let program = compiled("musl-gcc", "cancelled", CANCELLED, &["-pthread"]);
    let libc = patched(&original);
    let text = run(
        Path::new("timeout"),
        &["20", libc.to_str().unwrap(), program.to_str().unwrap()],
    );
    assert_eq!(
        String::from_utf8_lossy(&text.stdout),
        format!("20 {PARENT}\n"),
        "{text:?}"
    );
}

fn compiled(compiler: &str, name: &str, source: &str, options: &[&str]) -> PathBuf {
    fs::create_dir_all(directory()).unwrap();
    let file = directory().join(format!("{name}.c"));
    fs::write(&file, source).unwrap();
    let program = directory().join(name);
    let output = Command::new(compiler)
        .args(["-O2", "-w"])
        .args(options)
        .arg("-o")
        .args([&program, &file])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    program
}

/// Files, a pipe, a child and a signal, from a static program.
const PROGRAM: &str = r#"
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
static volatile int caught;
static void count(int signal) { caught += signal == SIGUSR1; }
int main(void) {
    char text[8] = "";
    int ends[2];
    FILE *file = fopen("/proc/self/comm", "r");
    printf("%d ", file && fgets(text, sizeof text, file));
    pipe(ends);
    if (fork() == 0) { write(ends[1], "child", 5); _exit(7); }
    int status, length = read(ends[0], text, 5);
    wait(&status);
    signal(SIGUSR1, count);
    for (int i = 0; i < 100; i++) raise(SIGUSR1);
    printf("%d %d %d %d\n", length, WEXITSTATUS(status), caught, getppid());
    return 0;
}
"#;

#[test]
fn an_aarch64_program_under_emulation() {
    let there = |program: &str| Command::new(program).arg("--version").output().is_ok();
    if !there("aarch64-linux-gnu-gcc") || !there("qemu-aarch64-static") {
        return programs::skip(
            "the cross compiler and the emulator (tests/support/aarch64.sh install)",
        );
    }
    let program = compiled("aarch64-linux-gnu-gcc", "program", PROGRAM, &["-static"]);
    let emulator = Path::new("qemu-aarch64-static");
    let patched = run(emulator, &[patched(&program).to_str().unwrap()]);
    let text = String::from_utf8_lossy(&patched.stdout);
    assert_eq!(text, format!("1 5 7 100 {PARENT}\n"), "{patched:?}");
    let original = run(emulator, &[program.to_str().unwrap()]);
    assert!(original.stdout.starts_with(b"1 5 7 100 "), "{original:?}");
}
