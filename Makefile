# make demo and make test set everything up themselves; make setup alone prepares .venv.

PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do command -v $$p >/dev/null 2>&1 && $$p -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo $$p && break; done)
BIN := .venv/bin
STAMP := .setup/python
ARGS ?=
PYTEST := -n 2 --dist loadfile --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help setup demo test check check-security attack bench crash docs build browser lock clean

help: ## This list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST)

setup: $(STAMP) .setup/frontend ## Make .venv with everything, and build the front end

$(STAMP): requirements-uv.lock requirements-dev.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "Carespine needs Python 3.11 or later with its venv module (on Debian: apt-get install python3-venv)." >&2; exit 1; }
	@mkdir -p .setup
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "Installing the locked packages ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-uv.lock
	@$(BIN)/uv pip sync --quiet --compile-bytecode --python $(BIN)/python --require-hashes requirements-dev.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@$(BIN)/python -m compileall -q src/carespine examples
	@touch $@

.setup/frontend: $(STAMP) package.json package-lock.json tools/build_frontend.py
	@$(BIN)/python tools/build_frontend.py
	@touch $@

demo: setup ## Play the story on the embedded database (ARGS=--check: without a person)
	@$(BIN)/carespine demo $(ARGS)

test: setup browser ## The tests (ALL=1: the slow ones too; COVERAGE=1: all of them, and their lines and branches counted)
ifdef COVERAGE
	@$(BIN)/coverage erase
	@$(BIN)/coverage run -m pytest $(PYTEST) $(ARGS)
	@$(BIN)/coverage combine --quiet && $(BIN)/coverage report --fail-under=85
else
	@$(BIN)/python -m pytest $(PYTEST) $(if $(ALL),,-m "not slow") $(ARGS)
endif

check: setup ## Format, lint, types, layers, generated pages
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python tools/generate_docs.py --check

attack: setup ## The whole attack pack, its matrix of 2,520 questions included
	@ATTACK=full $(BIN)/pytest -q tests/attack

check-security: setup ## bandit's rules, the boundaries, known faults of the locked packages, sslyze
	@$(BIN)/ruff check --select S src tools
	@$(BIN)/pytest -q tests/security/test_security_one_door.py tests/security/test_security_egress.py tests/robustness/test_tls.py
	@$(if $(OFFLINE),echo "Known faults of the packages were not looked up (OFFLINE).",$(BIN)/python tools/audit_packages.py requirements.lock)
	@$(if $(OFFLINE),echo "TLS was not looked at by sslyze (OFFLINE).",$(BIN)/python tools/check_tls.py)

bench: setup ## Every benchmark, one after the other
	@for script in benchmarks/*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

crash: setup ## A minute of kill -9 under load; ARGS="--kills 200" for the long run
	@$(BIN)/python tools/crash_harness.py $(or $(ARGS),--seconds 60)

docs: setup ## Generate the generated pages of docs/
	@$(BIN)/python tools/generate_docs.py

build: setup ## Wheels in dist/ that need neither node nor make: everything, and the FHIR library alone
	@rm -rf dist
	@$(BIN)/hatchling build -t wheel
	@cd packaging/fhir && ../../$(BIN)/hatchling build -t wheel -d ../../dist
	@ls dist

browser: $(STAMP) ## Chromium from Debian's packages, for the browser tests
	@sh tools/install_browser.sh

lock: ## Make the locks again after a change to pyproject.toml
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header pyproject.toml -o requirements.lock
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header pyproject.toml --group dev -o requirements-dev.lock
	@echo uv | $(BIN)/uv pip compile --quiet --generate-hashes --no-header --universal --python-version 3.11 - -o requirements-uv.lock

clean: ## Remove what was built; data folders stay
	@rm -rf .venv .setup dist build node_modules src/carespine/web/static/vendor .coverage*
