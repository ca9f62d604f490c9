//! Invocations that were handed to a runtime and not answered yet.

use std::sync::{Mutex, MutexGuard, PoisonError};

use guard_core::reply::Trimmed;

use crate::http::head::Invocation;
use crate::time::now_ms;

/// Most that are remembered. An environment runs one, a Managed Instance as many as its function's
/// configuration allows at once; what is beyond is forgotten oldest first.
const MOST: usize = 1024;

/// How long after its deadline an invocation that nobody answered counts as running.
const GRACE_MS: u64 = 5_000;

/// One that is running.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) invocation: Invocation,
    /// What was withheld from its event, to be named in its response.
    pub(super) trimmed: Option<Trimmed>,
}

/// As many as run at once: searching them in a row beats hashing.
#[derive(Debug, Default)]
pub(super) struct Invocations {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    running: Vec<Running>,
    answering: usize,
}

impl Invocations {
    pub(super) fn begin(&self, running: Running) {
        let mut state = self.state();
        if state.running.len() >= MOST {
            state.running.remove(0);
        }
        state.running.push(running);
    }

    /// The invocation, whose answer is now on its way until the second value is dropped.
    pub(super) fn answer(&self, request_id: &str) -> (Option<Running>, Answering<'_>) {
        let mut state = self.state();
        let at = state
            .running
            .iter()
            .position(|running| running.invocation.request_id == request_id);
        let running = at.map(|at| state.running.swap_remove(at));
        state.answering += 1;
        (running, Answering(self))
    }

    /// The request id of the one that runs; nothing when none does or several do.
    pub(super) fn only(&self) -> Option<String> {
        match self.state().running.as_slice() {
            [running] => Some(running.invocation.request_id.clone()),
            _ => None,
        }
    }

    /// Whether nothing runs.
    pub(super) fn is_idle(&self) -> bool {
        let mut state = self.state();
        let now = now_ms();
        state.running.retain(|running| {
            let deadline = running.invocation.deadline_ms.unwrap_or(u64::MAX);
            deadline.saturating_add(GRACE_MS) > now
        });
        state.running.is_empty() && state.answering == 0
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An answer on its way.
#[derive(Debug)]
pub(super) struct Answering<'i>(&'i Invocations);

impl Drop for Answering<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.answering = state.answering.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn running(id: &str, deadline_ms: Option<u64>) -> Running {
        Running {
            invocation: Invocation {
                request_id: id.to_owned(),
                deadline_ms,
                ..Invocation::default()
            },
            trimmed: None,
        }
    }

    #[test]
    fn an_invocation_runs_until_its_answer_has_gone_or_its_deadline_is_long_past() {
        let invocations = Invocations::default();
        assert!(invocations.is_idle());
        invocations.begin(running("a", None));
        invocations.begin(running("b", Some(1)));
        assert!(!invocations.is_idle());
        let (found, answering) = invocations.answer("a");
        assert_eq!(found.unwrap().invocation.request_id, "a");
        assert!(!invocations.is_idle());
        drop(answering);
        assert!(invocations.is_idle());
        assert!(invocations.answer("b").0.is_none());
    }

    #[test]
    fn the_oldest_of_too_many_is_forgotten() {
        let invocations = Invocations::default();
        for n in 0..=MOST {
            invocations.begin(running(&n.to_string(), None));
        }
        assert!(invocations.answer("0").0.is_none());
        assert!(invocations.answer("1").0.is_some());
    }
}
