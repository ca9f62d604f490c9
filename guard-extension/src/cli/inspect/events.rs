//! Whole events, one to a file.

use std::ffi::OsString;
use std::io::{self, Read, Write};

use guard_core::Family;
use guard_core::audit::FindingSubject;
use guard_core::decide::{DecisionRecord, Guard};
use guard_core::policy::{Mode, Policy};
use serde_json::json;

use super::{LARGEST, Outcome, complain, open};

/// Most characters of the matched bytes that are shown: what fits beside the rest on a line.
const SHOWN: usize = 60;

/// Shows what is found in each of `files`.
///
/// # Errors
/// Those of `out`.
pub(super) fn inspect(
    as_json: bool,
    mut policy: Policy,
    files: &[OsString],
    out: &mut impl Write,
    outcome: &mut Outcome,
) -> io::Result<()> {
    policy.set_mode(Mode::Monitor);
    let guard = Guard::new(policy);
    for file in files {
        let (name, opened) = open(file);
        let event = match opened.and_then(read) {
            Ok(event) => event,
            Err(error) => {
                outcome.failed(&format!("{name}: {error}"));
                continue;
            }
        };
        let (mut count, mut written) = (0, Ok(()));
        guard.decide(&event, "", |record| {
            count += 1;
            if written.is_ok() {
                written = match as_json {
                    true => write_json(out, &name, &record),
                    false => write_text(out, &name, &event, &record),
                };
            }
        });
        written?;
        outcome.add(count);
    }
    if !as_json && outcome.inputs > 0 {
        out.flush()?;
        complain(&summary(outcome));
    }
    Ok(())
}

fn read(from: Box<dyn Read>) -> io::Result<Vec<u8>> {
    let mut event = Vec::new();
    from.take(LARGEST + 1).read_to_end(&mut event)?;
    if u64::try_from(event.len()).is_ok_and(|length| length <= LARGEST) {
        return Ok(event);
    }
    Err(io::Error::other(format!(
        "more than {} MiB, no event is larger than 6",
        LARGEST >> 20
    )))
}

fn write_text(
    out: &mut impl Write,
    name: &str,
    event: &[u8],
    record: &DecisionRecord<'_>,
) -> io::Result<()> {
    let FindingSubject {
        trigger,
        source,
        span,
        ..
    } = &record.subject;
    write!(out, "{name}: {} {} ", trigger.name(), record.rule)?;
    // Keys are the caller's, too: nothing of them may reach a terminal as it is.
    match source {
        &"" => write!(out, "in the whole event")?,
        source => write!(out, "at {}", shown(source.chars()))?,
    }
    // A limit is exceeded from somewhere on.
    if span.is_empty() {
        return writeln!(out, " from byte {}", span.start);
    }
    write!(out, " bytes {}..{}", span.start, span.end)?;
    if span.len() < event.len() {
        let matched = String::from_utf8_lossy(event.get(span.clone()).unwrap_or_default());
        let more = if matched.chars().nth(SHOWN).is_some() {
            "..."
        } else {
            ""
        };
        write!(out, ": {}{more}", shown(matched.chars().take(SHOWN)))?;
    }
    writeln!(out)
}

/// Text fit for a line of a terminal: what does not print is escaped, quotes are left alone.
fn shown(text: impl Iterator<Item = char>) -> String {
    let mut shown = String::new();
    for character in text {
        match character {
            '\'' | '"' | '\\' => shown.push(character),
            other => shown.extend(other.escape_debug()),
        }
    }
    shown
}

fn write_json(out: &mut impl Write, name: &str, record: &DecisionRecord<'_>) -> io::Result<()> {
    let subject = &record.subject;
    let line = json!({
        "file": name,
        "trigger": subject.trigger.name(),
        "source": subject.source,
        "family": subject.family.map(Family::name),
        "rule": record.rule,
        "start": subject.span.start,
        "end": subject.span.end,
    });
    writeln!(out, "{line}")
}

fn summary(outcome: &Outcome) -> String {
    let events = count(outcome.inputs, "event");
    match outcome.findings {
        0 => format!("{events} inspected, nothing found"),
        findings => format!(
            "{events} inspected, {} in {}",
            count(findings, "finding"),
            count(outcome.inputs_with_findings, "event")
        ),
    }
}

fn count(count: u64, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}
