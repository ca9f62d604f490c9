//! Failures of blocked records, kept until the handler's response can name them.
//!
//! Touched only when something was blocked: the usual invocation reads one atomic. The layer leaves
//! them here before it calls the handler, the response wrapper takes them at the handler's start,
//! and what nobody took is known when the invocation ends.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Shared by the layer and the response wrappers made from it.
#[derive(Debug)]
pub(crate) struct Partial<F> {
    attached: AtomicBool,
    waiting: AtomicUsize,
    /// As many as there are invocations at once with something blocked: searching them in a row
    /// beats hashing.
    entries: Mutex<Vec<(String, F)>>,
}

impl<F> Default for Partial<F> {
    fn default() -> Self {
        Self {
            attached: AtomicBool::new(false),
            waiting: AtomicUsize::new(0),
            entries: Mutex::default(),
        }
    }
}

impl<F> Partial<F> {
    /// Says that a response wrapper exists.
    pub(crate) fn attach(&self) {
        self.attached.store(true, Ordering::Release);
    }

    /// Whether a response wrapper exists that could name failures.
    pub(crate) fn is_attached(&self) -> bool {
        self.attached.load(Ordering::Acquire)
    }

    /// Keeps `failures` for the invocation until they are taken or the answer is dropped.
    pub(crate) fn expect(self: &Arc<Self>, request_id: &str, failures: F) -> Expected<F> {
        let mut entries = self.entries();
        entries.push((request_id.to_owned(), failures));
        self.waiting.store(entries.len(), Ordering::Release);
        drop(entries);
        Expected {
            partial: Arc::clone(self),
            request_id: request_id.to_owned(),
        }
    }

    /// The failures kept for the invocation.
    pub(crate) fn take(&self, request_id: &str) -> Option<F> {
        if self.waiting.load(Ordering::Acquire) == 0 {
            return None;
        }
        let mut entries = self.entries();
        let at = entries.iter().position(|(id, _)| id == request_id)?;
        let (_, failures) = entries.swap_remove(at);
        self.waiting.store(entries.len(), Ordering::Release);
        Some(failures)
    }

    fn entries(&self) -> MutexGuard<'_, Vec<(String, F)>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Failures that wait for the response of one invocation.
#[derive(Debug)]
pub(crate) struct Expected<F> {
    partial: Arc<Partial<F>>,
    request_id: String,
}

impl<F> Expected<F> {
    /// The invocation they belong to.
    pub(crate) fn request_id(&self) -> &str {
        &self.request_id
    }

    /// Whether they were taken. Nothing is kept for the invocation afterwards.
    pub(crate) fn was_taken(&self) -> bool {
        self.partial.take(&self.request_id).is_none()
    }
}

impl<F> Drop for Expected<F> {
    fn drop(&mut self) {
        // The invocation was cancelled, or its handler panicked through us.
        self.partial.take(&self.request_id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_taken_once_by_their_own_invocation() {
        let partial = Arc::new(Partial::default());
        let (a, b) = (partial.expect("a", 1), partial.expect("b", 2));
        assert_eq!(partial.take("c"), None);
        assert_eq!(partial.take("b"), Some(2));
        assert_eq!(partial.take("b"), None);
        assert!(b.was_taken());
        assert!(!a.was_taken());
        assert_eq!(partial.waiting.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn a_cancelled_invocation_leaves_nothing() {
        let partial = Arc::new(Partial::default());
        drop(partial.expect("a", 1));
        assert_eq!(partial.take("a"), None);
        assert_eq!(partial.waiting.load(Ordering::Relaxed), 0);
    }
}
