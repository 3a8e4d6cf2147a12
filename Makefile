# The front door: `make help` lists every target. The `imageclef` command does the work, Make only drives it.
#   CONFIG=configs/<task>/<name>.yaml   DATA=<data set folder>   RUN=<run's name>   LIMIT=<first N images>
#   SET="key=value key=value"           overrides of the config
#   PROCESSES=4                         processes (and accelerators) that share a run on this machine
#   FILE=<submission>   TASK=<1, 2 or 3>   IDS=<ids.csv or the image folder>   OUT=<folder for the mended file>
#   RUNS="<run folder> <run folder>"    for compare, leaderboard, paper and gallery
#   ARGS="--profile coco --signatures"  further options of the verb behind a target
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
OFFLINE := HF_HUB_OFFLINE=1 TOKENIZERS_PARALLELISM=false OMP_NUM_THREADS=1

# The shell reads them from its environment, so that blanks and quotes in them stay what they are.
export CONFIG DATA LIMIT RUN RUNS SET PROCESSES FILE TASK IDS OUT ARGS

define submit
@$(BIN)/imageclef run "$${CONFIG:-configs/$(1)/sample.yaml}" $${DATA:+--data "$$DATA"} $${LIMIT:+--limit "$$LIMIT"} \
  $${RUN:+--run "$$RUN"} $${SET:+--set "$$SET"} $${PROCESSES:+--processes "$$PROCESSES"}
endef

define train
@$(BIN)/imageclef train "$${CONFIG:-configs/$(1)/train-sample.yaml}" $${DATA:+--data "$$DATA"} $${RUN:+--name "$$RUN"} \
  $${SET:+--set "$$SET"} $${ARGS:-}
endef

define score
@file="$${RUN:+submissions/$(1)/$$RUN/submission.csv}"; \
 test -n "$$file" || file="$$(ls -t submissions/$(1)/*/submission.csv 2>/dev/null | head -n 1 || true)"; \
 test -f "$$file" || { echo "no submission $${file:-in submissions/$(1)}: make $(2) first" >&2; exit 2; }; \
 echo "scoring $${file%/*}"; $(BIN)/imageclef score "$${file%/*}" $${ARGS:-}
endef

define with_file
@$(BIN)/imageclef $(1) "$${FILE:?give the submission: FILE=...}" --task "$${TASK:?give TASK=1, 2 or 3}" \
  --ids "$${IDS:?give IDS=ids.csv or the image folder}"
endef

