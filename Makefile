# Everything that a person runs. CI calls the same targets.
#   EXTRA=cpu|gpu   which vLLM to install; by default by what nvidia-smi finds
#   T=…             what `make test` runs, `make test T="tests/unit -k gui"`
#   N=4             how many processes share the tests, by default two a core: most tests wait
SHELL := /bin/bash
EXTRA ?= $(shell nvidia-smi -L 2>/dev/null | grep -q '^GPU' && echo gpu || echo cpu)
N ?= $(shell cores=$$(nproc); echo $$((cores < 4 ? 2 * cores : 8)))
BIN := .venv/bin
.DEFAULT_GOAL := help

.PHONY: help
help: ## Show this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 20

.PHONY: install
install: ## Create .venv and install what the lock names
	@deploy/requirements/install .venv $(EXTRA)

# `exec`: the shell must not stand between make's signals and the command.
.PHONY: demo
demo: install ## Start everything, run an ocr, a gui and a chat job, show the results (ONCE=1: then stop)
	@exec $(BIN)/sightline demo $(if $(ONCE),--once)

.PHONY: up
up: install ## Start the platform without the demo's jobs
	@exec $(BIN)/sightline up

.PHONY: test
test: install ## Run every test that this machine can run
	$(if $(T),,$(BIN)/python -m pytest -n $(N) --database=postgres tests/faults/test_faults_every_line.py tests/faults/test_faults_database.py tests/integration)
	$(BIN)/python -m pytest $(or $(T),-n $(N))

.PHONY: lint
lint: install ## Style, types, the arrows between packages, migrations and Django's checks
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports --no-cache
	$(BIN)/python manage.py check
	$(BIN)/python manage.py makemigrations --check --dry-run
	$(BIN)/mypy

# MINUTES=100 START=nothing|shipped (what to begin with where .sightline-train has no earlier run to go on with)
.PHONY: model
model: install ## Train the small Qwen3-VL on, or again, and measure it (minutes to hours of CPU)
	@exec $(BIN)/python -m sightline_workers.models.train --minutes $(or $(MINUTES),100) --start $(or $(START),nothing)

.PHONY: bench
bench: install ## Measure everything beside the baselines; the report goes to report/ (B="--quick vllm": a part of it)
	@exec $(BIN)/python tests/bench/run.py $(B)

# MINUTES=1 DATABASE=sqlite|postgres SEED=0 (a new one)
.PHONY: chaos
chaos: install ## Kill everything at random under load; what was lost, beside plain Celery
	@exec $(BIN)/python tests/faults/chaos.py --minutes $(or $(MINUTES),1) --database $(or $(DATABASE),sqlite) --seed $(or $(SEED),0)

.PHONY: screenshots
screenshots: install ## Take the README's pictures from a running platform (needs chromium)
	@exec $(BIN)/python -m sightline_dashboard.screenshots

.PHONY: lock
lock: ## Write the lock files again from pyproject.toml
	@deploy/requirements/lock
