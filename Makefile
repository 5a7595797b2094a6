# Everything runs in .venv, which these commands make and keep up to date. `make help` lists the commands.
# Written for GNU make 3.81 (macOS) and later; no virtual environment need be active.

PY := .venv/bin/python
PIP := $(PY) -m pip --disable-pip-version-check --quiet
unexport PYTHONPATH PYTHONHOME

# The vendors' OpenAPI documents, where they lie beside the checkout (CONTRIBUTING.md).
ifndef VOIPKIT_VENDOR_SPECS
ifneq ($(wildcard ../shared/specs/README.md),)
export VOIPKIT_VENDOR_SPECS := $(CURDIR)/../shared/specs
endif
endif

.PHONY: help demo test lint types layers unit checkout docs notebook wheel outside generate matrix record bench clean

help:
	@echo "make demo      the whole job on simulated carriers: test, prove, save, list, import, verify, rotate, put back, delete"
	@echo "make test      everything below, as CI does"
	@echo "  make lint      ruff: rules and format"
	@echo "  make types     mypy --strict"
	@echo "  make layers    who may import whom"
	@echo "  make checkout  pytest, warnings as errors: the tests that are about the checkout itself"
	@echo "  make docs      the documentation, strictly; the result is in site/"
	@echo "  make notebook  run docs/notebooks"
	@echo "  make wheel     build the wheel and run all other tests against it, warnings as errors"
	@echo "  make outside   install a stranger's carrier beside the wheel and use it"
	@echo "make unit      pytest, all of it, on the checkout: quicker to start than make wheel"
	@echo "make generate  write the generated parts of README and docs"
	@echo "make matrix    hold every carrier against the contract, and draw the feature matrix; takes minutes"
	@echo "make record    record the cassettes anew, from the sandbox"
	@echo "make bench     the benchmarks"
	@echo "make clean     remove what these commands made"

demo: .venv/.demo
	@$(PY) -m voipkit.cli demo

# Each test runs once: against the wheel, as users get it, or on the checkout where it is about the checkout.
test: lint types layers checkout docs notebook wheel outside
	@echo "make test: all passed"

lint: .venv/.dev
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .

types: .venv/.dev
	$(PY) -m mypy

layers: .venv/.dev
	.venv/bin/lint-imports --no-cache

unit: .venv/.dev
	$(PY) -m pytest -n 3

checkout: .venv/.dev
	$(PY) -m pytest -n 3 $$($(PY) tools/test_wheel.py --checkout)

docs: .venv/.dev
	$(PY) tools/generate.py --check
	@# not --quiet: it would hide warnings from --strict as well
	NO_MKDOCS_2_WARNING=1 $(PY) -m mkdocs build --strict

notebook: .venv/.dev
	$(PY) tools/run_notebook.py docs/notebooks/*.ipynb

wheel: .venv/.dev
	$(PY) tools/test_wheel.py -n 3

outside: .venv/.dev
	$(PY) tools/test_outside.py

generate: .venv/.dev
	$(PY) tools/generate.py

matrix: .venv/.dev
	$(PY) -m voipkit.cli conformance --all --mutate --write docs/providers/conformance.json
	$(PY) tools/generate.py

record: .venv/.dev
	$(PY) tools/record.py

bench: .venv/.dev
	$(PY) -m benchmarks

clean:
	rm -rf .venv .venv-wheel dist build site
	rm -rf .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

# --- the virtual environment -----------------------------------------------------------------------------------------
# .demo has what the demo needs, .dev has everything; both follow pyproject.toml.

.venv/bin/python:
	@sh tools/venv.sh .venv

.venv/.demo: pyproject.toml | .venv/bin/python
	@echo "Installing voipkit into .venv ..."
	@$(PIP) install --editable '.[carriers,sip,sql,cli,sandbox]'
	@touch $@

.venv/.dev: pyproject.toml | .venv/bin/python
	@echo "Installing voipkit and its development tools into .venv ..."
	@$(PIP) install --editable '.[dev]'
	@touch .venv/.demo $@
