# Every path here is relative: make cannot have a space in a prerequisite, and a clone's folder may have one.
.DEFAULT_GOAL := help
.PHONY: help demo up flower servers down clean status logs test test-all bench chaos rehearse lint audit manifests images test-images dashboards pictures format install
# PYTHON=3.13 chooses the interpreter; uv finds it.
export PYTHON
# A user's PATH may lack the folders that the system's own programs are in.
export PATH := $(PATH):/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
native := .venv/bin/python -m fanfare_native

help: ## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/\1\t\2/p' Makefile | while IFS="$$(printf '\t')" read -r name text; do printf '  make %-12s %s\n' "$$name" "$$text"; done

demo: install ## start the fleet, send a campaign to 100,000 devices, process a folder of photos, print both accounts
	@$(native) demo

up: install ## start the whole fleet in the background; returns when every part is ready
	@$(native) up

flower: install ## the fleet, and Flower, which shows its tasks live
	@$(native) flower

servers: install ## start PostgreSQL, RabbitMQ and Redis only
	@$(native) up --only servers

down: ## stop everything that up or servers started; the data stays in .run/
	@if [ -x .venv/bin/python ]; then $(native) down; fi

clean: ## make down, and remove the data
	@if [ -x .venv/bin/python ]; then $(native) clean; fi

status: install ## what runs, since when, and on which ports
	@$(native) status

logs: install ## follow the logs of every part
	@$(native) logs

test: servers ## run every test but the long ones, on the real servers
	@$(native) exec -- .venv/bin/python -m pytest -m "not long" $(ARGS)

test-all: servers ## run every test
	@$(native) exec -- .venv/bin/python -m pytest $(ARGS)

bench: servers ## measure against the figures to reach, and print them
	@$(native) exec -- env PYTHONPATH=tests .venv/bin/python -m bench $(ARGS)

chaos: servers ## run the fault matrix
	@$(native) exec -- .venv/bin/python -m pytest tests/chaos $(ARGS)

rehearse: servers ## what the Kubernetes autoscaler does to real workers and a million devices; writes docs/rehearsal.md
	@$(native) exec -- env PYTHONPATH=tests .venv/bin/python -m rehearsal $(ARGS)

lint: install ## ruff, mypy, the borders between packages, the manifests' schemas, secrets, and the dependencies' hashes and licences
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy --exclude '[a-z]-[a-z]*/tests/' .
	@for tests in */*-*/tests; do .venv/bin/mypy "$$tests" || exit 1; done # apart: a folder with a hyphen is no package, so their modules share names
	@.venv/bin/lint-imports
	@.venv/bin/python -m pytest --quiet tests/k8s/test_schemas.py
	@.venv/bin/python deploy/checks/dependencies.py
	@deploy/checks/secrets

audit: install ## ask OSV for known vulnerabilities of the dependencies; needs the network
	@deploy/checks/audit

manifests: install ## write the Kubernetes manifests that are made of others anew, render and validate all of them
	@.venv/bin/python deploy/k8s/make_prometheusrule.py > deploy/k8s/components/monitoring/.made
	@mv deploy/k8s/components/monitoring/.made deploy/k8s/components/monitoring/prometheusrule.yaml
	@.venv/bin/python -m pytest --quiet tests/k8s

images: ## build the container images of the services, Flower and the simulator, with docker, podman or buildah
	@deploy/images

test-images: images servers ## build the images, and run a campaign, an upload and the probes through them
	@$(native) exec -- .venv/bin/python -m pytest tests/containers $(ARGS)

dashboards: install ## write Grafana's dashboards from their source, deploy/grafana/fanfare_dashboards
	@PYTHONPATH=deploy/grafana .venv/bin/python -m fanfare_dashboards deploy/grafana/dashboards

pictures: servers ## draw the dashboards for the docs, from five minutes of a working fleet
	@$(native) exec -- env PYTHONPATH=tests .venv/bin/python -m dashboards

format: install ## put the code into its standard form
	@.venv/bin/ruff check --fix --quiet .
	@.venv/bin/ruff format .

install:
	@deploy/native/bootstrap
