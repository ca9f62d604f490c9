//! From what programs report to audit records.
//!
//! What stands in the ring may have been written by any code of the function: it is bounded, and
//! nothing in it is taken for more than text. Must not know: where records go.

use std::borrow::Cow;

use guard_core::audit::{AuditRecord, OperationSubject, Subject};
use guard_core::policy::{Access, Operation, Phase, Policy, Protocol};
use guard_core::verdict::Verdict;
use guard_hook::calls::{CALLS, Row};
use guard_hook::shared::{Kind, Outcome, Record};

use super::TIER;
use super::learning::{Learner, LookedUp};
use crate::records::Records;
use crate::time::now_ms;

/// What a record says of the invocation that it belongs to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Context<'a> {
    pub(crate) request_id: Option<&'a str>,
    pub(crate) function: Option<&'a str>,
}

/// Writes a record of the ring.
pub(super) fn record(
    policy: &Policy,
    record: &Record<'_>,
    learner: &mut Learner,
    records: &Records,
    context: &Context<'_>,
) {
    let Some((rule, operation)) = words(record.kind) else {
        return;
    };
    let phase = if record.is_init {
        Phase::Init
    } else {
        Phase::Invoke
    };
    let protocol = if record.protocol == 17 {
        Protocol::Udp
    } else {
        Protocol::Tcp
    };
    let address = record.address.map(|ip| Operation::Address {
        ip,
        port: record.port,
        protocol,
    });
    let asked = match record.kind {
        Kind::Address => address,
        Kind::Host => Some(Operation::Host {
            name: record.text,
            port: record.port,
            protocol,
        }),
        Kind::Read => Some(file(record, Access::Read, phase)),
        Kind::Write => Some(file(record, Access::Write, phase)),
        Kind::Exec => Some(Operation::Exec {
            path: record.text,
            phase,
        }),
        Kind::Unix => Some(Operation::Unix { path: record.text }),
        _ => None,
    };
    if record.outcome == Outcome::Used
        && let Some(asked) = &asked
    {
        // Also by a name that the address of the Runtime API happens to have.
        if let Some(address) = address.filter(|address| learner.is_allowed_anyway(address)) {
            learner.used(&address, [record.pid, record.tid]);
            return;
        }
        learner.used(asked, [record.pid, record.tid]);
        // Files and libraries are many and say little one by one: they show in what was learned.
        let is_one_of_many = match record.kind {
            Kind::Read | Kind::Write => true,
            Kind::Exec => !matches!(call(record.call), Some("execve" | "execveat")),
            _ => false,
        };
        if is_one_of_many {
            return;
        }
    }
    let allow = asked
        .filter(|_| !record.is_cut && record.outcome != Outcome::Used)
        .and_then(|asked| policy.entry_that_would_allow(&asked));
    let target = target(record);
    let address = match record.kind {
        Kind::Host => record.address.map(|ip| ip.to_string()),
        _ => None,
    };
    let subject = OperationSubject {
        operation,
        target: &target,
        address: address.as_deref(),
        call: call(record.call),
        process: record.pid,
        phase,
        allow: allow
            .as_ref()
            .map(|allow| (allow.origin.name(), allow.entry.as_str())),
    };
    write(
        policy,
        record.outcome,
        rule,
        subject,
        record.time / 1_000_000,
        records,
        context,
    );
}

/// Writes a lookup that the forwarder saw.
pub(super) fn lookup(policy: &Policy, lookup: &LookedUp, records: &Records, context: &Context<'_>) {
    let subject = OperationSubject {
        operation: "lookup",
        target: &lookup.name,
        address: None,
        call: None,
        process: 0,
        phase: Phase::Invoke,
        allow: lookup
            .entry
            .as_deref()
            .filter(|_| lookup.outcome != Outcome::Used)
            .map(|entry| ("GUARD_EGRESS_ALLOW", entry)),
    };
    write(
        policy,
        lookup.outcome,
        "egress",
        subject,
        now_ms(),
        records,
        context,
    );
}

fn write(
    policy: &Policy,
    outcome: Outcome,
    rule: &str,
    subject: OperationSubject<'_>,
    time_ms: u64,
    records: &Records,
    context: &Context<'_>,
) {
    let (verdict, ending) = match outcome {
        Outcome::Denied => (Verdict::Block, "denied"),
        Outcome::Would => (Verdict::Report, "denied"),
        _ => (Verdict::Allow, "used"),
    };
    records.write_audit(&AuditRecord {
        time_ms,
        request_id: context.request_id,
        trace_id: None,
        function: context.function,
        rule: &format!("{rule}.{ending}"),
        verdict,
        mode: policy.mode(),
        tier: TIER,
        micros: 0,
        subject: match outcome {
            Outcome::Used => Subject::Use(subject),
            _ => Subject::Denial(subject),
        },
    });
}

/// The rule's family, and what was done.
fn words(kind: Kind) -> Option<(&'static str, &'static str)> {
    Some(match kind {
        Kind::Address | Kind::Host => ("egress", "connect"),
        Kind::Lookup => ("egress", "lookup"),
        Kind::Socket => ("egress", "socket"),
        Kind::Unix => ("egress", "unix"),
        Kind::Read => ("file", "read"),
        Kind::Write => ("file", "write"),
        Kind::Tmp => ("file", "tmp"),
        Kind::Exec => ("exec", "start"),
        Kind::Unguarded => ("exec", "unguarded"),
        Kind::Kernel => ("kernel", "interface"),
        Kind::Tamper => ("process", "tamper"),
        _ => return None,
    })
}

fn file<'t>(record: &Record<'t>, access: Access, phase: Phase) -> Operation<'t> {
    Operation::File {
        path: record.text,
        access,
        phase,
    }
}

fn target<'t>(record: &Record<'t>) -> Cow<'t, str> {
    let udp = if record.protocol == 17 { "udp:" } else { "" };
    let text = || String::from_utf8_lossy(record.text);
    match (record.kind, record.address) {
        (Kind::Address, Some(address)) if address.is_ipv6() => {
            format!("{udp}[{address}]:{}", record.port).into()
        }
        (Kind::Address, Some(address)) => format!("{udp}{address}:{}", record.port).into(),
        (Kind::Host, _) => format!("{udp}{}:{}", text(), record.port).into(),
        (Kind::Socket, _) => format!("family {} type {}", record.port, record.protocol).into(),
        (Kind::Unix, _) => match record.text.strip_prefix(b"\0") {
            Some(name) => format!("@{}", String::from_utf8_lossy(name)).into(),
            None => text(),
        },
        _ => text(),
    }
}

fn call(number: u16) -> Option<&'static str> {
    let is_it = |row: &&Row| row.number() == Some(number);
    CALLS.iter().find(is_it).map(|row| row.name)
}
