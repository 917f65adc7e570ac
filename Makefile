# Everything a contributor runs. A fresh machine needs Python 3.11 to 3.13 and make; the first target that needs
# the environment creates it: .tools/ holds a pinned uv, uv fills .venv/ from uv.lock.
#
#   make test PYTHON=python3.12                    another interpreter
#   make test UV_PROJECT_ENVIRONMENT=/tmp/venv     another place for the environment
#   make test PYTEST_ARGS='-k retry -x'            some of the tests

UV_VERSION := 0.13.9
UV_PROJECT_ENVIRONMENT ?= .venv
PYTHON ?=
PYTEST_ARGS ?=
SEEDS ?= 101 102 103 104 105
PROFILES ?= core observe

# One line per generator: the module to run, a colon, the committed path that it rewrites.
GENERATORS := services.common.proto.generate:services/common/proto tools.generate_scenario_reference:docs/scenario.md \
  tools.generate_cli_reference:docs/cli.md tools.generate_readme_outputs:README.md dashboards.generate:deploy \
  tools.generate_case_index:docs/case-studies.md tools.sensitivity:case_studies tools.generate_ranking:docs/ranking.md

# Every module under benchmarks/ but those that help another.
BENCHMARKS := $(filter-out __init__ echo_load bare_http bare_proxy canned peers servers simulators,$(basename $(notdir $(wildcard benchmarks/*.py))))

# Half the length and the same outcome: in the live world time is real.
SHORT := --set run.duration=38 --set faults.spike.at=8 --set faults.spike.for=5

RANKED := naive,no-retries,budget,backoff-only,ratio-budget,finagle-budget,retry-breaker,breaker,adaptive-limit,deadline

UV := .tools/bin/uv
BIN := $(UV_PROJECT_ENVIRONMENT)/bin
SYNCED := $(UV_PROJECT_ENVIRONMENT)/.synced

export UV_PROJECT_ENVIRONMENT
export UV_PYTHON_DOWNLOADS := never
export UV_HTTP_TIMEOUT ?= 120

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: docs notebooks notebooks-check gallery nightly facts help setup demo ranking figures test cases sensitivity check lint types imports generated fresh format bench bench-sim real-parts crash-test docker-test up down clean screenshots footprint load-pictures

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-11s %s\n", $$1, $$2}' Makefile

setup: $(SYNCED) ## create .venv from the lock file (every target does it by itself)

demo: $(SYNCED) ## a retry storm and its cure, simulated and live, into runs/demo (two minutes)
	$(BIN)/stormlab run retry-storm --variant naive --both $(SHORT) --out runs/demo/naive --force
	$(BIN)/stormlab run retry-storm --variant budget --both $(SHORT) --out runs/demo/budget --force

ranking: $(SYNCED) ## ten policies in the retry storm, 20 simulated seeds and live once: do they rank alike? (ten minutes)
	$(BIN)/stormlab compare retry-storm --variants $(RANKED) --both --seeds 20 --live-seeds 1 --live-tries 3 \
	  --set run.live_speed=1.5 --out runs/ranking --force
	cp runs/ranking/compare.json docs/ranking.json
	cp runs/ranking/plots/league.png docs/images/ranking.png
	$(BIN)/python -m tools.generate_ranking

figures: $(SYNCED) ## the pictures of the README, from runs in both worlds
	$(BIN)/stormlab compare retry-storm --variants naive,budget --both $(SHORT) --out runs/readme --force
	@mkdir -p docs/images
	cp runs/readme/naive/plots/load.png docs/images/retry-storm.png
	cp runs/readme/plots/compare.png docs/images/retry-storm-cured.png

gallery: $(SYNCED) ## runs every experiment and rewrites docs/gallery.md with its pictures
	$(BIN)/python -m simulations.gallery

screenshots: $(SYNCED) ## pictures of the console for the documentation, in headless Chromium
	$(BIN)/python -m tools.make_screenshots

footprint: $(SYNCED) ## how long `stormlab up` takes to be ready, and how much memory the stack holds at rest
	$(BIN)/python -m benchmarks.footprint

load-pictures: $(SYNCED) ## the pictures of docs/load-testing.md: Locust's page, and open against closed loops
	$(BIN)/python -m tools.locust_page
	$(BIN)/python -m loadtests.loops --out docs/images

nightly: $(SYNCED) ## theory against simulation with other seeds: make nightly SEEDS="7 8 9"
	@set -e; for seed in $(SEEDS); do echo "== seed $$seed"; \
	  $(BIN)/python -m simulations.queues_and_theory --seed $$seed --out runs/nightly/$$seed; done

facts: $(SYNCED) ## the published tables of the backoff studies, and what the simulation gives
	$(BIN)/pytest tests/simulations/test_optimistic_concurrency.py tests/simulations/test_backoff_and_jitter.py

notebooks: $(SYNCED) ## execute every notebook and write its outputs (ten minutes at most)
	$(BIN)/python -m tools.notebooks build

notebooks-check: $(SYNCED) ## execute every notebook and compare with the outputs that are committed
	$(BIN)/python -m tools.notebooks check

docs: $(SYNCED) ## the documentation as a site, in build/site
	$(BIN)/sphinx-build --fail-on-warning --keep-going --quiet -c docs/site . build/site
	@! grep -rE --include='*.html' '<[^>]* src="https?:' build/site || { echo "these pages need the network"; exit 1; }
	@echo build/site/docs/index.html

test: $(SYNCED) ## the whole test suite
	@tools/run-tests $(BIN)/pytest $(PYTEST_ARGS)

check: lint types imports fresh docs notebooks-check test ## everything that has to hold before a commit

sensitivity: $(SYNCED) ## over which range of its parameters each case study holds, into its page (an hour); some: CASES="square-2017"
	$(BIN)/python -m tools.sensitivity --play $(CASES)

cases: $(SYNCED) ## every case study over ten seeds
	CASE_SEEDS=10 $(BIN)/pytest -n auto tests/case_studies $(PYTEST_ARGS)

# A colon, and the plot that shows both worlds best.
LIVE_CASES := dynamodb-2015:queue slack-2022:load square-2017:load

.PHONY: cases-live
cases-live: $(SYNCED) ## three outages in both worlds, and the picture of it into case_studies/*/live.png (five minutes)
	@set -e; for pair in $(LIVE_CASES); do case=$${pair%%:*}; \
	  $(BIN)/stormlab run $$case --variant live --both --out runs/cases/$$case --force; \
	  cp runs/cases/$$case/plots/$${pair##*:}.png case_studies/$$case/live.png; done

.PHONY: cases-figures
cases-figures: $(SYNCED) ## the picture of every outage, ten seeds next to the record, into case_studies/*/incident.png
	$(BIN)/python -m tools.generate_case_figures

lint: $(SYNCED) ## ruff: rules and format; hadolint: the Dockerfile
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/hadolint Dockerfile tests/deploy/images/Dockerfile

types: $(SYNCED) ## mypy, strict
	$(BIN)/mypy

imports: $(SYNCED) ## the direction of imports
	$(BIN)/lint-imports --no-logo

generated: $(SYNCED) ## rewrite the committed files that are generated
	@set -e; for generator in $(GENERATORS); do $(BIN)/python -m "$${generator%%:*}"; done

fresh: generated ## generated files are what their generators write
	@tools/unchanged $(foreach generator,$(GENERATORS),$(lastword $(subst :, ,$(generator))))

format: $(SYNCED) ## let ruff rewrite what it can
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench-sim: $(SYNCED) ## simulators side by side: ours, plain SimPy, ciw, C++; a million clients, a map (five minutes)
	$(UV) run --isolated --compile-bytecode --locked --all-extras --group bench python -m benchmarks.simulators

bench: $(SYNCED) ## every program under benchmarks/
	@set -e; for name in $(BENCHMARKS); do echo "== benchmarks.$$name"; $(BIN)/python -m "benchmarks.$$name"; done
	@$(MAKE) bench-sim

real-parts: ## the real Toxiproxy and Jaeger into .tools/bin (needs Go); Prometheus and others from Debian (root)
	@tools/install-real-parts

crash-test: $(SYNCED) ## kill the key-value service 200 times on the file log, then on PostgreSQL, and count what was lost
	$(BIN)/python -m tests.services.kv.crash --kills 200
	$(BIN)/python -m tests.services.kv.crash_postgres --rounds 40

docker-test: $(SYNCED) ## the compose stack for real, on a Docker engine of its own (root)
	$(BIN)/pytest tests/deploy/on_an_engine.py

up: $(SYNCED) ## the stack in containers: make up PROFILES="core observe load"
	$(BIN)/stormlab up --docker $(foreach profile,$(PROFILES),--profile $(profile))

down: $(SYNCED) ## end the stack, in containers or not
	$(BIN)/stormlab down

clean: ## remove what the targets made, the environments too
	rm -rf $(UV_PROJECT_ENVIRONMENT) .tools runs dist build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(UV): tools/bootstrap.py
	@python="$$(tools/find-python $(PYTHON))" && "$$python" tools/bootstrap.py $(UV_VERSION)
	@touch $@

$(SYNCED): pyproject.toml uv.lock $(UV)
	@python="$$(tools/find-python $(PYTHON))" && UV_PYTHON="$$python" $(UV) sync --locked --all-extras
	@touch $@
