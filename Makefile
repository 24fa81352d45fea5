# Everything here works on a machine with python3 (3.11 or newer), git and make: what it needs is installed into .venv
# first, from uv.lock. PYTHON=python3.13 names another interpreter, for a .venv that is not there yet.

BIN := .venv/bin
WORKERS ?= auto
ROUNDS ?= 20
# Branch coverage, in percent, below which `make test` fails: of core, rules and git room; of everything.
ROOMS ?= 100
WHOLE ?= 90
# The core is every module directly in gitstage/, but the doors that open from outside.
CORE := $(filter-out gitstage/__init__.py gitstage/__main__.py,$(wildcard gitstage/*.py))
comma := ,
empty :=
space := $(empty) $(empty)

.DEFAULT_GOAL := help
.PHONY: help install install-run demo test tests coverage lint format types steps fuzz sweep nightly mutation bench docs pictures schema lock build clean

help: ## what there is to make
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/\1\t\2/p' Makefile | expand -t 12

install-run:
	@.ci/install run

install: ## .venv with everything that development needs
	@.ci/install dev

demo: install-run ## a model's life, told in a throw-away repository
	@$(BIN)/gitstage demo

test: install ## lint, all tests, and the coverage they must reach
	@.ci/packages
	@$(MAKE) --no-print-directory --keep-going lint tests coverage

# The profile is hypothesis's own: the same examples on every machine and no deadline. `make fuzz` looks for others.
tests: install ## all tests, measured
	@rm -f .coverage .coverage.*
	@$(BIN)/pytest -n $(WORKERS) --inline-snapshot=disable --hypothesis-profile=ci --cov --cov-report= $(ARGS)

coverage: install
	@$(BIN)/coverage report --include='$(subst $(space),$(comma),$(CORE)),gitstage/rules/*,gitstage/git/*' --fail-under=$(ROOMS)
	@$(BIN)/coverage report --format=total --fail-under=$(WHOLE)

lint: install ## format, style, types, rooms, dependencies, lock, workflows
	@.ci/lint

format: install ## write the code as `make lint` wants it
	@$(BIN)/ruff check --fix --quiet . || true
	@$(BIN)/ruff format --quiet .

steps: install ## 10,000 random steps, legal and illegal, against the judge
	@$(BIN)/pytest --inline-snapshot=disable --hypothesis-profile=nightly --timeout=0 -q -rP $(ARGS) tests/rules/test_fold_model.py

fuzz: install ## the property tests, ROUNDS times, each time with other examples
	@for round in $$(seq $(ROUNDS)); do \
	    $(BIN)/pytest -n $(WORKERS) --inline-snapshot=disable --hypothesis-profile=fuzz -m "hypothesis and not slow" --timeout=0 -q $(ARGS) || exit; \
	done

sweep: install ## what takes minutes: every kill point, fifty promoters, long histories
	@$(BIN)/pytest -n $(WORKERS) --inline-snapshot=disable -m slow --timeout=1800 -q $(ARGS)

nightly: ## what takes too long for every push: steps, fuzz, sweep
	@$(MAKE) --no-print-directory --keep-going steps fuzz sweep

# ARGS names modules, as in ARGS='rules.waivers evidence'; all of them take hours. `mutmut show NAME` shows one mutant.
# What was measured stays in mutants/ until its function changes.
mutation: install ## every small wrong turn in what judges, and which of them no test notices
	@$(BIN)/python .ci/mutate $(ARGS)
	@$(BIN)/python .ci/mutation-score

bench: install ## the table of costs, with the floors measured in the same run
	@$(BIN)/python -m benchmarks $(ARGS)

docs: install ## what is generated in docs/: the command reference
	@$(BIN)/python docs/generate.py

pictures: install ## the README's pictures, drawn from what the demo really says
	@$(BIN)/python docs/pictures/draw.py

schema: install-run ## the JSON Schemas of a manifest and of gitstage.yaml, into docs/reference/
	@$(BIN)/gitstage schema manifest > docs/reference/manifest.schema.json
	@$(BIN)/gitstage schema policy > docs/reference/gitstage.schema.json

lock: install ## uv.lock anew, with the newest versions that pyproject.toml allows
	@$(BIN)/uv lock --upgrade

build: install ## the wheel and the source distribution
	@$(BIN)/uv build --quiet

clean: ## away with everything that was made here
	rm -rf .venv dist build .coverage .coverage.* .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache mutants
