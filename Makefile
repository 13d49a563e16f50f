# `make gate` and `make test` are all there is to know: each sets up .venv first when it must.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
GATE ?= suites/

.PHONY: gate test slow lint clean help

help:
	@echo "make gate   install into .venv when needed, run pytest suites/ on the embedded model"
	@echo "make test   install when needed, run the tests (make slow: the long ones too)"
	@echo "make lint   ruff, mypy --strict, import contracts, the report's templates and script"
	@echo "make clean  remove adapters, scores and reports"

gate: $(STAMP)
	@test -d .rmcheck/adapters || echo "First run: trains the embedded model with three seeds and" \
	    "two copies with noisy labels, about 4 minutes on 2 cores. Later runs take seconds."
	$(BIN)/python -m pytest $(GATE)

test: $(STAMP)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/ -n 2 -m "not slow and not ci" -q

slow: $(STAMP)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/ -n 2 -q

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/djlint rmcheck/report/page/templates rmcheck/server/templates --lint --quiet
	$(BIN)/oxlint --deny-warnings rmcheck

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "rmcheck needs Python 3.11 or newer; name one: make PYTHON=python3.12 ...")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $(STAMP)

clean:
	rm -rf .rmcheck reports/latest
