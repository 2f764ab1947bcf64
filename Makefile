.DEFAULT_GOAL := help
SHELL := /bin/bash
PY := .venv/bin/python
DEMO := var/demo

.PHONY: help setup demo test test-replicas test-server test-gate test-rest bench check format lock schemas down clean

help: ## this text
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## virtual environment, Docker engine, base images (idempotent)
	@scripts/setup.sh venv server reports engine bases

demo: setup ## a vendor's release from git push to live, on a real system (SIGN=me: you sign; PRODUCT=…)
	@$(PY) scripts/demo.py --estate $(DEMO) $(if $(SIGN),--sign $(SIGN)) $(if $(PRODUCT),--product $(PRODUCT))

test: setup ## every test, with a real engine, server, database and browser
	@scripts/setup.sh tests
	@$(MAKE) --no-print-directory -j4 --output-sync=target test-gate test-server test-rest test-replicas

test-replicas:
	@$(PY) -m pytest tests/docker -m docker

test-server:
	@$(PY) -m pytest tests/browser tests/flows -m server

test-gate:
	@$(PY) -m pytest tests/flows -m "docker and not server"

test-rest:
	@$(PY) -m pytest -m "not docker and not server"

bench: setup ## ratios and figures, all measured here and now (after `make demo`; takes 20 minutes)
	@$(PY) scripts/bench.py --estate $(DEMO)/estate

check: ## ruff, format, mypy strict, import-linter, schemas
	@scripts/setup.sh venv
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy
	@.venv/bin/lint-imports --no-logo
	@$(PY) -m clinops.adapters.schemas --check

format: ## mend what ruff can mend
	@.venv/bin/ruff check --fix . ; .venv/bin/ruff format .

lock: ## write requirements.txt anew from pyproject.toml (needs uv)
	@scripts/lock.sh

down: ## stop the demo's server and worker
	@[ ! -f $(DEMO)/estate/clinops.toml ] || $(PY) -m clinops --estate $(DEMO)/estate down

clean: down ## remove the demo's estate, its containers and the virtual environment
	@[ ! -x $(PY) ] || $(PY) scripts/demo.py --estate $(DEMO) --remove
	@rm -rf var .venv .mypy_cache .ruff_cache .pytest_cache
