//! `guard scan`: what the process tier finds in a program, and what it would do about it.
//!
//! Knows options and how a survey is shown; what is found is decided in `guard_patcher`, which
//! calls are checked in `guard_hook`.

use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};

use lexopt::prelude::*;

use super::{Command, Exit, print};

mod survey;

use survey::{Fate, Survey};

pub(super) const COMMAND: Command = Command {
    name: "scan",
    summary: "the system calls in a program, and what the process tier makes of them",
    help: "\
usage: guard scan [--json | --all] FILE...

Lists the instructions of a program or library that make system calls, as the process
tier finds them when the program starts: where, which call where its number is constant,
and what becomes of it.

  padding    passes the check, by a jump in padding nearby
  displaced  passes the check, by a jump over the instructions around it
  ahead      passes the check, by a jump over the instruction before it
  replaced   passes the check, by a branch in its place (aarch64)
  left       makes always the same call, and that one needs no check
  open       cannot be made to pass the check, which the line explains

A program that brings no libc along makes its calls through shared libraries: scan those.

  --all    lists what is left alone, too
  --json   one JSON object for each file

exit codes: 0 nothing is open; 1 something is; 64 an option or a file cannot be read
",
    run,
};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    All,
    Json,
    Text,
}

fn run(arguments: &mut lexopt::Parser) -> Result<Exit, lexopt::Error> {
    let mut form = Form::Text;
    let mut files: Vec<OsString> = Vec::new();
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("json") if form == Form::Text => form = Form::Json,
            Long("all") if form == Form::Text => form = Form::All,
            Value(file) => files.push(file),
            other => return Err(other.unexpected()),
        }
    }
    if files.is_empty() {
        return Err("a file is missing".into());
    }
    let (mut is_unread, mut is_open) = (false, false);
    for file in &files {
        match scan(file, form) {
            Ok((output, open)) => {
                print(&output);
                is_open |= open;
            }
            Err(problem) => {
                // Nowhere is left to report a closed standard error to.
                let _ = writeln!(io::stderr(), "guard: scan: {}: {problem}", file.display());
                is_unread = true;
            }
        }
    }
    Ok(match (is_unread, is_open) {
        (true, _) => Exit::Unreadable,
        (false, true) => Exit::With(1),
        (false, false) => Exit::Done,
    })
}

/// The report on one file, and whether anything stays open.
fn scan(file: &OsStr, form: Form) -> Result<(String, bool), String> {
    let bytes = fs::read(file).map_err(|error| error.to_string())?;
    let survey = Survey::of(&bytes)?;
    let is_open = survey.count(Fate::is_open) > 0;
    let output = if form == Form::Json {
        format!("{}\n", survey.json(&file.to_string_lossy()))
    } else {
        describe(&survey, file, form == Form::All)
    };
    Ok((output, is_open))
}

fn describe(survey: &Survey<'_>, file: &OsStr, is_all: bool) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "{}: {}, {}, build id {}, {} KiB of code",
        file.display(),
        survey.machine(),
        survey.start(),
        survey.build_id().as_deref().unwrap_or("none"),
        survey.code_size().div_ceil(1024),
    );
    for site in survey.sites() {
        if !is_all && site.fate == Fate::Left {
            continue;
        }
        let call = site.call();
        let _ = match site.fate {
            Fate::Open(reason) => {
                writeln!(
                    text,
                    "  {:#012x}  open       {call}: {reason}",
                    site.address
                )
            }
            fate => writeln!(text, "  {:#012x}  {:<9}  {call}", site.address, fate.name()),
        };
    }
    let _ = writeln!(text, "{}", survey.totals());
    text
}
