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

    /// The invocation, whose answer is now on its way.
    pub(super) fn answer(&self, request_id: &str) -> Answering<'_> {
        let mut state = self.state();
        let at = state
            .running
            .iter()
            .position(|running| running.invocation.request_id == request_id);
        let running = at.map(|at| state.running.swap_remove(at));
        state.answering += 1;
        Answering {
            invocations: self,
            running,
        }
    }

    /// The request id of the one that runs; nothing when none does or several do.
    pub(super) fn only(&self) -> Option<String> {
        match self.state().running.as_slice() {
            [running] => Some(running.invocation.request_id.clone()),
            _ => None,
        }
    }

    /// Does `work` if nothing runs, and lets nothing begin meanwhile.
    pub(super) fn when_idle(&self, work: impl FnOnce()) {
        let mut state = self.state();
        if state.is_idle() {
            work();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn is_idle(&mut self) -> bool {
        let now = now_ms();
        self.running.retain(|running| {
            let deadline = running.invocation.deadline_ms.unwrap_or(u64::MAX);
            deadline.saturating_add(GRACE_MS) > now
        });
        self.running.is_empty() && self.answering == 0
    }
}

/// An answer on its way. When it is dropped, and nobody has said that the Runtime API took it, the
/// invocation runs on: another answer may come, and what was withheld from the event is to be named
/// in that one too.
#[derive(Debug)]
pub(super) struct Answering<'i> {
    invocations: &'i Invocations,
    running: Option<Running>,
}

impl Answering<'_> {
    /// The invocation, unless the runtime was not given it here.
    pub(super) fn running(&self) -> Option<&Running> {
        self.running.as_ref()
    }

    /// The Runtime API has taken it.
    pub(super) fn taken(mut self) {
        self.running = None;
    }
}

impl Drop for Answering<'_> {
    fn drop(&mut self) {
        let mut state = self.invocations.state();
        state.answering = state.answering.saturating_sub(1);
        state.running.extend(self.running.take());
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
        assert!(invocations.state().is_idle());
        invocations.begin(running("a", None));
        invocations.begin(running("b", Some(1)));
        assert!(!invocations.state().is_idle());
        let answering = invocations.answer("a");
        let found = answering.running().unwrap();
        assert_eq!(found.invocation.request_id, "a");
        assert!(!invocations.state().is_idle());
        answering.taken();
        assert!(invocations.state().is_idle());
        assert!(invocations.answer("b").running().is_none());
    }

    #[test]
    fn an_answer_that_was_not_taken_is_none() {
        let invocations = Invocations::default();
        invocations.begin(running("a", None));
        drop(invocations.answer("a"));
        assert!(!invocations.state().is_idle());
        let again = invocations.answer("a");
        assert!(again.running().is_some() && invocations.answer("a").running().is_none());
        again.taken();
        assert!(invocations.state().is_idle());
    }

    #[test]
    fn the_oldest_of_too_many_is_forgotten() {
        let invocations = Invocations::default();
        for n in 0..=MOST {
            invocations.begin(running(&n.to_string(), None));
        }
        assert!(invocations.answer("0").running().is_none());
        assert!(invocations.answer("1").running().is_some());
    }
}
