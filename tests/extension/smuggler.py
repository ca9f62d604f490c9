"""A runtime that wants the function's secret out: takes events by hand, and answers each in the way
that it names. What is refused is answered again without the secret, so that the caller gets an
answer."""

import base64
import json
import os
import socket
import time

HOST, PORT = os.environ["AWS_LAMBDA_RUNTIME_API"].split("/")[0].rsplit(":", 1)
SECRET = os.environ["DB_PASSWORD"]
BODY = json.dumps({"secret": SECRET}).encode()
HALF = len(BODY) // 2


def connect():
    connection = socket.create_connection((HOST, int(PORT)), timeout=3)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def head(line, *fields):
    return "\r\n".join([line, "Host: h", *fields, "", ""]).encode()


def path(id, kind="response"):
    return f"/2018-06-01/runtime/invocation/{id}/{kind}"


def length(body=BODY):
    return f"Content-Length: {len(body)}"


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


def post(id, target=None, *fields, method="POST", version="1.1", body=BODY):
    line = f"{method} {target or path(id)} HTTP/{version}"
    return [head(line, *(fields or [length(body)])) + body]


CHUNKED = "Transfer-Encoding: chunked"
END = b"0\r\n\r\n"
STREAMED = (
    "Lambda-Runtime-Function-Response-Mode: streaming",
    "Trailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body",
    CHUNKED,
)
ERROR = json.dumps({"errorMessage": SECRET, "errorType": "E"}).encode()

WAYS = {
    "plain": lambda id: post(id),
    "in two writes": lambda id: [post(id)[0][:-HALF], BODY[-HALF:]],
    "in chunks of a byte": lambda id: [
        head(f"POST {path(id)} HTTP/1.1", CHUNKED)
        + b"".join(chunk(BODY[at : at + 1]) for at in range(len(BODY)))
        + END
    ],
    "in two chunks, streamed": lambda id: [
        head(f"POST {path(id)} HTTP/1.1", *STREAMED) + chunk(BODY[:HALF]),
        chunk(BODY[HALF:]),
        END,
    ],
    "in chunks with extensions": lambda id: [
        head(f"POST {path(id)} HTTP/1.1", CHUNKED)
        + b"%x;a=b\r\n%s\r\n" % (len(BODY), BODY)
        + END
    ],
    "in a chunk with a word behind its size": lambda id: [
        head(f"POST {path(id)} HTTP/1.1", CHUNKED)
        + b"%x x\r\n%s\r\n" % (len(BODY), BODY)
        + END
    ],
    "behind another stream": lambda id: [
        head(f"POST {path('1')} HTTP/1.1", *STREAMED) + END + post(id)[0]
    ],
    "as an error": lambda id: post(id, path(id, "error"), body=ERROR),
    "as an error of init": lambda id: post(id, "/2018-06-01/runtime/init/error", body=ERROR),
    "in a field": lambda id: post(
        id, None, f"Content-Type: text/{SECRET}", length(b"{}"), body=b"{}"
    ),
    "as an old client": lambda id: post(id, version="1.0"),
    "in chunks as an old client": lambda id: [
        head(f"POST {path(id)} HTTP/1.0", CHUNKED) + chunk(BODY) + END
    ],
    "with a query": lambda id: post(id, path(id) + "?a=b"),
    "with an escape": lambda id: post(id, path(id).replace("/r", "/%72")),
    "with an escaped slash": lambda id: post(id, path(id).replace("/response", "%2fresponse")),
    "with two slashes": lambda id: post(id, "/" + path(id)),
    "with dots": lambda id: post(id, "/x/.." + path(id)),
    "with dots that are escaped": lambda id: post(id, path("x/..%2f" + id)),
    "with a slash behind": lambda id: post(id, path(id) + "/"),
    "with a parameter": lambda id: post(id, path(id) + ";a"),
    "with a fragment": lambda id: post(id, path(id) + "#a"),
    "in capitals": lambda id: post(id, path(id).replace("response", "Response")),
    "in absolute form": lambda id: post(id, f"http://{HOST}:{PORT}{path(id)}"),
    "by another method": lambda id: post(id, method="PUT"),
    "by a small method": lambda id: post(id, method="post"),
    "with two lengths": lambda id: post(id, None, "Content-Length: 2", length()),
    "with a length twice": lambda id: post(id, None, length(), length()),
    "with length and chunks": lambda id: [
        head(f"POST {path(id)} HTTP/1.1", "Content-Length: 2", CHUNKED) + chunk(BODY) + END
    ],
    "with a folded field": lambda id: post(id, None, "X: y", " " + length()),
    "with line feeds alone": lambda id: [
        post(id)[0].split(b"\r\n\r\n")[0].replace(b"\r\n", b"\n") + b"\n\n" + BODY
    ],
    "with a field behind a line feed": lambda id: post(id, None, "X: y\n" + length()),
    "after leave to send": lambda id: [
        head(f"POST {path(id)} HTTP/1.1", length(), "Expect: 100-continue"),
        BODY,
    ],
    "with an upgrade": lambda id: post(
        id,
        None,
        length(),
        "Connection: Upgrade, HTTP2-Settings",
        "Upgrade: h2c",
        "HTTP2-Settings: AAMAAABk",
    ),
    "with its length for the connection": lambda id: post(
        id, None, length(), "Connection: Content-Length"
    ),
    "in the body of a poll": lambda id: [
        head("GET /2018-06-01/runtime/invocation/next HTTP/1.1", length(post(id)[0])) + post(id)[0]
    ],
    "ahead of an answer": lambda id: [
        head("GET /2018-06-01/unknown HTTP/1.1") + post(id)[0]
    ],
    "under another version": lambda id: post(id, path(id).replace("2018-06-01", "2019-01-01")),
    "in trailers": lambda id: [
        head(f"POST {path(id)} HTTP/1.1", *STREAMED)
        + chunk(b"{}")
        + b"0\r\nLambda-Runtime-Function-Error-Type: E\r\n"
        + b"Lambda-Runtime-Function-Error-Body: %s\r\n\r\n" % base64.b64encode(ERROR)
    ],
}


def attempt(pieces):
    """Sends the pieces; what comes back first."""
    connection = connect()
    try:
        for piece in pieces:
            connection.sendall(piece)
            time.sleep(0.01)
        connection.settimeout(1)
        return connection.recv(65536)
    except OSError:
        return b""
    finally:
        connection.close()


def poll():
    connection = connect()
    connection.settimeout(None)
    connection.sendall(head("GET /2018-06-01/runtime/invocation/next HTTP/1.1"))
    stream = connection.makefile("rb")
    fields = {}
    stream.readline()
    while (line := stream.readline()) not in (b"\r\n", b""):
        name, value = line.decode().split(":", 1)
        fields[name.lower()] = value.strip()
    event = stream.read(int(fields["content-length"]))
    connection.close()
    return fields["lambda-runtime-aws-request-id"], json.loads(event)


while True:
    id, event = poll()
    if event == "ways":
        attempt(post(id, body=json.dumps(list(WAYS)).encode()))
        continue
    got = attempt(WAYS[event](id))
    print("TRIED", event, got[:40], flush=True)
    # Refused by the Runtime API where it has an answer already.
    attempt(post(id, body=b'"refused"'))
