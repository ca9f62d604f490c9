//! What every clone of a layer, and what was made from it, has in common.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use guard_core::audit::{AuditRecord, LeakSubject, Subject, Timestamp};
use guard_core::decide::{Decision, DecisionRecord, Guard};
use guard_core::policy::Mode;
use guard_core::reply::Trimmed;
use guard_core::secret::{Leak, Secrets};
use guard_core::verdict::{Verdict, verdict};
use lambda_runtime::LambdaInvocation;
use lambda_runtime_api_client::BoxError;

use crate::partial::Partial;
use crate::records::Records;
use crate::runtime_api::{Posted, RuntimeApi};
use crate::status;

/// Our own answer to a blocked event, as `guard_core::reply` names it.
const BLOCKED: &str = "Guard.Blocked";

/// The rule of a secret in a response.
const LEAK: &str = "secret.leak";

/// The tier of a guard inside the handler's own process, as records spell it.
pub(crate) const TIER: &str = "middleware";

#[derive(Debug, Clone)]
pub(crate) struct Shared {
    pub(crate) guard: Arc<Guard>,
    pub(crate) records: Arc<Records>,
    pub(crate) api: Arc<RuntimeApi>,
    pub(crate) partial: Arc<Partial<Trimmed>>,
    /// For as long as the process lives, as the environment that they come from: a stream outlives
    /// the layer.
    pub(crate) secrets: &'static Secrets,
    /// Problems of the policy that do not keep it from being used.
    pub(crate) problems: Arc<[String]>,
    announced: Arc<AtomicBool>,
}

/// What a record says of the invocation that it belongs to.
#[derive(Debug)]
pub(crate) struct Invocation {
    pub(crate) request_id: String,
    trace_id: Option<String>,
    function: String,
}

impl Invocation {
    pub(crate) fn of(context: &lambda_runtime::Context) -> Self {
        Self {
            request_id: context.request_id.clone(),
            trace_id: context.xray_trace_id.clone(),
            function: context.env_config.function_name.clone(),
        }
    }
}

impl Shared {
    pub(crate) fn new(guard: Guard, secrets: Secrets, problems: Vec<String>) -> Self {
        Self {
            guard: Arc::new(guard),
            records: Arc::new(Records::to_stdout()),
            api: Arc::default(),
            partial: Arc::default(),
            secrets: Box::leak(Box::new(secrets)),
            problems: problems.into(),
            announced: Arc::default(),
        }
    }

    pub(crate) fn mode(&self) -> Mode {
        self.guard.policy().mode()
    }

    /// Whether a response has to be looked at: something to look for, and a mode that does.
    pub(crate) fn looks_at_responses(&self) -> bool {
        self.mode() != Mode::Off && !self.secrets.is_empty()
    }

    /// Decides about an invocation and writes what there is to be recorded.
    pub(crate) fn decide(&self, invocation: &LambdaInvocation) -> Decision {
        if self.mode() == Mode::Off {
            return Decision::Pass;
        }
        let context = &invocation.context;
        let span = tracing::debug_span!(
            "guard",
            request_id = context.request_id.as_str(),
            bytes = invocation.body.len()
        );
        let _entered = span.enter();
        let start = Instant::now();
        self.guard
            .decide(&invocation.body, &context.request_id, |record| {
                self.write(&record, context, start);
            })
    }

    #[cold]
    fn write(
        &self,
        decided: &DecisionRecord<'_>,
        context: &lambda_runtime::Context,
        start: Instant,
    ) {
        let finding = &decided.subject;
        tracing::debug!(
            rule = decided.rule,
            verdict = decided.verdict.name(),
            trigger = finding.trigger.name(),
            source = finding.source,
            "finding"
        );
        self.write_audit(&AuditRecord {
            time_ms: now(),
            request_id: Some(&context.request_id),
            trace_id: context.xray_trace_id.as_deref(),
            function: Some(&context.env_config.function_name),
            rule: decided.rule,
            verdict: decided.verdict,
            mode: decided.mode,
            tier: TIER,
            micros: micros_since(start),
            subject: Subject::Finding(finding.clone()),
        });
    }

