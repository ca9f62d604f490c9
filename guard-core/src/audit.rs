//! One JSON line for each decision.
//!
//! The line is bounded and valid JSON whatever the inputs hold. It never holds the payload; a
//! masked excerpt only where one was asked for ([`Excerpt`]).
//!
//! Must not know: where records go.

use core::fmt::{self, Write as _};
use core::ops::Range;

use crate::event::TriggerKind;
use crate::json::{Unescaped, write_char, written_len};
use crate::policy::Phase;
use crate::rule::Family;
use crate::verdict::{Mode, Verdict};

mod excerpt;
mod time;

pub use excerpt::Excerpt;
pub use time::Timestamp;

/// What was decided, about what, and where.
#[derive(Debug, Clone)]
pub struct AuditRecord<'a> {
    /// Milliseconds since the Unix epoch.
    pub time_ms: u64,
    /// The invocation's request id; none during INIT.
    pub request_id: Option<&'a str>,
    /// The X-Ray trace id.
    pub trace_id: Option<&'a str>,
    /// The function's name.
    pub function: Option<&'a str>,
    /// The rule that matched, or the rule of the policy that denied.
    pub rule: &'a str,
    /// What was decided.
    pub verdict: Verdict,
    /// The mode in which it was.
    pub mode: Mode,
    /// The tier that the guard runs at, as the status record spells it.
    pub tier: &'a str,
    /// How long the guard worked on the event, in microseconds.
    pub micros: u64,
    /// What it was decided about.
    pub subject: Subject<'a>,
}

/// What a decision is about. Each kind of subject adds members of its own to the record.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Subject<'a> {
    /// A finding in an event: a rule of the inspector, or a limit.
    Finding(FindingSubject<'a>),
    /// A secret of the function in its response.
    Leak(LeakSubject<'a>),
    /// Something that a program of the function was refused, or would be in enforce mode.
    Denial(OperationSubject<'a>),
    /// Something that a program of the function did, of a kind that the policy does not restrict.
    Use(OperationSubject<'a>),
}

/// A finding in an event.
#[derive(Debug, Clone)]
pub struct FindingSubject<'a> {
    /// The trigger that sent the event.
    pub trigger: TriggerKind,
    /// JSON Pointer of the value that matched.
    pub source: &'a str,
    /// The family of the rule; none for limits.
    pub family: Option<Family>,
    /// The bytes of the event that matched.
    pub span: Range<usize>,
    /// On whose behalf the event came: raw content of a JSON string, as
    /// [`crate::event::principal`] answers it.
    pub principal: Option<&'a [u8]>,
    /// What stands there, masked; only where the setting asks for it.
    pub excerpt: Option<Excerpt<'a>>,
}

/// A secret of the function in its response.
#[derive(Debug, Clone)]
pub struct LeakSubject<'a> {
    /// The variable that holds it.
    pub variable: &'a str,
    /// The bytes of the response at which it stands.
    pub span: Range<u64>,
}

/// Something that a program of the function did or wanted to do.
#[derive(Debug, Clone)]
pub struct OperationSubject<'a> {
    /// What: `connect`, `read`, `exec`... A word of the record's vocabulary.
    pub operation: &'a str,
    /// To what: host or address with port, path, name.
    pub target: &'a str,
    /// The address behind the name of the target.
    pub address: Option<&'a str>,
    /// The system call that it was done by.
    pub call: Option<&'a str>,
    /// The process.
    pub process: u32,
    /// When in the environment's life.
    pub phase: Phase,
    /// The setting and the entry in it that would allow it, where one would.
    pub allow: Option<(&'a str, &'a str)>,
}

impl AuditRecord<'_> {
    /// Version of the schema, the value of the member `guard`. It changes when a member changes its
    /// meaning or goes away, not when one is added.
    pub const SCHEMA: u32 = 1;
    /// No record is longer, its line feed included: the sum of what the members may take, see the
    /// test.
    pub const MAX_BYTES: usize = 4096;

    /// Writes the record as one line of JSON, line feed included; answers its length, or nothing
    /// when `out` is too short ([`AuditRecord::MAX_BYTES`] always suffices).
    pub fn write_json(&self, out: &mut [u8]) -> Option<usize> {
        let mut line = Line { out, len: 0 };
        writeln!(line, "{self}").ok()?;
        Some(line.len)
    }
}

