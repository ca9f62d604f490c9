# Everything a developer runs. `make demo` and `make test` set up what they need by themselves.

CARGO ?= cargo
# How long each fuzz target runs in `make test`, in seconds.
FUZZ_SECONDS ?= 5

# The workspace of what runs inside guarded programs.
INSIDE := guard-extension/process/Cargo.toml

.DEFAULT_GOAL := help
.PHONY: help demo layer prepare test test-rust test-fuzz test-aarch64 bench peers extension-bench process-bench soak cpython icount detection lint fmt clippy doc deny

help: ## list the targets
	@sed -n 's/^\([a-z0-9-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | while IFS='	' read -r name does; do \
		printf '  make %-14s %s\n' "$$name" "$$does"; done

demo: needs-rust needs-python needs-namespaces ## attacks with and without Guard, under Amazon's emulator
	@$(CARGO) run --package guard-tests --bin demo

layer: ## the layer for x86_64 and arm64: target/layer/guard-*.zip; `make layer ARCH=x86_64` one of them
	@sh deploy/layer/build.sh $(ARCH)

prepare: needs-rust needs-python ## fetch what the tests take from registries; `make test` does so by itself
	$(CARGO) run --package guard-tests --bin prepare

test: test-rust test-fuzz test-aarch64 ## every test: unit, data, property, doc, emulator, fuzz, aarch64

# order-service is what the emulator runs. Built here, where one sees it; the tests then find it so.
test-rust: needs-rust needs-python ## unit, data, property and doc tests, emulator and cargo-lambda runs, examples
	$(CARGO) build --package order-service
	$(CARGO) test --workspace

test-fuzz: needs-rust needs-c++ ## each fuzz target for FUZZ_SECONDS
	@sh tests/support/fuzz.sh $(FUZZ_SECONDS)

# Where Debian's cross compiler is not installed: a skip that says how to get it, a failure in CI.
test-aarch64: needs-rust ## the core, the patcher and the process tier, built for aarch64 and run under emulation
	@missing=$$(sh tests/support/aarch64.sh missing | tr '\n' ' '); \
	if [ -z "$$missing" ]; then \
		sh tests/support/aarch64.sh test --package lambda-guard-core --package lambda-guard-patcher --lib && \
		sh tests/support/aarch64-process.sh; \
	elif [ "$${CI-}" = true ]; then \
		echo "test-aarch64: not installed: $$missing" >&2; exit 1; \
	else \
		echo "test-aarch64: skipped: not installed: $$missing(sh tests/support/aarch64.sh install, as root)"; \
	fi

bench: needs-rust ## figures beside the parses a handler pays for anyway; writes target/bench.json
	$(CARGO) run --release --package guard-benches --bin bench

peers: needs-rust needs-python ## the inspector beside libinjection and libddwaf on the same events; --record with RECORD=1
	$(CARGO) run --release --package guard-benches --bin peers -- $(if $(RECORD),--record)

extension-bench: needs-rust needs-python needs-namespaces ## what the extension adds, beside a proxy that copies bytes; --record with RECORD=1
	$(CARGO) run --release --package guard-tests --bin extension-bench -- $(if $(RECORD),--record)

process-bench: needs-rust ## what the process tier adds to calls, starts and memory; --record with RECORD=1
	$(CARGO) run --release --package guard-tests --bin process-bench -- $(if $(RECORD),--record)

soak: needs-rust needs-python needs-namespaces ## 10 000 invocations in a row: memory and descriptors stay
	SOAK=10000 $(CARGO) test --package guard-tests --test endurance -- --nocapture in_a_row

cpython: needs-rust ## CPython's longest suites under the process tier, some minutes
	$(CARGO) test --package guard-tests --test cpython -- --nocapture --ignored

icount: needs-rust needs-valgrind ## instruction counts, compared with the recorded ones
	$(CARGO) run --release --package guard-benches --no-default-features --bin icount -- --check

detection: needs-rust ## detection and false positives on the labelled corpus, where it is
	$(CARGO) run --release --package guard-benches --bin detection

lint: fmt clippy doc deny ## formatting, clippy, documentation, dependencies

fmt: needs-rust
	$(CARGO) fmt --all --check
	$(CARGO) fmt --all --check --manifest-path $(INSIDE)

clippy: needs-rust
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	$(CARGO) clippy --release --manifest-path $(INSIDE) --target x86_64-unknown-linux-gnu \
		--target-dir target/process -- -D warnings

# Twice: as users get it, where nothing may link to what they cannot see, and with private items,
# whose documentation links to each other, and is read.
doc: needs-rust
	RUSTDOCFLAGS='-D rustdoc::broken_intra_doc_links -D rustdoc::private_intra_doc_links' \
		$(CARGO) doc --quiet --workspace --no-deps
	RUSTDOCFLAGS='-D rustdoc::broken_intra_doc_links' \
		$(CARGO) doc --quiet --workspace --no-deps --document-private-items

deny:
	@if $(CARGO) deny --version >/dev/null 2>&1; then $(CARGO) deny check bans licenses sources; \
	else echo "deny: skipped: no cargo-deny here (cargo install cargo-deny); the workflow runs it"; fi

.PHONY: needs-rust needs-python needs-c++ needs-valgrind needs-namespaces

needs-rust:
	@command -v $(CARGO) >/dev/null || { echo "needs Rust 1.89 or later: https://rustup.rs" >&2; exit 69; }
	@command -v cc >/dev/null || { echo "needs a C compiler: apt-get install gcc libc6-dev" >&2; exit 69; }

needs-python:
	@command -v python3 >/dev/null || { echo "needs Python 3 to fetch the emulator: apt-get install python3 python3-pip" >&2; exit 69; }
	@python3 -m pip --version >/dev/null 2>&1 || { echo "needs pip to fetch the emulator: apt-get install python3-pip" >&2; exit 69; }

needs-c++:
	@command -v c++ >/dev/null || { echo "needs a C++ compiler for libFuzzer: apt-get install g++" >&2; exit 69; }

needs-valgrind:
	@command -v valgrind >/dev/null || { echo "needs valgrind: apt-get install valgrind" >&2; exit 69; }

needs-namespaces:
	@command -v unshare >/dev/null || { echo "needs unshare(1): apt-get install util-linux" >&2; exit 69; }
	@command -v ip >/dev/null || { echo "needs ip(8): apt-get install iproute2" >&2; exit 69; }
	@unshare --net true 2>/dev/null || unshare --user --map-root-user --net true 2>/dev/null || { \
		echo "needs root, or user namespaces for ordinary users: sysctl user.max_user_namespaces, kernel.unprivileged_userns_clone=1, kernel.apparmor_restrict_unprivileged_userns=0" >&2; exit 69; }