define found_run
@run="$${RUN:?give the run: RUN=name, folder or archive}"; \
 test -e "$$run" || { found=(submissions/*/"$$run"); run="$${found[0]}"; \
 test -e "$$run" || { echo "no run $$RUN in submissions" >&2; exit 2; }; \
 test $${#found[@]} = 1 || { echo "RUN=$$RUN may be any of $${found[*]}: give one of these" >&2; exit 2; }; }
endef

.PHONY: help setup task1-submit task2-submit task3-submit task1-eval task2-eval task3-eval task1-train task2-train \
        task3-train check repair compare leaderboard paper gallery reproduce freeze history docs test lint types \
        bench bench-gpu sample-model

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## create .venv and install everything, pinned by constraints.txt

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed; name one: make PYTHON=python3.12 ..." >&2; exit 2; }
	@echo "setting up $(VENV): a few minutes, once"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --progress-bar on -c constraints.txt "torch==2.13.0"
	$(BIN)/python -m pip install --progress-bar on -c constraints.txt -e ".[dev]"
	@touch $@

task1-submit: $(READY) ## concept detection: run a config, check and score its submission
	$(call submit,concept_detection)

task2-submit: $(READY) ## caption prediction: the same
	$(call submit,caption_prediction)

task3-submit: $(READY) ## report generation: the same
	$(call submit,report_generation)

task1-eval: $(READY) ## score the newest concept run, or RUN=name
	$(call score,concept_detection,task1-submit)

task2-eval: $(READY) ## score the newest caption run, or RUN=name
	$(call score,caption_prediction,task2-submit)

task3-eval: $(READY) ## score the newest report run, or RUN=name
	$(call score,report_generation,task3-submit)

task1-train: $(READY) ## train an adapter for concept detection
	$(call train,concept_detection)

task2-train: $(READY) ## train one for captions
	$(call train,caption_prediction)

task3-train: $(READY) ## train one for reports
	$(call train,report_generation)

check: $(READY) ## say everything that is wrong with FILE (needs TASK and IDS)
	$(call with_file,check) $${ARGS:-}

repair: $(READY) ## mend FILE into the folder OUT, and say every change (needs TASK and IDS)
	$(call with_file,repair) --out "$${OUT:?give the folder for the mended file: OUT=...}" $${ARGS:-}

compare: $(READY) ## which differences between RUNS are more than noise
	@$(BIN)/imageclef compare $${RUNS:?give run folders or submissions: RUNS=\"A B\"} $${ARGS:-}

leaderboard: $(READY) ## place RUNS, or all that are here, among the published results (TASK or RUNS)
	@$(BIN)/imageclef leaderboard $${RUNS:-} $${TASK:+--task "$$TASK"} $${ARGS:-}

paper: $(READY) ## tables, figures, examples and checklist of RUNS for the working notes
	@$(BIN)/imageclef paper $${RUNS:?give run folders: RUNS=\"A B\"} --out "$${OUT:-build/paper}" $${ARGS:-}

gallery: $(READY) ## a page to look through the answers of a run, or of two (RUNS)
	@$(BIN)/imageclef gallery $${RUNS:?give one or two run folders: RUNS=\"A B\"} --out "$${OUT:-build/gallery.html}" $${ARGS:-}

reproduce: $(READY) ## run RUN again (name, folder or frozen archive) and say whether it gives the same
	$(found_run); $(BIN)/imageclef reproduce "$$run" $${DATA:+--data "$$DATA"} $${SET:+--set "$$SET"} $${ARGS:-}

freeze: $(READY) ## pack all that another needs to reproduce RUN: no images, references or weights
	$(found_run); $(BIN)/imageclef freeze "$$run" $${OUT:+--out "$$OUT"} $${ARGS:-}

history: $(READY) ## submissions/index.html: every run, its score, what differs between configs
	@$(BIN)/imageclef submissions page $${ARGS:-}

docs: $(READY) ## build the pages of docs/ into build/docs; a link that leads nowhere fails
	$(BIN)/mkdocs build --strict --config-file docs/mkdocs.yml

test: $(READY) ## run every test (no network needed)
	$(OFFLINE) $(BIN)/python -m pytest -n 2 --dist loadfile

lint: $(READY) ## ruff: style and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY) ## mypy --strict
	$(BIN)/mypy

bench: $(READY) ## measure speed and memory; both sides of every ratio in one run
	$(OFFLINE) $(BIN)/python -m tests.bench

bench-gpu: $(READY) ## measure full-size models on a CUDA card (ARGS="--tiny" tries the script without one)
	HF_HUB_OFFLINE=1 TOKENIZERS_PARALLELISM=false $(BIN)/python -m tests.bench.gpu --out tests/bench/gpu.md $${ARGS:-}

sample-model: $(READY) ## train the embedded model again from nothing, into build/sample_model, and score it
	$(OFFLINE) $(BIN)/python -m runners.sample_model.train
	@for config in {concept_detection,caption_prediction,report_generation}/sample report_generation/sample-context; do \
	  adapter="$${config%/*}$${config#*/sample}"; \
	  $(BIN)/imageclef run "configs/$$config.yaml" --out build/sample_model/submissions --set \
	    "model.name=build/sample_model/base adapters=[{path: build/sample_model/adapters/$${adapter/-/_}}]"; done
