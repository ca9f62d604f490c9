//! What all connections have in common: the policy at work, and where its decisions are recorded.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use guard_core::audit::{AuditRecord, LeakSubject, Subject};
use guard_core::decide::{Decision, DecisionRecord, Guard};
use guard_core::policy::Mode;
use guard_core::secret::{Leak, Secrets};
use guard_core::verdict::{Verdict, verdict};

use super::invocations::Invocations;
use crate::endpoint::Endpoint;
use crate::findings;
use crate::http::head::Invocation;
use crate::metrics::Metrics;
use crate::process::{self, Context, ProcessTier};
use crate::records::Records;
use crate::time::{micros_since, now_ms};
use crate::tmp::Tmp;

/// The rule of a secret in a response.
const LEAK: &str = "secret.leak";

/// How often what programs report is taken down while the function starts up.
const LOOK: Duration = Duration::from_millis(25);

/// Everything that a connection needs.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) guard: Guard,
    pub(crate) endpoint: Endpoint,
    pub(crate) records: Records,
    pub(crate) secrets: Secrets,
    /// What decides inside the function's programs, where there is that.
    pub(crate) process: Option<ProcessTier>,
    pub(super) invocations: Invocations,
    function: String,
    memory_mb: Option<u64>,
    counters: Mutex<Counters>,
    /// What removes files between invocations, where the policy asks for it.
    tmp: Option<Mutex<Tmp>>,
}

#[derive(Debug)]
struct Counters {
    metrics: Metrics,
    /// Rules that would have blocked, for the last record.
    would_block: Vec<(&'static str, u64)>,
    has_seen_an_event: bool,
}

/// Most rules counted by name; there are fewer.
const MOST_RULES: usize = 256;

impl Shared {
    pub(crate) fn new(
        guard: Guard,
        endpoint: Endpoint,
        secrets: Secrets,
        tmp: Option<Tmp>,
        process: Option<ProcessTier>,
    ) -> Self {
        let variable = |name| crate::settings::variable(name);
        Self {
            guard,
            endpoint,
            records: Records::new(),
            secrets,
            process,
            invocations: Invocations::default(),
            function: variable("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_default(),
            memory_mb: variable("AWS_LAMBDA_FUNCTION_MEMORY_SIZE").and_then(|mb| mb.parse().ok()),
            counters: Mutex::new(Counters {
                metrics: Metrics::new(),
                would_block: Vec::new(),
                has_seen_an_event: false,
            }),
            tmp: tmp.map(Mutex::new),
        }
    }

    pub(crate) fn mode(&self) -> Mode {
        self.guard.mode()
    }

    /// Decides about an event and records what there is to be recorded.
    pub(super) fn decide(&self, invocation: &Invocation, event: &[u8]) -> Decision {
        let start = Instant::now();
        let decision = self.guard.decide(event, &invocation.request_id, |decided| {
            self.record(&decided, invocation, start);
        });
        let mut counters = self.counters();
        counters.metrics.inspected += 1;
        counters.metrics.micros += micros_since(start);
        if decision != Decision::Pass {
            counters.metrics.blocked += 1;
        }
        if !std::mem::replace(&mut counters.has_seen_an_event, true) {
            drop(counters);
            let timeout_ms = invocation
                .deadline_ms
                .map(|deadline| deadline.saturating_sub(now_ms()));
            if let Some(found) = findings::costly(self.guard.policy(), self.memory_mb, timeout_ms) {
                found.write(&self.records);
            }
        }
        decision
    }

    #[cold]
    fn record(&self, decided: &DecisionRecord<'_>, invocation: &Invocation, start: Instant) {
        let mut counters = self.counters();
        if let Some(family) = decided.subject.family {
            counters.metrics.found(family);
        }
        if decided.verdict == Verdict::Report {
            counters.would_block(decided.rule);
        }
        drop(counters);
        self.records.write_audit(&AuditRecord {
            time_ms: now_ms(),
            request_id: Some(&invocation.request_id),
            trace_id: invocation.trace_id.as_deref(),
            function: self.function(),
            rule: decided.rule,
            verdict: decided.verdict,
            mode: decided.mode,
            tier: self.tier(),
            micros: micros_since(start),
            subject: Subject::Finding(decided.subject.clone()),
        });
    }

    /// Whether responses are looked at: something to look for, and a mode that does.
    pub(super) fn looks_at_responses(&self) -> bool {
        self.mode() != Mode::Off && !self.secrets.is_empty()
    }

    /// Records a secret found in a response by a search begun at `start`; whether the response is to
    /// be withheld for it.
    #[cold]
    pub(super) fn leaks(
        &self,
        request_id: Option<&str>,
        trace_id: Option<&str>,
        leak: &Leak<'_>,
        start: Instant,
    ) -> bool {
        let mode = self.mode();
        let verdict = verdict(mode, true);
        let mut counters = self.counters();
        counters.metrics.leaks += 1;
        if verdict == Verdict::Report {
            counters.would_block(LEAK);
        }
        drop(counters);
        self.records.write_audit(&AuditRecord {
            time_ms: now_ms(),
            request_id,
            trace_id,
            function: self.function(),
            rule: LEAK,
            verdict,
            mode,
            tier: self.tier(),
            micros: micros_since(start),
            subject: Subject::Leak(LeakSubject {
                variable: leak.name,
                span: leak.start..leak.end,
            }),
        });
        verdict == Verdict::Block
    }

    /// What is due once an answer has gone.
    pub(super) fn answered(&self) {
        self.drain();
        self.write_metrics(false);
    }

    /// What is due before a runtime asks for its next event.
    pub(super) fn before_next(&self) {
        if let Some(process) = &self.process {
            process.begin_invoke();
        }
        self.drain();
        let Some(tmp) = &self.tmp else { return };
        // Files of an invocation that still runs are its own.
        self.invocations.when_idle(|| {
            let mut tmp = tmp.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(members) = tmp.wipe() {
                self.records.write_members("tmp", &members);
            }
        });
    }

    /// Writes counters and what is to be learned from them, and waits a moment for a reader.
    pub(crate) fn end(&self) {
        self.drain();
        if let Some(process) = &self.process {
            process.summary(&self.records);
        }
        self.write_metrics(true);
        let counters = self.counters();
        if let Some(found) = findings::would_have_blocked(&counters.would_block) {
            found.write(&self.records);
        }
        drop(counters);
        // A quarter of what SHUTDOWN grants; a reader that is there takes microseconds.
        self.records.flush(Duration::from_millis(500));
    }

    /// The tier that is reached.
    pub(crate) const fn tier(&self) -> &'static str {
        if self.process.is_some() {
            process::TIER
        } else {
            "observer"
        }
    }

