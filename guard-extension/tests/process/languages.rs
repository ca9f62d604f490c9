//! Languages, each with what it does itself: nothing here knows of a guard.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::rig::{check, directory, guarded, installed, plain, skip, tcp, text};

const CLOSED: &[(&str, &str)] = &[("GUARD_EGRESS_ALLOW", "")];
const READ: &[(&str, &str)] = &[("GUARD_FILE_READ", "runtime:/usr/local")];

/// Connects to PORT, reads PATH, starts a program: each by a command of the language.
fn exercise(name: &str, connect: &[&str], read: Option<&[&str]>, port: &str, path: &str) {
    let fill = |words: &[&str]| -> Vec<String> {
        let fill = |word: &&str| word.replace("PORT", port).replace("PATH", path);
        words.iter().map(fill).collect()
    };
    let connect = fill(connect);
    let connect: Vec<&str> = connect.iter().map(String::as_str).collect();
    eprintln!("{name}: connect");
    check(
        CLOSED,
        "egress.denied",
        &format!("127.0.0.1:{port}"),
        &connect,
    );
    if let Some(read) = read {
        let read = fill(read);
        let read: Vec<&str> = read.iter().map(String::as_str).collect();
        eprintln!("{name}: read");
        check(READ, "file.denied", path, &read);
    }
}

fn secret(test: &str) -> String {
    let path = text(directory(test).join("secret"));
    fs::write(&path, "secret\n").unwrap();
    path
}

#[test]
fn python() {
    let Some(python) = installed("python3") else {
        return;
    };
    exercise(
        "python",
        &[
            &python,
            "-c",
            "import socket; socket.create_connection(('127.0.0.1', PORT), 5)",
        ],
        Some(&[&python, "-c", "open('PATH').read()"]),
        &tcp(),
        &secret("python"),
    );
}

#[test]
fn python_threads_children_and_raw_calls() {
    let Some(python) = installed("python3") else {
        return;
    };
    let (port, path) = (tcp(), secret("python-more"));
    let thread = format!(
        "import threading, socket, os\n\
         ok = []\n\
         def go():\n    socket.create_connection(('127.0.0.1', {port}), 5); ok.append(1)\n\
         t = threading.Thread(target=go); t.start(); t.join(); os._exit(0 if ok else 1)"
    );
    check(
        CLOSED,
        "egress.denied",
        &format!("127.0.0.1:{port}"),
        &[&python, "-c", &thread],
    );
    let fork = format!(
        "import os\n\
         pid = os.fork()\n\
         if pid == 0:\n    open('{path}').read(); os._exit(0)\n\
         os._exit(1 if os.waitpid(pid, 0)[1] else 0)"
    );
    check(READ, "file.denied", &path, &[&python, "-c", &fork]);
    let raw = format!(
        "import ctypes, sys\n\
         libc = ctypes.CDLL(None)\n\
         sys.exit(0 if libc.syscall(2, b'{path}', 0, 0) >= 0 else 1)"
    );
    check(READ, "file.denied", &path, &[&python, "-c", &raw]);
    let run = format!(
        "import subprocess, sys; sys.exit(subprocess.run(['/bin/cat', '{path}']).returncode)"
    );
    check(READ, "file.denied", &path, &[&python, "-c", &run]);
}

#[test]
fn shells() {
    let (port, path) = (tcp(), secret("shells"));
    if let Some(bash) = installed("bash") {
        exercise(
            "bash",
            &[&bash, "-c", "exec 3<>/dev/tcp/127.0.0.1/PORT"],
            Some(&[&bash, "-c", "read -r line < PATH"]),
            &port,
            &path,
        );
    }
    if let Some(busybox) = installed("busybox") {
        exercise(
            "busybox",
            &[&busybox, "nc", "-w", "5", "127.0.0.1", "PORT"],
            Some(&[&busybox, "sh", "-c", "read -r line < PATH && cat PATH"]),
            &port,
            &path,
        );
    }
}

#[test]
fn curl() {
    let Some(curl) = installed("curl") else {
        return;
    };
    let port = tcp();
    // An empty reply is error 52, no connection is error 7.
    let script = format!("{curl} -s http://127.0.0.1:{port}/; test $? -ne 7");
    check(
        CLOSED,
        "egress.denied",
        &format!("127.0.0.1:{port}"),
        &["/bin/sh", "-c", &script],
    );
}

