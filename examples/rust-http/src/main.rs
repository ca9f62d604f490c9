//! Greets over HTTP; Guard looks at every request before the handler does.

use guard_middleware::GuardLayer;
use lambda_http::lambda_runtime::Runtime;
use lambda_http::{Adapter, Error, IntoResponse, Request, RequestExt, service_fn, tracing};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let guard = GuardLayer::from_env()?;
    // What `lambda_http::run(service_fn(handler))` does, with Guard around both sides.
    let handler = Adapter::from(service_fn(handler));
    Runtime::new(guard.responses_of(handler)).layer(guard).run().await
}

async fn handler(request: Request) -> Result<impl IntoResponse, Error> {
    let query = request.query_string_parameters();
    let name = query.first("name").unwrap_or("stranger");
    Ok(format!("Hello, {name}\n"))
}
