# `make` prints the targets.

SHELL := /bin/bash
.DEFAULT_GOAL := help

# One profile, and always the whole workspace (no `-p`): another selection would build some
# dependencies again with other features.
CARGO_FLAGS := --profile ci --locked
# Workload (written once) and figures of the benchmark.
BENCH_DIR ?= $(or $(CARGO_TARGET_DIR),target)/bench
# Arguments for the program: make dev ARGS="--dev.block-time 500ms", make devnet ARGS="--l1-block-time 2"
ARGS ?=

.PHONY: help
help: ## Print this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | awk -F'\t' '{ printf "  make %-14s %s\n", $$1, $$2 }'

.PHONY: setup
setup: ## Install what the build and the checks lack (Debian packages when root, npm packages, cargo-deny)
	@.ci/setup

.PHONY: build
build: setup ## Build all binaries
	cargo build $(CARGO_FLAGS) --bins

.PHONY: dev
dev: setup ## Run a development chain with funded accounts; Ctrl-C stops it
	cargo run $(CARGO_FLAGS) --bin phala-node -- dev $(ARGS)

.PHONY: devnet
devnet: build ## Run a whole rollup: L1, contracts, sequencer, batcher, follower; Ctrl-C stops all of it
	@cargo run $(CARGO_FLAGS) --bin phala-devnet -- $(ARGS)

.PHONY: test
test: setup test-contracts ## Run all tests
	cargo build $(CARGO_FLAGS) --bins
	cargo test $(CARGO_FLAGS) --no-fail-fast

.PHONY: test-contracts
test-contracts: setup ## Run the tests of the contracts in genesis/ (part of test)
	genesis/tools/forge.sh test

.PHONY: genesis-check
genesis-check: setup ## Build genesis/artifacts anew and compare (part of check)
	node genesis/tools/build.mjs --check

.PHONY: check
check: setup genesis-check ## Check format, lints, documentation, dependencies and layers
	cargo fmt --all --check
	cargo clippy $(CARGO_FLAGS) --all-targets -- -D warnings
	@.ci/deny
	cargo test $(CARGO_FLAGS) --test workspace

.PHONY: bench
bench: setup ## Measure import, build, state root, memory, disk and RPC; prints a table and writes JSON
	cargo build $(CARGO_FLAGS) -p phala-node -p phala-bench
	@mkdir -p $(BENCH_DIR)
	cargo run $(CARGO_FLAGS) -p phala-bench -- all --workload $(BENCH_DIR)/workload --json $(BENCH_DIR)/figures.json $(ARGS)

.PHONY: soak
soak: build ## Run the long tests: 200 crash rounds, 50 kills in a rollup, many random blocks, a minute of load
	PHALA_SOAK=1 cargo test $(CARGO_FLAGS) --test crash --test differential --test e2e --test rollup_faults -- --include-ignored --nocapture
	cargo test $(CARGO_FLAGS) --test precompiles -- ten_million --ignored --nocapture

.PHONY: fuzz
fuzz: ## Fuzz the decoders of strangers' bytes, FUZZ_SECONDS each (30); needs a nightly toolchain
	@.ci/fuzz $(TARGETS)

.PHONY: interop
interop: build ## Let kona-node follow a devnet with our node as its engine, for 500 blocks (ten minutes)
	@.ci/interop
