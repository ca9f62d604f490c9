//! Takes orders from a queue; Guard looks at every message before the handler does.

use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent};
use guard_middleware::GuardLayer;
use lambda_runtime::{Error, LambdaEvent, Runtime, service_fn, tracing};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
struct Order {
    customer: String,
    article: String,
    quantity: u32,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let guard = GuardLayer::from_env()?;
    // The first `guard` sees what the handler answers, the second what it is given.
    Runtime::new(guard.responses_of(service_fn(handler))).layer(guard).run().await
}

async fn handler(event: LambdaEvent<SqsEvent>) -> Result<SqsBatchResponse, Error> {
    let mut answer = SqsBatchResponse::default();
    for message in event.payload.records {
        if let Err(error) = take(message.body.as_deref().unwrap_or_default()) {
            tracing::warn!(%error, "an order was not taken");
            let mut failure = BatchItemFailure::default();
            failure.item_identifier = message.message_id.unwrap_or_default();
            answer.batch_item_failures.push(failure);
        }
    }
    Ok(answer)
}

fn take(body: &str) -> Result<(), Error> {
    let order: Order = serde_json::from_str(body)?;
    if order.quantity == 0 {
        return Err("an order of nothing".into());
    }
    tracing::info!(order.customer, order.article, order.quantity, "order taken");
    Ok(())
}
