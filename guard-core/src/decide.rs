//! The one place where an event becomes a decision.
//!
//! Limits, inspection, what the caller controls and what the policy leaves out, mode, batches and
//! answers come together here, for everything that stands before a handler. What does so reads the
//! event, asks [`Guard::decide`], writes the records it is given, and carries the answer out.
//!
//! An event with nothing to find costs the inspection and not one allocation.
//!
//! Must not know: where events come from, what a record's line looks like, how an answer travels,
//! what time it is.

use crate::audit::FindingSubject;
use crate::inspect::Inspector;
use crate::policy::Policy;
use crate::reply::Answer;
use crate::verdict::{Mode, Verdict};

mod case;
mod source;
#[cfg(test)]
mod tests;

use case::Case;

/// What becomes of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Decision {
    /// The handler gets it as it is.
    Pass,
    /// This happens instead.
    Replace(Answer),
}

/// What was decided about one finding.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct DecisionRecord<'a> {
    /// The rule that matched: of the inspector, or `limit.bytes` and its like.
    pub rule: &'static str,
    /// What follows from it.
    pub verdict: Verdict,
    /// The mode in which it does.
    pub mode: Mode,
    /// What it was decided about.
    pub subject: FindingSubject<'a>,
}

/// A policy at work on events.
#[derive(Debug)]
pub struct Guard {
    policy: Policy,
    inspector: Inspector,
}

impl Guard {
    /// A guard for `policy`.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        let inspector = Inspector::new(policy.inspect());
        Self { policy, inspector }
    }

    /// What it was made from.
    #[must_use]
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The mode that decisions are made in.
    #[must_use]
    pub const fn mode(&self) -> Mode {
        self.policy.mode()
    }

    /// What it looks for, to ask about other bytes than events.
    #[must_use]
    pub const fn inspector(&self) -> &Inspector {
        &self.inspector
    }

    /// Decides about `event`, the payload of the invocation `request_id`, and gives `record` what
    /// there is to be recorded.
    pub fn decide(
        &self,
        event: &[u8],
        request_id: &str,
        mut record: impl FnMut(DecisionRecord<'_>),
    ) -> Decision {
        if self.policy.mode() == Mode::Off {
            return Decision::Pass;
        }
        if let Err(exceeded) = self.policy.limits().check(event) {
            let case = Case::new(self, event, request_id);
            if let Some(answer) = case.exceeded(&exceeded, &mut record) {
                return Decision::Replace(answer);
            }
        }
        let mut findings = self.inspector.inspect(event);
        let Some(first) = findings.next() else {
            return Decision::Pass;
        };
        let case = Case::new(self, event, request_id);
        match case.found(first, &mut findings, &mut record) {
            None => Decision::Pass,
            Some(answer) => Decision::Replace(answer),
        }
    }
}
