//! Answers an invocation in the handler's place, over the Runtime API.
//!
//! Speaks as `lambda_runtime` 1.5 does (its `requests.rs`): same client, same paths, no content
//! type, the invocation id echoed. Knows nothing of events or verdicts.

use std::future::Future;
use std::pin::Pin;
use std::sync::OnceLock;

use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};
use lambda_runtime_api_client::body::Body;
use lambda_runtime_api_client::{BoxError, PooledClient, build_request};
use serde_json::json;

/// Lets the platform refuse an answer that comes too late for its invocation; present on newer
/// platforms only, and then to be echoed.
const INVOCATION_ID: HeaderName = HeaderName::from_static("lambda-runtime-invocation-id");
/// `category.reason`, shown in the platform's own records of the failure.
const ERROR_TYPE: HeaderName = HeaderName::from_static("lambda-runtime-function-error-type");

/// Done when the Runtime API has taken the answer.
pub(crate) type Posted = Pin<Box<dyn Future<Output = Result<(), BoxError>> + Send>>;

/// The Runtime API of this environment.
#[derive(Debug, Default)]
pub(crate) struct RuntimeApi {
    endpoint: Option<Uri>,
    /// Built by the first answer: a function under no attack never opens a second connection, and a
    /// SnapStart snapshot, taken before any invocation, holds none that could be stale.
    client: OnceLock<PooledClient>,
}

impl RuntimeApi {
    /// The Runtime API at `endpoint` instead of where `AWS_LAMBDA_RUNTIME_API` points.
    pub(crate) fn at(endpoint: Uri) -> Self {
        Self {
            endpoint: Some(endpoint),
            client: OnceLock::new(),
        }
    }

    /// Posts `body` as the response of the invocation.
    pub(crate) fn respond(
        &self,
        request_id: &str,
        invocation: &HeaderMap,
        body: Vec<u8>,
    ) -> Result<Posted, BoxError> {
        let mut request = request(request_id, "response", body)?;
        echo(invocation, &mut request);
        self.post(request)
    }

    /// Posts an error as the outcome of the invocation.
    pub(crate) fn fail(
        &self,
        request_id: &str,
        invocation: &HeaderMap,
        error_type: &str,
        error_message: &str,
    ) -> Result<Posted, BoxError> {
        let body = json!({ "errorType": error_type, "errorMessage": error_message });
        let mut request = request(request_id, "error", body.to_string().into_bytes())?;
        if let Ok(value) = HeaderValue::from_str(error_type) {
            request.headers_mut().insert(ERROR_TYPE, value);
        }
        echo(invocation, &mut request);
        self.post(request)
    }

    fn post(&self, request: Request<Body>) -> Result<Posted, BoxError> {
        let answer = self.client()?.call(request);
        Ok(Box::pin(async move {
            // As the runtime does for the handler's own answers: a refusal (410: the invocation
            // timed out) is said and the loop goes on, a broken connection ends the process, and
            // the platform starts a new one.
            let status = answer.await?.status();
            if !status.is_success() {
                tracing::error!(%status, "the Runtime API refused the answer to a blocked event");
            }
            Ok(())
        }))
    }

    fn client(&self) -> Result<&PooledClient, BoxError> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        // Resolved here: the client's own look-up panics where this one returns an error.
        let endpoint = match &self.endpoint {
            Some(endpoint) => endpoint.clone(),
            None => std::env::var("AWS_LAMBDA_RUNTIME_API")
                .map_err(|error| format!("AWS_LAMBDA_RUNTIME_API: {error}"))?
                .parse()
                .map_err(|error| format!("AWS_LAMBDA_RUNTIME_API: not an address: {error}"))?,
        };
        if endpoint.authority().is_none() {
            return Err(format!("AWS_LAMBDA_RUNTIME_API: \"{endpoint}\" names no host").into());
        }
        Ok(self
            .client
            .get_or_init(|| PooledClient::builder().with_endpoint(endpoint).build()))
    }
}

fn request(request_id: &str, outcome: &str, body: Vec<u8>) -> Result<Request<Body>, BoxError> {
    let path = format!("/2018-06-01/runtime/invocation/{request_id}/{outcome}");
    let uri = Uri::builder().path_and_query(path).build()?;
    Ok(build_request()
        .method(Method::POST)
        .uri(uri)
        .body(Body::from(body))?)
}

fn echo(invocation: &HeaderMap, request: &mut Request<Body>) {
    // The runtime drops an id that is no text; so does this.
    if let Some(id) = invocation
        .get(&INVOCATION_ID)
        .filter(|id| id.to_str().is_ok())
    {
        request.headers_mut().insert(INVOCATION_ID, id.clone());
    }
}
