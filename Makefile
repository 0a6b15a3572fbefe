# What a newcomer types. Every target explains itself in `make help`.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
UV := $(VENV)/uv/bin/uv
DATA ?= ../shared/data
EXAMPLES := examples/cities examples/exchange/longyou examples/exchange/zhaohua
# Twice the cores of a small machine: three modules wait for an Airflow for half of their time, and others for servers.
WORKERS ?= 4
# Each part of the proof by hundreds of kills runs an Airflow, and keeps a core busy.
LONG_WORKERS ?= 2

# Asked before the default below is set: a home that is given is the home of `make real` too.
REAL_HOME := $(or $(SHANHAI_HOME),$(CURDIR)/var/real)
export SHANHAI_HOME ?= $(CURDIR)/var/run

.PHONY: help run real up down test test-long check fix generate bench bench-exchange bench-peers peers lock lock-peers clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(VENV)/.runtime ## the whole walk on three simulated districts, under a real Airflow
	@$(BIN)/python -m infra.local run

real: $(VENV)/.runtime ## the same walk on real public data: make real DATA=<folder>
	@SHANHAI_HOME="$(REAL_HOME)" $(BIN)/python -m infra.local real --data "$(DATA)"

up: $(VENV)/.runtime ## keep Airflow and the simulated districts running; prints address, user and password
	@$(BIN)/python -m infra.local up

down: $(VENV)/.runtime ## stop what `make up` started
	@$(BIN)/python -m infra.local down

test: $(VENV)/.dev ## the test suite
	@$(BIN)/python -m pytest -q -m "not long" -n $(WORKERS)

test-long: $(VENV)/.dev ## the slow proofs
	@$(BIN)/python -m pytest -q -m long -n $(LONG_WORKERS)

check: $(VENV)/.dev ## lint, types, import rules, drift of generated files; changes nothing
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/shanhai generate --check
	@for federation in $(EXAMPLES); do $(BIN)/shanhai --federation $$federation generate --check; done

fix: $(VENV)/.dev ## repair what can be repaired by machine
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .
	@$(MAKE) --no-print-directory generate

generate: $(VENV)/.runtime ## write everything that follows from the contracts
	@$(BIN)/shanhai generate
	@for federation in $(EXAMPLES); do $(BIN)/shanhai --federation $$federation generate; done

bench: $(VENV)/.dev ## rows per second beside the limit, on this machine
	@$(BIN)/python -m benchmarks

bench-exchange: $(VENV)/.dev ## what encryption costs, into benchmarks/EXCHANGE.md: make bench-exchange LONG=1
	@$(BIN)/python -m benchmarks.exchange --page benchmarks/EXCHANGE.md $(if $(LONG),--long)

bench-peers: $(VENV)/.dev ## beside other loaders, into benchmarks/PEERS.md: make bench-peers ROWS=100000000
	@$(BIN)/python -m benchmarks.peers --page benchmarks/PEERS.md $(if $(ROWS),--rows $(ROWS)) $(PEERS)

peers: $(VENV)/.dev ## the environments of the other loaders, from their locks
	@$(BIN)/python -m benchmarks.peers --prepare

lock: $(UV) ## resolve the dependencies anew
	@$(UV) pip compile pyproject.toml --group build --universal --generate-hashes --python-version 3.11 \
		--no-annotate --no-header --no-emit-index-url -q -o requirements.lock
	@$(UV) pip compile pyproject.toml --group build --group dev -c requirements.lock --universal \
		--generate-hashes --python-version 3.11 --no-annotate --no-header --no-emit-index-url -q -o requirements-dev.lock

lock-peers: $(UV) ## resolve anew what `make bench-peers` installs beside the project
	@for folder in $(patsubst %/requirements.in,%,$(wildcard benchmarks/peers/*/requirements.in)); do \
		$(UV) pip compile "$$folder/requirements.in" --universal --generate-hashes --python-version 3.11 \
			--no-annotate --no-header --no-emit-index-url -q -o "$$folder/requirements.lock"; done

clean: ## remove the environment and all state of `make run` and `make real`
	rm -rf $(VENV) var benchmarks/peers/.venvs

$(UV): requirements-uv.lock
	@test -n "$(PYTHON)" || { echo "Python 3.11, 3.12 or 3.13 is needed and none was found" >&2; exit 1; }
	@echo "creating the environment with $(PYTHON) …"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PYTHON) -m venv $(VENV)/uv
	@$(VENV)/uv/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements-uv.lock
	@touch $@

# One environment serves both: installing the tools of the developers also satisfies `make run`.
$(VENV)/.runtime: requirements.lock pyproject.toml $(UV)
	@if test -f $(VENV)/.dev; then $(MAKE) --no-print-directory $(VENV)/.dev; else \
		echo "installing what the lock file names …"; \
		$(UV) pip sync -q --compile-bytecode --python $(BIN)/python --require-hashes requirements.lock; \
		$(UV) pip install -q --python $(BIN)/python --no-deps --no-build-isolation -e .; fi
	@touch $@

$(VENV)/.dev: requirements-dev.lock pyproject.toml $(UV)
	@echo "installing what the lock file names …"
	@$(UV) pip sync -q --compile-bytecode --python $(BIN)/python --require-hashes requirements-dev.lock
	@$(UV) pip install -q --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@ $(VENV)/.runtime
