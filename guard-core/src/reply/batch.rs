//! What becomes of a batch of which some records are blocked.

use crate::event::{Record, TriggerKind, records, without};
use crate::json::{Unescaped, members};

use super::http::quote;
use super::{Answer, Blocked, Report, Trimmed};

/// The answer under `partial`; none where the trigger cannot take one.
pub(super) fn partial(blocked: &Blocked<'_>) -> Option<Answer> {
    let all: Vec<Record<'_>> = records(blocked.event, blocked.kind).collect();
    if blocked.records.is_empty() || blocked.records.iter().any(|index| *index >= all.len()) {
        return None;
    }
    let (withheld, reported, report) = match blocked.kind {
        TriggerKind::Sqs => {
            let withheld = with_their_groups(blocked, &all);
            (withheld.clone(), withheld, Report::ItemFailures)
        }
        TriggerKind::Kinesis | TriggerKind::DynamoDb => {
            // Lambda starts again at the first failure, so what comes after it comes again.
            let first = *blocked.records.first()?;
            (
                (first..all.len()).collect(),
                vec![first],
                Report::ItemFailures,
            )
        }
        TriggerKind::Firehose => {
            let withheld = blocked.records.to_vec();
            (
                withheld.clone(),
                withheld,
                Report::Transformed("ProcessingFailed"),
            )
        }
        // Kafka mappings in provisioned mode can report items too; their identifiers are of
        // another form, which we have not seen work.
        _ => return None,
    };
    let failures = ids(&all, &reported)?;
    Some(trim(blocked, all.len(), withheld, failures, report))
}

/// The answer under `drop`; none where only the handler can answer.
pub(super) fn drop_blocked(blocked: &Blocked<'_>) -> Option<Answer> {
    match blocked.kind {
        TriggerKind::EventBridge | TriggerKind::CloudWatchLogs => {
            return Some(Answer::Respond(b"null".to_vec()));
        }
        kind if !kind.delivers_batches() => return None,
        _ => {}
    }
    let all: Vec<Record<'_>> = records(blocked.event, blocked.kind).collect();
    let withheld: Vec<usize> = if blocked.records.is_empty() {
        (0..all.len()).collect()
    } else {
        blocked
            .records
            .iter()
            .copied()
            .filter(|index| *index < all.len())
            .collect()
    };
    if withheld.is_empty() {
        return None;
    }
    if blocked.kind == TriggerKind::Firehose {
        let failures = ids(&all, &withheld)?;
        return Some(trim(
            blocked,
            all.len(),
            withheld,
            failures,
            Report::Transformed("Dropped"),
        ));
    }
    Some(trim(
        blocked,
        all.len(),
        withheld,
        Vec::new(),
        Report::Nothing,
    ))
}

/// The blocked messages and, of a FIFO queue, the later ones of their groups: a message that is
/// reported comes back only after those of its group that were processed in its stead, so to keep a
/// group's order nothing after its first blocked message may be processed now. Standard queues
/// have groups too, for fairness, but promise no order.
fn with_their_groups(blocked: &Blocked<'_>, all: &[Record<'_>]) -> Vec<usize> {
    let is_blocked = |index: &usize| blocked.records.binary_search(index).is_ok();
    let mut stopped: Vec<&[u8]> = Vec::new();
    let mut withheld = Vec::new();
    for (index, record) in all.iter().enumerate() {
        let group = record.group.filter(|_| is_fifo(blocked.event, record));
        if is_blocked(&index) || group.is_some_and(|group| stopped.contains(&group)) {
            withheld.push(index);
            if let Some(group) = group
                && !stopped.contains(&group)
            {
                stopped.push(group);
            }
        }
    }
    withheld
}

/// The names of FIFO queues, and only theirs, end in `.fifo`.
fn is_fifo(event: &[u8], record: &Record<'_>) -> bool {
    let record = event.get(record.span.clone()).unwrap_or_default();
    members(record).any(|member| {
        member.key == b"eventSourceARN" && member.text().is_some_and(|arn| arn.ends_with(b".fifo"))
    })
}

/// What the source calls each of `indices`; nothing if one of them has no name, since an empty one
/// would report the whole batch.
fn ids(all: &[Record<'_>], indices: &[usize]) -> Option<Vec<String>> {
    let id = |index: &usize| -> Option<String> {
        let text: String = Unescaped::new(all.get(*index)?.id?).collect();
        (!text.is_empty()).then_some(text)
    };
    indices.iter().map(id).collect()
}

fn trim(
    blocked: &Blocked<'_>,
    count: usize,
    withheld: Vec<usize>,
    failures: Vec<String>,
    report: Report,
) -> Answer {
    if withheld.len() >= count {
        return Answer::Respond(nothing_left(blocked, &failures, report));
    }
    let keep = |index: usize| withheld.binary_search(&index).is_err();
    let event = without(blocked.event, blocked.kind, keep);
    Answer::Deliver(Trimmed {
        event,
        failures,
        withheld,
        report,
    })
}

/// The answer in the handler's stead when it would get no record.
fn nothing_left(blocked: &Blocked<'_>, failures: &[String], report: Report) -> Vec<u8> {
    let mut out = String::new();
    match report {
        Report::Nothing if blocked.kind == TriggerKind::Ses => {
            // Who asks synchronously whether to go on with a mail is told to stop.
            out.push_str("{\"disposition\":\"STOP_RULE_SET\"}");
        }
        Report::Nothing if !has_window(blocked.event) => out.push_str("null"),
        Report::Nothing | Report::ItemFailures => {
            out.push('{');
            // An answer within a tumbling window has to hold the state; the one that the handler
            // last left is in the event.
            if let Some(state) = state(blocked.event) {
                out.push_str("\"state\":");
                out.push_str(state);
                out.push(',');
            }
            out.push_str("\"batchItemFailures\":[");
            push_items(&mut out, failures, |out, id| push_failure(out, id));
            out.push_str("]}");
        }
        Report::Transformed(result) => {
            out.push_str("{\"records\":[");
            push_items(&mut out, failures, |out, id| push_result(out, id, result));
            out.push_str("]}");
        }
    }
    out.into_bytes()
}

fn has_window(event: &[u8]) -> bool {
    members(event).any(|member| member.key == b"window" && member.is_object())
}

fn state(event: &[u8]) -> Option<&str> {
    if !has_window(event) {
        return None;
    }
    let state = members(event).find(|member| member.key == b"state" && member.is_object())?;
    core::str::from_utf8(state.value).ok()
}

pub(super) fn push_items(
    out: &mut String,
    ids: &[String],
    mut push: impl FnMut(&mut String, &str),
) {
    for (index, id) in ids.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        push(out, id);
    }
}

pub(super) fn push_failure(out: &mut String, id: &str) {
    out.push_str("{\"itemIdentifier\":");
    quote(out, id);
    out.push('}');
}

/// A record that a transformation did not do. Firehose wants `data` whatever the result, and takes
/// the original from its own copy.
pub(super) fn push_result(out: &mut String, id: &str, result: &str) {
    out.push_str("{\"recordId\":");
    quote(out, id);
    out.push_str(",\"result\":");
    quote(out, result);
    out.push_str(",\"data\":\"\"}");
}
