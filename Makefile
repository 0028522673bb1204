PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/installed

.PHONY: install test test_runs miniature parity compile quickstart tiny lint docs bench clean

install: $(INSTALLED)

$(INSTALLED): setup.py constraints.txt
	$(PYTHON) -m venv .venv
# A newer pip than Python's own installs in two thirds of the time.
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[test]'
	touch $(INSTALLED)

# With what one target needs besides, such as .venv/installed_parity.
.venv/installed_%: $(INSTALLED)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[test,$*]'
	touch $@

# Or every process of every target would compile the tests and the package anew.
unexport PYTHONDONTWRITEBYTECODE

PYTEST := $(BIN)/python -m pytest --numprocesses=2 --dist=loadfile --no-loadscope-reorder

# What `make parity` and `make compile` run is not even read.
test: install
	$(PYTEST) -m 'not runs and not miniature' --ignore=tests/aot --ignore=tests/parity

# Whole runs by the command, and jobs of several processes that are killed and stopped.
test_runs: install
	$(PYTEST) -m runs --ignore=tests/aot --ignore=tests/parity

# The whole system end to end: the quickstart's commands and a control that must fail, optimised as users' are.
miniature: install
	XLA_FLAGS= $(BIN)/python -m pytest -m miniature tests/studies

# Against transformers and torch, which nothing else needs.
parity: .venv/installed_parity
	$(BIN)/python -m pytest tests/parity

# For TPU slices that are not here, by libtpu, which nothing else needs.
compile: .venv/installed_tpu
	$(BIN)/python -m pytest -m aot tests/aot

# A model learns a small world from nothing, is tuned on instructions, and answers questions it was never asked.
quickstart: install
	$(BIN)/flan-jax data prepare --miniature --data_dir=out/miniature/data
	$(BIN)/flan-jax run --gin_file=gin/runs/miniature_pretrain.gin
	$(BIN)/flan-jax run --gin_file=gin/runs/miniature.gin

# A tiny model on samples of real datasets: its scores mean nothing, its folder is a run's like any other.
tiny: install
	$(BIN)/flan-jax data prepare --samples --data_dir=out/samples
	$(BIN)/flan-jax run --gin_file=gin/runs/tiny.gin

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The pages of docs/ as a site: out/docs/index.html.
docs: .venv/installed_docs
	$(BIN)/sphinx-build -q -W --keep-going docs out/docs

# Beside peers, which nothing else needs: a table for docs/performance.md.
bench: .venv/installed_bench
	cd benchmarks && ../$(BIN)/python bench.py

clean:
	rm -rf .venv out build dist *.egg-info
