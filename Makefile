# Thin: each verb is one command that can as well be typed. `make help` lists them.
SHELL := /bin/bash
PYTHON := .venv/bin/python
# The uv on the path, or the one that setup brought along.
UV = $$(command -v uv || echo .uv/bin/uv)
# Spark finds its Java by JAVA_HOME; the check prints it, or says how to get one.
WITH_JAVA = JAVA_HOME="$$(scripts/check_java.sh)" && export JAVA_HOME &&
# Every process of a run imports the package, which is compiled once and not each time.
unexport PYTHONDONTWRITEBYTECODE

# What of the tests needs no Java and starts no process, as pytest's -m says it.
WITHOUT_JAVA = not spark and not slow and not store
# Where ARGS chooses tests, one of two runs may have none (pytest's status 5).
OR_NONE = $(if $(ARGS),|| [ $$? -eq 5 ])

.DEFAULT_GOAL := help
.PHONY: help setup connect java quickstart pull-the-plug test-fast test test-all test-slow test-connect test-matrix lint bench wheel services docs clean

help: ## these lines
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/.complete ## .venv with locked dependencies; brings uv where it is missing

.venv/.complete: uv.lock pyproject.toml
	@scripts/setup.sh

.venv/.jars: .venv/.complete
	@echo "setup: the jars of the tests' Spark sessions, and what their JVMs start with"
	@$(WITH_JAVA) $(PYTHON) -m scripts.archive_classes
	@touch $@

connect: .venv-connect/.complete ## .venv-connect: the same with what Spark Connect asks for

.venv-connect/.complete: uv.lock pyproject.toml
	@scripts/setup.sh connect

java: ## says which Java is used, or how to get one (YES=1 installs it on Debian)
	@scripts/check_java.sh

quickstart: setup ## real flights from an API to Silver tables in ./lake (YEAR=1: a million changes; LAKE=path)
	@$(WITH_JAVA) YEAR="$(YEAR)" $(PYTHON) -m scripts.quickstart

pull-the-plug: setup ## kills the job in mid-extraction and in mid-MERGE, runs it again, and compares the tables
	@$(WITH_JAVA) $(PYTHON) -m scripts.pull_the_plug

test-fast: setup ## the tests that need no Java and kill nothing (ARGS="-k name" for some of them)
	$(PYTHON) -m pytest -n auto --dist worksteal -m "$(WITHOUT_JAVA)" --hypothesis-profile fast $(ARGS)

test: setup connect .venv/.jars ## all tests but the thorough ones, two at a time: those without Java, then the others
	$(PYTHON) -m pytest -n auto --dist worksteal -m "$(WITHOUT_JAVA) and not thorough" $(ARGS) $(OR_NONE)
	$(WITH_JAVA) $(PYTHON) -m pytest -n 2 --dist loadfile -m "not ($(WITHOUT_JAVA)) and not thorough" $(ARGS)

test-all: setup connect .venv/.jars ## every test, two at a time; takes an hour
	$(PYTHON) -m pytest -n auto --dist worksteal -m "$(WITHOUT_JAVA)" $(ARGS) $(OR_NONE)
	$(WITH_JAVA) $(PYTHON) -m pytest -n 2 --dist loadfile -m "not ($(WITHOUT_JAVA))" $(ARGS)

test-slow: setup .venv/.jars ## the models on 5,000 histories each, ten tables and 1,000 series of runs by chance (HISTORIES, LAKES, RUNS for other numbers)
	$(WITH_JAVA) MEDALLION_HISTORIES="$(or $(HISTORIES),5000)" MEDALLION_LAKES="$(or $(LAKES),10)" MEDALLION_RUNS="$(or $(RUNS),1000)" $(PYTHON) -m pytest -n 2 --dist worksteal $(addprefix tests/silver/test_,models.py ledger.py snapshots.py any_table.py) tests/bronze/test_any_run.py $(ARGS)

test-connect: setup connect .venv/.jars ## the Spark tests that are not about the JVM, by a client of Spark Connect
	$(WITH_JAVA) MEDALLION_SPARK_API=connect .venv-connect/bin/python -m pytest -n 2 --dist loadfile -m "spark and not jvm" $(ARGS)

test-matrix: setup ## one flow on Spark 4.0, 4.1 and 4.2, each Python from 3.10 to 3.13 that is there
	$(WITH_JAVA) $(PYTHON) -m scripts.test_matrix $(ARGS)

lint: setup ## style, types, import contract, generated files
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports
	$(PYTHON) -m scripts.generate_conf --check

bench: setup ## measures extraction, Silver, hand-written baselines and dlt, which it installs
	@$(UV) sync --quiet --locked --inexact --all-extras --group bench
	@$(WITH_JAVA) $(PYTHON) -m scripts.benchmark $(ARGS)

wheel: setup ## dist/: the wheel, which asks for no Spark, and dist/requirements.txt with the locked versions of what it asks for
	rm -f dist/*.whl
	$(UV) build --quiet --wheel --out-dir dist
	$(UV) export --quiet --locked --no-dev --no-emit-project --format requirements-txt --output-file dist/requirements.txt

services: setup ## real stores on 127.0.0.1 until Ctrl-C, with what a configuration needs to reach them
	@$(WITH_JAVA) $(PYTHON) -m medallion.testing.services

docs: setup ## writes conf/schema.json and conf/reference.yaml again
	$(PYTHON) -m scripts.generate_conf

clean: ## removes what tools left behind; never .venv or a lake
	rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache spark-warehouse metastore_db derby.log
	find medallion tests jobs scripts -name __pycache__ -type d -prune -exec rm -rf {} +
