# Two commands matter: `make demo` and `make test`. Both make .venv on first use and install nothing after that.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export HF_HUB_OFFLINE ?= 1
export TOKENIZERS_PARALLELISM ?= false

.PHONY: demo test check fix docs

demo: $(VENV)/.run-ready
	$(BIN)/vectune demo; status=$$?; [ $$status -eq 3 ] || [ $$status -eq 4 ] || exit $$status

test: $(VENV)/.dev-ready
	$(BIN)/python -m pytest

check: $(VENV)/.dev-ready
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python -m vectune.cli.reference --check

fix: $(VENV)/.dev-ready
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(VENV)/.dev-ready
	$(BIN)/python -m vectune.cli.reference

$(VENV)/.torch-ready: constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -c constraints.txt torch==2.13.0
	touch $@

$(VENV)/.run-ready: $(VENV)/.torch-ready pyproject.toml
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[offline]'
	touch $@

$(VENV)/.dev-ready: $(VENV)/.run-ready pyproject.toml
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[offline,dev]'
	touch $@
