#!/bin/sh
# Builds programs and unit tests for aarch64 with Debian's compiler and runs the tests under user
# mode emulation. What emulation cannot show (timing, seccomp, Landlock) is left to a real machine.
#
#   aarch64.sh install          installs the Debian packages (root)
#   aarch64.sh missing          lists the packages that are not installed, one a line
#   aarch64.sh test ARGS...     cargo test ARGS... for aarch64, run under emulation
#   aarch64.sh build ARGS...    cargo build ARGS... for aarch64, linked statically, with the further
#                               options for the compiler in AARCH64_RUSTFLAGS
set -eu

# rustc-web is the one Rust in Debian stable with a standard library for another architecture that
# is recent enough; both halves must be of the same version, so they are installed together.
native='rustc-web gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user-static'
foreign='libstd-rust-web-dev:arm64'

missing() {
    for package in $native $foreign; do
        state=$(dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null) || state=
        case $state in ii*) ;; *) echo "$package" ;; esac
    done
}

case ${1-} in
install)
    [ -n "$(missing)" ] || exit 0
    if [ "$(id -u)" != 0 ]; then
        echo "aarch64: root is needed to install" $(missing) >&2
        exit 69
    fi
    dpkg --add-architecture arm64
    apt-get -qq update
    # shellcheck disable=SC2086  # both are lists
    DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends \
        $native $foreign >/dev/null
    exit 0
    ;;
missing)
    missing
    exit 0
    ;;
test | build) ;;
*)
    echo "aarch64: \"${1-}\" is not install, missing, test or build" >&2
    exit 64
    ;;
esac

lacking=$(missing)
if [ -n "$lacking" ]; then
    echo "aarch64: not installed:" $lacking "(sh tests/support/aarch64.sh install, as root)" >&2
    exit 69
fi

command=$1
shift
# A target directory of its own: another compiler would make cargo rebuild everything in the shared
# one, back and forth.
export CARGO_TARGET_DIR=target/aarch64
export RUSTC=/usr/bin/rustc
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER=qemu-aarch64-static
export RUSTFLAGS="-C target-feature=+crt-static ${AARCH64_RUSTFLAGS-}"
exec cargo "$command" --target aarch64-unknown-linux-gnu "$@"
