"""Orders over SQLite, behind an HTTP API: GET /orders?customer=NAME and POST /orders."""

import base64
import json
import os
import sqlite3
import tempfile

# One file for the life of the environment.
DATABASE = os.path.join(tempfile.mkdtemp(), "orders.db")

SCHEMA = """
CREATE TABLE orders (id INTEGER PRIMARY KEY, customer TEXT, item TEXT, quantity INTEGER);
INSERT INTO orders (customer, item, quantity) VALUES
    ('alice', 'kettle', 1), ('bob', 'teapot', 2), ('o''brien', 'mug', 6);
"""

with sqlite3.connect(DATABASE) as setup:
    setup.executescript(SCHEMA)


def answer(status, body):
    return {
        "statusCode": status,
        "headers": {"content-type": "application/json"},
        "body": json.dumps(body),
    }


def body_of(event):
    body = event.get("body") or ""
    return base64.b64decode(body).decode() if event.get("isBase64Encoded") else body


def handler(event, context):
    method = event["requestContext"]["http"]["method"]
    with sqlite3.connect(DATABASE) as database:
        if method == "GET":
            customer = (event.get("queryStringParameters") or {}).get("customer", "")
            rows = database.execute(
                "SELECT id, item, quantity FROM orders WHERE customer = ? ORDER BY id",
                (customer,),
            )
            orders = [{"id": id, "item": item, "quantity": n} for id, item, n in rows]
            return answer(200, {"customer": customer, "orders": orders})
        if method == "POST":
            order = json.loads(body_of(event))
            database.execute(
                "INSERT INTO orders (customer, item, quantity) VALUES (?, ?, ?)",
                (str(order["customer"]), str(order["item"]), int(order["quantity"])),
            )
            return answer(201, order)
    return answer(405, {"message": f"{method} is not offered"})
