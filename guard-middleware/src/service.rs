//! The service that stands around the runtime's own.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use guard_core::decide::Decision;
use guard_core::reply::Answer;
use http::HeaderValue;
use http::header::CONTENT_LENGTH;
use lambda_runtime::LambdaInvocation;
use lambda_runtime_api_client::BoxError;
use tower_service::Service;

use crate::future::InvocationFuture;
use crate::shared::Shared;

/// Decides about each invocation before the service inside sees it; made by
/// [`GuardLayer`](crate::GuardLayer).
pub struct GuardService<S> {
    inner: S,
    shared: Arc<Shared>,
}

impl<S> GuardService<S> {
    pub(crate) fn new(inner: S, shared: Arc<Shared>) -> Self {
        Self { inner, shared }
    }

    /// The service inside.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The service inside, to change it.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The service inside by itself.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S: Clone> Clone for GuardService<S> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<S: fmt::Debug> fmt::Debug for GuardService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuardService")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}

// ===== impl Service =====

impl<S> Service<LambdaInvocation> for GuardService<S>
where
    S: Service<LambdaInvocation, Response = (), Error = BoxError>,
{
    type Response = ();
    type Error = BoxError;
    type Future = InvocationFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, invocation: LambdaInvocation) -> Self::Future {
        match self.shared.decide(&invocation) {
            Decision::Pass => InvocationFuture::handled(self.inner.call(invocation)),
            Decision::Replace(answer) => self.replace(answer, invocation),
            // `Decision` may grow; what is not known here is not let through.
            _ => InvocationFuture::answered(self.shared.fail_unknown(&invocation)),
        }
    }
}

impl<S> GuardService<S>
where
    S: Service<LambdaInvocation, Response = (), Error = BoxError>,
{
    /// Carries out an answer. Where that does not call the service inside, it stays readied for
    /// the next invocation.
    #[cold]
    fn replace(
        &mut self,
        answer: Answer,
        mut invocation: LambdaInvocation,
    ) -> InvocationFuture<S::Future> {
        let shared = &self.shared;
        let (request_id, headers) = (&invocation.context.request_id, &invocation.parts.headers);
        let mut trimmed = match answer {
            Answer::Respond(body) => {
                return InvocationFuture::answered(shared.api.respond(request_id, headers, body));
            }
            Answer::Fail {
                error_type,
                error_message,
            } => {
                let posted = shared
                    .api
                    .fail(request_id, headers, error_type, &error_message);
                return InvocationFuture::answered(posted);
            }
            Answer::Deliver(trimmed) => trimmed,
            _ => return InvocationFuture::answered(shared.fail_unknown(&invocation)),
        };
        if trimmed.merges() && !shared.partial.is_attached() {
            return InvocationFuture::answered(shared.fail_unmergeable(&invocation));
        }
        let event = std::mem::take(&mut trimmed.event);
        let expected = trimmed
            .merges()
            .then(|| shared.partial.expect(request_id, trimmed));
        invocation.body = Bytes::from(event);
        if let Some(length) = invocation.parts.headers.get_mut(CONTENT_LENGTH) {
            *length = HeaderValue::from(invocation.body.len());
        }
        let handled = self.inner.call(invocation);
        match expected {
            None => InvocationFuture::handled(handled),
            Some(expected) => {
                InvocationFuture::trimmed(handled, expected, Arc::clone(&self.shared))
            }
        }
    }
}
