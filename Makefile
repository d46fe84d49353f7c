# Every target sets up what it needs: Python 3.11 or newer, a C compiler and make are enough.
#
#   make test ARGS="-e py313-core -- -k timer"     arguments for tox
#   make demo PYTHON=python3.12 ARGS=...           another Python, arguments for the demo

PYTHON ?=
ARGS ?=

TOX = .venv/bin/tox

.PHONY: help demo test lint types docs asan bench wheels release setup clean

help:
	@echo 'make demo    build everything and run the demo'
	@echo 'make test    lint, types, and the tests on each Python from 3.11 to 3.15 that is here'
	@echo 'make lint    only ruff and cython-lint'
	@echo 'make types   only mypy, pyright, and the stubs beside the running modules'
	@echo 'make docs    the documentation, in docs/_build/html'
	@echo 'make asan    the tests of core and sock with the address sanitizer'
	@echo 'make bench   coro beside its peers; ARGS=--quick for a look, ARGS=--help for more'
	@echo 'make wheels  wheels and sdists of all four, for the Pythons that are here, in dist/'
	@echo 'make release DIST=coro-sock   its version, its changelog, a commit and a tag; ARGS=--dry-run to look'
	@echo 'make clean   remove environments, builds and caches'
	@echo
	@echo 'PYTHON=... chooses the Python; ARGS=... goes to tox, or to the demo or the benchmarks.'

# All environments side by side, one more than there are processors, as tests wait now and then; a
# chosen one is watched.
test: setup
	$(TOX) $(if $(ARGS),run $(ARGS),run-parallel --parallel $$(($$(getconf _NPROCESSORS_ONLN) + 1)) --parallel-no-spinner)

lint types docs asan: setup
	$(TOX) run -e $@ $(ARGS)

# tox installs, but does not run it: between a program and a terminal it would colour
# stderr, and send a second SIGINT after that of Ctrl-C.
demo: setup
	@$(TOX) -qq run -e demo -x testenv:demo.commands=
	@.tox/demo/bin/python examples/echo_demo $(ARGS)

bench: setup
	@$(TOX) -qq run -e bench -x testenv:bench.commands=
	@.tox/bench/bin/python benchmarks $(ARGS)

wheels: setup
	$(TOX) run -e py311-wheels,py312-wheels,py313-wheels,py314-wheels,py315-wheels $(ARGS)

release: setup
	@$(TOX) -qq run -e release -- $(DIST) $(if $(VERSION),--version $(VERSION)) $(ARGS)

setup:
	@build-support/bootstrap $(PYTHON)

clean:
	rm -rf .venv .tox dist docs/_build .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage htmlcov packages/*/dist
	find . -name __pycache__ -prune -exec rm -rf {} +
	find packages -name '*.so' -exec rm -f {} +
