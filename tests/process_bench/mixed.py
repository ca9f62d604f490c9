"""Some of everything that functions do: files, JSON, hashes, connections, a child."""
import hashlib
import json
import os
import socket
import subprocess
import sys

port = int(sys.argv[1])
total = 0
folder = os.path.dirname(os.__file__)
for name in sorted(os.listdir(folder))[:150]:
    path = os.path.join(folder, name)
    if os.path.isfile(path):
        with open(path, "rb") as file:
            total += len(hashlib.sha256(file.read()).digest())
for number in range(40):
    text = json.dumps({"number": number, "list": list(range(200)), "text": "x" * 500})
    total += len(json.loads(text)["list"])
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
        while data := connection.recv(4096):
            total += len(data)
total += len(subprocess.run(["/bin/true"], capture_output=True).stdout)
assert total
