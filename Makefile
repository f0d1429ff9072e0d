# Needs Python 3.11 or newer, git and make; installs the rest into .venv.
PYTHON ?= python3

.PHONY: help demo tour test bench lock
help:  ## list these
	@sed -n 's/^\([a-z]*\):.*## /make \1\t/p' Makefile
demo:  ## generate the sample project, train its first champion
	@$(PYTHON) tests/run.py demo
tour:  ## the long story
	@$(PYTHON) tests/run.py tour
test:  ## everything: format, lint, types, tests
	@$(PYTHON) tests/run.py test
bench:  ## the figures of the README
	@$(PYTHON) tests/run.py bench
lock:  ## rewrite the locks
	@$(PYTHON) tests/run.py lock
