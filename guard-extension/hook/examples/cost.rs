//! What a decision costs, next to the call itself: nanoseconds, the median of many runs in turn.
#![allow(
    unsafe_code,
    clippy::unwrap_used,
    reason = "measures, in a process of its own"
)]
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    reason = "measures"
)]
#![allow(
    clippy::cast_sign_loss,
    dead_code,
    reason = "measures, with the tests' process"
)]

use std::time::Instant;

use guard_hook::calls::CALLS;
use guard_hook::sys::number::{CLOSE, EXECVE, GETPID, OPENAT};
use support::{CWD, Guarded, c, native, p};

#[path = "../tests/it/support.rs"]
mod support;

const TURNS: usize = 41;
const RUNS: u32 = 2000;

fn number(name: &str) -> usize {
    let row = CALLS.iter().find(|row| row.name == name).unwrap();
    usize::from(row.number().unwrap())
}

fn median(mut times: Vec<u128>) -> u128 {
    times.sort_unstable();
    times[times.len() / 2] / u128::from(RUNS)
}

/// Runs both in turn, so that what else the machine does hits both.
fn compare(name: &str, mut plain: impl FnMut(), mut guarded: impl FnMut()) {
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..TURNS {
        for which in [0, 1] {
            let start = Instant::now();
            for _ in 0..RUNS {
                match which {
                    0 => plain(),
                    _ => guarded(),
                }
            }
            times[which].push(start.elapsed().as_nanos());
        }
    }
    let [plain, guarded] = times.map(median);
    println!(
        "{name:44} {plain:6} {guarded:6} {:+6}",
        guarded as i128 - plain as i128
    );
}

fn main() {
    let place = support::Place::new();
    std::fs::create_dir(place.path("open")).unwrap();
    std::fs::write(place.path("open/file"), "x").unwrap();
    std::os::unix::fs::symlink("open", place.path("link")).unwrap();
    std::os::unix::fs::symlink("file", place.path("open/file-link")).unwrap();
    let rule = format!("{}:/usr:/etc:/proc:/lib", place.text("open"));
    let rules = [
        ("GUARD_FILE_READ", rule.as_str()),
        ("GUARD_FILE_WRITE", "/tmp"),
    ];
    let mut monitor_rules = rules.to_vec();
    monitor_rules.push(("GUARD_MODE", "monitor"));
    println!("{:44} native guarded  more", "");
    for (mode, settings) in [
        ("enforce, files restricted", &rules[..]),
        ("enforce, nothing restricted", &[]),
        ("monitor, files restricted", &monitor_rules),
    ] {
        println!("{mode}");
        let mut guarded = Guarded::new(settings);
        std::env::set_current_dir(&place.0).unwrap();
        for (name, path) in [
            ("open+close, absolute", place.path("open/file")),
            ("open+close, relative", "open/file".into()),
            ("open+close, link in directory", place.path("link/file")),
            ("open+close, link at end", place.path("open/file-link")),
            ("open+close, .. in path", place.path("open/../open/file")),
            ("open+close, /proc/self/stat", "/proc/self/stat".into()),
            ("open, nothing there", place.path("open/none")),
        ] {
            let path = c(path);
            let args = [CWD, p(&path), 0, 0, 0, 0];
            let close = |fd: isize| {
                if fd >= 0 {
                    native(CLOSE, [fd as usize, 0, 0, 0, 0, 0]);
                }
            };
            compare(
                name,
                || close(native(OPENAT, args)),
                || close(guarded.call(OPENAT, args)),
            );
        }
        let closed = c(place.path("forbidden"));
        std::fs::write(place.path("forbidden"), "x").unwrap();
        let args = [CWD, p(&closed), 0, 0, 0, 0];
        compare(
            "open refused (decision and record)",
            || {
                let fd = native(OPENAT, args);
                native(CLOSE, [fd as usize, 0, 0, 0, 0, 0]);
            },
            || {
                let fd = guarded.call(OPENAT, args);
                if fd >= 0 {
                    native(CLOSE, [fd as usize, 0, 0, 0, 0, 0]);
                }
                guarded.process.ring.reader().drain(|_| ());
            },
        );
        compare(
            "fcntl(F_GETFL)",
            || _ = native(number("fcntl"), [0, 3, 0, 0, 0, 0]),
            || _ = guarded.call(number("fcntl"), [0, 3, 0, 0, 0, 0]),
        );
        compare(
            "kill(self, 0)",
            || _ = native(number("kill"), [std::process::id() as usize, 0, 0, 0, 0, 0]),
            || _ = guarded.call(number("kill"), [std::process::id() as usize, 0, 0, 0, 0, 0]),
        );
        let program = c("/usr/bin/env");
        let argv = [p(&program), 0];
        let texts: Vec<_> = (0..40)
            .map(|n| c(format!("VARIABLE_{n}=value of it")))
            .collect();
        let mut envp: Vec<_> = texts.iter().map(p).collect();
        envp.push(0);
        let at = |array: &[usize]| array.as_ptr().expose_provenance();
        let args = [p(&program), at(&argv), at(&envp), 0, 0, 0];
        compare(
            "execve, decision alone (40 variables)",
            || (),
            || {
                // As if the kernel had refused to start it.
                let call = guard_hook::Call {
                    number: EXECVE,
                    args,
                };
                let answer = guarded.decide(EXECVE, args);
                assert!(matches!(answer, guard_hook::Answer::Instead(_)));
                guarded.refused(&call);
            },
        );
    }
    compare(
        "getpid, not checked",
        || _ = native(GETPID, [0; 6]),
        || {
            assert!(!guard_hook::is_checked(GETPID));
            native(GETPID, [0; 6]);
        },
    );
}
