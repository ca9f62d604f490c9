//! `guard inspect`: what the inspector finds in events and values, away from Lambda.
//!
//! Settings come from the environment as they do for a function. Knows options, files and how
//! findings are shown; what is found, and where it counts, is decided in `guard_core`.
//!
//! Exit codes: 0, whether or not something was found; 1 for findings under `--fail`; 64 when an
//! option, the policy, a file or a line cannot be read, whatever else happened.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, BufWriter, Read, Write};

use crate::settings;

mod events;
mod strings;

/// What `guard inspect --help` says.
const HELP: &str = "\
usage: guard inspect [--json] [--fail] [FILE...]
       guard inspect --strings FIELD [--fail] [FILE...]

Shows what the inspector finds in whole Lambda events, one file each: one line for each finding
with the JSON Pointer of the value, the rule and the bytes of the file that matched. Values that
the platform sets, not the caller, are left out, as they are in a function. Without FILE, or where
FILE is -, reads standard input.

  --strings FIELD  read JSON Lines instead, and take the string FIELD of each object for one value
                   that a caller controls. Each line is answered with one line, in order:
                   {\"id\":<copied>,\"findings\":[{\"family\":..,\"rule\":..,\"start\":..,\"end\":..}]}
                   where start and end count bytes of the value as UTF-8. A line that cannot be
                   used is answered with \"error\" in place of \"findings\". Empty lines are skipped
  --json           one JSON object for each finding: file, trigger, source (the JSON Pointer),
                   family (null for limits), rule, start, end
  --fail           exit with 1 when anything is found
  --help           this text

GUARD_INSPECT, GUARD_INSPECT_SKIP and the GUARD_LIMIT_ variables hold as they do in a function (the
last two not for --strings, whose values stand in no event). GUARD_MODE does not matter: what is
shown is what `monitor` would record, at most 32 findings for an event.

exit codes: 0 all was read; 1 something was found, with --fail; 64 an option, the policy, a file or
a line cannot be read, which a message on standard error explains
";

/// Most bytes of one event or line that are read: Lambda delivers 6 MiB at most, and a file that
/// was named by mistake must not fill the memory.
const LARGEST: u64 = 64 << 20;

/// Exit code for findings, where it was asked to tell.
const FOUND: u8 = 1;

/// Exit code for what cannot be read.
const UNREADABLE: u8 = 64;

/// Where a file name is wanted, standard input.
const STDIN: &str = "-";

/// Runs the command with what follows its name on the command line.
pub(super) fn run(arguments: &[OsString]) -> u8 {
    let request = match Request::parse(arguments) {
        Ok(request) => request,
        Err(message) => return unreadable(&message),
    };
    let mut out = BufWriter::with_capacity(64 << 10, io::stdout().lock());
    let (options, files) = match request {
        // Whoever closes the pipe has seen enough.
        Request::Help => {
            let _ = out.write_all(HELP.as_bytes()).and_then(|()| out.flush());
            return 0;
        }
        Request::Inspect(options, files) => (options, files),
    };
    let policy = match settings::policy() {
        Ok(policy) => policy,
        Err(errors) => return unreadable(&errors.to_string()),
    };
    if policy.inspect().is_empty() {
        complain("GUARD_INSPECT: no family is inspected");
    }
    let mut outcome = Outcome::default();
    let done = match &options.strings {
        Some(field) => strings::inspect(field, &policy, &files, &mut out, &mut outcome),
        None => events::inspect(options.json, policy, &files, &mut out, &mut outcome),
    };
    match done.and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            unreadable(&format!("standard output: {error}"))
        }
        _ if outcome.is_incomplete => UNREADABLE,
        _ if options.fail && outcome.findings > 0 => FOUND,
        _ => 0,
    }
}

/// What the command line asks for.
#[derive(Debug)]
enum Request {
    Help,
    Inspect(Options, Vec<OsString>),
}

#[derive(Debug, Default)]
struct Options {
    strings: Option<String>,
    json: bool,
    fail: bool,
}

/// What has been seen so far.
#[derive(Debug, Default)]
struct Outcome {
    inputs: u64,
    inputs_with_findings: u64,
    findings: u64,
    /// Something could not be read.
    is_incomplete: bool,
}

impl Outcome {
    fn add(&mut self, findings: u64) {
        self.inputs += 1;
        self.inputs_with_findings += u64::from(findings > 0);
        self.findings += findings;
    }

    fn failed(&mut self, message: &str) {
        self.is_incomplete = true;
        complain(message);
    }
}

impl Request {
    fn parse(arguments: &[OsString]) -> Result<Self, String> {
        let mut options = Options::default();
        let mut files = Vec::new();
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            match argument.to_str() {
                Some("--help" | "-h") => return Ok(Self::Help),
                Some("--json") => options.json = true,
                Some("--fail") => options.fail = true,
                Some("--strings") => options.strings = Some(field(arguments.next())?),
                Some("--") => files.extend(arguments.by_ref().cloned()),
                Some(text) => match text.strip_prefix("--strings=") {
                    Some(name) => options.strings = Some(field(Some(OsStr::new(name)))?),
                    None if text.starts_with('-') && text != STDIN => {
                        return Err(format!(
                            "\"{}\" is not an option; accepted: --strings FIELD, --json, --fail, \
                             --help, and files",
                            text.escape_debug()
                        ));
                    }
                    None => files.push(argument.clone()),
                },
                None => files.push(argument.clone()),
            }
        }
        if files.is_empty() {
            files.push(STDIN.into());
        }
        Ok(Self::Inspect(options, files))
    }
}

fn field(argument: Option<impl AsRef<OsStr>>) -> Result<String, String> {
    let name = argument.and_then(|name| name.as_ref().to_str().map(str::to_owned));
    name.ok_or_else(|| "--strings: the name of a field is missing".to_owned())
}

/// Opens a file, or standard input; answers what to call it, too.
fn open(file: &OsStr) -> (String, io::Result<Box<dyn Read>>) {
    if file == STDIN {
        return ("stdin".to_owned(), Ok(Box::new(io::stdin().lock())));
    }
    let name = file.to_string_lossy().escape_debug().to_string();
    let opened = File::open(file).map(|file| Box::new(file) as Box<dyn Read>);
    (name, opened)
}

fn complain(message: &str) {
    // Where standard error is closed, the exit code still tells.
    let _ = writeln!(io::stderr(), "guard inspect: {message}");
}

fn unreadable(message: &str) -> u8 {
    message.lines().for_each(complain);
    UNREADABLE
}
