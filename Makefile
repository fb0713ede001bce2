# Two commands for a newcomer: `make up` and `make test`. Everything else is in `kit --help`.

PYTHON ?= python3
VENV := .venv
KIT := $(VENV)/bin/kit
STAMP := $(VENV)/.installed

PARTS := lint unit terraform conformance e2e-local e2e-sentry e2e-cloud connected long real

.PHONY: up test bench clean $(PARTS)

up: $(STAMP)  ## five TLS stores, a cluster, Sentry, a received exception
	@$(KIT) setup
	@$(KIT) up --local

# First what needs no container, alone: it fails within minutes, and nothing slow is begun before it holds. Then the longest first, one for each
# processor (at most four: a suite has a cluster of its own, of 2 GB): most of them wait for containers and for the provider.
QUICK := lint,unit
SLOW := e2e-sentry,e2e-local,e2e-cloud,connected,terraform,conformance
test: $(STAMP)  ## everything that can be tested here, on the real thing
	@rm -rf .tox/results
	@$(VENV)/bin/tox run -q --fail-fast -e $(QUICK) && \
	$(VENV)/bin/tox run-parallel -q -p $$($(VENV)/bin/python tests/at_once.py) --parallel-no-spinner -e $(SLOW); code=$$?; \
	$(VENV)/bin/python tests/total.py .tox/results && exit $$code

$(PARTS): $(STAMP)
	@$(VENV)/bin/tox run -q -e $@

bench: $(STAMP)  ## the figures of the documents, measured here
	@$(VENV)/bin/python -m bench

clean:
	rm -rf $(VENV) .tox .mypy_cache .ruff_cache .pytest_cache dist

# pip checks every hash of the lock; kit itself is installed from this folder, with the build backend of the lock.
$(STAMP): requirements.lock pyproject.toml | $(VENV)/bin/pip
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements.lock
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable .
	@touch $@

# pip is the last that venv puts there: without it the environment is half-made, and is made anew. Debian and Ubuntu keep what pip
# is made from (ensurepip) in a package of its own, and venv leaves its first half behind when it finds that out.
$(VENV)/bin/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "kit needs Python 3.11 or newer: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "$(PYTHON) cannot make an environment: sudo apt-get install python3-venv (or the one of that version)" >&2; exit 1; }
	@$(PYTHON) -m venv --clear $(VENV)
