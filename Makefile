# dockd: everything that is done to the working tree. `make` alone lists it.
# Needs python3.11 (or newer), make and git; the rest comes from the package index, held against the lock files.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

ifeq ($(origin PYTHON),undefined)
PYTHON := $(firstword $(foreach name,python3.11 python3.12 python3.13 python3,$(shell command -v $(name) 2>/dev/null)))
endif
VENV ?= .venv
BIN := $(VENV)/bin
BOOTSTRAP = $(if $(PYTHON),$(PYTHON),$(error no python3.11 on this machine: install it, or name one with PYTHON=/path/to/python3.11)) packaging/bootstrap.py --venv $(VENV)
PYTEST := $(BIN)/python -m pytest
# How many processes tests are spread over: on two cores, and three where they wait more than they work.
JOBS ?= 2
TEST_JOBS ?= 3
# A pass that compiles what it reads spares that to the next one.
unexport PYTHONDONTWRITEBYTECODE
# Further words for the program that a target runs, for example: make demo ARGS="--bays 16"
ARGS ?=

.PHONY: help
help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: env env-dev env-bench
env:  ## the environment to run in (.venv)
	@$(BOOTSTRAP) run
env-dev:  ## the environment to test and check in
	@$(BOOTSTRAP) dev
env-bench:  ## the environment to measure in
	@$(BOOTSTRAP) bench

.PHONY: demo
demo: env  ## a rack at work on this machine, and its page in the browser (ARGS="--bays 16 --port 8080")
	@$(BIN)/dockd demo $(ARGS)

# Tests start thousands of programs: read once, also where the interpreter is told to write no bytecode down.
.PHONY: compiled
compiled: env-dev
	@$(BIN)/python -m compileall -q dockd ingest

.PHONY: test
test: compiled  ## unit, contract, recovery and end-to-end tests (ARGS="-k wipe")
	@$(PYTEST) -n $(TEST_JOBS) --dist worksteal $(ARGS)

.PHONY: check
check: env-dev  ## lint, format, types, and who may import whom
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

.PHONY: format
format: env-dev  ## put the sources into the house's form
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

.PHONY: test-hil test-hil-short
test-hil: env-dev  ## real USB in a virtual machine: needs root and the packages named in .ci/run
	@$(PYTEST) tests/hil $(ARGS)
test-hil-short: env-dev
	@$(PYTEST) tests/hil -m hil_short $(ARGS)

.PHONY: test-netlab test-netlab-short
test-netlab: env-dev  ## real programs over thin, lossy and cut lines: needs root, iproute2, nftables and ethtool
	@$(PYTEST) tests/netlab -m netlab $(ARGS)
test-netlab-short: env-dev
	@$(PYTEST) tests/netlab -m netlab_short $(ARGS)

.PHONY: test-shippers test-shippers-short
test-shippers: env-dev  ## the log through rsyslog, syslog-ng and systemd's own to a far machine, killed and cut: needs root; fetches them from Debian
	@$(PYTEST) tests/shippers -n $(JOBS) --dist worksteal $(ARGS)
test-shippers-short: env-dev
	@$(PYTEST) tests/shippers -m shippers_short -n $(JOBS) --dist worksteal $(ARGS)

.PHONY: test-stores test-ceph
test-stores: compiled  ## the exam, deliveries and kills before servers of other makes, installed on first use (ARGS="-k swift --table FILE")
	@$(PYTEST) tests/stores $(wildcard tests/contract/store/test_exam*.py) --ignore tests/stores/ceph -n $(JOBS) --dist worksteal $(ARGS)
test-ceph: env-dev  ## the same before Ceph, with Object Lock and an object server that dies: needs root and mmdebstrap
	@$(PYTEST) tests/stores/ceph $(ARGS)

.PHONY: styles styles-check
STYLES := packaging/styles
$(STYLES)/node_modules: $(STYLES)/package-lock.json
	@cd $(STYLES) && npm ci --no-audit --no-fund --ignore-scripts --loglevel=error && touch node_modules
styles: $(STYLES)/node_modules  ## compile the page's style (dockd/page/styles) into dockd/page/static/page.css: needs npm
	@node $(STYLES)/compile.mjs
styles-check: $(STYLES)/node_modules  ## whether the committed style is what Sass makes of its sources: needs npm
	@node $(STYLES)/compile.mjs --check

.PHONY: test-page test-api screens
test-page: compiled  ## the page in a real Chromium: barriers, keyboard, colours, sizes, paper, live or not (ARGS="-k wall"); needs npm
	@$(PYTEST) tests/page -n $(TEST_JOBS) --dist worksteal --timeout 180 $(ARGS)
test-api: compiled  ## the API held against its own description, with every role (DOCKD_API_EXAMPLES=500 for longer)
	@$(PYTEST) tests/api -n $(JOBS) --dist worksteal $(ARGS)
