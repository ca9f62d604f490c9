//! The questions of `guard probe`, each asked in a process that ends with the answer.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::os::unix::fs::FileExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;

use rustix::fs::{MemfdFlags, memfd_create};
use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};
use rustix::thread::set_no_new_privs;

use crate::sys::probe as sys;

/// One question.
pub(super) struct Question {
    pub(super) name: &'static str,
    /// What to say of it, or why it does not work.
    pub(super) ask: fn() -> io::Result<String>,
}

/// All of them, in the order they are shown.
pub(super) const QUESTIONS: &[Question] = &[
    Question {
        name: "Landlock",
        ask: || sys::landlock_abi().map(|version| format!("ABI {version}")),
    },
    Question {
        name: "no_new_privs",
        ask: || Ok(set_no_new_privs(true).map(|()| String::new())?),
    },
    Question {
        name: "seccomp filter",
        ask: || {
            set_no_new_privs(true)?;
            sys::filter_nothing().map(|()| "with no_new_privs".to_owned())
        },
    },
    Question {
        name: "seccomp filter, privileged",
        ask: || sys::filter_nothing().map(|()| "without no_new_privs".to_owned()),
    },
    Question {
        name: "seccomp filter, user namespace",
        ask: || {
            sys::enter_user_namespace()?;
            sys::filter_nothing().map(|()| "without no_new_privs".to_owned())
        },
    },
    Question {
        name: "seccomp notification",
        ask: notification,
    },
    Question {
        name: "pidfd_getfd",
        ask: descriptor_of_child,
    },
    Question {
        name: "process_vm_readv",
        ask: memory_of_child,
    },
    Question {
        name: "memfd_create",
        ask: || {
            let mut file = File::from(memfd_create("guard", MemfdFlags::CLOEXEC)?);
            file.write_all(b"x")?;
            Ok(String::new())
        },
    },
    Question {
        name: "own text through /proc/self/mem",
        ask: own_text,
    },
    Question {
        name: "writable to executable",
        ask: || sys::make_executable().map(|()| "mprotect".to_owned()),
    },
    Question {
        name: "LD_PRELOAD",
        ask: preload,
    },
    Question {
        name: "user namespace",
        ask: || sys::enter_user_namespace().map(|()| String::new()),
    },
];

/// In place of a question: a process that does nothing until its standard input ends.
pub(super) const WAIT: &str = "wait";

/// What that process does.
pub(super) fn wait() {
    super::print("ready");
    // Whether it ends or breaks, there is nobody left to wait for.
    let _ = io::stdin().read_to_end(&mut Vec::new());
}

/// A child of one's own, of this user, that waits; it ends when it is dropped.
struct Waiting(Child);

impl Waiting {
    fn start() -> io::Result<Self> {
        let mut program = super::again(WAIT)?;
        program.stdin(Stdio::piped());
        let mut waiting = Self(program.spawn()?);
        // Until then its memory is being made.
        if let Some(output) = waiting.0.stdout.as_mut() {
            output.read_exact(&mut [0])?;
        }
        Ok(waiting)
    }

    fn pid(&self) -> io::Result<Pid> {
        let pid = i32::try_from(self.0.id()).map_err(io::Error::other)?;
        Pid::from_raw(pid).ok_or_else(|| ErrorKind::NotFound.into())
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A whole round: one thread's call, answered by another one.
fn notification() -> io::Result<String> {
    // One of them has to do; where neither is needed, neither is missed.
    if set_no_new_privs(true).is_err() {
        let _ = sys::enter_user_namespace();
    }
    let (sender, receiver) = mpsc::channel();
    // The filter is this thread's alone: who answers must not be subject to it.
    let notified = std::thread::spawn(move || -> io::Result<i64> {
        let listener = sys::notify_of_getppid()?;
        sender.send(listener).map_err(io::Error::other)?;
        Ok(sys::parent())
    });
    let joined = |error| -> io::Error {
        drop(error);
        ErrorKind::Other.into()
    };
    /// What no process has for a parent.
    const ANSWER: i64 = 4_711_000_000;
    match receiver.recv() {
        Ok(listener) => sys::answer_one(listener.as_fd(), ANSWER)?,
        // It ended without a listener, and says why.
        Err(_) => return notified.join().map_err(joined)?.map(|_| String::new()),
    }
    match notified.join().map_err(joined)?? {
        ANSWER => Ok("a call was answered".to_owned()),
        other => Err(io::Error::other(format!("the call answered {other}"))),
    }
}

fn descriptor_of_child() -> io::Result<String> {
    let child = Waiting::start()?;
    let pidfd = pidfd_open(child.pid()?, PidfdFlags::empty())?;
    pidfd_getfd(&pidfd, io::stdout().as_raw_fd(), PidfdGetfdFlags::empty())?;
    Ok("of a child".to_owned())
}

fn memory_of_child() -> io::Result<String> {
    let child = Waiting::start()?;
    let pid = child.pid()?;
    let maps = std::fs::read_to_string(format!("/proc/{}/maps", pid.as_raw_nonzero()))?;
    let first = maps.split('-').next().unwrap_or_default();
    let address = usize::from_str_radix(first, 16).map_err(io::Error::other)?;
    let mut bytes = [0; 4];
    let read = sys::read_memory(pid, address, &mut bytes)?;
    // The first mapping is the program's file.
    if read == bytes.len() && bytes == *b"\x7fELF" {
        Ok("of a child".to_owned())
    } else {
        Err(io::Error::other("it read something else"))
    }
}

/// Writes what is there already: text stays as it was.
fn own_text() -> io::Result<String> {
    let memory = OpenOptions::new()
        .read(true)
        .write(true)
        .open("/proc/self/mem")?;
    let address =
        u64::try_from(own_text as fn() -> io::Result<String> as usize).map_err(io::Error::other)?;
    let mut bytes = [0; 16];
    memory.read_exact_at(&mut bytes, address)?;
    memory.write_all_at(&bytes, address)?;
    Ok(String::new())
}

/// A loader that is asked for a library that does not exist says so, and names it.
fn preload() -> io::Result<String> {
    const LIBRARY: &str = "/nonexistent/guard-probe.so";
    const PROGRAMS: [&str; 4] = ["/bin/sh", "/usr/bin/env", "/bin/bash", "/usr/bin/python3"];
    let mut tried = Vec::new();
    for program in PROGRAMS {
        let output = Command::new(program)
            .arg("--version")
            .env_clear()
            .env("LD_PRELOAD", LIBRARY)
            .stdin(Stdio::null())
            .output();
        match output {
            Ok(output) if String::from_utf8_lossy(&output.stderr).contains(LIBRARY) => {
                return Ok(format!("by {program}"));
            }
            Ok(_) => tried.push(program),
            Err(_) => {}
        }
    }
    Err(io::Error::other(if tried.is_empty() {
        "no program to try it with".to_owned()
    } else {
        format!("not by {}", tried.join(", "))
    }))
}
