# make run    start the service on this machine, with fresh credentials in .env
# make test   run all tests; make chromium installs the browser that the tests of pages need, where that may be done.
#             PYTHON=python3.13 runs them, and all the others, on that Python: if .venv is of another, it is made anew
# make lint   check the style, and who imports whom; make format mends it
# make bench  measure the service against its peers; PARTS="growth --rounds 3" measures one part
# make fuzz, make attacks   send what no partner would, for ten minutes; print what attacks cost
# make screenshots   take the pictures of docs/screenshots again
# make lock   after a change in a requirements*.in: write the .txt beside it; UPGRADE=--upgrade takes the newest
#             of what the named packages bring along
# make audit  look for known vulnerabilities in requirements.txt: fails with "Error 1" if there are any, and with
#             "Error 2" where the data cannot be reached, since then nothing is known

PYTHON ?= python3
PORT ?= 8000
BIN = .venv/bin
export FLASK_APP = app.py

# Where no Python is named, .venv stays what it is.
ifneq ($(origin PYTHON),file)
ANEW := $(shell test "$$($(PYTHON) -V 2>&1)" = "$$($(BIN)/python -V 2>&1)" || echo anew)
endif

run: .venv/run .env
	@$(PYTHON) -c "$$IS_FREE"
	@./datapost example --url http://127.0.0.1:$(PORT)
	@exec ./datapost run --port $(PORT)

# Before anything is said to run. A server that has just ended keeps nobody off, as with Flask's.
define IS_FREE
import socket, sys
port = "$(PORT)"
if not port.isdecimal() or not 0 < int(port) < 65536:
    sys.exit(f"PORT is \"{port}\": write a number from 1 to 65535, as in PORT=8001 make run")
place = socket.socket()
place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
try:
    place.bind(("127.0.0.1", int(port)))
except OSError as error:
    sys.exit(f"port {port} cannot be used ({error.strerror}): take another, as in PORT=8001 make run")
endef
export IS_FREE

test: .venv/test chromium
	$(BIN)/pytest

chromium:
	@.ci/chromium

screenshots: .venv/test chromium
	PYTHONPATH=.:docs/screenshots $(BIN)/python tests/screenshots.py

lint: .venv/test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache --no-logo

fuzz: .venv/test
	$(BIN)/pytest --hypothesis-profile=long tests/live/test_hostile.py tests/judge/test_hostile_texts.py tests/live/test_framing.py

attacks: .venv/test
	$(BIN)/pytest -n 0 -s tests/live/test_attacks.py

bench: .venv/run bench/.venv/run
	@bench/.venv/bin/python bench/run.py $(PARTS)

lock: .venv/tools/ready
	@for name in requirements requirements-dev requirements-tools; do \
	.venv/tools/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes $(UPGRADE) \
	--custom-compile-command "make lock" $$name.in --output-file $$name.txt || exit 1; done

audit: .venv/tools/ready
	@.ci/audit

format: .venv/test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.venv/run: requirements.txt $(ANEW)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Datapost needs Python 3.11 or newer")'
	@test -x $(BIN)/pip -a -z "$(ANEW)" || $(PYTHON) -m venv --clear .venv
	@$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

.venv/test: .venv/run requirements-dev.txt
	@$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

.venv/tools/ready: requirements-tools.txt
	@test -x .venv/tools/bin/pip || $(PYTHON) -m venv .venv/tools
	@.venv/tools/bin/pip install --quiet --disable-pip-version-check -r requirements-tools.txt
	@touch $@

bench/.venv/run: bench/requirements.txt .venv/run
	@test -x bench/.venv/bin/pip || .venv/bin/python -m venv bench/.venv
	@bench/.venv/bin/pip install --quiet --disable-pip-version-check -r bench/requirements.txt
	@touch $@

# Made once, and never over one that is there.
.env:
	@umask 077 && $(PYTHON) -c 'import secrets; \
	print("# Settings of this machine. They are secret: keep this file out of the repository."); \
	print("DATAPOST_USERS=impact:" + secrets.token_urlsafe(18)); \
	print("DATAPOST_OPERATORS=owner:" + secrets.token_urlsafe(18)); \
	print("DATAPOST_SECRET=" + secrets.token_hex(32))' > $@.new && mv $@.new $@

.PHONY: run test chromium screenshots lint format bench fuzz attacks lock audit anew
