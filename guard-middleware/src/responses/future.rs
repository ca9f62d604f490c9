//! A handler's response on its way out.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::Stream;
use guard_core::reply::Trimmed;
use lambda_runtime::{Diagnostic, FunctionResponse, IntoFunctionResponse, StreamResponse};
use lambda_runtime_api_client::BoxError;
use pin_project_lite::pin_project;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use super::{Body, HandlerError, Scanned};
use crate::shared::{Invocation, Shared};

pin_project! {
    /// Done when the handler has answered and the answer was looked at.
    pub struct ResponseFuture<F, B, S> {
        #[pin]
        handled: F,
        check: Check,
        sent_as: PhantomData<fn() -> (B, S)>,
    }
}

impl<F, B, S> ResponseFuture<F, B, S> {
    pub(super) const fn new(handled: F, check: Check) -> Self {
        Self {
            handled,
            check,
            sent_as: PhantomData,
        }
    }
}

impl<F: fmt::Debug, B, S> fmt::Debug for ResponseFuture<F, B, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture")
            .field("handled", &self.handled)
            .finish_non_exhaustive()
    }
}

impl<F, R, E, B, S, D, SE> Future for ResponseFuture<F, B, S>
where
    F: Future<Output = Result<R, E>>,
    R: IntoFunctionResponse<B, S>,
    B: Serialize,
    S: Stream<Item = Result<D, SE>> + Unpin + Send + 'static,
    D: Into<Bytes> + Send,
    SE: Into<BoxError> + Send + fmt::Debug,
{
    type Output = Result<FunctionResponse<Body<B>, Scanned<S>>, HandlerError<E>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = match ready!(this.handled.poll(cx)) {
            Ok(response) => response.into_response(),
            Err(error) => return Poll::Ready(Err(HandlerError::Handler(error))),
        };
        let outcome = match (response, this.check.take()) {
            (FunctionResponse::BufferedResponse(value), None) => {
                Ok(FunctionResponse::BufferedResponse(Body::Value(value)))
            }
            (FunctionResponse::BufferedResponse(value), Some(duty)) => duty
                .buffered(&value)
                .map(FunctionResponse::BufferedResponse),
            (FunctionResponse::StreamingResponse(response), None) => {
                let StreamResponse {
                    metadata_prelude,
                    stream,
                } = response;
                let stream = Scanned::passing(stream);
                let response = StreamResponse {
                    metadata_prelude,
                    stream,
                };
                Ok(FunctionResponse::StreamingResponse(response))
            }
            (FunctionResponse::StreamingResponse(response), Some(duty)) => duty
                .streaming(response)
                .map(FunctionResponse::StreamingResponse),
        };
        Poll::Ready(outcome.map_err(HandlerError::Withheld))
    }
}

/// What has to be done with a response: nothing, for most functions.
#[derive(Debug, Default)]
pub(super) struct Check(Option<Box<Duty>>);

/// Boxed, since a function without secrets and an event without a finding have none.
#[derive(Debug)]
struct Duty {
    shared: Arc<Shared>,
    invocation: Invocation,
    withheld: Option<Trimmed>,
}

impl Check {
    pub(super) fn new(shared: &Arc<Shared>, context: &lambda_runtime::Context) -> Self {
        let withheld = shared.partial.take(&context.request_id);
        if withheld.is_none() && !shared.looks_at_responses() {
            return Self(None);
        }
        Self(Some(Box::new(Duty {
            shared: Arc::clone(shared),
            invocation: Invocation::of(context),
            withheld,
        })))
    }

    fn take(&mut self) -> Option<Box<Duty>> {
        self.0.take()
    }
}

impl Duty {
    fn buffered<B: Serialize>(&self, value: &B) -> Result<Body<B>, Diagnostic> {
        let json = to_raw_value(value).map_err(|error| Diagnostic {
            error_type: "Guard.Response".to_owned(),
            error_message: format!("response could not be serialized: {error}"),
        })?;
        let json = match &self.withheld {
            None => json,
            Some(withheld) => self.merged(withheld, &json)?,
        };
        if self.shared.looks_at_responses()
            && self
                .shared
                .withholds(&self.invocation, json.get().as_bytes())
        {
            return Err(withheld(&self.invocation));
        }
        Ok(Body::Json(json))
    }

    fn merged(&self, withheld: &Trimmed, json: &RawValue) -> Result<Box<RawValue>, Diagnostic> {
        // The whole batch fails then, and its source keeps it.
        let cannot = |reason: &dyn fmt::Display| Diagnostic {
            error_type: "Guard.Blocked".to_owned(),
            error_message: format!(
                "blocked records could not be named (request {}): {reason}",
                self.invocation.request_id
            ),
        };
        let merged = withheld
            .merge(json.get().as_bytes())
            .map_err(|e| cannot(&e))?;
        let merged = String::from_utf8(merged).map_err(|e| cannot(&e))?;
        RawValue::from_string(merged).map_err(|e| cannot(&e))
    }

    fn streaming<S>(
        self: Box<Self>,
        response: StreamResponse<S>,
    ) -> Result<StreamResponse<Scanned<S>>, Diagnostic> {
        if self.withheld.is_some() {
            return Err(Diagnostic {
                error_type: "Guard.Blocked".to_owned(),
                error_message: format!(
                    "blocked records cannot be named in a streaming response (request {})",
                    self.invocation.request_id
                ),
            });
        }
        let StreamResponse {
            metadata_prelude,
            stream,
        } = response;
        if !self.shared.looks_at_responses() {
            return Ok(StreamResponse {
                metadata_prelude,
                stream: Scanned::passing(stream),
            });
        }
        let headers = metadata_prelude
            .headers
            .values()
            .map(http::HeaderValue::as_bytes);
        let cookies = metadata_prelude.cookies.iter().map(String::as_bytes);
        for text in headers.chain(cookies) {
            if self.shared.withholds(&self.invocation, text) {
                return Err(withheld(&self.invocation));
            }
        }
        let stream = Scanned::scanning(stream, self.shared, self.invocation);
        Ok(StreamResponse {
            metadata_prelude,
            stream,
        })
    }
}

fn withheld(invocation: &Invocation) -> Diagnostic {
    Diagnostic {
        error_type: "Guard.Withheld".to_owned(),
        error_message: super::withheld_message(&invocation.request_id),
    }
}
