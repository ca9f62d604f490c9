//! Looks at what the handler answers.
//!
//! The layer around the runtime never sees a response: the runtime serializes it on the inside and
//! sends it itself. So [`Responses`] stands directly around the handler, where the response still
//! is a value. There it
//!
//! - looks for the function's own secrets, in a response serialized once, which the runtime then
//!   takes over as it is, or chunk by chunk in a streaming one;
//! - in `enforce`, replaces a response that would leak one by an error, or cuts a stream that has
//!   already begun; in `monitor`, records it;
//! - names the records that were kept from the handler beside the failures that it reports itself,
//!   for [`OnBlock::Partial`](guard_core::policy::OnBlock).
//!
//! A function without secrets in its environment, or in `off`, has its responses passed on as they
//! are.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::Stream;
use lambda_runtime::{Diagnostic, FunctionResponse, IntoFunctionResponse, LambdaEvent};
use lambda_runtime_api_client::BoxError;
use serde::Serialize;
use tower_service::Service;

mod body;
mod future;
mod stream;

pub use body::Body;
pub use future::ResponseFuture;
pub use stream::Scanned;

use crate::shared::Shared;
use future::Check;

/// A handler whose responses are looked at; made by
/// [`GuardLayer::responses_of`](crate::GuardLayer::responses_of).
///
/// `B` and `S` are what `H`'s response is sent as, buffered or streaming; they are inferred.
pub struct Responses<H, B, S> {
    handler: H,
    shared: Arc<Shared>,
    sent_as: PhantomData<fn() -> (B, S)>,
}

impl<H, B, S> Responses<H, B, S> {
    pub(crate) fn new(handler: H, shared: Arc<Shared>) -> Self {
        shared.partial.attach();
        Self {
            handler,
            shared,
            sent_as: PhantomData,
        }
    }

    /// The handler.
    pub fn get_ref(&self) -> &H {
        &self.handler
    }

    /// The handler, to change it.
    pub fn get_mut(&mut self) -> &mut H {
        &mut self.handler
    }

    /// The handler by itself.
    pub fn into_inner(self) -> H {
        self.handler
    }
}

impl<H: Clone, B, S> Clone for Responses<H, B, S> {
    fn clone(&self) -> Self {
        Self {
            handler: self.handler.clone(),
            shared: Arc::clone(&self.shared),
            sent_as: PhantomData,
        }
    }
}

impl<H: fmt::Debug, B, S> fmt::Debug for Responses<H, B, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Responses")
            .field("handler", &self.handler)
            .finish_non_exhaustive()
    }
}

// ===== impl Service =====

impl<H, E, R, B, S, D, SE> Service<LambdaEvent<E>> for Responses<H, B, S>
where
    H: Service<LambdaEvent<E>, Response = R>,
    R: IntoFunctionResponse<B, S>,
    B: Serialize,
    S: Stream<Item = Result<D, SE>> + Unpin + Send + 'static,
    D: Into<Bytes> + Send,
    SE: Into<BoxError> + Send + fmt::Debug,
{
    type Response = FunctionResponse<Body<B>, Scanned<S>>;
    type Error = HandlerError<H::Error>;
    type Future = ResponseFuture<H::Future, B, S>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.handler.poll_ready(cx).map_err(HandlerError::Handler)
    }

    fn call(&mut self, event: LambdaEvent<E>) -> Self::Future {
        let check = Check::new(&self.shared, &event.context);
        ResponseFuture::new(self.handler.call(event), check)
    }
}

/// The handler's own error, or the one that stands in place of its response.
#[non_exhaustive]
pub enum HandlerError<E> {
    /// What the handler failed with.
    Handler(E),
    /// Why its response was not sent.
    Withheld(Diagnostic),
}

/// As the handler's own error would be, so that what the runtime logs does not change.
impl<E: fmt::Debug> fmt::Debug for HandlerError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Handler(error) => error.fmt(f),
            Self::Withheld(diagnostic) => {
                write!(f, "{}: {}", diagnostic.error_type, diagnostic.error_message)
            }
        }
    }
}

impl<E: Into<Diagnostic>> From<HandlerError<E>> for Diagnostic {
    fn from(error: HandlerError<E>) -> Self {
        match error {
            HandlerError::Handler(error) => error.into(),
            HandlerError::Withheld(diagnostic) => diagnostic,
        }
    }
}

/// What a caller is told of a response that was withheld.
fn withheld_message(request_id: &str) -> String {
    format!("response withheld: it holds a secret of the function (request {request_id})")
}
