# Everything goes through .venv, which `make setup` makes from the lock file. Only Python 3.11 and make are needed.
SHELL := /bin/sh
.DEFAULT_GOAL := help

# The first Python that will do, the one it is tested on before others, unless PYTHON names one.
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3.14 python3 python; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo $$p && break; done)
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check

.PHONY: help setup test check check-static format demo run bench lock clean

help:  ## Show what there is
	@sed -n 's/^\([a-z-]*\):.*##  *\(.*\)/\1|\2/p' Makefile | while IFS='|' read -r name text; do \
		printf '  make %-14s %s\n' "$$name" "$$text"; done

setup: .venv/.installed  ## Make .venv from the lock file

.venv/.made:
	@if [ -z "$(PYTHON)" ]; then echo "make: Zhuisu needs Python 3.11 or newer, and none is on the PATH:" \
		"install it, or say make PYTHON=/path/to/python3.11" >&2; exit 1; fi
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "make: $(PYTHON) is" \
		"$$($(PYTHON) --version 2>&1), Zhuisu needs Python 3.11 or newer: say make PYTHON=/path/to/it" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "make: $(PYTHON) cannot make virtual environments:" \
		"install its venv package (Debian, Ubuntu: apt-get install python3-venv)" >&2; exit 1; }
	@[ -x $(BIN)/python ] && $(BIN)/python -c 'import pip' 2>/dev/null || $(PYTHON) -m venv --clear .venv
	@touch $@

.venv/.locked: .venv/.made requirements-dev.lock
	@echo "Installing what requirements-dev.lock lists into .venv ..."
	@$(PIP) install --quiet --require-hashes -r requirements-dev.lock
	@touch $@

.venv/.installed: .venv/.locked pyproject.toml
	@$(PIP) install --quiet --no-deps --no-build-isolation -e .
	@touch $@

test: setup  ## Run all tests, on real PostgreSQL and, where Maven is, real Kafka (ARGS=... some of them)
	@$(BIN)/python -m $(if $(ARGS),pytest $(ARGS),tests.parts)

check: check-static  ## Format, lint, types, layers and the fast tests: under a minute
	@$(BIN)/python -m pytest -q -m "not slow" $(ARGS)

check-static: setup
	@$(BIN)/ruff format --check --quiet . || { echo "make: run make format" >&2; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports --no-logo

format: setup  ## Format the code, fix what can be fixed
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

# ONCE=1 ends after the answers, LOG=kafka runs on Kafka, SIZE=small|N, SEED, PORT and DATA_DIR as in zhuisu demo --help.
demo: setup  ## Run with a demo factory and show its answers (ONCE=1 LOG=kafka SIZE=...)
	@exec $(BIN)/zhuisu demo $(if $(filter-out 0,$(ONCE)),--once) $(if $(LOG),--log $(LOG)) \
		$(if $(SIZE),--size $(SIZE)) $(if $(SEED),--seed $(SEED)) $(if $(PORT),--port $(PORT)) \
		$(if $(DATA_DIR),--data-dir $(DATA_DIR))

run: setup  ## Run without demo data
	@exec $(BIN)/zhuisu up $(if $(PORT),--port $(PORT)) $(if $(DATA_DIR),--data-dir $(DATA_DIR))

.venv/.bench: .venv/.installed requirements-bench.lock
	@echo "Installing what requirements-bench.lock lists into .venv ..."
	@$(PIP) install --quiet --require-hashes -r requirements-bench.lock
	@touch $@

# SIZE=small (little over three minutes), middle or full; KEEP=1 keeps the built data for the next run. See bench/README.md.
bench: .venv/.bench  ## Measure beside what limits us and beside others (SIZE=small|middle|full)
	@$(BIN)/python -m bench --size $(or $(SIZE),full) $(if $(KEEP),--keep) $(if $(ONLY),--only $(ONLY))

# Locks hold for every platform and name no host; setuptools and wheel build the project itself.
lock: setup  ## Write the lock files anew from pyproject.toml (UPGRADE=1 takes newer versions)
	@$(PIP) install --quiet uv
	@for lock in "requirements.lock" "requirements-dev.lock --extra dev" \
		"requirements-bench.lock --extra dev --extra bench --constraint requirements-dev.lock"; do \
		$(BIN)/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes \
			--no-annotate --no-header --no-emit-index-url $(if $(UPGRADE),--upgrade) --output-file $$lock; done

clean:  ## Remove what tools left behind; data and .venv stay
	@rm -rf build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -not -path './.venv/*' -prune -exec rm -rf {} +
