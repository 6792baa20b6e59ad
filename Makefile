# The front door: each target is one command a person would otherwise type. What is built and how
# stands in CMakePresets.json; what must be installed in tools/install-deps.
SHELL       := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

JOBS    ?= $(shell nproc)
PREFIX  ?= /usr/local
DESTDIR ?=
T       ?= 60
SEED    ?=
ARGS    ?=

export CTEST_PARALLEL_LEVEL ?= $(JOBS)

# $(call build,PRESET[,TARGETS]): configure if needed, then build.
build = cmake --preset $(1) $(if $(VERBOSE),,--log-level=WARNING) && cmake --build build/$(1) -j $(JOBS) $(if $(2),--target $(2))

.PHONY: help run build dev test asan tsan fuzz sim crash peers bench lint fmt install ci clean deps test-deps

help: ## this list
	@echo "Barid: make TARGET. On a fresh Debian 12: 'make run', and 'make test'."
	@echo
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1\t\2/p' Makefile | expand -t 12

run: deps ## install what is missing, build, start an MTA that needs no configuration
	@$(call build,release,barid)
	@exec build/release/bin/barid dev $(ARGS)

build: deps ## release build: build/release/bin/barid
	@$(call build,release)

dev: deps ## everyday build: build/dev
	@$(call build,dev)

test: test-deps ## every test that is not marked slow (under 5 minutes after the build)
	@$(call build,dev)
	@tools/run-tests dev --exclude slow $(ARGS)

asan: test-deps ## unit, simulation and corpus tests under AddressSanitizer and UBSan
	@cmake --preset asan --log-level=WARNING
	@tools/run-tests asan --build --label unit --label sim --exclude slow $(ARGS)

tsan: deps ## the threaded parts under ThreadSanitizer
	@cmake --preset tsan --log-level=WARNING
	@tools/run-tests tsan --build --label unit --label sim --exclude slow $(ARGS)

fuzz: deps ## every fuzzer for T=60 seconds (ARGS=name: only that one)
	@$(call build,fuzz)
	@tools/run-fuzzers --seconds $(T) $(ARGS)

sim: deps ## simulation tests; SEED=n replays one seed
	@$(call build,dev)
	@$(if $(SEED),BARID_SIM_SEED=$(SEED)) tools/run-tests dev --label sim $(ARGS)

crash: deps ## kill -9, power cut, full disk, failing fsync against the real program
	@$(call build,dev)
	@tools/run-tests dev --label crash $(ARGS)

peers: test-deps ## against real Postfix, OpenSMTPD, unbound, nodemailer …
	@$(call build,dev)
	@tools/run-tests dev --label peers $(ARGS)

bench: test-deps build ## compare with the installed MTAs, same machine, same durability
	@build/release/bin/barid-bench compare $(ARGS)

lint: deps ## layers, banned calls, sizes, headers, format (ARGS=--all: every header)
	@tools/lint/run $(ARGS)

fmt: deps ## format the sources, refresh generated documents
	@tools/lint/run --fix $(ARGS)

install: build ## into DESTDIR and PREFIX, with the names barid answers to
	install -D -m 0755 build/release/bin/barid "$(DESTDIR)$(PREFIX)/bin/barid"
	install -D -m 0755 build/release/bin/barid-bench "$(DESTDIR)$(PREFIX)/bin/barid-bench"
	build/release/bin/barid links "$(DESTDIR)$(PREFIX)/bin"

ci: ## exactly what continuous integration runs
	@.ci/run

clean: ## remove every build
	rm -rf build

deps:
	@tools/install-deps

test-deps:
	@tools/install-deps --tests
