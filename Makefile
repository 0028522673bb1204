PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/installed

.PHONY: install test test_runs miniature parity compile quickstart tiny lint docs bench clean

install: $(INSTALLED)

$(INSTALLED): setup.py constraints.txt
	$(PYTHON) -m venv .venv
# A newer pip than Python's own needs two thirds of the time.
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[test]'
	touch $(INSTALLED)

# Additional dependencies of one target, such as .venv/installed_parity.
.venv/installed_%: $(INSTALLED)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[test,$*]'
	touch $@

# Otherwise every process would compile the tests and the package again.
unexport PYTHONDONTWRITEBYTECODE

PYTEST := $(BIN)/python -m pytest --numprocesses=2 --dist=loadfile --no-loadscope-reorder

# Tests of `make parity` and `make compile` are not collected, because their dependencies may be missing.
test: install
	$(PYTEST) -m 'not runs and not miniature' --ignore=tests/aot --ignore=tests/parity

# Whole runs through the command line, and jobs of several processes that are killed or stopped.
test_runs: install
	$(PYTEST) -m runs --ignore=tests/aot --ignore=tests/parity

# The whole system end to end: the quickstart's commands and a control that must fail, with full compiler optimisation.
miniature: install
	XLA_FLAGS= $(BIN)/python -m pytest -m miniature tests/studies

# Compares with transformers and torch, which no other target needs.
parity: .venv/installed_parity
	$(BIN)/python -m pytest tests/parity

# Compiles ahead of time for TPU slices with libtpu, which no other target needs.
compile: .venv/installed_tpu
	$(BIN)/python -m pytest -m aot tests/aot

# A small model is pretrained on a generated world, tuned on instructions, and evaluated on held-out topics.
quickstart: install
	$(BIN)/flan-jax data prepare --miniature --data_dir=out/miniature/data
	$(BIN)/flan-jax run --gin_file=gin/runs/miniature_pretrain.gin
	$(BIN)/flan-jax run --gin_file=gin/runs/miniature.gin

# Tunes a tiny model on samples of real datasets; scores have no meaning, but the folder is that of a normal run.
tiny: install
	$(BIN)/flan-jax data prepare --samples --data_dir=out/samples
	$(BIN)/flan-jax run --gin_file=gin/runs/tiny.gin

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Builds the pages of docs/ as a site: out/docs/index.html.
docs: .venv/installed_docs
	$(BIN)/sphinx-build -q -W --keep-going docs out/docs

# Compares with other libraries, which no other target needs, and writes the tables of docs/performance.md.
bench: .venv/installed_bench
	cd benchmarks && ../$(BIN)/python bench.py

clean:
	rm -rf .venv out build dist *.egg-info