impl fmt::Display for AuditRecord<'_> {
    /// The line without its line feed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let subject = match &self.subject {
            Subject::Finding(_) => "finding",
            Subject::Leak(_) => "leak",
            Subject::Denial(_) => "denial",
            Subject::Use(_) => "use",
        };
        write!(f, "{{\"guard\":{},\"type\":\"{subject}\"", Self::SCHEMA)?;
        write!(f, ",\"time\":\"{}\"", Timestamp(self.time_ms))?;
        member(f, "request_id", self.request_id, 128)?;
        member(f, "trace_id", self.trace_id, 256)?;
        member(f, "function", self.function, 256)?;
        member(f, "rule", Some(self.rule), 128)?;
        member(f, "verdict", Some(self.verdict.name()), 16)?;
        member(f, "mode", Some(self.mode.name()), 16)?;
        member(f, "tier", Some(self.tier), 32)?;
        match &self.subject {
            Subject::Finding(finding) => finding.write_members(f)?,
            Subject::Leak(leak) => {
                member(f, "variable", Some(leak.variable), 256)?;
                write!(f, ",\"span\":[{},{}]", leak.span.start, leak.span.end)?;
            }
            Subject::Denial(operation) | Subject::Use(operation) => {
                return operation.write_members(f);
            }
        }
        write!(f, ",\"micros\":{}}}", self.micros)
    }
}

impl FindingSubject<'_> {
    fn write_members(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        member(f, "trigger", Some(self.trigger.name()), 32)?;
        member(f, "source", Some(self.source), 1024)?;
        member(f, "family", self.family.map(Family::name), 32)?;
        write!(f, ",\"span\":[{},{}]", self.span.start, self.span.end)?;
        if let Some(principal) = self.principal {
            f.write_str(",\"principal\":")?;
            write_bounded(f, Unescaped::new(principal), 256)?;
        }
        if let Some(excerpt) = &self.excerpt {
            f.write_str(",\"excerpt\":")?;
            write_bounded(f, excerpt.chars(), 1024)?;
        }
        Ok(())
    }
}

impl OperationSubject<'_> {
    /// And the end of the record: how long a decision took inside a system call is not measured.
    fn write_members(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        member(f, "operation", Some(self.operation), 32)?;
        member(f, "target", Some(self.target), 1024)?;
        member(f, "address", self.address, 64)?;
        member(f, "call", self.call, 32)?;
        write!(f, ",\"process\":{}", self.process)?;
        member(f, "phase", Some(self.phase.name()), 16)?;
        if let Some((setting, entry)) = self.allow {
            f.write_str(",\"allow\":{\"setting\":")?;
            write_bounded(f, setting.chars(), 32)?;
            member(f, "entry", Some(entry), 1024)?;
            f.write_char('}')?;
        }
        f.write_char('}')
    }
}

/// Writes a member whose value is a text of at most `most` bytes as written, quotes not counted.
fn member(f: &mut fmt::Formatter<'_>, name: &str, value: Option<&str>, most: usize) -> fmt::Result {
    let Some(value) = value else { return Ok(()) };
    write!(f, ",\"{name}\":")?;
    write_bounded(f, value.chars(), most)
}

/// Writes a JSON string of at most `most` bytes, quotes not counted; one that is cut ends in an
/// ellipsis.
fn write_bounded(
    f: &mut fmt::Formatter<'_>,
    text: impl Iterator<Item = char>,
    most: usize,
) -> fmt::Result {
    const CUT: char = '\u{2026}';
    let mut left = most - CUT.len_utf8();
    f.write_char('"')?;
    for c in text {
        let len = written_len(c);
        if len > left {
            f.write_char(CUT)?;
            break;
        }
        left -= len;
        write_char(f, c)?;
    }
    f.write_char('"')
}

/// A buffer that is filled from its start.
struct Line<'o> {
    out: &'o mut [u8],
    len: usize,
}

impl fmt::Write for Line<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.len + text.len();
        self.out
            .get_mut(self.len..end)
            .ok_or(fmt::Error)?
            .copy_from_slice(text.as_bytes());
        self.len = end;
        Ok(())
    }
}
