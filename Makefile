# `make` alone lists the commands.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
COMPOSE ?= docker compose
FOREIGN := tests/foreign/node
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.DEFAULT_GOAL := help
.PHONY: help install install-dev run test check fix docs catalogues bench fuzz compose-test requirements system clients

help: ## list the commands
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(VENV)/.installed ## make .venv and install both services (hash-pinned)

$(VENV)/.installed: requirements.txt pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; this is " + sys.version.split()[0])'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q --require-hashes -r requirements.txt
	$(BIN)/pip install -q --no-deps --no-build-isolation -e .
	@touch $@

install-dev: $(VENV)/.installed-dev ## also what tests, checks and the bench need

$(VENV)/.installed-dev: $(VENV)/.installed requirements-dev.txt
	$(BIN)/pip install -q --require-hashes -r requirements-dev.txt
	@touch $@

run: install ## start both services on SQLite with a demo account and two lamps
	@$(BIN)/python -m development.run

system: ## Debian packages that tests use (Chromium, mosquitto, Node), where root
	@sh development/system.sh

clients: system $(FOREIGN)/node_modules/.package-lock.json ## the OAuth clients from npm that drive the server in tests

$(FOREIGN)/node_modules/.package-lock.json: $(FOREIGN)/package-lock.json
	@sh development/clients.sh $(FOREIGN)

test: export PYTHONDONTWRITEBYTECODE = # hundreds of processes are started: each module is compiled once
test: install-dev system clients check ## every check and every test
	$(BIN)/pytest -n 4 --dist loadscope --no-loadscope-reorder $(PYTEST)

check: install-dev ## format, lint, types, imports, generated files
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m development.generate --check

fix: install-dev ## format and repair what ruff can repair
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: install-dev ## regenerate reference pages, .env.example and CONFORMANCE.md
	$(BIN)/python -m development.generate

catalogues: install-dev ## bring the catalogues of all languages in step with the source
	$(BIN)/python -m development.catalogues

bench: install-dev ## measure both services; writes bench/results/
	@$(BIN)/python -m bench

fuzz: install-dev ## look for what breaks the server, for MINUTES=10; `make fuzz HELP=1` says more
	@$(BIN)/python -m development.fuzz $(if $(HELP),--help) $(if $(MINUTES),--minutes $(MINUTES)) $(if $(SEED),--seed $(SEED)) $(if $(TIMES),--times $(TIMES))

compose-test: install-dev ## one linking and one directive through docker-compose.yml
	COMPOSE="$(COMPOSE)" $(BIN)/python -m development.compose_test

requirements: ## compile requirements*.txt from pyproject.toml (needs uv)
	uv pip compile pyproject.toml --extra build --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 -q -o requirements.txt
	uv pip compile pyproject.toml --extra build --extra dev --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 -q -c requirements.txt -o requirements-dev.txt
