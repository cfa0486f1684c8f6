# Every target makes the virtual environment it needs; a stamp file makes the second call quick.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PYTEST := $(BIN)/python -m pytest --numprocesses auto --maxprocesses 8 --dist worksteal
# What is compiled for thousands of small models stays in memory as long as a process lives: the tests run in two halves.
HALF := tests/gradients tests/inference tests/models
LABELS ?= 100

.DEFAULT_GOAL := help
.PHONY: help fit test check format mutants clean

help: ## show the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

fit: $(VENV)/.installed ## install, and train on the digits with 100 labels
	$(BIN)/ssvae fit --labels $(LABELS) --overwrite

test: $(VENV)/.installed-test ## install, and run every test, a process a core, 8 at most
	$(PYTEST) $(HALF:%=--ignore=%)
	$(PYTEST) $(HALF)

check: $(VENV)/.installed-dev ## what to run before a commit: format, lint, types, quick tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(PYTEST) -m "not slow"

format: $(VENV)/.installed-dev ## format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

mutants: $(VENV)/.installed-dev ## put faults into the learning code, and see whether the tests find them
	$(BIN)/python benchmarks/mutants.py

clean: ## remove the virtual environment and the caches
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: setup.py pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

$(VENV)/.installed-test: setup.py pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	@touch $@ $(VENV)/.installed

$(VENV)/.installed-dev: setup.py pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@touch $@ $(VENV)/.installed $(VENV)/.installed-test
