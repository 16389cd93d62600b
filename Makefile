# Two commands: `make lifecycle` (the main job) and `make test` (everything that proves the project).
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help lifecycle lifecycle-compose lifecycle-vm box failure failure-slow deployment reliability test lint unit bench docs clean

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

lifecycle-vm:   ## Lifecycle and machine faults on virtual machines; not passed as a whole yet: docs/vm-lab.md
	@provision/controller/install.sh vm
	@provision/box/lifecycle-vm.sh

failure:        ## Break things on purpose and watch the cluster heal: failure and recovery suites
	@provision/controller/install.sh
	@provision/controller/acceptance.sh failure --exclude slow robot/failure.robot robot/recovery.robot

failure-slow:   ## The long ones: faults that outlast Ray's patience, ten minutes of full load (25 min)
	@provision/controller/install.sh
	@provision/controller/acceptance.sh failure-slow --include slow robot/failure.robot robot/recovery.robot

deployment:     ## The real SAGE package goes to every node: first, again, changed, cut, corrupt, rolled back
	@provision/controller/install.sh
	@provision/controller/acceptance.sh deployment robot/deployment.robot

test:           ## Lint, types, unit and integration tests, acceptance suites, coverage
	@provision/controller/install.sh dev
	@provision/controller/test.sh

reliability:    ## The lifecycle and failure suites RUNS times (20): pass rate, flaky tests, times
	@provision/controller/install.sh dev
	@.venv/bin/python -m benchmarks.reliability --runs $(or $(RUNS),20)

lint:           ## Only lint and types (after an install)
	@provision/controller/install.sh dev
	@provision/controller/lint.sh

unit:           ## Only the tests that need no machine
	@provision/controller/install.sh dev
	@.venv/bin/pytest tests/unit

bench:          ## The benchmarks beside their peers; a table and results/benchmarks.json
	@provision/controller/install.sh dev
	@.venv/bin/python -m benchmarks

docs:           ## Make the documents that come from the source: configuration reference, list of errors
	@provision/controller/install.sh dev
	@provision/controller/docs.sh

clean:          ## Take every lab of this checkout away
	@.venv/bin/sage-lab sweep
