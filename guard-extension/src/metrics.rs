//! Counters of what the guard did, in CloudWatch's Embedded Metric Format: a log line from which
//! CloudWatch makes metrics, over all environments, without another service.
//!
//! Must not know: where the line goes.

use std::time::{Duration, Instant};

use guard_core::Family;
use guard_core::policy::Mode;
use serde_json::{Value, json};

/// How often counters are written at most. A line is about 700 bytes: at one a minute an environment
/// that never rests logs a megabyte a day.
const EVERY: Duration = Duration::from_secs(60);

/// What happened since the last line.
#[derive(Debug)]
pub(crate) struct Metrics {
    pub(crate) inspected: u64,
    /// Time that inspection took, in microseconds.
    pub(crate) micros: u64,
    /// Events answered in the function's place, and records withheld from it.
    pub(crate) blocked: u64,
    /// Events that would have been, in another mode.
    pub(crate) would_block: u64,
    /// Responses with a secret in them.
    pub(crate) leaks: u64,
    families: [u64; Family::ALL.len()],
    since: Instant,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        Self {
            inspected: 0,
            micros: 0,
            blocked: 0,
            would_block: 0,
            leaks: 0,
            families: [0; Family::ALL.len()],
            since: Instant::now(),
        }
    }

    /// Counts a finding.
    pub(crate) fn found(&mut self, family: Family) {
        let at = Family::ALL.iter().position(|known| *known == family);
        if let Some(count) = at.and_then(|at| self.families.get_mut(at)) {
            *count += 1;
        }
    }

    /// The line, and new counters, when it is time for one or `now`; nothing when nothing happened.
    pub(crate) fn take(
        &mut self,
        now: bool,
        function: &str,
        mode: Mode,
        time_ms: u64,
    ) -> Option<Value> {
        if self.inspected == 0 || !(now || self.since.elapsed() >= EVERY) {
            return None;
        }
        let taken = std::mem::replace(self, Self::new());
        let mut metrics = vec![
            ("Inspected", taken.inspected),
            ("InspectionMicros", taken.micros),
            ("Blocked", taken.blocked),
            ("WouldBlock", taken.would_block),
            ("SecretsInResponses", taken.leaks),
        ];
        let names = Family::ALL.map(|family| format!("Findings.{}", family.name()));
        let found = names.iter().map(String::as_str).zip(taken.families);
        // A metric that is not written costs nothing; a family that finds nothing is the usual.
        metrics.extend(found.filter(|(_, count)| *count > 0));
        let unit = |name: &str| match name {
            "InspectionMicros" => "Microseconds",
            _ => "Count",
        };
        let declared: Vec<Value> = metrics
            .iter()
            .map(|(name, _)| json!({ "Name": name, "Unit": unit(name) }))
            .collect();
        let mut line = json!({
            "_aws": {
                "Timestamp": time_ms,
                "CloudWatchMetrics": [{
                    "Namespace": "Guard",
                    "Dimensions": [["function", "mode"]],
                    "Metrics": declared,
                }],
            },
            "function": function,
            "mode": mode.name(),
        });
        if let Value::Object(members) = &mut line {
            members.extend(
                metrics
                    .iter()
                    .map(|(name, count)| ((*name).to_owned(), json!(count))),
            );
        }
        Some(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_declares_what_it_holds_and_starts_over() {
        let mut metrics = Metrics::new();
        assert_eq!(metrics.take(true, "f", Mode::Enforce, 1), None);
        metrics.inspected = 3;
        metrics.found(Family::Sql);
        assert_eq!(metrics.take(false, "f", Mode::Enforce, 1), None);
        let line = metrics.take(true, "f", Mode::Enforce, 1).unwrap();
        assert_eq!(line["Inspected"], 3);
        assert_eq!(line["Findings.sql"], 1);
        assert_eq!(line["function"], "f");
        let declared = line["_aws"]["CloudWatchMetrics"][0]["Metrics"]
            .as_array()
            .unwrap();
        assert!(
            declared
                .iter()
                .all(|metric| line[metric["Name"].as_str().unwrap()].is_u64())
        );
        assert_eq!(metrics.take(true, "f", Mode::Enforce, 1), None);
    }
}
