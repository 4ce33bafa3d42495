# Two commands matter: `make demo` and `make test`. Both make .venv on first use and install nothing after that.
# ARGS is handed on by `serve` and by all that measure: `make bench-serve ARGS=--json`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export HF_HUB_OFFLINE ?= 1
export TOKENIZERS_PARALLELISM ?= false

.PHONY: demo test serve check fix docs bench bench-serve soak fuzz kills clients browser

demo: $(VENV)/.run-ready
	$(BIN)/vectune demo; status=$$?; [ $$status -eq 3 ] || [ $$status -eq 4 ] || exit $$status

# The service on this machine, until Ctrl-C; ARGS="--port 9000" and the like are handed on.
serve: $(VENV)/.serve-ready
	$(BIN)/vectune serve $(ARGS)

test: $(VENV)/.dev-ready
	$(BIN)/python -m pytest -n 2 --dist worksteal

check: $(VENV)/.dev-ready
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python -m vectune.cli.reference --check

# Chromium for the tests that look at the report page; without it they are skipped, and say so.
browser:
	@if command -v chromium >/dev/null; then true; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get -qq update && \
		DEBIAN_FRONTEND=noninteractive apt-get -qqy install --no-install-recommends chromium >/dev/null; then true; \
	else echo "no Chromium here: the browser tests will be skipped"; fi

fix: $(VENV)/.dev-ready
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# Figures of docs/benchmarks.md; run nothing beside it. Two to three hours on 2 cores.
bench: $(VENV)/.dev-ready
	@for name in train_speed train_parts train_profile train_quality encode_speed static_speed memory kills; do \
		echo "== $$name"; $(BIN)/python benchmarks/$$name.py $(ARGS) || exit 1; done

# Figures of the service; the same.
bench-serve: $(VENV)/.dev-ready
	$(BIN)/python benchmarks/serve_speed.py $(ARGS)
	$(BIN)/python benchmarks/serve_beside_job.py $(ARGS)
	$(BIN)/python benchmarks/serve_overload.py $(ARGS)
	$(BIN)/python benchmarks/serve_start.py $(ARGS)

soak: $(VENV)/.dev-ready
	$(BIN)/python benchmarks/soak.py --minutes 30 $(ARGS)

fuzz: $(VENV)/.dev-ready
	$(BIN)/python benchmarks/fuzz_service.py --minutes 5 $(ARGS)

# A service whose workers and server are killed fifty times.
kills: $(VENV)/.dev-ready
	$(BIN)/python benchmarks/job_kills.py $(ARGS)
	$(BIN)/python benchmarks/job_stops.py $(ARGS)
	$(BIN)/python benchmarks/job_estimates.py $(ARGS)

# Clients of others: LangChain, llama-index, the official Node client.
clients: $(VENV)/.dev-ready
	VECTUNE_CLIENTS=$$(sh tests/clients/prepare.sh) $(BIN)/python -m tests.clients.trying

docs: $(VENV)/.dev-ready
	$(BIN)/python -m vectune.cli.reference

$(VENV)/.torch-ready: constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -c constraints.txt torch==2.13.0
	touch $@

$(VENV)/.run-ready: $(VENV)/.torch-ready pyproject.toml
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[offline]'
	touch $@

$(VENV)/.serve-ready: $(VENV)/.run-ready pyproject.toml
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[offline,cpu,serve]'
	touch $@

$(VENV)/.dev-ready: $(VENV)/.run-ready pyproject.toml
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[offline,cpu,remote,serve,dev]'
	touch $@ $(VENV)/.serve-ready
