//! Guard for Rust Lambda handlers.
//!
//! A [tower](tower_layer) layer that looks at every event before the handler does, at the raw bytes
//! that the Lambda Runtime API delivered, and at every response before it leaves. What it finds, it
//! records; in `GUARD_MODE=enforce` it answers in the handler's place.
//!
//! ```no_run
//! use guard_middleware::GuardLayer;
//! use lambda_runtime::{Error, LambdaEvent, Runtime, service_fn};
//! use serde_json::Value;
//!
//! # async fn run() -> Result<(), Error> {
//! let guard = GuardLayer::from_env()?;
//! Runtime::new(guard.responses_of(service_fn(handler))).layer(guard).run().await
//! # }
//!
//! async fn handler(event: LambdaEvent<Value>) -> Result<Value, Error> {
//!     Ok(event.payload)
//! }
//! ```
//!
//! It does not stop code inside the function: outbound connections, files and programs are the
//! extension's part. Injection is recognised by its form; a handler that hands a caller's bare word
//! to a shell stays a handler that does so.
//!
//! # What is covered
//!
//! | attached as | events | `partial` | secrets in responses |
//! |---|---|---|---|
//! | `.layer(guard)` | every one, whatever the handler's type | the whole batch fails, and a record says why | not seen |
//! | `.layer(guard)` and [`responses_of`](GuardLayer::responses_of) | every one | blocked records are named beside the handler's own failures | buffered and streaming responses |
//! | `responses_of` alone | none | nothing is blocked | buffered and streaming responses |
//! | [`inspect`](GuardLayer::inspect) | the bytes it is given | - | - |
//!
//! The layer is to be added last, so that it stands outside of all others: what a layer outside of
//! it does with an event, it does unguarded. `lambda_runtime::run` adds the runtime's `TracingLayer`
//! by itself and `Runtime::new` does not: who used the one and wants its spans writes
//! `.layer(TracingLayer::new()).layer(guard)`.
//!
//! A handler of `lambda_http` becomes one of `lambda_runtime` by the adapter that `lambda_http`
//! itself uses; `StreamAdapter` in its place for streaming responses:
//!
//! ```no_run
//! use guard_middleware::GuardLayer;
//! use lambda_http::{Adapter, Body, Error, Request, Response, service_fn};
//! use lambda_http::lambda_runtime::Runtime;
//!
//! # async fn run() -> Result<(), Error> {
//! let guard = GuardLayer::from_env()?;
//! let handler = Adapter::from(service_fn(handler));
//! Runtime::new(guard.responses_of(handler)).layer(guard).run().await
//! # }
//!
//! async fn handler(request: Request) -> Result<Response<Body>, Error> {
//!     Ok(Response::new(request.into_body()))
//! }
//! ```
//!
//! Both work under `Runtime::run_concurrent`. On Lambda Managed Instances every worker has its
//! clone of the layer; policy, counters and connections are shared.
//!
//! # What a blocked event becomes
//!
//! The handler is not called. An HTTP caller gets 403 in the form that its trigger wants. Other
//! events fail with the error type `Guard.Blocked`, or lose their blocked records, as
//! `GUARD_ON_BLOCK` says ([`OnBlock`](guard_core::policy::OnBlock)). A response that would give one
//! of the function's own secrets away is replaced by an error of type `Guard.Withheld`; a stream
//! that has already begun ends with the runtime's error trailer.
//!
//! # Records
//!
//! One line of JSON on standard output for each decision, and one status record when the layer is
//! attached. Writing waits for a reader that does not read for 20 milliseconds once, then drops
//! lines and says how many. The same goes to [`tracing`] at the level `debug`, for those who have a
//! subscriber; faults of the guard itself at `warn` and `error`.
//!
//! # Asking about other bytes
//!
//! ```
//! use guard_core::policy::Policy;
//! use guard_middleware::GuardLayer;
//!
//! let guard = GuardLayer::new(Policy::default());
//! let fetched = b"{\"path\": \"../../../../etc/passwd\"}";
//! assert!(!guard.inspect(fetched).is_empty());
//! assert!(guard.inspect(b"{\"path\": \"notes/today.md\"}").is_empty());
//! ```
//!
//! # Types to know
//!
//! [`GuardLayer`], and for those who name types: [`GuardService`], which it puts around the runtime's
//! service, and [`Responses`], which it puts around a handler.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

/// The README's examples, compiled as a reader would paste them.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

mod future;
mod layer;
mod partial;
mod records;
mod responses;
mod runtime_api;
mod service;
mod shared;
mod status;

pub use future::InvocationFuture;
pub use layer::GuardLayer;
pub use responses::{Body, HandlerError, ResponseFuture, Responses, Scanned};
pub use service::GuardService;
