//! What the sender of a blocked event gets.
//!
//! Replies name the rule and the request, never the payload or the policy.
//!
//! Must not know: why a rule matched, how a reply travels.

use crate::event::TriggerKind;

mod batch;
mod http;
mod merge;

pub use merge::{MergeError, merge_failures};

/// What becomes of a blocked event that has no HTTP caller (`GUARD_ON_BLOCK`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum OnBlock {
    /// The whole event errors; its source keeps it.
    #[default]
    Fail,
    /// The handler gets the clean records, the source is told which ones failed. Right only where
    /// the event source mapping has `ReportBatchItemFailures`.
    Partial,
    /// The handler gets the clean records, the blocked ones are gone.
    Drop,
}

/// A blocked event.
#[derive(Debug, Clone, Copy)]
pub struct Blocked<'a> {
    /// The whole event.
    pub event: &'a [u8],
    /// Its trigger.
    pub kind: TriggerKind,
    /// The indices of the blocked records, in increasing order; empty when a finding lies outside
    /// of the records, or there are none: then the whole event is blocked.
    pub records: &'a [usize],
    /// The rule that matched.
    pub rule: &'a str,
    /// The invocation's request id.
    pub request_id: &'a str,
    /// What to do where there is no HTTP caller.
    pub on_block: OnBlock,
}

/// What to do with a blocked event.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Answer {
    /// Answer the invocation with this JSON; do not call the handler.
    Respond(Vec<u8>),
    /// End the invocation with an error; do not call the handler.
    Fail {
        /// Stable name of the error, `Guard.Blocked`.
        error_type: &'static str,
        /// `blocked by rule sql.tautology (request 7f3c)`.
        error_message: String,
    },
    /// Call the handler with the clean part of the event.
    Deliver(Trimmed),
}

/// The clean part of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Trimmed {
    /// The event without the withheld records, every other byte as it was.
    pub event: Vec<u8>,
    /// The records to report in the handler's response, as their source calls them; see
    /// [`Trimmed::merge`].
    pub failures: Vec<String>,
    /// The indices of the records that the handler does not get: the blocked ones and those
    /// withheld with them to keep an order.
    pub withheld: Vec<usize>,
    report: Report,
}

/// How withheld records are reported in the response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Report {
    Nothing,
    /// Among `batchItemFailures`.
    ItemFailures,
    /// Among the `records` that a Firehose transformation answers, with this result.
    Transformed(&'static str),
}

impl Trimmed {
    /// The handler's `response` with the withheld records reported in it, as the trigger wants it.
    ///
    /// # Errors
    /// When `response` cannot hold them: then the invocation has to fail.
    pub fn merge(&self, response: &[u8]) -> Result<Vec<u8>, MergeError> {
        match self.report {
            Report::Nothing => Ok(response.to_vec()),
            Report::ItemFailures => merge_failures(response, &self.failures),
            Report::Transformed(result) => merge::merge_results(response, &self.failures, result),
        }
    }

    /// Whether [`Trimmed::merge`] adds anything; if not, the response need not be collected.
    #[must_use]
    pub fn merges(&self) -> bool {
        self.report != Report::Nothing
    }
}

/// What to do with `blocked`.
///
/// | trigger | `fail` | `partial` | `drop` |
/// |---|---|---|---|
/// | HTTP (API Gateway, function URL, ALB) | 403 | 403 | 403 |
/// | SQS | error | clean messages delivered, the others reported; of a FIFO queue, a group's later messages are reported with its first blocked one | clean messages delivered |
/// | Kinesis, DynamoDB | error | records before the first blocked one delivered, that one reported | clean records delivered |
/// | Firehose | error | clean records delivered, the others answered `ProcessingFailed` | clean records delivered, the others answered `Dropped` |
/// | SNS, S3, SES, Kafka, ActiveMQ, RabbitMQ, DocumentDB | error | error | clean records delivered |
/// | EventBridge, CloudWatch Logs | error | error | handler not called, success |
/// | authorizers, AppSync, Cognito, IoT, direct invocations | error | error | error |
///
/// The last row's callers wait for an answer that only the handler can give; any that we made up
/// could let through what was to be stopped. When no record is left, the handler is not called:
/// `partial` reports all of them, `drop` answers success. A finding outside of the records blocks
/// the whole event, which `partial` cannot express: error.
#[must_use]
pub fn answer(blocked: &Blocked<'_>) -> Answer {
    if blocked.kind.answers_http() {
        return Answer::Respond(http::forbidden(blocked));
    }
    let answer = match blocked.on_block {
        OnBlock::Fail => None,
        OnBlock::Partial => batch::partial(blocked),
        OnBlock::Drop => batch::drop_blocked(blocked),
    };
    answer.unwrap_or_else(|| fail(blocked))
}

/// The error that ends the invocation.
fn fail(blocked: &Blocked<'_>) -> Answer {
    Answer::Fail {
        error_type: ERROR_TYPE,
        error_message: blocked.message(),
    }
}

/// Stable name of the error of a blocked event.
const ERROR_TYPE: &str = "Guard.Blocked";

impl Blocked<'_> {
    fn message(&self) -> String {
        format!(
            "blocked by rule {} (request {})",
            self.rule, self.request_id
        )
    }
}
