# Two commands: `make lifecycle` (the main job) and `make test` (everything that proves the project).
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help lifecycle lifecycle-compose lifecycle-vm box quick plan parallel failure failure-slow deployment scaling stress reliability
.PHONY: test fresh trends lint unit bench docs clean

help:           ## This list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## */\t/' | expand -t 20

lifecycle:      ## Bring the lab up, run the lifecycle suite on it, take it down; the report is in results/
	@provision/controller/install.sh
	@provision/controller/acceptance.sh lifecycle robot/lifecycle.robot

lifecycle-compose: ## The lifecycle suite under Docker Compose, on this machine's engine or one started for it
	@provision/controller/install.sh
	@LAB_OPTIONS="--provider compose --workers 2 --spare new-worker" provision/controller/with-docker.sh \
		provision/controller/acceptance.sh lifecycle-compose robot/lifecycle.robot

box:            ## Build the virtual machines' box from Debian's packages, with Ray
	@provision/controller/install.sh vm
	@SAGE_PYTHON=.venv/bin/python provision/box/build.sh

lifecycle-vm:   ## Lifecycle and machine faults on virtual machines; half an hour where KVM does not work
	@provision/controller/install.sh vm
	@provision/box/lifecycle-vm.sh

quick:          ## The tests that take seconds each: configuration and connections
	@provision/controller/install.sh
	@provision/controller/acceptance.sh quick --include quick robot/configuration.robot robot/connection.robot

plan:           ## What a run would do and how long it takes, without a machine: make plan SUITES=robot/failure.robot
	@provision/controller/install.sh
	@.venv/bin/sage-test plan $(or $(SUITES),robot)

parallel:       ## SUITES (lifecycle and connection) side by side, PROCESSES (2) at once, each on a lab of its own
	@provision/controller/install.sh dev
	@PROCESSES=$(or $(PROCESSES),2) provision/controller/acceptance.sh parallel \
	    $(or $(SUITES),robot/lifecycle.robot robot/connection.robot)

failure:        ## Break things on purpose and watch the cluster heal: failure and recovery suites
	@provision/controller/install.sh
	@provision/controller/acceptance.sh failure --exclude slow robot/failure.robot robot/recovery.robot

failure-slow:   ## The long ones: faults that outlast Ray's patience, ten minutes of full load (25 min)
	@provision/controller/install.sh
	@provision/controller/acceptance.sh failure-slow --include slow robot/failure.robot robot/recovery.robot

deployment:     ## The real SAGE package goes to every node: first, again, changed, cut, corrupt, rolled back
	@provision/controller/install.sh
	@provision/controller/acceptance.sh deployment robot/deployment.robot

scaling:        ## Workers join and leave, one and many; ten go up, restart one after another, and go down
	@provision/controller/install.sh
	@export SAGE_LAB_TOPOLOGY=resources/topologies/ten-workers.yaml; .venv/bin/sage-lab doctor --topology $$SAGE_LAB_TOPOLOGY && \
	    provision/controller/acceptance.sh scaling robot/scaling.robot

stress:         ## Many workers, OPERATIONS (100) at random from a SEED, eight callers at once, a SOAK (15m) of random faults
	@provision/controller/install.sh stress
	@LAB_WORKERS=$(LAB_WORKERS) SEED=$(SEED) OPERATIONS=$(OPERATIONS) ROUNDS=$(ROUNDS) SOAK=$(SOAK) provision/controller/stress.sh

test:           ## Lint, types, unit and integration tests, acceptance suites, coverage
	@provision/controller/install.sh dev
	@provision/controller/test.sh

fresh:          ## The two commands on bare roots of DISTRIBUTIONS (Debian, Ubuntu); COMMANDS=lifecycle is the quick form
	@provision/controller/install.sh fresh
	@COMMANDS="$(COMMANDS)" provision/controller/fresh.sh $(DISTRIBUTIONS)

reliability:    ## The lifecycle and failure suites RUNS times (20): pass rate, flaky tests, times
	@provision/controller/install.sh dev
	@.venv/bin/python -m benchmarks.reliability --runs $(or $(RUNS),20)

trends:         ## How tests did over all runs that were remembered: results/trends.html; each run above is remembered
	@provision/controller/install.sh dev
	@provision/controller/trends.sh

lint:           ## Only lint and types (after an install)
	@provision/controller/install.sh dev
	@provision/controller/lint.sh

unit:           ## Only the tests that need no machine
	@provision/controller/install.sh dev
	@.venv/bin/pytest tests/unit

bench:          ## The benchmarks beside their peers; a table and results/benchmarks.json
	@provision/controller/install.sh bench
	@.venv/bin/python -m benchmarks

docs:           ## Make the documents that come from the source: configuration reference, list of errors, keywords
	@provision/controller/install.sh dev
	@provision/controller/docs.sh

clean:          ## Take every lab of this checkout away
	@.venv/bin/sage-lab sweep
