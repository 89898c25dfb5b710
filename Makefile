# Everything a developer or a visitor runs. `make help` lists it.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
export PYTHONPATH := $(CURDIR)/cli:$(CURDIR)/crds:$(CURDIR)/operator:$(CURDIR)/workloads:$(CURDIR)
CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/tts-operator
PYTHON := .venv/bin/python
LOCKED := $(shell sha256sum requirements/dev.txt | cut -c1-16)
# Many tests start processes that import PyTorch: without bytecode each of them compiles it again, half a minute of CPU.
unexport PYTHONDONTWRITEBYTECODE
# Both caches go by the content of files, so that every checkout can share them.
export MYPY_CACHE_DIR := $(CACHE)/mypy-$(LOCKED)
export RUFF_CACHE_DIR := $(CACHE)/ruff

.PHONY: help
help: ## Show this list
	@grep -hE '^[a-z][a-z-]*:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  \033[1m%-14s\033[0m %s\n", $$1, $$2}'

.PHONY: demo
demo: ## Train and serve a voice on a real Kubernetes, without root on this machine alone; KEEP=1 keeps the cluster
	@KEEP=$(KEEP) python3 -m demo

.PHONY: speak
speak: ## Serve the voice that the demo left on http://127.0.0.1:8000 (PORT=8000)
	@[[ -f demo-output/voice.pt ]] || { echo "demo-output/voice.pt is not there: make demo leaves it"; exit 1; }
	@$(MAKE) --no-print-directory venv
	$(PYTHON) -m tts_workloads.serving --voice demo-output/voice.pt --port $(or $(PORT),8000)

.PHONY: test
test: ## Run every check and every test
	@python3 -m devcluster space --lock dev $(if $(filter 0,$(shell id -u)),--images)
	@$(MAKE) --no-print-directory -j 3 venv images style
	@$(MAKE) --no-print-directory -j 2 types all-tests

# The tests of the embedded cluster wait for pods much of the time: the types are checked meanwhile.
.PHONY: all-tests
all-tests: venv
	$(PYTHON) -m pytest -n 2 --dist loadgroup --durations 10

.PHONY: test-unit
test-unit: venv ## Run the tests that need no cluster
	$(PYTHON) -m pytest tests/unit -n 2

.PHONY: lint
lint: style types ## Check style, types and the borders between the packages

.PHONY: style
style: venv
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .

.PHONY: types
types: venv
	$(PYTHON) -m mypy
	.venv/bin/lint-imports

.PHONY: format
format: venv ## Format the code and fix what ruff can fix
	$(PYTHON) -m ruff format .
	$(PYTHON) -m ruff check --fix .

.PHONY: generate
generate: venv ## Regenerate the CRDs, the admission policy, the RBAC rules and the API reference from tts_api
	$(PYTHON) -m tts_api.generate .

.PHONY: cluster
cluster: ## Start an embedded Kubernetes with one node (NODES=2 for two); kubeconfig in .cluster/
	@python3 -m devcluster space
	@$(MAKE) --no-print-directory -j 2 venv-demo parts
	.venv-demo/bin/python -m devcluster up --nodes $(or $(NODES),1)
	@echo "make cluster-down    # ends it"

.PHONY: cluster-down
cluster-down: venv-demo ## End the embedded Kubernetes, whatever state it is in
	.venv-demo/bin/python -m devcluster down

# These need only the standard library, so they are built while the locked packages are installed.
.PHONY: images
images: ## Build Kubernetes and, with root, the images where sources have changed; hand them to the cluster
	python3 -m devcluster $(if $(filter 0,$(shell id -u)),images,build)

.PHONY: parts
parts:
	@python3 -m devcluster build

.PHONY: bench
bench: venv ## Measure the operator beside a bare kopf handler
	$(PYTHON) -m bench.operator_latency

.PHONY: bench-training
bench-training: venv ## Measure how fast the models train, beside plain PyTorch; on a GPU if there is one
	PYTHONPATH=$(PYTHONPATH) $(PYTHON) -m bench.training $(BENCH)

.PHONY: bench-budgets
bench-budgets: venv ## Train the example with several budgets and vocoders: CORPUS=folder BENCH='--budgets 2m 5m 10m'
	$(PYTHON) -m bench.budgets --corpus $(CORPUS) $(BENCH)

.PHONY: bench-quality
bench-quality: venv ## Compare a voice with real speech and other synthesisers: VOICE=voice.pt CORPUS=folder
	$(PYTHON) -m bench.quality --voice $(VOICE) --corpus $(CORPUS) $(BENCH)

.PHONY: bench-copies
bench-copies: venv ## Measure recordings that the vocoder world has copied: CORPUS=folder
	$(PYTHON) -m bench.copy_synthesis --corpus $(CORPUS) $(BENCH)

.PHONY: bench-imported
bench-imported: venv ## Measure voices of Kokoro and Piper: VOICES='kokoro.voice joe.voice' BENCH='--peers python'
	$(PYTHON) -m bench.imported $(VOICES) $(BENCH)

.PHONY: bench-serving
bench-serving: venv ## Measure the server under load, beside Piper: VOICE=voice.pt BENCH='--piper python'
	$(PYTHON) -m bench.serving --voice $(VOICE) $(BENCH)

.PHONY: bench-soak
bench-soak: venv ## Watch a server's memory during an hour of requests: VOICE=voice.pt
	$(PYTHON) -m bench.soak --voice $(VOICE) $(BENCH)

.PHONY: lock
lock: ## Resolve the dependencies again and write the locks
	uv pip compile -q --upgrade --python-version 3.11 --generate-hashes --no-emit-index-url --extra dev --excludes requirements/not-in-dev.txt pyproject.toml -o requirements/dev.txt
	uv pip compile -q --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url --extra demo --constraints requirements/dev.txt pyproject.toml -o requirements/demo.txt
	uv pip compile -q --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url --extra operator pyproject.toml -o requirements/operator.txt
	uv pip compile -q --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url --extra workloads pyproject.toml -o requirements/workload.txt
	uv pip compile -q --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url --extra workloads --extra quality --extra similarity --constraints requirements/workload.txt --excludes requirements/not-in-workload-quality.txt pyproject.toml -o requirements/workload-quality.txt
	uv pip compile -q --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url --extra workloads --extra onnx --constraints requirements/workload.txt --excludes requirements/not-in-workload-onnx.txt pyproject.toml -o requirements/workload-onnx.txt

.PHONY: venv
venv: ## Install requirements/dev.txt, once for each content of it, and link it as .venv
	@./tools/venv .venv requirements/dev.txt "8 GB with PyTorch"

.PHONY: venv-demo
venv-demo: ## Install requirements/demo.txt, which has no PyTorch, and link it as .venv-demo
	@./tools/venv .venv-demo requirements/demo.txt "0.6 GB"

.PHONY: clean
clean: ## End the cluster and delete what was made in this folder
	@if [[ -e .cluster ]]; then $(MAKE) --no-print-directory cluster-down; fi
	rm -rf .venv .venv-demo .cluster demo-output
