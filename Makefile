# Needs GNU make, Python 3.11 or later, and the Python Package Index. `make` by itself lists what there is.

PYTHON ?= python3
# Twice as many processes as there are cores: servers and workers are waited for a good part of the time.
JOBS ?= $(shell $(PYTHON) -c 'import os; print(2 * len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2 * os.cpu_count())')
# Fewer of them for what takes long: the SDK gives a workflow's task two seconds.
SLOW_JOBS ?= $(shell $(PYTHON) -c 'import os; print(os.cpu_count() + 1)')
# What pytest gets besides: make test ARGS="tests/engine -k join"
ARGS ?=

VENV := .venv
PY := $(VENV)/bin/python
# Touched last, so that an installation that was cut short is done again.
READY := $(VENV)/.ready
# The demo's own, smaller one; where the other one is there, the demo takes that.
DEMO := $(if $(wildcard $(READY)),$(VENV),.venv-demo)
LOWEST := .venv-lowest
LOWEST_PYDANTIC_GRAPH := 2.62.0
NEWEST := .venv-newest
# The first that runs; what pyenv has, too.
NEWEST_PYTHON ?= $(shell for python in python3.13 $(HOME)/.pyenv/versions/3.13.*/bin/python python3.12 $(HOME)/.pyenv/versions/3.12.*/bin/python; do \
	$$python -c '' 2>/dev/null && echo $$python && break; done)
CHECK_VERSION := -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed, this is " + sys.version)'
PIP := -m pip --disable-pip-version-check --quiet
PYTEST := $(PY) -m pytest -n $(JOBS) --dist worksteal

NO_CACHE := $(PYTEST) --no-cache -m 'not slow' tests/server tests/seeds tests/conformance/test_random_server.py tests/conformance/test_corpus.py::test_server

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help test test-slow test-no-cache test-lowest test-newest coverage lint format types demo bench bench-queue build constraints clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z.-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

.venv: $(READY) ## create the environment with everything that development needs

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) $(CHECK_VERSION)
	test -x $(PY) || $(PYTHON) -m venv $(VENV)
	$(PY) $(PIP) install --constraint constraints.txt --editable '.[dev]'
	@touch $(READY)

test: $(READY) ## run the tests
	$(PYTEST) -m 'not slow' $(ARGS)

test-slow: $(READY) ## run what takes long: much of the same, over and over
	$(PYTEST) -n $(SLOW_JOBS) -m slow $(ARGS)

# Without a cache the SDK's core now and then drops a task that comes while it forgets the run ("leftover buffered tasks
# when evicting run"): the server waits ten seconds for it, and what a query has shown is done once more, at another
# time. So what fails is run a second time, by itself; what does not replay fails then, too.
test-no-cache: $(READY) ## run the tests on servers with workers that keep no workflow in memory
	$(NO_CACHE) $(ARGS) || { test $$? = 1 && $(NO_CACHE) --last-failed $(ARGS); }

test-lowest: $(LOWEST)/.ready ## run the conformance tests with the oldest pydantic-graph that is supported
	$(LOWEST)/bin/python -m pytest -n $(JOBS) --dist worksteal -m 'not slow' tests/conformance $(ARGS)

$(LOWEST)/.ready: pyproject.toml constraints.txt
	test -x $(LOWEST)/bin/python || $(PYTHON) -m venv $(LOWEST)
	grep -v '^pydantic-graph==' constraints.txt > $(LOWEST)/constraints.txt
	$(LOWEST)/bin/python $(PIP) install --constraint $(LOWEST)/constraints.txt --editable '.[dev]' 'pydantic-graph==$(LOWEST_PYDANTIC_GRAPH)'
	@touch $@

# A run may begin with one version of Python and go on with another: the histories were recorded with 3.11.
ifneq ($(NEWEST_PYTHON),)
test-newest: $(NEWEST)/.ready ## replay, and compile graphs, with the newest Python there is
	$(NEWEST)/bin/python -m pytest -n $(JOBS) --dist worksteal -m 'not slow' tests/replay tests/compile $(ARGS)
else
test-newest:
	@echo 'Not run: there is neither python3.13 nor python3.12, nor are they among the versions of pyenv.'
endif

$(NEWEST)/.ready: pyproject.toml constraints.txt
	test -x $(NEWEST)/bin/python || $(NEWEST_PYTHON) -m venv $(NEWEST)
	$(NEWEST)/bin/python $(PIP) install --constraint constraints.txt --editable '.[dev]'
	@touch $@

coverage: $(READY) ## run the tests and show which lines and branches they did not reach
	$(PYTEST) -m 'not slow' --cov --cov-report=term-missing $(ARGS)

lint: $(READY) ## check style and formatting
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .

format: $(READY) ## put style and formatting right
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

types: $(READY) ## check the types
	$(PY) -m basedpyright

demo: $(DEMO)/.ready ## run a graph that waits for you, on a server of its own (YES=1: it answers by itself)
	$(DEMO)/bin/python -m examples.publish.demo

.venv-demo/.ready: pyproject.toml constraints.txt
	@$(PYTHON) $(CHECK_VERSION)
	test -x .venv-demo/bin/python || $(PYTHON) -m venv .venv-demo
	.venv-demo/bin/python $(PIP) install --constraint constraints.txt --editable '.[dev-server,examples]'
	@touch $@

bench: $(READY) ## measure speed and memory against workflows written by hand (ARGS="local events": of these only)
	$(PY) -m benchmarks $(ARGS)

bench-queue: $(READY) ## measure how long it takes to list 2,000 runs that wait (ARGS="--runs 10000": more)
	$(PY) -m benchmarks.queue $(ARGS)

build: $(READY) ## build the wheel, and import it in an empty environment
	rm -rf build dist
	$(PY) -m build --wheel --outdir dist .
	$(PYTHON) -m venv build/empty
	build/empty/bin/python $(PIP) install --constraint constraints.txt dist/*.whl
	cd build && empty/bin/python -I -c 'import temporal_graph, importlib.metadata as m; print(temporal_graph.__file__); print("pydantic-graph-temporal", m.version("pydantic-graph-temporal"))'

constraints: $(READY) ## pin the newest versions that pyproject.toml admits
	$(PY) -m uv pip compile --quiet --upgrade --universal --python-version 3.11 --all-extras \
		--no-emit-index-url --no-header --no-annotate --output-file constraints.txt pyproject.toml

clean: ## remove what the other targets made
	rm -rf $(VENV) .venv-demo $(LOWEST) $(NEWEST) build dist .coverage htmlcov .hypothesis .pytest_cache .ruff_cache .demo
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
