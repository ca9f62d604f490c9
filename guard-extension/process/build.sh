#!/bin/sh
# Builds the parts that run inside guarded programs and puts them into a folder:
#
#   build.sh FOLDER            libguard.so and guard-loader, replaced at once where they are in use
#   build.sh FOLDER aarch64    for aarch64, with Debian's compiler (tests/support/aarch64.sh)
set -eu
folder=$(cd "$1" && pwd)
machine=${2:-x86_64}
cd "$(dirname "$0")"
target=${CARGO_TARGET_DIR:-../../target}/process
if [ "$machine" = aarch64 ] && [ "$(uname -m)" != aarch64 ]; then
    export RUSTC=/usr/bin/rustc
    export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc
    target=${CARGO_TARGET_DIR:-../../target}/aarch64/process
fi
if [ "$machine" = aarch64 ]; then
    # Atomic instructions in place, not functions that ask a libc what the processor has.
    export RUSTFLAGS="-C target-feature=-outline-atomics"
fi
cargo build --quiet --locked --release --target "$machine-unknown-linux-gnu" --target-dir "$target"
for part in libguard.so guard-loader; do
    cp "$target/$machine-unknown-linux-gnu/release/$part" "$folder/$part.$$"
    mv "$folder/$part.$$" "$folder/$part"
done
