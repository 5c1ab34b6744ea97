# Needs python3, make and a C++ compiler; everything else is installed into $(VENV).
MAKEFLAGS += --no-builtin-rules
PYTHON ?= python3
VENV ?= .venv
BIN := $(abspath $(VENV))/bin
SOURCES := pyproject.toml constraints.txt CMakeLists.txt README.md $(shell find csrc svct -type f -not -name '*.pyc')

.PHONY: run test slow test-peers lint wheel clean

run: $(VENV)/.installed
	$(BIN)/svct learn-sampling --task chest

# The tests run against the installed wheel: the safe path keeps the source folder off the import path, here and in the
# processes that tests start. One process a core, at most four, since each takes 1.5 GB.
test: $(VENV)/.installed-test
	SVCT_TEST_INSTALLED=1 PYTHONSAFEPATH=1 $(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile

slow: $(VENV)/.installed-test
	SVCT_TEST_INSTALLED=1 $(BIN)/python -P -m pytest -m slow

# Other packages, of more than 2 GB, into an environment of their own; those that cannot be installed are skipped.
PEERS ?= .venv-peers
# Each file in a process of its own: some of these libraries do not bear each other (5: the whole file is skipped).
PEER_TESTS ?= $(wildcard tests/peers/test_*.py)
PEER_TOOLS := Orthanc=orthanc dciodvfy=dicom3tools rs274=linuxcnc-uspace ip=iproute2 unshare=util-linux
test-peers: $(PEERS)/.installed
	@for tool in $(PEER_TOOLS); do command -v $${tool%=*} > /dev/null || \
		echo "not installed, so skipped: $${tool%=*}; on Debian: apt-get install --no-install-recommends $${tool#*=}"; done
	@failed=0; for file in $(PEER_TESTS); do \
		SVCT_TEST_INSTALLED=1 $(PEERS)/bin/python -P -m pytest -q -rs $$file || test $$? = 5 || failed=1; done; exit $$failed

$(PEERS)/.installed: $(SOURCES) tests/peers/requirements.txt
	$(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/python -m pip install --quiet -c constraints.txt ".[test,deepinv,pylops]" -r tests/peers/requirements.txt
	-sh tests/peers/install_gecatsim.sh $(PEERS)/bin/python
	touch $@

lint: $(VENV)/.installed-dev
	$(BIN)/ruff format --check svct tests
	$(BIN)/ruff check svct tests
	$(BIN)/mypy

wheel: $(VENV)/.venv
	$(BIN)/python -m pip wheel --no-deps -w dist .

$(VENV)/.venv:
	$(PYTHON) -m venv $(VENV)
	touch $@

$(VENV)/.installed: $(VENV)/.venv $(SOURCES)
	$(BIN)/python -m pip install --quiet -c constraints.txt .
	touch $@

$(VENV)/.installed-%: $(VENV)/.venv $(SOURCES)
	$(BIN)/python -m pip install --quiet -c constraints.txt ".[$*]"
	touch $@

clean:
	rm -rf build dist $(VENV)
