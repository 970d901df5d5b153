# Two commands: `make run` shows the product, `make test` proves it. Both build the environment first, once.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed-$(shell cat requirements.lock pyproject.toml 2>/dev/null | cksum | cut -d' ' -f1)

PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check
UV     := $(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python

.PHONY: help run test test-python test-slow faults lint imports format types check lock bench generate freeze demo-sources
.PHONY: stack stack-test deploy-check first-live-day clean

help:
	@echo "make run        publish the bundled vintages into ./warehouse and show what came out"
	@echo "make test       the test suite (needs no network)"
	@echo "make test-python OTHER=python3.13  the unit tests on another Python, in .venv-other"
	@echo "make test-slow  the drills that repeat something many times"
	@echo "make faults     every fault of docs/faults.md, counted (WRITE=1 writes the table)"
	@echo "make check      lint, imports, format, types"
	@echo "make bench      measurements, each as a ratio in one run"
	@echo "make demo-sources  doubles of the publishers on loopback, to try everything without a key"
	@echo "make first-live-day  ask every publisher, read-only, for a small sample; OUT=FILE names the bundle"
	@echo "make stack      PostgreSQL, Prefect, a worker, S3 and the doubles on this machine, until Ctrl-C"
	@echo "make stack-test publishes through such a stack, and throws it away"
	@echo "make deploy-check  image, compose, cluster and cloud files, held against the tools that read them"
	@echo "make generate   write deployments, accounts and tables that follow from the contracts"
	@echo "make freeze     write down the contracts as released, in configs/published"
	@echo "make lock       resolve requirements.lock again, and the locks of images and checks"

$(STAMP):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; name one with make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@echo "Building the environment in $(VENV) from requirements.lock (once) ..."
	@$(PYTHON) -m venv --clear $(VENV)
	@# uv installs the lock in a fraction of pip's time. pip does the same where there is no uv for the machine, or where
	@# uv does not reach the packages: it does not read pip's settings. For pip 23 the lock is its own constraint, or it takes
	@# sqlalchemy[asyncio] for a package that is not pinned.
	@awk '/^[^ #]/ { wanted = /^uv==/ } wanted' requirements.lock > $(VENV)/uv.lock
	@$(PIP) --only-binary :all: --no-deps --require-hashes -r $(VENV)/uv.lock && \
		$(UV) --require-hashes -r requirements.lock || { \
		echo "uv could not install the packages; pip does, which takes one to two minutes ..."; \
		$(PIP) --require-hashes -r requirements.lock -c requirements.lock; }
	@$(PIP) --no-deps --no-build-isolation --no-index -e .
	@touch $(STAMP)

run: $(STAMP)
	@$(BIN)/python -m flows.cli.demo

test: $(STAMP)
	@$(BIN)/python -m pytest -m "not slow" -n 2

test-python: $(STAMP)
	@$(BIN)/uv venv --quiet --clear --python $(OTHER) .venv-other
	@$(BIN)/uv pip install --quiet --python .venv-other/bin/python --require-hashes -r requirements.lock
	@$(BIN)/uv pip install --quiet --python .venv-other/bin/python --offline --no-deps --no-build-isolation -e .
	@.venv-other/bin/python -m pytest -m "not slow" -n 2 tests/unit

test-slow: $(STAMP)
	@# The drills of the stack have the machine for themselves: a database that is away for a minute is away for longer
	@# than Prefect waits where others take the processors.
	@$(BIN)/python -m pytest -m slow --timeout 1500 tests/drills
	@$(BIN)/python -m pytest -m slow -n 2 --dist worksteal --timeout 1500 --ignore tests/drills

faults: $(STAMP)
	@$(BIN)/python -m tests.faults $(if $(WRITE),--write)

lint: $(STAMP)
	@$(BIN)/ruff check .

imports: $(STAMP)
	@$(BIN)/lint-imports --no-cache --no-logo

format: $(STAMP)
	@$(BIN)/ruff format --check .

types: $(STAMP)
	@$(BIN)/mypy

check: lint imports format types

bench: $(STAMP)
	@$(BIN)/python -m benchmarks

generate: $(STAMP)
	@$(BIN)/python -m deploy.generate

freeze: $(STAMP)
	@$(BIN)/python -m tasks.publish.compatibility

DOUBLES := $(BIN)/python -m tests.doubles.demo
demo-sources: $(STAMP)
	@$(DOUBLES)

OUT ?= first-live-day.zip
first-live-day: $(STAMP)
	@$(BIN)/techtrade sources probe --out $(OUT)

stack: $(STAMP)
	@$(BIN)/python -m deploy.stack up --doubles '$(DOUBLES)'

stack-test: $(STAMP)
	@$(BIN)/python -m deploy.stack test --doubles '$(DOUBLES)'

# In an environment of its own: checkov pins much that the product needs newer.
DEPLOY_STAMP := .venv-deploy/.installed-$(shell cksum deploy/checks/requirements.lock 2>/dev/null | cut -d' ' -f1)
$(DEPLOY_STAMP): $(STAMP)
	@$(PYTHON) -m venv --clear .venv-deploy
	@$(BIN)/uv pip install --quiet --python .venv-deploy/bin/python --require-hashes -r deploy/checks/requirements.lock
	@touch $(DEPLOY_STAMP)

deploy-check: $(DEPLOY_STAMP)
	@$(BIN)/python -m deploy.checks

# The environment's lock first; those of the images are parts of it, with the same versions.
LOCK := $(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --quiet
lock:
	$(LOCK) pyproject.toml --extra publish --group dev -o requirements.lock
	$(LOCK) pyproject.toml --extra publish -c requirements.lock -o deploy/requirements-run.lock
	$(LOCK) pyproject.toml --extra publish -c requirements.lock --group worker -o deploy/requirements-worker.lock
	$(LOCK) --group build -c requirements.lock -o deploy/requirements-build.lock
	$(LOCK) deploy/checks/requirements.in -o deploy/checks/requirements.lock

clean:
	rm -rf $(VENV) .venv-deploy .venv-other .pytest_cache .mypy_cache .ruff_cache .hypothesis
