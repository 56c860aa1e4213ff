# The verbs of the house. `make run` shows the platform; `make test` proves it.
PY ?= python3
V := .venv
BIN := $(V)/bin
SEED ?= 7
DAYS ?= 30
SHELL := /bin/sh
TESTS = $(BIN)/python -m pytest tests -q -n 2 --dist loadfile --no-loadscope-reorder --durations 40
LINT = $(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/lint-imports && $(BIN)/mypy
INSTALL = $(BIN)/uv pip install -q --python $(BIN)/python --offline --no-deps --no-build-isolation -e .  # the commands sunroad and sealbid

.PHONY: run test test-all lint check simulate replay bench migrate vendor lock clean e2e docs

$(V)/.uv: requirements/uv.txt
	@$(PY) -m venv $(V)
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r $<
	@touch $@

$(V)/.run: requirements/run.txt pyproject.toml | $(V)/.uv
	@$(BIN)/uv pip install -q --python $(BIN)/python --require-hashes --only-binary :all: -r $<
	@$(INSTALL)
	@touch $@

$(V)/.test: requirements/test.txt pyproject.toml | $(V)/.uv
	@$(BIN)/uv pip install -q --python $(BIN)/python --require-hashes --only-binary :all: -r $<
	@$(INSTALL)
	@touch $@

run: $(V)/.run  ## the platform with a living demonstration city, on SQLite
	@$(BIN)/python -m cli serve --demo

test: $(V)/.test  ## what every landing passes, with PostgreSQL, Redis and Chromium set up by the command itself
	@sh scripts/services.sh
	@($(LINT)) > $(V)/lint.log 2>&1 & lint=$$!; \
	$(TESTS) -m "not nightly"; tests=$$?; \
	wait $$lint; linted=$$?; cat $(V)/lint.log; \
	test $$tests -eq 0 && test $$linted -eq 0  # many tests wait: style and types are looked at meanwhile

test-all: $(V)/.test  ## as test, with the long ones: every format played, seasons of further seeds, the race on PostgreSQL
	@sh scripts/services.sh
	@$(MAKE) --no-print-directory lint
	@$(TESTS)

lint: $(V)/.test  ## style, import rules and types
	@$(LINT)

check: lint  ## what every commit passes: lint, types, import rules and the fast tests
	@$(BIN)/python -m pytest tests/unit tests/property tests/vectors tests/architecture -q -n 2 --dist loadfile

simulate: $(V)/.run  ## a simulated year: make simulate SEED=7 DAYS=365
	@$(BIN)/python -m cli simulate --seed $(SEED) --days $(DAYS)

replay: $(V)/.run  ## historical auctions through the real code: make replay FILE=… OUT=… ARGS='--map …'
	@$(BIN)/python -m cli replay $(FILE) --out $(OUT) $(ARGS)

bench: $(V)/.test  ## the benchmarks, as ratios in one run
	@$(BIN)/python -m benchmarks

migrate: $(V)/.run  ## bring the configured database to the newest schema
	@$(BIN)/python -m cli migrate

vendor:  ## fetch the vendored browser assets again (needs Node; the results are committed)
	@sh scripts/vendor.sh

docs: $(V)/.run  ## write the generated pages of docs/ again
	@$(BIN)/python scripts/pages.py

lock: $(V)/.uv  ## resolve the dependencies again, with hashes and without registry addresses
	@sh scripts/lock.sh $(BIN)/uv