screens: env-dev env-bench  ## pictures of every page with 64 bays in every state, into docs/screens
	@$(BIN)/python -m tests.page.screens $(ARGS)

.PHONY: test-oidc
test-oidc: compiled  ## signing in at a real OpenID Connect provider, installed on first use: needs npm and chromium
	@$(PYTEST) tests/oidc $(ARGS)

.PHONY: test-monitoring test-monitoring-short
test-monitoring: env-dev  ## the shipped rules in a real Prometheus before real agents with real faults: needs prometheus, prometheus-alertmanager
	@$(PYTEST) tests/monitoring -n $(JOBS) --dist worksteal --timeout 300 $(ARGS)
test-monitoring-short: env-dev
	@$(PYTEST) tests/monitoring -m monitoring_short -n $(JOBS) --dist worksteal $(ARGS)

.PHONY: test-soak test-soak-short
test-soak: env-dev  ## kills, faults and fuzz for hours: every stop, every damage, an hour of everything by chance
	@$(PYTEST) tests/soak tests/fuzz -m soak --timeout 0 $(ARGS)
test-soak-short: compiled
	@$(PYTEST) tests/soak tests/fuzz -m soak_short --timeout 900 -n $(JOBS) --dist worksteal $(ARGS)

.PHONY: test-mutants test-mutants-short
test-mutants: env-dev  ## plant a bug in each guard of the promises, and show that the suite catches it (ARGS="--list", ARGS="receipt")
	@$(BIN)/python -m tests.mutants --jobs $(JOBS) $(ARGS)
test-mutants-short: env-dev
	@$(BIN)/python -m tests.mutants --jobs $(JOBS) --short $(ARGS)

.PHONY: bench bench-short
bench: env-dev env-bench  ## race the peers and the hardware; writes docs/benchmarks/
	@$(BIN)/python -m tests.bench $(ARGS)
bench-short: env-dev env-bench
	@$(BIN)/python -m tests.bench --short $(ARGS)

.PHONY: messages
messages: env-dev  ## bring the message catalogues up to date with what the page says (docs/language.md)
	@$(BIN)/python packaging/messages.py

.PHONY: events
events: env-dev  ## make docs/events.md and the journal's catalogue from the registry of events
	@$(BIN)/python packaging/events.py

.PHONY: reference
reference: env-dev  ## make docs/reference.md from commands, settings, addresses and metrics as the code has them
	@$(BIN)/python packaging/reference.py

.PHONY: sbom
sbom: env-dev  ## the bill of materials of what is shipped, in dist/ (CycloneDX): fetches its tool on first use
	@$(BIN)/python packaging/make_sbom.py $(ARGS)

.PHONY: wrong-configurations
wrong-configurations: env-dev  ## make docs/wrong-configurations.md by running check-config on each
	@$(BIN)/python packaging/wrong_configurations.py

.PHONY: package bundle test-package test-package-short test-package-services
package: env-dev  ## source package, wheel and Debian package in dist/: the last needs debhelper (Debian 12, amd64)
	@rm -rf dist
	@$(BIN)/python -m hatchling build
	@$(BIN)/python packaging/check_wheel.py dist
	@$(BIN)/python packaging/build_deb.py --out dist
bundle: package  ## one file to install from without any network, in dist/: needs root and mmdebstrap, too
	@$(BIN)/python packaging/make_bundle.py dist/dockd_*_amd64.deb --out dist
test-package: env-dev  ## the packages in clean Debian systems: needs root, debhelper, lintian and mmdebstrap (ARGS="-k upgrade")
	@$(PYTEST) tests/package --ignore tests/package/test_services.py $(ARGS)
test-package-short: env-dev
	@$(PYTEST) tests/package -m package_short $(ARGS)
test-package-services: env-dev  ## what of them runs after an install, an upgrade and a removal, in a virtual machine: needs what test-hil needs, too
	@$(PYTEST) tests/package/test_services.py $(ARGS)

.PHONY: test-appliance
test-appliance: env-dev  ## a bare Debian 12 becomes a rack in service: package, store, cameras, page, logs and alerts on another machine, with its times: needs what test-hil, test-package, test-shippers and test-monitoring need
	@$(PYTEST) tests/appliance $(ARGS)

.PHONY: test-upgrade test-upgrade-short
test-upgrade: compiled  ## from the first issue's commit and from each ledger since to today's; backup, moving, the end of a dock, cut at each call: needs the history
	@$(PYTEST) tests/upgrade -n $(JOBS) --dist worksteal --timeout 900 $(ARGS)
test-upgrade-short: compiled
	@$(PYTEST) tests/upgrade/test_first_commit.py tests/upgrade/test_by_root.py --timeout 300 $(ARGS)

.PHONY: lock
lock:  ## choose the newest allowed dependencies anew and write the lock files
	@$(PYTHON) packaging/make_locks.py

.PHONY: clean
clean:  ## remove everything that was made here, the environment too
	@rm -rf $(VENV) .venv-lock build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
