# Everything that a developer does, one target each. `make help` lists them.
PYTHON ?= python3
BIN := .venv/bin
MADE := .venv/made

.DEFAULT_GOAL := help
.PHONY: help install up demo check format test storm fuzz bench golden topology lock

help: ## list these targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

install: $(MADE) ## make .venv from the lock, hashes checked

$(MADE): requirements-test.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-test.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $(MADE)

up: install ## run everything here in the foreground: Kafka, Postgres, gateway, processors, sinks
	$(BIN)/rollcall up

demo: install ## see the main job: 1,000 people arrive, one is cut off
	$(BIN)/rollcall demo

check: install ## format, lint, types, import rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	PYTHONPATH=. $(BIN)/lint-imports

format: install ## write what the formatter says
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

test: check ## check, and the whole suite on a real Kafka and Postgres (this is what CI runs)
	$(BIN)/pytest

storm: install ## minutes of kills, freezes and cut links; SEED=n and PEOPLE=n repeat one
	$(BIN)/pytest tests/storm -m storm -s -o faulthandler_timeout=900

fuzz: install ## send the SCIM door what is nearly SCIM, anew each time; EXAMPLES=n a property, SEED=n repeats
	$(BIN)/pytest tests/fuzz --hypothesis-profile=fuzz --hypothesis-show-statistics \
		$(if $(SEED),--hypothesis-seed=$(SEED)) -o timeout=0 -o faulthandler_timeout=900

bench: install ## measure every figure of README.md and write its table; PEOPLE=n for a smaller customer
	$(BIN)/python -m tests.bench --write --people $(or $(PEOPLE),100000)

golden: install ## write the golden payloads anew after a wanted change of a message
	$(BIN)/pytest tests/schemas --rewrite-golden

topology: install ## draw the pipeline diagram in README.md anew
	$(BIN)/python -m schemas.topology README.md

lock: install ## resolve the dependencies anew, with hashes and without addresses
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --python-version 3.11 \
		--extra embedded --extra test pyproject.toml -o requirements-test.lock
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --python-version 3.11 \
		-c requirements-test.lock pyproject.toml -o requirements.lock
