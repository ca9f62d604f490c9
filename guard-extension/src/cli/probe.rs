//! `guard probe`: what this environment allows, tier by tier.
//!
//! Each question is put in a process of its own: some answers cannot be taken back, and an
//! environment may kill who asks. Knows the questions and what tiers need of them. Must not know: how
//! a tier is set up.

use std::io::{self, Read as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, Command as Program, Stdio};
use std::time::{Duration, Instant};

use lexopt::prelude::*;
use serde_json::{Value as Json, json};

use super::{Command, Exit, print};
use crate::process::{TIER, UNPROVEN};

mod question;

use question::{QUESTIONS, Question};

pub(super) const COMMAND: Command = Command {
    name: "probe",
    summary: "what this environment allows, tier by tier",
    help: "\
usage: guard probe [--json]

Tries what the tiers of enforcement are made of, each in a process of its own, and says
which tier this environment would allow. Nothing stays changed. It does not say what this
release enforces: that is in the status record.

  --json  one JSON object: version, kernel, architecture, uid, and for each probe name,
          works, detail; for each tier whether it is allowed and what is missing

In a function, with the layer attached, `/opt/extensions/guard probe --json` tells about
Lambda itself.

exit codes: 0 all was tried, whatever the answers; 64 an argument cannot be read
",
    run,
};

/// The hidden option by which this program starts itself for one question.
const ONE: &str = "one";

/// How long an answer may take: a refusal that hangs is one.
const PATIENCE: Duration = Duration::from_secs(5);

fn run(arguments: &mut lexopt::Parser) -> Result<Exit, lexopt::Error> {
    let mut as_json = false;
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("json") => as_json = true,
            Long(name) if name == ONE => {
                let name = arguments.value()?.string()?;
                return Ok(answer(&name));
            }
            other => return Err(other.unexpected()),
        }
    }
    let findings: Vec<Finding> = QUESTIONS.iter().map(ask).collect();
    let report = Report::new(findings);
    if as_json {
        print(&format!("{}\n", report.json()));
    } else {
        print(&report.table());
    }
    Ok(Exit::Done)
}

/// What became of one question.
struct Finding {
    question: &'static Question,
    /// What it said: a detail, empty for none, or why not.
    answer: Result<String, String>,
}

/// In the process of its own: answers on standard output.
fn answer(name: &str) -> Exit {
    if name == question::WAIT {
        question::wait();
        return Exit::Done;
    }
    let Some(question) = QUESTIONS.iter().find(|question| question.name == name) else {
        return Exit::Unreadable;
    };
    match (question.ask)() {
        Ok(detail) => {
            print(&detail);
            Exit::Done
        }
        Err(error) => {
            print(&error.to_string());
            Exit::With(1)
        }
    }
}

/// This program again, for one question.
fn again(name: &str) -> io::Result<Program> {
    // Not by its path: started from /opt/extensions it could be taken for the extension.
    let mut program = Program::new("/proc/self/exe");
    program
        .arg0("guard")
        .args(["probe", "--one", name])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    Ok(program)
}

fn ask(question: &'static Question) -> Finding {
    let answer = again(question.name)
        .and_then(|mut program| program.spawn())
        .map_err(|error| format!("not tried: {error}"))
        .and_then(outcome);
    Finding { question, answer }
}

fn outcome(mut child: Child) -> Result<String, String> {
    let start = Instant::now();
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if start.elapsed() < PATIENCE => {
                std::thread::sleep(Duration::from_millis(1));
            }
            Ok(None) => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("no answer within {} s", PATIENCE.as_secs()));
            }
            Err(error) => return Err(format!("not tried: {error}")),
        }
    };
    let mut text = String::new();
    // An answer is shorter than what a pipe holds.
    if let Some(output) = child.stdout {
        let _ = output.take(512).read_to_string(&mut text);
    }
    match (status.code(), status.signal()) {
        (Some(0), _) => Ok(text),
        (Some(1), _) => Err(text),
        (_, Some(signal)) => Err(format!("killed by signal {signal}")),
        (code, _) => Err(format!("ended with {}", code.unwrap_or_default())),
    }
}

/// All answers.
struct Report {
    findings: Vec<Finding>,
}

/// What a tier cannot be without: any one of each group.
const TIERS: [(&str, &str, &[&[&str]]); 3] = [
    (
        "kernel",
        "system calls are checked by a supervisor, in every program",
        &[
            &[
                "seccomp filter",
                "seccomp filter, privileged",
                "seccomp filter, user namespace",
            ],
            &["seccomp notification"],
            &["pidfd_getfd"],
            &["process_vm_readv"],
        ],
    ),
    (
        "process",
        "programs check their own system calls, patched when they start",
        &[
            &["own text through /proc/self/mem", "writable to executable"],
            &["LD_PRELOAD"],
        ],
    ),
    ("observer", "events and responses are inspected", &[]),
];

impl Report {
    const fn new(findings: Vec<Finding>) -> Self {
        Self { findings }
    }

    fn works(&self, name: &str) -> bool {
        self.findings
            .iter()
            .any(|finding| finding.question.name == name && finding.answer.is_ok())
    }

    /// What a tier misses here: of each group of which nothing works, the first.
    fn missing<'n>(&self, needs: &[&[&'n str]]) -> Vec<&'n str> {
        needs
            .iter()
            .filter(|any| !any.iter().any(|name| self.works(name)))
            .filter_map(|any| any.first().copied())
            .collect()
    }

    fn json(&self) -> Json {
        let probes: Vec<Json> = self
            .findings
            .iter()
            .map(|finding| {
                let detail = match &finding.answer {
                    Ok(detail) | Err(detail) => detail,
                };
                json!({
                    "name": finding.question.name,
                    "works": finding.answer.is_ok(),
                    "detail": detail,
                })
            })
            .collect();
        let tiers: Vec<Json> = TIERS
            .iter()
            .map(|(name, _, needs)| {
                let missing = self.missing(needs);
                json!({ "name": name, "allowed": missing.is_empty(), "missing": missing })
            })
            .collect();
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "kernel": kernel(),
            "architecture": std::env::consts::ARCH,
            "uid": rustix::process::geteuid().as_raw(),
            "probes": probes,
            "tiers": tiers,
            "highest_tier_of_this_release": TIER,
            "why_not_used": UNPROVEN,
        })
    }

    fn table(&self) -> String {
        let mut text = format!(
            "Linux {} on {}, user {}\n\n",
            kernel(),
            std::env::consts::ARCH,
            rustix::process::geteuid().as_raw()
        );
        for finding in &self.findings {
            let (works, detail) = match &finding.answer {
                Ok(detail) => ("yes", detail),
                Err(detail) => ("no", detail),
            };
            let line = format!("  {:<32} {works:<4} {detail}", finding.question.name);
            text += line.trim_end();
            text.push('\n');
        }
        text.push('\n');
        for (name, does, needs) in TIERS {
            let missing = self.missing(needs);
            let allowed = if missing.is_empty() {
                "allowed".to_owned()
            } else {
                format!("not allowed, missing: {}", missing.join(", "))
            };
            text += &format!("  {name:<9} {allowed} ({does})\n");
        }
        text += &format!("\nthe highest tier that this release has is {TIER}\n");
        if let Some(why) = UNPROVEN {
            text += &format!("{why}\n");
        }
        text
    }
}

fn kernel() -> String {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease");
    release.map_or_else(|_| "unknown".to_owned(), |text| text.trim().to_owned())
}
