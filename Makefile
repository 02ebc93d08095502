# Every target works in a fresh clone: it makes .venv and installs what it needs, at the versions in constraints.txt.

PYTHON ?= $(firstword $(foreach p,python3 python3.13 python3.12 python3.11,\
	$(shell $(p) -c 'import sys; sys.version_info >= (3, 11) and print("$(p)")' 2>/dev/null)))
VENV ?= .venv
JOBS ?= 2
DATA ?= data
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS)

.PHONY: help demo test slow explore lint types imports golden bench docs wheel smoke models format clean

help:  ## say what can be made
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## */\1\t/' | expand -t 10

demo: $(VENV)/.demo  ## set up, forge some photographs, check them all, say where the report is
	@$(BIN)/facevalue models pull || echo "The models could not be fetched: the demo goes on without them, and the report says so."
	@$(BIN)/python demo/run.py build/demo

test: $(VENV)/.dev  ## the tests that take seconds
	$(PYTEST)

slow: $(VENV)/.dev  ## the tests that take minutes: hostile files, speed, memory, training
	$(PYTEST) -m slow

explore: $(VENV)/.dev  ## the tests again, with new examples for the property tests
	HYPOTHESIS_PROFILE=explore $(PYTEST)

lint: $(VENV)/.dev  ## style and the usual mistakes
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(VENV)/.dev  ## put the code into the house's format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(VENV)/.dev  ## mypy, strict
	$(BIN)/mypy

imports: $(VENV)/.dev  ## imports only go down the picture of the house
	$(BIN)/lint-imports

golden: $(VENV)/.dev  ## write the reference outputs anew; read the difference before committing it
	FACEVALUE_GOLDEN=write $(BIN)/python -m pytest -m golden

models: $(VENV)/.dev  ## fetch the models that do not ship inside the package
	$(BIN)/facevalue models pull

bench: $(VENV)/.dev  ## measure on DATA=folder; writes the cards and the table in README.md
	$(BIN)/facevalue bench run --data $(DATA) --out build/bench --write-cards

docs: $(VENV)/.docs  ## the documentation, in build/site
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet --site-dir build/site

wheel: $(VENV)/.dev  ## the wheel, in dist
	rm -rf dist
	$(BIN)/python -m build --wheel --no-isolation --outdir dist

smoke: wheel  ## install the wheel in a fresh environment and use it there
	$(BIN)/python .ci/smoke_wheel.py dist constraints.txt

clean:  ## remove what was made, but not .venv
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find src tests demo -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "facevalue needs Python 3.11 or newer. Say where it is: make PYTHON=/path/to/python"; exit 2; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: EXTRAS = [demo]
$(VENV)/.dev: EXTRAS = [dev,lab]
$(VENV)/.docs: EXTRAS = [docs]
$(VENV)/.demo $(VENV)/.dev $(VENV)/.docs: $(BIN)/python pyproject.toml constraints.txt
	@echo "Installing facevalue$(EXTRAS) into $(VENV) ..."
	@$(INSTALL) --editable '.$(EXTRAS)'
	@touch $@
