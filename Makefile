# Set-up, pipeline, tests. Everything is installed into .venv; nothing else on the machine is touched.
PYTHON ?= python3
MEDIAPIPE := mediapipe==0.10.21
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: setup repro test check bench calibrate ablate readme lock

setup: .venv/ready

# mediapipe's metadata pins an old numpy, so it goes in without its dependencies (they are in the lock).
.venv/ready: requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	.venv/bin/pip install -q -r requirements.lock
	.venv/bin/pip install -q --no-deps $(MEDIAPIPE)
	.venv/bin/pip install -q --no-deps --no-build-isolation -e .
	touch $@

repro: setup
	dvc repro

# A file of tests per process, as many as there are cores, but no more than four: tests spread their own work, too.
test: setup
	pytest -n auto --maxprocesses 4 --dist loadfile

check: setup
	ruff check
	ruff format --check
	mypy

# Every part beside other methods, some of which need an environment of their own; tuning needs the output of `make repro`.
bench: setup .bench/ready
	python -m bench .bench/bin/python

.bench/ready: bench/peers.txt
	$(PYTHON) -m venv .bench
	.bench/bin/pip install -q -r bench/peers.txt
	touch $@

# The two parameters of `verify` that turn an Action Unit's support into a probability.
calibrate: setup
	python -m bench calibrate

# What each part of the method contributes: about ten queued experiments, and their table.
ablate: setup
	python -m bench.ablate
	$(MAKE) readme

# The tables of README.md and docs/results.md, from metrics/ and bench/results.json.
readme: setup
	python -m deft.report.table README.md metrics bench/results.json
	python -m deft.report.table docs/results.md metrics bench/results.json

lock:
	rm -rf .venv
	$(PYTHON) -m venv .venv
	.venv/bin/pip install -q '.[cluster,dev]'
	(echo '# Every version that the figures in README.md were measured with. `make lock` writes it anew.'; \
	  .venv/bin/pip freeze --all --exclude pip --exclude deft --exclude mediapipe | sed 's/+cpu$$//') >requirements.lock
	rm -rf .venv
