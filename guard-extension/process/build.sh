#!/bin/sh
# Builds the parts that run inside guarded programs, for x86_64, and puts them into a folder:
#
#   build.sh FOLDER     libguard.so and guard-loader, replaced at once where they are in use
set -eu
folder=$(cd "$1" && pwd)
cd "$(dirname "$0")"
target=${CARGO_TARGET_DIR:-../../target}/process
cargo build --quiet --locked --release --target x86_64-unknown-linux-gnu --target-dir "$target"
for part in libguard.so guard-loader; do
    cp "$target/x86_64-unknown-linux-gnu/release/$part" "$folder/$part.$$"
    mv "$folder/$part.$$" "$folder/$part"
done
