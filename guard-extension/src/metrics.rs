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

/// How often where something was found: an alarm on it is not to wait.
const EVERY_NOTABLE: Duration = Duration::from_secs(1);

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
    /// When the last line was written.
    since: Option<Instant>,
}

impl Metrics {
    pub(crate) const fn new() -> Self {
        Self {
            inspected: 0,
            micros: 0,
            blocked: 0,
            would_block: 0,
            leaks: 0,
            families: [0; Family::ALL.len()],
            since: None,
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
    ///
    /// Asked when an invocation ends: an environment is frozen then, and may never wake again nor be
    /// told. The first line therefore does not wait, and what is lost is less than a minute's clean
    /// events.
    pub(crate) fn take(
        &mut self,
        now: bool,
        function: &str,
        mode: Mode,
        time_ms: u64,
    ) -> Option<Value> {
        let every = match self.blocked + self.would_block + self.leaks {
            0 => EVERY,
            _ => EVERY_NOTABLE,
        };
        let is_time = |since: Instant| since.elapsed() >= every;
        if self.inspected == 0 || !(now || self.since.is_none_or(is_time)) {
            return None;
        }
        let taken = std::mem::replace(self, Self::new());
        self.since = Some(Instant::now());
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
        let line = metrics.take(false, "f", Mode::Enforce, 1).unwrap();
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

    #[test]
    fn a_line_waits_for_its_time_unless_something_was_found() {
        let mut metrics = Metrics::new();
        metrics.inspected = 1;
        assert!(metrics.take(false, "f", Mode::Enforce, 1).is_some());
        metrics.inspected = 1;
        let ago = |seconds| Instant::now().checked_sub(Duration::from_secs(seconds));
        for (seconds, blocked, wanted) in
            [(2, 0, false), (0, 1, false), (2, 1, true), (61, 0, true)]
        {
            metrics.inspected = 1;
            metrics.blocked = blocked;
            metrics.since = ago(seconds);
            let line = metrics.take(false, "f", Mode::Enforce, 1);
            assert_eq!(line.is_some(), wanted, "{seconds} s, {blocked} blocked");
        }
    }
}
