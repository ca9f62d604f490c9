//! An order service that trusts its callers: **vulnerable on purpose**.
//!
//! Orders reach it through eleven kinds of trigger and end in SQL text, a shell, a template, a file
//! path, a page, a log line or an outgoing request without being checked. It knows nothing of
//! Guard except the lines in `main` that add the layer when `ORDERS_GUARD=on`.

use std::cell::RefCell;
use std::rc::Rc;

use guard_middleware::GuardLayer;
use lambda_runtime::{Error, LambdaEvent, Runtime, service_fn};
use serde_json::Value;

mod event;
mod orders;
mod shop;

fn main() -> Result<(), Error> {
    // One thread: a standard function handles one invocation at a time.
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(serve())
}

async fn serve() -> Result<(), Error> {
    let shop = Rc::new(RefCell::new(shop::Shop::open()?));
    let handler = service_fn(move |event: LambdaEvent<Value>| {
        let shop = Rc::clone(&shop);
        async move { handle(&mut shop.borrow_mut(), &event.payload) }
    });
    let runtime = Runtime::new(handler);
    match std::env::var("ORDERS_GUARD").as_deref() {
        // The whole of what a handler does to be guarded.
        Ok("on") => runtime.layer(GuardLayer::from_env()?).run().await,
        Ok(other) => Err(format!("ORDERS_GUARD: \"{other}\" is not \"on\"").into()),
        Err(_) => runtime.run().await,
    }
}

/// Does what every order in the event asks, and answers in the shape its trigger expects.
fn handle(shop: &mut shop::Shop, payload: &Value) -> Result<Value, Error> {
    let event = event::Event::read(payload)?;
    let mut answers = Vec::with_capacity(event.orders.len());
    for order in &event.orders {
        answers.push(orders::act(shop, order)?);
    }
    Ok(event.kind.answer(answers))
}
