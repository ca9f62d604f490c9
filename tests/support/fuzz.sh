#!/bin/sh
# Runs every fuzz target of every fuzz crate for SECONDS, starting from its seeds and from what once
# broke it.
#
#   fuzz.sh SECONDS
#   fuzz.sh build             builds them and runs none
#
# From a clean checkout the inputs are the same in every run, as far as it gets, so that a change is
# judged by what it changed; FUZZ_SEED=0 takes others each time, as the workflow's long runs do.
#
# Without cargo-fuzz: coverage counters come from LLVM's own pass, which a stable compiler runs too.
# What only a nightly compiler adds (AddressSanitizer) matters for `unsafe` code and runs in the
# workflow.
set -eu
seconds=${1:?"needs the seconds for each target, or build"}
seed=${FUZZ_SEED:-1}
root=$(cd "$(dirname "$0")/../.." && pwd)
triple=$(rustc -vV | sed -n 's/^host: //p')
target=${CARGO_TARGET_DIR:-$root/target}/fuzz

found=0
for manifest in "$root"/guard-*/fuzz/Cargo.toml "$root"/guard-*/*/fuzz/Cargo.toml; do
    [ -e "$manifest" ] || continue
    crate=$(dirname "$manifest")
    # With --target, the flags reach neither build scripts nor procedural macros.
    RUSTFLAGS="--cfg fuzzing -Cdebug-assertions -Ccodegen-units=1 -Cpasses=sancov-module \
-Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
-Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares" \
        cargo build --quiet --release --target "$triple" --target-dir "$target" \
        --manifest-path "$manifest" --bins
    if [ "$seconds" = build ]; then
        found=1
        continue
    fi
    for source in "$crate"/fuzz_targets/*.rs; do
        name=$(basename "$source" .rs)
        found=$((found + 1))
        corpus=$target/corpus/$name
        mkdir -p "$corpus"
        set -- "$corpus"
        for start in seeds regressions; do
            if [ -d "$crate/$start/$name" ]; then set -- "$@" "$crate/$start/$name"; fi
        done
        echo "fuzz: $name for $seconds s"
        # The longest single run, the memory and the length stay small: this is a smoke run.
        if ! "$target/$triple/release/$name" -seed="$seed" -max_total_time="$seconds" -timeout=5 \
            -rss_limit_mb=1024 -max_len=65536 -artifact_prefix="$target/" -print_final_stats=1 "$@" \
            >"$target/$name.log" 2>&1; then
            # What it complained of stands above a long way back through the fuzzer.
            grep -m 1 -A 2 'panicked at' "$target/$name.log" >&2 || true
            tail -n 8 "$target/$name.log" >&2
            echo "fuzz: $name failed; the input is in $target" >&2
            exit 1
        fi
        sed -n 's/^stat::number_of_executed_units: */    inputs: /p' "$target/$name.log"
    done
done
if [ "$found" = 0 ]; then echo "fuzz: skipped: no crate has a fuzz folder yet"; fi
