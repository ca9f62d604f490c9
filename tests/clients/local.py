# Local sockets by path while another thread shares the descriptors: waiting, being interrupted, time
# limits, who calls and errors are as the kernel has them. Argument: mark.
import os
import signal
import socket
import struct
import sys
import tempfile
import threading
import time

SO_SNDTIMEO, SO_PASSCRED, SO_PEERCRED = 21, 16, 17
EAGAIN, ENOENT, EPROTOTYPE, ECONNREFUSED = 11, 2, 91, 111


def bound(name, kind=socket.SOCK_STREAM):
    made = socket.socket(socket.AF_UNIX, kind)
    made.bind(name)
    return made


def after(seconds, work):
    thread = threading.Thread(target=lambda: (time.sleep(seconds), work()), daemon=True)
    thread.start()


def taking(work):
    start = time.monotonic()
    work()
    return time.monotonic() - start


def me(bytes):
    return struct.unpack("3i", bytes[:12])[0] == os.getpid()


def streams():
    server = bound("stream")
    server.listen(0)
    first = socket.socket(socket.AF_UNIX)
    first.connect("stream")
    waiting = socket.socket(socket.AF_UNIX)
    after(0.2, server.accept)
    assert taking(lambda: waiting.connect("stream")) > 0.15
    assert waiting.getblocking() and waiting.getpeername() == "stream"
    accepted, _ = server.accept()
    assert me(accepted.getsockopt(socket.SOL_SOCKET, SO_PEERCRED, 12))

    last, refused = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)
    last.setblocking(False)
    refused.setblocking(False)
    assert last.connect_ex("stream") == 0
    assert refused.connect_ex("stream") == EAGAIN and not refused.getblocking()

    limited = socket.socket(socket.AF_UNIX)
    limited.setsockopt(socket.SOL_SOCKET, SO_SNDTIMEO, struct.pack("ll", 0, 200_000))
    results = []
    assert taking(lambda: results.append(limited.connect_ex("stream"))) > 0.15
    assert results == [EAGAIN]

    def alarm(*_):
        raise InterruptedError

    signal.signal(signal.SIGALRM, alarm)
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    interrupted = socket.socket(socket.AF_UNIX)
    try:
        interrupted.connect("stream")
        raise SystemExit("it was not interrupted")
    except InterruptedError:
        pass
    server.close()
    assert socket.socket(socket.AF_UNIX).connect_ex("stream") == ECONNREFUSED
    assert socket.socket(socket.AF_UNIX).connect_ex("no") == ENOENT


def datagrams():
    receiver = bound("datagrams", socket.SOCK_DGRAM)
    receiver.setsockopt(socket.SOL_SOCKET, SO_PASSCRED, 1)
    sender, there = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM), "datagrams"
    sender.setblocking(False)
    count = 0
    try:
        while True:
            count += sender.sendto(b"x" * 1000, there) == 1000
    except BlockingIOError:
        pass
    sender.setblocking(True)
    after(0.2, lambda: receiver.recv(2000))
    assert taking(lambda: sender.sendto(b"last", there)) > 0.15
    for _ in range(count - 1):
        assert receiver.recv(2000) == b"x" * 1000
    assert receiver.recv(99) == b"last"

    own = struct.pack("3i", os.getpid(), os.getuid(), os.getgid())
    sender.sendmsg([b"who"], [(socket.SOL_SOCKET, 2, own)], 0, there)
    data, control, _, _ = receiver.recvmsg(99, 99)
    assert data == b"who" and me(control[0][2])
    null = os.open("/dev/null", os.O_RDONLY)
    sender.sendmsg([b"file"], [(socket.SOL_SOCKET, 1, struct.pack("i", null))], 0, there)
    _, control, _, _ = receiver.recvmsg(99, 99)
    (got,) = [struct.unpack("i", data)[0] for _, kind, data in control if kind == 1]
    assert os.fstat(got).st_rdev == os.fstat(null).st_rdev

    assert socket.socket(socket.AF_UNIX).connect_ex(there) == EPROTOTYPE
    sender.connect(there)
    sender.send(b"on")
    assert receiver.recv(9) == b"on" and sender.getpeername() == there
    receiver.close()
    try:
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b"x", there)
        raise SystemExit("nobody is there")
    except ConnectionRefusedError:
        pass


folder = tempfile.TemporaryDirectory(dir="/tmp")
os.chdir(folder.name)
after(60, lambda: None)
streams()
datagrams()
os.chdir("/")
print(sys.argv[1])