    fn write_audit(&self, record: &AuditRecord<'_>) {
        let mut line = vec![0; AuditRecord::MAX_BYTES];
        if let Some(line) = record
            .write_json(&mut line)
            .and_then(|length| line.get(..length))
        {
            self.records.write(line);
        }
    }

    /// Fails the invocation for an answer that this release does not know.
    #[cold]
    pub(crate) fn fail_unknown(&self, invocation: &LambdaInvocation) -> Result<Posted, BoxError> {
        self.fail(
            invocation,
            "event was blocked in a way that this release cannot carry out",
        )
    }

    /// Fails a batch whose blocked records nobody would name: delivered in part, its source would
    /// take them for done and delete them.
    #[cold]
    pub(crate) fn fail_unmergeable(
        &self,
        invocation: &LambdaInvocation,
    ) -> Result<Posted, BoxError> {
        self.notice(
            Some(&invocation.context.request_id),
            "GUARD_ON_BLOCK: \"partial\" needs the handler's responses: hand the runtime \
             GuardLayer::responses_of(handler); the whole batch failed instead",
        );
        self.fail(invocation, "blocked records could not be named")
    }

    fn fail(&self, invocation: &LambdaInvocation, reason: &str) -> Result<Posted, BoxError> {
        let request_id = &invocation.context.request_id;
        let message = format!("{reason} (request {request_id})");
        self.api
            .fail(request_id, &invocation.parts.headers, BLOCKED, &message)
    }

    /// Says that an invocation ended without its failures having been asked for.
    #[cold]
    pub(crate) fn report_unmerged(&self, request_id: &str) {
        self.notice(
            Some(request_id),
            "blocked records were not named: the handler was not reached, or it is not the one \
             given to GuardLayer::responses_of",
        );
    }

    /// The first of the function's secrets in `bytes` of a response, recorded; whether the response
    /// is to be withheld for it.
    pub(crate) fn withholds(&self, invocation: &Invocation, bytes: &[u8]) -> bool {
        let start = Instant::now();
        self.secrets
            .find(bytes)
            .is_some_and(|leak| self.report_leak(invocation, &leak, start))
    }

    /// Records a secret that was found in a response by a search begun at `start`; whether the
    /// response is to be withheld for it.
    #[cold]
    pub(crate) fn report_leak(
        &self,
        invocation: &Invocation,
        leak: &Leak<'_>,
        start: Instant,
    ) -> bool {
        let mode = self.guard.mode();
        let verdict = verdict(mode, true);
        tracing::debug!(
            rule = LEAK,
            verdict = verdict.name(),
            variable = leak.name,
            "leak"
        );
        self.write_audit(&AuditRecord {
            time_ms: now(),
            request_id: Some(&invocation.request_id),
            trace_id: invocation.trace_id.as_deref(),
            function: Some(&invocation.function),
            rule: LEAK,
            verdict,
            mode,
            tier: TIER,
            micros: micros_since(start),
            subject: Subject::Leak(LeakSubject {
                variable: leak.name,
                span: leak.start..leak.end,
            }),
        });
        verdict == Verdict::Block
    }

    /// Writes the status record, once for all clones: what is on, and what is not and why.
    pub(crate) fn announce(&self) {
        if self.mode() == Mode::Off || self.announced.swap(true, Ordering::Relaxed) {
            return;
        }
        self.write_line("status", &status::members(self));
    }

    /// Records one thing that an operator has to know and that is no decision.
    pub(crate) fn notice(&self, request_id: Option<&str>, message: &str) {
        tracing::warn!(request_id, "{message}");
        let members = serde_json::json!({
            "request_id": request_id,
            "tier": TIER,
            "message": message,
        });
        self.write_line("notice", &members);
    }

    /// Writes a line that is no audit record, with the members that all lines begin with.
    fn write_line(&self, kind: &str, members: &serde_json::Value) {
        let members = members.to_string();
        let members = members.strip_prefix('{').unwrap_or("}");
        let (schema, time) = (AuditRecord::SCHEMA, Timestamp(now()));
        let line =
            format!("{{\"guard\":{schema},\"type\":\"{kind}\",\"time\":\"{time}\",{members}\n");
        self.records.write(line.as_bytes());
    }
}

/// Milliseconds since the Unix epoch.
fn now() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

fn micros_since(start: Instant) -> u64 {
    u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX)
}
