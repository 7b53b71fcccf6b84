# The two commands: `make run` and `make test`. PYTHON chooses the interpreter, ARGS the app's flags.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: run test

run: .venv/.app
	$(BIN)/python app.py $(ARGS)

test: .venv/.tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	@$(BIN)/python tests/ui/find_browser.py
	$(BIN)/python -m pytest -n 2 --dist loadfile --ignore=tests/test_load.py
	$(BIN)/python -m pytest tests/test_load.py  # by itself: it takes the time

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "Python 3.10 or later is needed; try: make PYTHON=python3.11 run")'
	$(PYTHON) -m venv .venv

.venv/.app: .venv/bin/python requirements.txt
	$(BIN)/python -m pip install -q --disable-pip-version-check -r requirements.txt
	@touch $@

.venv/.tests: .venv/.app requirements-test.txt
	$(BIN)/python -m pip install -q --disable-pip-version-check -r requirements-test.txt
	@touch $@
