# The whole project from one file; a bare machine needs Python 3.11+, make and pip.

PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet

.DEFAULT_GOAL := help
.PHONY: help demo serve test test-all test-ci test-slow test-stacks test-sites test-breaks bench faults lint format types openapi conformance docs package lock clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

# exec: a signal for make reaches the site itself, and no shell stands between them
demo: $(VENV)/.site ## start the example site and print what to try (CHECK=1: try it, then stop)
	@exec $(BIN)/python -m project.serve $(if $(CHECK),--check,--guide)

serve: $(VENV)/.site ## start the example site (PORT, ORDERS_PORT, WORKERS, DATABASE_URL, REDIS_URL, CELERY_BROKER_URL, GRACE_SECONDS, LIMITS)
	@exec $(BIN)/python -m project.serve

test: $(VENV)/.dev ## linters, types and the quick tests, on SQLite and on PostgreSQL where it answers
	@exec $(BIN)/python -m tests.run quick $(if $(REQUIRE_POSTGRES),--require-postgres)

test-all: $(VENV)/.dev ## the same, and what is marked slow
	@exec $(BIN)/python -m tests.run all $(if $(REQUIRE_POSTGRES),--require-postgres)

test-ci: $(VENV)/.dev ## all of it at once: also the stacks, the sites of other kinds and the breaks
	@exec $(BIN)/python -m tests.run ci $(if $(REQUIRE_POSTGRES),--require-postgres)

test-slow: $(VENV)/.dev ## only what is marked slow
	@exec $(BIN)/python -m tests.run slow $(if $(REQUIRE_POSTGRES),--require-postgres)

test-stacks: $(VENV)/.dev ## the guarantees on MariaDB, ATOMIC_REQUESTS, PgBouncer, REPEATABLE READ, Django 6.1; sites of other kinds
	@exec $(BIN)/python -m tests.run stacks

test-sites: $(VENV)/.dev ## only the sites of other kinds: UUID users, users elsewhere, German, ...
	@exec $(BIN)/python -m tests.run sites

test-breaks: $(VENV)/.dev ## break each guarantee on purpose: its test must fail
	@exec $(BIN)/python tests/guarantees/run_breaks.py

bench: $(VENV)/.dev ## measure this app beside its peers, as ratios (QUICK=1: within five minutes; CASES="refresh revoke")
	@exec $(BIN)/python -m benchmarks $(if $(QUICK),--quick) $(CASES)

faults: $(VENV)/.dev ## break real sites and their servers by chance, with proof (MINUTES=3, SEED=one that was printed)
	@exec $(BIN)/python -m tests.faults --minutes $(or $(MINUTES),3) $(if $(SEED),--seed $(SEED))

lint: $(VENV)/.dev ## ruff and the import contracts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports

format: $(VENV)/.dev ## let ruff put the code in order
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

types: $(VENV)/.dev ## mypy
	@$(BIN)/mypy

openapi: $(VENV)/.dev ## describe the endpoints anew in openapi.json (BREAKING=1: also where that breaks clients)
	@$(BIN)/python -m tests.openapi $(if $(BREAKING),--breaking)

conformance: $(VENV)/.dev ## run the tests of the standards, write which lines hold into docs/conformance.md
	@$(BIN)/python -m pytest -q -m "standard and not slow" --conformance docs/conformance.md

docs: $(VENV)/.dev ## build the documentation into build/docs; a warning is an error
	@$(BIN)/sphinx-build -E -a -W --keep-going -n -q -b html -d build/doctrees docs build/docs
	@echo "build/docs/index.html"

package: $(VENV)/.dev ## build the wheel into dist/ and install it as the README says, in an empty environment
	@$(BIN)/python -m build --quiet --wheel --no-isolation --outdir dist
	@$(BIN)/python -m pytest -q -m slow tests/docs/test_install.py

UV_COMPILE = $(BIN)/uv pip compile pyproject.toml --universal --generate-hashes --python-version 3.11 \
	--no-header --no-emit-index-url --no-annotate --quiet

lock: $(VENV)/.dev ## compile the locks anew from pyproject.toml (UPGRADE=1: newest versions)
	@$(UV_COMPILE) $(if $(UPGRADE),--upgrade) --group dev -o requirements/dev.txt
	@$(UV_COMPILE) --group test -c requirements/dev.txt -o requirements/test.txt
	@$(UV_COMPILE) --group site -c requirements/dev.txt -o requirements/site.txt
	@$(UV_COMPILE) benchmarks/requirements.in -c requirements/dev.txt -o benchmarks/requirements.txt

clean: ## remove what runs leave behind (the environment and var/ too)
	rm -rf $(VENV) .tox var dist build .coverage .hypothesis .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Debian's python3 has no ensurepip without python3-venv: pip outside then fills the new environment
$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "No Python 3.11 or newer was found: set PYTHON=/path/to/python" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) 2>/dev/null || { \
		$(PYTHON) -m venv --clear --without-pip $(VENV) && \
		$(PYTHON) -m pip --quiet --python $@ install pip; }

$(VENV)/.site: requirements/site.txt pyproject.toml | $(BIN)/python
	@echo "Installing the example site into $(VENV) ..." >&2
	@$(PIP) --require-hashes -r requirements/site.txt
	@$(PIP) --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: requirements/dev.txt pyproject.toml | $(BIN)/python
	@echo "Installing the tools into $(VENV) ..." >&2
	@$(PIP) --require-hashes -r requirements/dev.txt
	@$(PIP) --no-deps --no-build-isolation -e .
	@touch $@ $(VENV)/.site
