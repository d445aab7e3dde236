# The doors to this checkout; `make help` lists them. Everything is installed into .venv, nothing elsewhere.

SHELL := /bin/bash
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
.NOTPARALLEL:

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
APP := $(VENV)/.installed-app
DEV := $(VENV)/.installed-dev
PYTEST_ARGS ?=
# PYTHON=/path/to/python3.12 chooses the Python that makes .venv.
export PYTHON

.PHONY: help demo test lint format types layers check wheel bundle clean system

help: ## List what can be made.
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: system $(APP) ## Install the app, score the demo set, open the window if there is a display.
	$(BIN)/inspector-app demo

test: system $(DEV) ## Install what tests need and run the whole suite, offscreen.
	QT_QPA_PLATFORM=offscreen $(BIN)/python -m pytest $(PYTEST_ARGS)

lint: $(DEV) ## Check style and formatting.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(DEV) ## Put the formatting right.
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# changenet/ can be checked only where PyTorch is: pip install torch, then '.[train]'.
types: $(DEV) ## Check types, strictly; the training code too where PyTorch is installed.
	@if $(BIN)/python -c 'import torch, lightning' 2>/dev/null; then set -x; $(BIN)/mypy; else \
	  echo "PyTorch is not installed: inspector_app/changenet is left out"; \
	  set -x; $(BIN)/mypy --exclude '/changenet/' --follow-imports silent; fi

layers: $(DEV) ## Check that imports point down the floors only.
	$(BIN)/lint-imports

check: lint types layers ## Style, types and layers.

wheel: $(DEV) ## Build dist/*.whl and dist/*.tar.gz.
	rm -rf dist/*.whl dist/*.tar.gz
	$(BIN)/python -m build --outdir dist .

bundle: ## Build dist/inspector-app/, which runs without Python, and smoke-test it.
	installer/bundle.sh
	installer/smoke.sh dist/inspector-app/inspector-app

clean: ## Remove what was built; .venv stays (rm -rf .venv removes it).
	rm -rf build dist demo-out .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -not -path './$(VENV)/*' -prune -exec rm -rf {} +

system:
	@installer/system-packages.sh

$(BIN)/python:
	installer/make-venv.sh $(VENV)

# What is installed is older than what it was installed from: install again.
$(APP): pyproject.toml hatch_build.py | $(BIN)/python
	@echo "Installing the app into $(VENV); the first time this takes a minute or more"
	$(PIP) install --quiet --editable .
	@touch $@

$(DEV): pyproject.toml hatch_build.py | $(BIN)/python
	@echo "Installing the app and what its tests need into $(VENV); the first time this takes a minute or more"
	$(PIP) install --quiet --editable '.[dev]'
	@touch $@ $(APP)