    /// The function's name, where there is one.
    fn function(&self) -> Option<&str> {
        Some(self.function.as_str()).filter(|name| !name.is_empty())
    }

    /// Looks at what programs report for as long as the function starts up, when they do the most
    /// and no event says when to look.
    pub(crate) async fn drain_during_init(&self) {
        let is_init = || self.process.as_ref().is_some_and(ProcessTier::is_init);
        while is_init() {
            tokio::time::sleep(LOOK).await;
            self.drain();
        }
    }

    /// Writes what the function's programs reported; whether they reported anything.
    #[allow(clippy::must_use_candidate, reason = "most look when it is time")]
    pub(crate) fn drain(&self) -> bool {
        if let Some(process) = &self.process {
            let running = self.invocations.only();
            let context = Context {
                request_id: running.as_deref(),
                function: self.function(),
            };
            return process.drain(&self.records, &context);
        }
        false
    }

    fn write_metrics(&self, now: bool) {
        let line = self
            .counters()
            .metrics
            .take(now, &self.function, self.mode(), now_ms());
        if let Some(line) = line {
            self.records.write(format!("{line}\n").as_bytes());
        }
    }

    fn counters(&self) -> MutexGuard<'_, Counters> {
        self.counters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counters {
    fn would_block(&mut self, rule: &'static str) {
        self.metrics.would_block += 1;
        let has_room = self.would_block.len() < MOST_RULES;
        match self
            .would_block
            .iter_mut()
            .find(|(known, _)| *known == rule)
        {
            Some((_, count)) => *count += 1,
            None if has_room => self.would_block.push((rule, 1)),
            None => {}
        }
    }
}
