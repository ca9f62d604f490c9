//! What every clone of a layer, and what was made from it, has in common.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use guard_core::audit::{AuditRecord, Subject};
use guard_core::decide::{Decision, DecisionRecord, Guard};
use guard_core::policy::Mode;
use guard_core::reply::Trimmed;
use guard_core::secret::{Leak, Secrets};
use lambda_runtime::LambdaInvocation;
use lambda_runtime_api_client::BoxError;

use crate::partial::Partial;
use crate::records::Records;
use crate::runtime_api::{Posted, RuntimeApi};
use crate::status;

/// Our own answer to a blocked event, as `guard_core::reply` names it.
const BLOCKED: &str = "Guard.Blocked";

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
        self.guard.decide(&invocation.body, &context.request_id, |record| {
            self.write(&record, context, start);
        })
    }

    #[cold]
    fn write(&self, decided: &DecisionRecord<'_>, context: &lambda_runtime::Context, start: Instant) {
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
            micros: u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX),
            subject: Subject::Finding(finding.clone()),
        });
    }

    fn write_audit(&self, record: &AuditRecord<'_>) {
        let mut line = vec![0; AuditRecord::MAX_BYTES];
        if let Some(line) = record.write_json(&mut line).and_then(|length| line.get(..length)) {
            self.records.write(line);
        }
    }

    /// Fails the invocation for an answer that this release does not know.
    #[cold]
    pub(crate) fn fail_unknown(&self, invocation: &LambdaInvocation) -> Result<Posted, BoxError> {
        self.fail(invocation, "event was blocked in a way that this release cannot carry out")
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
        self.api.fail(request_id, &invocation.parts.headers, BLOCKED, &message)
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

    /// Records a secret found in a response.
    #[cold]
    pub(crate) fn report_leak(&self, invocation: &Invocation, leak: &Leak<'_>) {
        let _ = (invocation, leak);
    }

    /// Writes the status record, once for all clones: what is on, and what is not and why.
    pub(crate) fn announce(&self) {
        if self.mode() == Mode::Off || self.announced.swap(true, Ordering::Relaxed) {
            return;
        }
        self.write_json(&status::record(self));
    }

    /// Records one thing that an operator has to know and that is no decision.
    pub(crate) fn notice(&self, request_id: Option<&str>, message: &str) {
        tracing::warn!(request_id, "{message}");
        self.write_json(&serde_json::json!({
            "guard": AuditRecord::SCHEMA,
            "record": "notice",
            "time": now(),
            "requestId": request_id,
            "tier": TIER,
            "message": message,
        }));
    }

    fn write_json(&self, value: &serde_json::Value) {
        let mut line = value.to_string();
        line.push('\n');
        self.records.write(line.as_bytes());
    }
}

/// Milliseconds since the Unix epoch.
pub(crate) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
