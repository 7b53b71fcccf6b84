# The commands. PYTHON chooses the interpreter, ARGS the app's flags.
PYTHON ?= python3
BIN := .venv/bin
PIP := -m pip install -q --disable-pip-version-check
# Exact versions for Python 3.11 and later; on 3.10 pip takes the newest that requirements.txt allows.
LOCK = $$($(BIN)/python -c 'import sys; print("-c requirements.lock" if sys.version_info >= (3, 11) else "")')

.PHONY: run test test-fast check fmt lock

run: .venv/.app  # start the app
	$(BIN)/python app.py $(ARGS)

fmt: .venv/.tests  # write the code in its one form
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

check: .venv/.tests  # lint, format and types; .pre-commit-config.yaml runs the same
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test-fast: .venv/.tests  # neither the slow tests nor the browser
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow and not ui"

test: check  # everything CI checks
	@$(BIN)/python tests/ui/find_browser.py
	$(BIN)/python -m pytest -n 2 --dist loadfile --ignore=tests/test_load.py
	$(BIN)/python -m pytest tests/test_load.py  # by itself: it takes the time

lock:  # pin what requirements.lock lacks; delete a line there first to let that package move
	rm -rf .venv/.lock && $(PYTHON) -m venv .venv/.lock
	.venv/.lock/bin/python $(PIP) -c requirements.lock -r requirements.txt -r requirements-test.txt
	sed -i '/^[^#]/d' requirements.lock
	.venv/.lock/bin/python -m pip freeze --all --exclude pip | sed 's/+.*//' >> requirements.lock
	rm -rf .venv/.lock

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "Python 3.10 or later is needed; try: make PYTHON=python3.11 run")'
	$(PYTHON) -m venv .venv

.venv/.app: .venv/bin/python requirements.txt requirements.lock
	$(BIN)/python $(PIP) $(LOCK) -r requirements.txt
	@touch $@

.venv/.tests: .venv/.app requirements-test.txt
	$(BIN)/python $(PIP) $(LOCK) -r requirements.txt -r requirements-test.txt
	@touch $@
