# `make serve` and `make test` are all a newcomer needs; each does its own set-up, once.
# Python: the newest of 3.14 … 3.11 that runs; `make PYTHON=/path/to/python …` chooses another.

PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
VENV := .venv
BIN := $(VENV)/bin
STAMPS := $(VENV)/stamps
OLD_SDK := .venvs/sdk-0.2.4
JS_SDK := .venvs/js-sdk
# Quiet enough to hide what pip has to say about the machine's own settings; errors are shown.
PIP_INSTALL := -m pip install --quiet --quiet --disable-pip-version-check
PINNED := $(PIP_INSTALL) --constraint constraints.txt

# Arguments for the command behind a target, as in: make serve ARGS="--port 0"
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help serve test lint lifecycle storm fuzz streams soak bench semantics parity clean

help:
	@echo "make serve   start the server with the demo graphs on http://127.0.0.1:2024"
	@echo "make test    run the whole test suite"
	@echo "make lint    formatter, linters and type checkers"
	@echo "make lifecycle   the server beside a model of it, for some minutes"
	@echo "make storm   the long SIGKILL storm (60 kills)"
	@echo "make fuzz    ten minutes of made-up requests to every route (schemathesis)"
	@echo "make soak    ten minutes of mixed load from 200 clients"
	@echo "make streams   clients of many streams that are cut off again and again"
	@echo "make bench   lgtrio beside in-process calls and other servers, as a report"
	@echo "make semantics   what this server and 'langgraph dev' do with runs, side by side"
	@echo "make parity   the same requests to this server and to 'langgraph dev'; writes docs/parity.md"
	@echo "make clean   remove the environments and caches"
	@echo 'Any target takes ARGS, as in: make serve ARGS="--port 0"'

serve: $(STAMPS)/serve
	@exec $(BIN)/lgtrio dev $(ARGS)

# Most tests wait for a server more than they compute. The tests of a file stay together, as they
# share servers. A worker that dies is not replaced: the others would wait for it for ever.
# To see prints or to debug: ARGS="-n 0 -s …".
test: $(STAMPS)/test $(OLD_SDK)/stamp $(JS_SDK)/stamp
	@exec $(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder --max-worker-restart 0 \
		$(ARGS)

# What flake8-async finds and ruff does not: cancellation that is swallowed or comes too late. The
# tests' graphs do such things on purpose.
CANCELLATION := ASYNC101,ASYNC102,ASYNC103,ASYNC104,ASYNC111,ASYNC113,ASYNC120

lint: $(STAMPS)/lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/flake8 --select $(CANCELLATION) --exclude tests/support/graphs lgtrio tests bench
	$(BIN)/mypy
	PYRIGHT_PYTHON_IGNORE_WARNINGS=1 $(BIN)/pyright --pythonpath $(BIN)/python

lifecycle: $(STAMPS)/test
	@exec $(BIN)/python -m pytest -s tests/lifecycle --lifecycle-examples 20000 -o faulthandler_timeout=0 $(ARGS)

storm: $(STAMPS)/test
	@exec $(BIN)/python -m pytest -s tests/crash --storm-kills 60 --storm-seconds 600 $(ARGS)

fuzz: $(STAMPS)/test
	@exec $(BIN)/python -m pytest -s tests/fuzz --fuzz-seconds 600 -o faulthandler_timeout=0 $(ARGS)

soak: $(STAMPS)/bench
	@exec $(BIN)/python -m bench.soak $(ARGS)

semantics: $(STAMPS)/bench
	@exec $(BIN)/python -m bench.semantics --peer lgtrio --peer langgraph-dev $(ARGS)

parity: $(STAMPS)/bench
	@exec $(BIN)/python -m bench.parity --write $(ARGS)

streams: $(STAMPS)/test
	@exec $(BIN)/python -m pytest -s tests/streams --cut-clients 100 --cuts 5 $(ARGS)

bench: $(STAMPS)/bench
	@exec $(BIN)/python -m bench $(ARGS)

clean:
	rm -rf $(VENV) .venvs .pytest_cache .mypy_cache .ruff_cache .hypothesis build lgtrio.egg-info

# One environment, grown by what a target needs. Each stamp is newer than what it was made from.
$(STAMPS)/venv:
	@test -n "$(PYTHON)" || { echo "lgtrio needs Python 3.11 or newer; none was found." >&2; exit 1; }
	@$(PYTHON) -m venv --clear $(VENV) || { \
		echo "Could not make an environment; is the venv module of Python installed?" >&2; exit 1; }
	@mkdir -p $(STAMPS) && touch $@

# The build backend is pinned like everything else, so pip must not fetch one of its own.
$(STAMPS)/build: constraints.txt | $(STAMPS)/venv
	@$(BIN)/python $(PINNED) setuptools
	@touch $@

$(STAMPS)/serve: pyproject.toml constraints.txt $(STAMPS)/build
	@echo "Installing lgtrio into $(VENV) (once) …" >&2
	@$(BIN)/python $(PINNED) --no-build-isolation --editable .
	@# pip compiles what it copies, not what it links: without this the first start takes longer,
	@# and with PYTHONDONTWRITEBYTECODE every start.
	@$(BIN)/python -m compileall -q lgtrio
	@touch $@

$(STAMPS)/test $(STAMPS)/lint $(STAMPS)/bench: $(STAMPS)/%: $(STAMPS)/serve
	@echo "Installing what 'make $*' needs …" >&2
	@$(BIN)/python $(PINNED) --no-build-isolation --editable '.[$(EXTRAS_$*)]'
	@touch $@

EXTRAS_test := test,bench
EXTRAS_lint := test,lint
EXTRAS_bench := bench

$(OLD_SDK)/stamp: tests/sdk_old/requirements.txt $(STAMPS)/venv
	@$(PYTHON) -m venv --clear $(OLD_SDK)
	@$(OLD_SDK)/bin/python $(PIP_INSTALL) --requirement $<
	@touch $@

# Without Node.js the tests that need it are skipped, which fails them where CI=true.
$(JS_SDK)/stamp: tests/js/package.json tests/js/package-lock.json
	@rm -rf $(JS_SDK) && mkdir -p $(JS_SDK) && cp $^ $(JS_SDK)
	@if command -v npm >/dev/null; then echo "Installing the JavaScript SDKs …" >&2 && cd $(JS_SDK) && \
		npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null && touch stamp; fi
