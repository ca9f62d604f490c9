//! What the service does with an order. **Every function here is vulnerable on purpose**: it puts
//! the caller's text where a program is read.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use lambda_runtime::Error;
use rusqlite::types::ValueRef;
use serde_json::{Value, json};

use crate::event::Order;
use crate::shop::Shop;

/// Does what the order asks.
pub fn act(shop: &mut Shop, order: &Order) -> Result<Value, Error> {
    let text = |name: &str| order.parameters[name].as_str().unwrap_or_default();
    match order.action.as_str() {
        "orders" => list(shop, text("customer")),
        "find" => find(shop, &order.parameters["filter"]),
        "place" => place(shop, text("id"), text("customer"), text("item")),
        "page" => page(shop, text("customer"), text("note")),
        "invoice" => invoice(shop, text("name")),
        "label" => label(text("carrier")),
        "import" => import(shop, text("key")),
        "mail" => mail(text("greeting")),
        "note" => note(text("id"), text("text")),
        "track" => track(text("url")),
        other => Err(format!("\"{other}\" is not an action of the order service").into()),
    }
}

/// SQL injection: the customer's name becomes part of the query.
fn list(shop: &Shop, customer: &str) -> Result<Value, Error> {
    rows(
        shop,
        &format!("SELECT id, customer, item, total FROM orders WHERE customer = '{customer}'"),
    )
}

/// Operator injection: a filter meant to hold values may hold operators.
fn find(shop: &Shop, filter: &Value) -> Result<Value, Error> {
    let customer = &filter["customer"];
    let (operator, value) = match customer
        .as_object()
        .and_then(|operators| operators.iter().next())
    {
        Some((name, value)) => match name.as_str() {
            "$ne" => ("<>", value),
            "$gt" => (">", value),
            other => return Err(format!("\"{other}\" is not $ne or $gt").into()),
        },
        None => ("=", customer),
    };
    let query =
        format!("SELECT id, customer, item, total FROM orders WHERE customer {operator} ?1");
    let mut statement = shop.database.prepare(&query)?;
    collect(&mut statement, [value.as_str().unwrap_or_default()])
}

/// Stacked SQL: a batch runs every statement it is given. The same order may come twice.
fn place(shop: &Shop, id: &str, customer: &str, item: &str) -> Result<Value, Error> {
    shop.database.execute_batch(&format!(
        "INSERT OR REPLACE INTO orders (id, customer, item, total) \
         VALUES ('{id}', '{customer}', '{item}', 1000)"
    ))?;
    let unpaid = "SELECT count(*) FROM orders WHERE total = 0";
    let unpaid: u32 = shop.database.query_row(unpaid, [], |row| row.get(0))?;
    Ok(json!({ "placed": id, "orders that cost nothing": unpaid }))
}

/// Script in a page: the note is not escaped.
fn page(shop: &Shop, customer: &str, note: &str) -> Result<Value, Error> {
    let query = "SELECT count(*) FROM orders WHERE customer = ?1";
    let orders: u32 = shop
        .database
        .query_row(query, [customer], |row| row.get(0))?;
    Ok(format!("<html><h1>{orders} orders</h1><p>{note}</p></html>").into())
}

/// Path traversal: the name may climb out of the folder.
fn invoice(shop: &Shop, name: &str) -> Result<Value, Error> {
    let text = std::fs::read_to_string(shop.invoices.join(name))?;
    Ok(json!({ "invoice": text }))
}

/// Shell injection through a parameter.
fn label(carrier: &str) -> Result<Value, Error> {
    shell(&format!("echo label for {carrier}"))
}

/// Shell injection through the key of an uploaded object.
fn import(shop: &Shop, key: &str) -> Result<Value, Error> {
    let inbox = shop.invoices.with_file_name("inbox.csv");
    shell(&format!(
        "echo imported {key} after $(wc -l < {}) lines",
        inbox.display()
    ))
}

/// Template injection: the greeting is part of the template's source.
fn mail(greeting: &str) -> Result<Value, Error> {
    let template = format!("{greeting}, your order is on its way.");
    let context = json!({ "settings": { "smtp_password": "hunter2-live" } });
    let mail = minijinja::Environment::new().render_str(&template, context)?;
    Ok(json!({ "mail": mail }))
}

/// Log injection: the text may hold line breaks, and the next line is the attacker's.
fn note(id: &str, text: &str) -> Result<Value, Error> {
    println!("orders: note on {id}: {text}");
    Ok(json!({ "noted": id }))
}

/// Request forgery: the service fetches whatever it is told to, from where it stands.
fn track(url: &str) -> Result<Value, Error> {
    let Some(rest) = url.strip_prefix("http://") else {
        return Ok(json!({ "tracking": "unknown carrier" }));
    };
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let mut stream = match TcpStream::connect(host) {
        Ok(stream) => stream,
        Err(error) => return Ok(json!({ "tracking": error.to_string() })),
    };
    stream.set_read_timeout(Some(Duration::from_secs(1)))?;
    write!(
        stream,
        "GET /{path} HTTP/1.0\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = Vec::new();
    stream.take(64 * 1024).read_to_end(&mut answer)?;
    Ok(json!({ "tracking": String::from_utf8_lossy(&answer) }))
}

fn shell(command: &str) -> Result<Value, Error> {
    let output = Command::new("/bin/sh").args(["-c", command]).output()?;
    Ok(json!({ "output": String::from_utf8_lossy(&output.stdout) }))
}

fn rows(shop: &Shop, query: &str) -> Result<Value, Error> {
    let mut statement = shop.database.prepare(query)?;
    collect(&mut statement, [])
}

fn collect(
    statement: &mut rusqlite::Statement<'_>,
    parameters: impl rusqlite::Params,
) -> Result<Value, Error> {
    let names: Vec<String> = statement
        .column_names()
        .iter()
        .map(ToString::to_string)
        .collect();
    let mut rows = statement.query(parameters)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let mut order = json!({});
        for (at, name) in names.iter().enumerate() {
            order[name] = match row.get_ref(at)? {
                ValueRef::Integer(number) => number.into(),
                ValueRef::Text(text) => String::from_utf8_lossy(text).into(),
                ValueRef::Null | ValueRef::Real(_) | ValueRef::Blob(_) => Value::Null,
            };
        }
        found.push(order);
    }
    Ok(Value::Array(found))
}
