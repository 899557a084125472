# Two commands for a newcomer: `make demo` and `make test`.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed

.PHONY: setup demo test coverage test-web oldest mutants lint format bench wheel clean

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[train,dev]'
	touch $(STAMP)

demo: setup
	$(BIN)/sparserec demo

# A process for each core, each with one thread; files are handed out whole, since their tests share trained runs.
test: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses=auto --dist=loadfile

# The same with what the tests reach, which takes a third longer.
coverage: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses=auto --dist=loadfile --cov --cov-report=term

# The browser runtime and the demo page alone. `make test` has these tests too, and skips those that lack a program.
test-web: setup
	@command -v node >/dev/null && command -v npm >/dev/null || { echo "test-web needs Node.js 20 or newer with npm: apt-get install nodejs npm"; exit 1; }
	@test -n "$$SPARSEREC_CHROMIUM" || command -v chromium >/dev/null || command -v google-chrome >/dev/null || { echo "test-web needs Chromium: apt-get install chromium, or set SPARSEREC_CHROMIUM to its program"; exit 1; }
	@test -x web/node_modules/.bin/tsc || npm install --prefix web --no-audit --no-fund
	$(BIN)/python -m pytest tests/web tests/page tests/cli/test_cli_web.py -m 'not gpu'

# The oldest versions that pyproject.toml allows, in .venv-oldest; other tests than the usual: make oldest TESTS=tests/cli
oldest:
	$(PYTHON) tests/oldest.py $(TESTS)

# Small changes of the source, each of which a test should notice; of one module: make mutants MUTANTS=sparsity/masks.py
mutants: setup
	$(BIN)/python mutation $(MUTANTS)

lint: setup
	$(BIN)/ruff check src tests benchmarks fuzz
	$(BIN)/ruff format --check src tests benchmarks fuzz
	$(BIN)/lint-imports
	$(BIN)/pyright

format: setup
	$(BIN)/ruff check --fix src tests benchmarks fuzz
	$(BIN)/ruff format src tests benchmarks fuzz

bench: setup
	$(BIN)/python benchmarks/run_all.py

# What a device needs, and the command line: dist/sparserec-*.whl.
wheel: setup
	$(BIN)/python -m build --wheel --outdir dist .

clean:
	rm -rf $(VENV) .venv-oldest build dist .pytest_cache .ruff_cache .hypothesis .coverage
