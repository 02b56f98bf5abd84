# `make demo` and `make test` need nothing typed before them: scripts/setup.sh brings what is missing.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo test test-long test-debian13 test-oracles build lint format bench fixtures clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' Makefile

demo: ## set up, then phantoms in, a trained 2.5D classifier and its report out (ARGS="--seed 2" are passed on)
	@scripts/setup.sh build
	@npx --no-install slicestack demo $(ARGS)

test: ## set up, then every test but the long ones (ONLY=pattern, STRICT=1: a skip fails)
	@scripts/setup.sh test
	@node scripts/test.mjs

test-long: ## set up, then the long counts: the files named *.long.test.*
	@scripts/setup.sh test
	@node scripts/test.mjs --long

test-debian13: ## the torch package built and tested against libtorch 2.6, in a Debian 13 root (needs root)
	@scripts/setup.sh debian13
	@scripts/test-debian13.sh

test-oracles: ## the torch package and the oracle tests against pip's newest supported torch (needs the Python package index)
	@scripts/setup.sh test
	@scripts/test-oracles.sh

build: ## set up: system packages, npm packages, TypeScript, native addon; then `npx slicestack` runs
	@scripts/setup.sh build

lint: ## eslint, prettier, types, documented dependencies, no paths of a machine in committed files
	@scripts/setup.sh lint
	@scripts/lint.sh

format: ## prettier over everything
	@scripts/setup.sh lint
	@npx --no-install prettier --write --log-level warn .

bench: ## microseconds an op, memory over 500 steps, slice training beside PyTorch
	@scripts/setup.sh test
	@node bench/run.mjs $(ARGS)

fixtures: ## reference values made anew, each by the script beside it
	@scripts/setup.sh test
	@scripts/fixtures.sh

clean: ## what a build made; node_modules and the caches stay
	@rm -rf packages/*/dist packages/*/build build .cache coverage
	@echo "slicestack: removed packages/*/dist, packages/*/build, build, .cache"
