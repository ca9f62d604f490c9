//! What the tier costs, native against guarded in one run, printed as a table. Ignored: a shared
//! machine says nothing by itself. `cargo test --test process -- --ignored --nocapture costs`

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::rig::{Ran, compiled, guard, guarded, installed, plain, tcp};

fn figures(ran: &Ran) -> Vec<(String, f64)> {
    assert!(ran.worked(), "{ran:?}");
    ran.stdout
        .lines()
        .filter_map(|line| {
            let (name, value) = line.rsplit_once(' ')?;
            Some((name.to_owned(), value.parse().ok()?))
        })
        .collect()
}

#[test]
#[ignore = "prints figures for people, which a busy machine falsifies: run it alone, with --ignored"]
fn costs_of_calls() {
    let port = tcp();
    let allowed = format!("127.0.0.1:{port},udp:127.0.0.1:{port},unix:/tmp/");
    for flags in [&[][..], &["-static"]] {
        let program = compiled("cost", "cc", flags).unwrap();
        let command = [program.as_str(), "/etc/hostname", &port];
        let variables = [
            ("GUARD_MODE", "enforce"),
            ("GUARD_EGRESS_ALLOW", allowed.as_str()),
            ("GUARD_FILE_READ", "runtime:/etc:/proc"),
            ("GUARD_FILE_WRITE", "/dev/null:/tmp"),
            ("GUARD_EXEC_ALLOW", "runtime:/bin"),
        ];
        let mut best: BTreeMap<String, (f64, f64)> = BTreeMap::new();
        let mut order = Vec::new();
        for _ in 0..3 {
            for (name, native) in figures(&plain(&[], &command)) {
                if !order.contains(&name) {
                    order.push(name.clone());
                }
                let entry = best.entry(name).or_insert((f64::MAX, f64::MAX));
                entry.0 = entry.0.min(native);
            }
            for (name, ours) in figures(&guarded(&variables, &command)) {
                let entry = best.entry(name).or_insert((f64::MAX, f64::MAX));
                entry.1 = entry.1.min(ours);
            }
        }
        println!(
            "{flags:?}\n{:<14}{:>10}{:>10}{:>10}",
            "ns", "native", "guarded", "more"
        );
        for name in order {
            let (native, ours) = best[&name];
            println!(
                "{name:<14}{native:>10.0}{ours:>10.0}{:>10.0}",
                ours - native
            );
        }
    }
}

/// Starts under a guard that runs already, as children of a function do; medians in microseconds.
#[test]
#[ignore = "prints figures for people, which a busy machine falsifies: run it alone, with --ignored"]
fn costs_of_starts() {
    let mut daemon = Command::new(guard())
        .args([
            "exec",
            "--",
            "/bin/sh",
            "-c",
            "echo $GUARD_RENDEZVOUS; sleep 60",
        ])
        .env("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(daemon.stdout.take().unwrap()));
    let rendezvous = lines.find_map(|line| line.ok().filter(|l| l.starts_with("lambda-guard/")));
    let rendezvous = rendezvous.unwrap();
    let loader = guard().with_file_name("guard-loader");
    let mut rows: Vec<(&str, Vec<String>)> = vec![("true", vec!["/bin/true".into()])];
    if let Some(python) = installed("python3") {
        rows.push(("python", vec![python, "-c".into(), "pass".into()]));
    }
    if let Some(node) = installed("node") {
        rows.push(("node", vec![node, "-e".into(), "0".into()]));
    }
    if let Some(busybox) = installed("busybox") {
        rows.push(("busybox", vec![busybox, "true".into()]));
    }
    println!(
        "{:<10}{:>10}{:>10}{:>10}",
        "us", "native", "guarded", "more"
    );
    for (name, command) in rows {
        let time = |guarded: bool| {
            let mut program = match guarded {
                true => {
                    let mut program = Command::new(Path::new(&loader));
                    program.arg(&command[0]).arg(&command[0]);
                    program.env("GUARD_RENDEZVOUS", &rendezvous);
                    program
                }
                false => Command::new(&command[0]),
            };
            program.args(&command[1..]).stdout(Stdio::null());
            let start = Instant::now();
            assert!(program.status().unwrap().success());
            start.elapsed().as_secs_f64() * 1e6
        };
        let (mut native, mut ours) = (Vec::new(), Vec::new());
        for _ in 0..40 {
            native.push(time(false));
            ours.push(time(true));
        }
        native.sort_by(f64::total_cmp);
        ours.sort_by(f64::total_cmp);
        let (native, ours) = (native[20], ours[20]);
        println!(
            "{name:<10}{native:>10.0}{ours:>10.0}{:>10.0}",
            ours - native
        );
    }
    let _ = Command::new("kill").arg(daemon.id().to_string()).status();
    let _ = daemon.wait();
}