#[test]
fn node() {
    let Some(node) = installed("node") else {
        return;
    };
    let (port, path) = (tcp(), secret("node"));
    exercise(
        "node",
        &[
            &node,
            "-e",
            "require('net').connect(PORT, '127.0.0.1').on('connect', () => process.exit(0))\
             .on('error', () => process.exit(1))",
        ],
        Some(&[&node, "-e", "require('fs').readFileSync('PATH')"]),
        &port,
        &path,
    );
    // In the thread pool, in a worker.
    let pool = format!("require('fs').readFile('{path}', e => process.exit(e ? 1 : 0))");
    check(READ, "file.denied", &path, &[&node, "-e", &pool]);
    let worker = format!(
        "const {{Worker}} = require('worker_threads');\
         new Worker(\"require('fs').readFileSync('{path}')\", {{eval: true}})\
         .on('error', () => process.exit(1)).on('exit', c => process.exit(c))"
    );
    check(READ, "file.denied", &path, &[&node, "-e", &worker]);
}

#[test]
fn java() {
    let (Some(java), Some(javac)) = (installed("java"), installed("javac")) else {
        return;
    };
    let (port, path) = (tcp(), secret("java"));
    let directory = directory("java-classes");
    fs::write(
        directory.join("Probe.java"),
        "public class Probe { public static void main(String[] a) throws Exception {\
           if (a[0].equals(\"connect\")) new java.net.Socket(\"127.0.0.1\", Integer.parseInt(a[1]));\
           else java.nio.file.Files.readAllBytes(java.nio.file.Path.of(a[1])); } }",
    )
    .unwrap();
    let built = Command::new(javac)
        .current_dir(&directory)
        .arg("Probe.java")
        .status()
        .unwrap();
    assert!(built.success());
    let classes = text(&directory);
    exercise(
        "java",
        &[&java, "-cp", &classes, "Probe", "connect", "PORT"],
        None,
        &port,
        &path,
    );
    let policy = format!("runtime:{classes}");
    let command = [java.as_str(), "-cp", &classes, "Probe", "read", &path];
    check(
        &[("GUARD_FILE_READ", &policy)],
        "file.denied",
        &path,
        &command,
    );
}

#[test]
fn go() {
    let Some(go) = installed("go") else { return };
    let (port, path) = (tcp(), secret("go"));
    let directory = directory("go-program");
    fs::write(
        directory.join("probe.go"),
        "package main\nimport (\"net\"; \"os\"; \"os/exec\")\n\
         func main() { var err error\n\
           switch os.Args[1] {\n\
           case \"connect\": _, err = net.Dial(\"tcp\", \"127.0.0.1:\" + os.Args[2])\n\
           case \"read\": _, err = os.ReadFile(os.Args[2])\n\
           case \"run\": err = exec.Command(os.Args[2], os.Args[3:]...).Run() }\n\
           if err != nil { os.Stderr.WriteString(err.Error()); os.Exit(1) } }",
    )
    .unwrap();
    let program = text(directory.join("probe"));
    let built = Command::new(go)
        .args(["build", "-o", &program, "probe.go"])
        .envs([
            ("CGO_ENABLED", "0"),
            ("GOFLAGS", "-mod=mod"),
            ("GO111MODULE", "off"),
        ])
        .env("GOCACHE", Path::new(env!("CARGO_TARGET_TMPDIR")).join("go"))
        .current_dir(&directory)
        .output()
        .unwrap();
    if !built.status.success() {
        return skip(&format!(
            "go does not build: {}",
            String::from_utf8_lossy(&built.stderr)
        ));
    }
    exercise(
        "go",
        &[&program, "connect", "PORT"],
        Some(&[&program, "read", "PATH"]),
        &port,
        &path,
    );
    let command = [program.as_str(), "run", "/bin/cat", &path];
    check(READ, "file.denied", &path, &command);
    let ran = guarded(&[], &[&program, "run", &program, "read", &path]);
    assert!(
        ran.worked() && plain(&[], &[&program, "read", &path]).worked(),
        "{ran:?}"
    );
}
