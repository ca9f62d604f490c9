#!/bin/sh
# The process tier for aarch64, under emulation: a static and a dynamic C program each open a file and
# a connection that are denied, then allowed; registers, handlers and jumps out of checked calls.
# Children of programs need binfmt_misc, in a user namespace of its own (Linux 6.7).
set -eu
cd "$(dirname "$0")/../.."
if [ "${1-}" = inside ]; then
    mount -t binfmt_misc none /proc/sys/fs/binfmt_misc
    printf '%s' ':guard-aarch64:M::\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00:\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:/usr/bin/qemu-aarch64-static:POCF' \
        >/proc/sys/fs/binfmt_misc/register
    exec "$2"
fi
if ! unshare -Urm sh -c 'mount -t binfmt_misc none /proc/sys/fs/binfmt_misc' 2>/dev/null; then
    # Nothing that could be installed: the kernel has it or not.
    echo "aarch64-process: not run: no binfmt_misc in a user namespace here (Linux 6.7 has it)" >&2
    exit
fi
home=$PWD/target/aarch64/tier
mkdir -p "$home"
cargo build --quiet --package lambda-guard-extension --bin guard
cp target/debug/guard "$home/guard"
sh guard-extension/process/build.sh "$home" aarch64 2>/dev/null
for kind in -static -pie; do
    for name in probe storm; do
        aarch64-linux-gnu-gcc -O1 -w $kind -o "$home/$name$kind" \
            "guard-extension/tests/process/programs/$name.c" -ldl -lpthread 2>/dev/null
    done
done
echo x >"$home/file"
cat >"$home/run" <<'INSIDE'
set -eu
home=$(dirname "$0")
# A processor without landing pads, as Graviton2 is.
export QEMU_CPU=neoverse-n1 GUARD_MODE=enforce GUARD_REQUIRE=process AWS_LAMBDA_RUNTIME_API=127.0.0.1:1
export QEMU_LD_PREFIX=/usr/aarch64-linux-gnu
libraries=runtime:/usr/aarch64-linux-gnu/
try() {
    expected=$1 wanted=$2
    shift 2
    code=0
    timeout 30 "$home/guard" exec -- "$@" >"$home/out" 2>&1 </dev/null || code=$?
    if [ "$code" != "$expected" ] || ! grep -q "$wanted" "$home/out"; then
        echo "aarch64-process: $*: ended with $code, not $expected and \"$wanted\":" >&2
        cat "$home/out" >&2
        exit 1
    fi
}
for kind in -static -pie; do
    export GUARD_EGRESS_ALLOW=10.0.0.1:1
    GUARD_FILE_READ=$libraries try 1 'errno 13' "$home/probe$kind" open "$home/file"
    GUARD_FILE_READ=$libraries:$home/file try 0 'did it' "$home/probe$kind" open "$home/file"
    # Nobody listens: allowed or not, it is refused, but only a denial is recorded.
    GUARD_FILE_READ=$libraries try 1 egress.denied "$home/probe$kind" tcp 127.0.0.1 9
    for storm in registers interruptions jumps handlers; do
        GUARD_FILE_READ=$libraries:$home/:/tmp/ GUARD_FILE_WRITE=/tmp/ \
            try 0 "$storm: ok" "$home/storm$kind" "$home/file" "$storm"
    done
done
echo "aarch64-process: ok"
INSIDE
sed -i '1i #!/bin/sh' "$home/run"
chmod +x "$home/run"
exec timeout -k 1 150 unshare -Urm sh tests/support/aarch64-process.sh inside "$home/run"
