"""A network of its own (run by `unshare -mn`): a resolver, two hosts, and clients under guard.

Arguments: directory, guard's program, mode, GUARD_EGRESS_ALLOW. Reads a JSON object of commands,
writes one of what became of each: [exit code, output of both kinds, seconds]."""

import json
import os
import socket
import struct
import subprocess
import sys
import threading
import time

HOSTS = {
    (b"api.example", 1): ["192.0.2.10"],
    (b"api.example", 28): ["2001:db8::10"],
    (b"other.example", 1): ["192.0.2.11"],
    (b"home.example", 1): ["127.0.0.1"],
}
NAMES = {name for name, _ in HOSTS}
RESOLVER = "127.0.0.53"


def answer(query):
    """The answer to a query without compression."""
    at, labels = 12, []
    while query[at]:
        labels.append(query[at + 1 : at + 1 + query[at]])
        at += 1 + query[at]
    name, kind = b".".join(labels).lower(), struct.unpack(">H", query[at + 1 : at + 3])[0]
    records = b""
    found = HOSTS.get((name, kind), [])
    for address in found:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        data = socket.inet_pton(family, address)
        records += struct.pack(">HHHIH", 0xC00C, kind, 1, 5, len(data)) + data
    code = 0x8180 if name in NAMES else 0x8183
    return query[:2] + struct.pack(">5H", code, 1, len(found), 0, 0) + query[12 : at + 5] + records


def resolve():
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind((RESOLVER, 53))
    while True:
        query, client = server.recvfrom(65535)
        server.sendto(answer(query), client)


def serve():
    server = socket.create_server(("::", 8000), family=socket.AF_INET6, dualstack_ipv6=True)
    while True:
        client, _ = server.accept()
        client.recv(65535)
        client.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 7\r\n\r\nreached")
        client.close()


def main():
    directory, guard, mode, allow = sys.argv[1:]
    for command in (
        "ip link set lo up",
        "ip addr add 192.0.2.10/32 dev lo",
        "ip addr add 192.0.2.11/32 dev lo",
        f"mount --bind {directory}/resolv.conf /etc/resolv.conf",
    ):
        subprocess.run(command.split(), check=True)
    # Not every kernel has IPv6.
    subprocess.run("ip addr add 2001:db8::10/128 dev lo nodad".split(), stderr=subprocess.DEVNULL)
    for server in (resolve, serve):
        threading.Thread(target=server, daemon=True).start()
    time.sleep(0.2)
    variables = {
        "PATH": os.environ["PATH"],
        "AWS_LAMBDA_RUNTIME_API": "127.0.0.1:1",
        "GUARD_REQUIRE": "process",
        "GUARD_MODE": mode,
        "GUARD_EGRESS_ALLOW": allow,
    }
    became = {}
    for name, command in json.load(sys.stdin).items():
        start = time.monotonic()
        done = subprocess.run(
            [guard, "exec", "--", *command],
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=60,
        )
        text = done.stdout.decode(errors="replace")
        became[name] = [done.returncode, text, time.monotonic() - start]
    json.dump(became, sys.stdout)


main()
