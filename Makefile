# Everything a newcomer needs: `make demo` and `make test` install what they need into .venv first.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input

.PHONY: install demo test lint format types contracts bench chaos fuzz shredding verdicts azurite lock clean

install: .venv/.installed  ## a .venv with the program

.venv/.created:
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "sottovoce needs Python 3.11 or newer; set PYTHON=")'
	$(PYTHON) -m venv .venv
	@touch $@

.venv/.installed: .venv/.created requirements/install.txt pyproject.toml
	$(PIP) install --quiet --require-hashes -r requirements/install.txt
	$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

.venv/.developing: .venv/.installed requirements/develop.txt
	$(PIP) install --quiet --require-hashes -r requirements/develop.txt
	@touch $@

demo: .venv/.installed  ## the main job, end to end, on sample calls
	$(BIN)/sottovoce demo

test: .venv/.developing  ## every test, with coverage of the rooms that must not be wrong
	$(BIN)/python -m coverage erase
	$(BIN)/python -m pytest -n auto --maxprocesses=4 --dist loadfile --cov=sottovoce --cov-branch --cov-report= $(ARGS)
	$(BIN)/python scripts/coverage_gate.py

lint: .venv/.developing types contracts  ## style, types, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/.developing
	$(BIN)/mypy

contracts: .venv/.developing
	$(BIN)/lint-imports

format: .venv/.developing
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: .venv/.developing  ## figures, ours beside the reference, in one run
	@for b in $(filter-out benchmarks/shredding.py benchmarks/compliance.py,$(wildcard benchmarks/*.py)); do echo "== $$b"; $(BIN)/python $$b || exit 1; done

chaos: .venv/.developing  ## kill workers at random, long form
	SOTTOVOCE_CHAOS_KILLS=$(or $(KILLS),100) $(BIN)/python -m pytest -m chaos --timeout=3600 tests/chaos

fuzz: .venv/.developing  ## a million messages at the intake, guided by coverage where atheris has a wheel
	@$(BIN)/python -c 'import atheris' 2>/dev/null || $(PIP) install --quiet atheris==3.0.0 || echo "no atheris here: a random walk instead"
	$(BIN)/python scripts/fuzz_intake.py -runs=$(or $(RUNS),1000000)

shredding: .venv/.developing  ## 20,000 recordings, half of them erased, every byte of what is left searched
	$(BIN)/python benchmarks/shredding.py

verdicts: .venv/.developing  ## time to verdict over 100 calls from the sandbox, ten minutes and more
	$(BIN)/python benchmarks/compliance.py

azurite: .venv/.developing  ## Azure's own storage server, for the tests that skip without it (needs npm)
	npm install --prefix .venv/azurite --no-audit --no-fund --silent azurite@3.35.0

lock:  ## renew the hashed lock files (needs uv)
	uv pip compile pyproject.toml requirements/build.in --group test --group lint --group bench --universal --python-version 3.11 --no-strip-extras --generate-hashes --no-header --quiet --upgrade -o requirements/develop.txt
	uv pip compile pyproject.toml requirements/build.in --universal --python-version 3.11 --no-strip-extras --generate-hashes --no-header --quiet -c requirements/develop.txt -o requirements/install.txt

clean:
	rm -rf .venv workspace demo-workspace
