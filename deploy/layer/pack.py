#!/usr/bin/env python3
"""Packs the layer: pack.py PROGRAM OUT.zip, or lays it out as it is below /opt: pack.py PROGRAM FOLDER

PROGRAM is a static `guard`; what Lambda unpacks to /opt is the table PARTS. The same program gives
the same bytes: sorted names, fixed times and modes, nothing of the machine that packed it.
A folder is for container images and tests, and takes any program.
"""

import os
import sys
import zipfile

# The wrapper is a file of one line, not a link or a second copy: the kernel starts the program that
# the line names, with `wrap` as its first argument (execve(2), "Interpreter scripts"). A link does
# not survive every tool that unpacks and packs a layer again, a copy doubles the layer, and a shell
# script costs the start of a shell.
WRAP = b"#!/opt/extensions/guard wrap\n"

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))

# Where it is below /opt: (mode, content). Content is bytes, or a path; PROGRAM is the argument.
# Parts of the enforcing tiers go under guard/ as further rows; what is built for one architecture
# lies beside PROGRAM.
PROGRAM = object()
PARTS = {
    "extensions/guard": (0o755, PROGRAM),
    "guard/wrap": (0o755, WRAP),
    "guard/LICENSE-APACHE": (0o644, os.path.join(ROOT, "LICENSE-APACHE")),
    "guard/LICENSE-MIT": (0o644, os.path.join(ROOT, "LICENSE-MIT")),
}

# What the README promises of the zipped layer.
LARGEST = 3 << 20

# The earliest time that a zip file can hold.
EPOCH = (1980, 1, 1, 0, 0, 0)


def content(part, program):
    if isinstance(part, bytes):
        return part
    with open(program if part is PROGRAM else part, "rb") as file:
        return file.read()


def check(program):
    """Lambda's kernel has to start it without any library: no interpreter among its segments."""
    with open(program, "rb") as file:
        data = file.read()
    if data[:4] != b"\x7fELF" or data[4] != 2:
        sys.exit(f"{program}: not a 64-bit ELF program")
    at, size, count = (
        int.from_bytes(data[32:40], "little"),
        int.from_bytes(data[54:56], "little"),
        int.from_bytes(data[56:58], "little"),
    )
    kinds = [int.from_bytes(data[at + n * size :][:4], "little") for n in range(count)]
    if 3 in kinds:  # PT_INTERP
        sys.exit(f"{program}: is linked dynamically, the layer needs a static program")


def lay_out(program, folder):
    for name in sorted(PARTS):
        mode, source = PARTS[name]
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content(source, program))
        os.chmod(path, mode)


def pack(program, out):
    check(program)
    os.makedirs(os.path.dirname(os.path.abspath(out)), exist_ok=True)
    part = out + ".part"
    with zipfile.ZipFile(part, "w") as archive:
        for name in sorted(PARTS):
            mode, source = PARTS[name]
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.create_system = 3  # Unix: the modes count
            entry.external_attr = (0o100000 | mode) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content(source, program), compresslevel=9)
    size = os.path.getsize(part)
    if size > LARGEST:
        os.remove(part)
        sys.exit(f"{out}: {size} bytes, {LARGEST} are promised at most")
    os.replace(part, out)
    print(f"{out}: {size} bytes, program {os.path.getsize(program)}; {LARGEST} promised at most")


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    program, out = sys.argv[1:]
    if not os.path.exists(program):
        sys.exit(f"{program}: is not there")
    if out.endswith(".zip"):
        pack(program, out)
    else:
        lay_out(program, out)


main()
