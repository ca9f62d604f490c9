//! What becomes of one invocation.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use guard_core::reply::Trimmed;
use lambda_runtime_api_client::BoxError;
use pin_project_lite::pin_project;

use crate::partial::Expected;
use crate::runtime_api::Posted;
use crate::shared::Shared;

pin_project! {
    /// Done when the invocation is answered, by the handler or in its place.
    #[derive(Debug)]
    pub struct InvocationFuture<F> {
        #[pin]
        state: State<F>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<F> {
        /// The handler's own answer.
        Handled { #[pin] handled: F },
        /// The handler's answer to a part of the event, to be completed by its response wrapper.
        Trimmed { #[pin] handled: F, expected: Expected<Trimmed>, shared: Arc<Shared> },
        /// Ours.
        Answered { posted: Posted },
        /// No answer could be made.
        Failed { error: Option<BoxError> },
    }
}

impl<F> InvocationFuture<F> {
    pub(crate) const fn handled(handled: F) -> Self {
        Self {
            state: State::Handled { handled },
        }
    }

    pub(crate) const fn trimmed(
        handled: F,
        expected: Expected<Trimmed>,
        shared: Arc<Shared>,
    ) -> Self {
        Self {
            state: State::Trimmed {
                handled,
                expected,
                shared,
            },
        }
    }

    pub(crate) fn answered(posted: Result<Posted, BoxError>) -> Self {
        let state = match posted {
            Ok(posted) => State::Answered { posted },
            Err(error) => State::Failed { error: Some(error) },
        };
        Self { state }
    }
}

impl<F: Future<Output = Result<(), BoxError>>> Future for InvocationFuture<F> {
    type Output = Result<(), BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProjection::Handled { handled } => handled.poll(cx),
            StateProjection::Trimmed {
                handled,
                expected,
                shared,
            } => {
                let outcome = ready!(handled.poll(cx));
                if !expected.was_taken() {
                    shared.report_unmerged(expected.request_id());
                }
                Poll::Ready(outcome)
            }
            StateProjection::Answered { posted } => posted.as_mut().poll(cx),
            // Polled again after it was ready, which no caller may do, it stays pending.
            StateProjection::Failed { error } => match error.take() {
                Some(error) => Poll::Ready(Err(error)),
                None => Poll::Pending,
            },
        }
    }
}

impl<F> std::fmt::Debug for State<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Handled { .. } => "Handled",
            Self::Trimmed { .. } => "Trimmed",
            Self::Answered { .. } => "Answered",
            Self::Failed { .. } => "Failed",
        })
    }
}
