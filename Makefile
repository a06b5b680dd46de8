# Reddot. `make help` lists the verbs.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

GO ?= go
NPM ?= npm
# ARGS are handed on to the command of run and bench: make run ARGS='--http 127.0.0.1:8080'
ARGS ?=
# STEPS is how many random commands make model gives.
STEPS ?= 1000000
# FUZZTIME is how long each fuzz target runs.
FUZZTIME ?= 30s
# TIMEOUT ends the tests of one package; PARALLEL is how many packages are tested at a time.
TIMEOUT ?= 25m
PARALLEL ?= 2

GOLANGCI := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

# VCS lets the program say which commit it is of, where git knows that.
VCS := $(shell git rev-parse HEAD >/dev/null 2>&1 && echo auto || echo false)

CLIENT := transports/client
CLIENT_SOURCES := $(shell find $(CLIENT) -type f -not -path '$(CLIENT)/node_modules/*' -not -path '*/dist/*' -not -path '$(CLIENT)/types/*' -not -path '$(CLIENT)/test/*' -not -name '*.go')
INSTALLED := $(CLIENT)/node_modules/.reddot-installed
BUILT := $(CLIENT)/node_modules/.reddot-built

export GO NPM CLIENT TIMEOUT PARALLEL FUZZTIME

.PHONY: help build chaos cluster model rivals run test race lint fuzz bench crowd e2e check generate layout metrics mosquitto clean assets

help: ## list the verbs
	@grep -E '^[a-z0-9]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-9s %s\n", $$1, $$2}'

build: assets ## build bin/reddot, with the browser client in it
	CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=$(VCS) -ldflags '-s -w' -o bin/reddot ./cmd/reddot

cluster: build ## build all and start three servers and a database on this machine, for trying a cluster out
	@exec bin/reddot dev cluster 3 $(ARGS)

chaos: assets ## let four servers go through kills, freezes, cuts and more under load, and judge what was seen; ARGS='--seed 7 --for 3m --tls'
	@CGO_ENABLED=0 $(GO) build -trimpath -tags faults -o bin/reddot-faults ./cmd/reddot
	@$(GO) build -o bin/chaos ./cmd/chaos
	@exec bin/chaos $(ARGS)

model: ## random commands by the million on a user and on a naive model, with crashes of its actor; STEPS, ARGS='-model.seed 7'
	@$(GO) test -count=1 -timeout 0 -run '^TestModel$$' ./actors/inbox -v -args -model.steps $(STEPS) $(ARGS)
	@$(GO) test -count=1 -timeout 0 -run '^TestModel$$' ./actors/user -v -args -model.steps $$(($(STEPS) / 10)) $(ARGS)

rivals: ## faults that users of other systems report, played on a server that is killed; ARGS='-play.seed 7'
	@$(GO) test -count=1 -run '^TestRival' ./cmd/internal/app -v -args $(ARGS)

run: build ## build all and start a server for development; it prints its URL
	@exec bin/reddot serve --dev $(ARGS)

test: assets ## the whole suite: the browser client's tests, the browser end-to-end test, go test ./...
	@.ci/test

e2e: build ## only the end-to-end tests: the app's own, and the one in a browser
	$(GO) test -count=1 -timeout $(TIMEOUT) ./cmd/...
	@.ci/test browser

race: assets ## go test -race ./...
	$(GO) test -race -timeout 30m -p $(PARALLEL) ./...

lint: ## the linters of .ci/golangci.yml; gofmt and go vet are among them
	$(GO) run $(GOLANGCI) run --config .ci/golangci.yml ./...

check: assets lint ## what CI runs beside the tests: lint, go.mod, generated files, the client's types, the house rules
	$(GO) mod tidy -diff
	.ci/generate --check
	cd $(CLIENT) && $(NPM) run --silent check
	$(GO) test -count=1 -run '^TestHouse' ./cmd/internal/app

layout: ## draw the rooms in the README anew
	REDDOT_LAYOUT=write $(GO) test -count=1 -run '^TestHouseLayout$$' ./cmd/internal/app

metrics: ## write the list of metrics anew
	REDDOT_METRICS=write $(GO) test -count=1 -run '^TestMetricsAreListed$$' ./cmd/internal/app

generate: ## write the protobuf code anew
	.ci/generate

fuzz: ## run every fuzz target for FUZZTIME (30s)
	.ci/fuzz

bench: build ## the Go benchmarks, then a short run of reddot bench
	$(GO) test -run '^$$' -bench . -benchmem -timeout 30m -p 1 ./...
	.ci/bench $(ARGS)

crowd: build ## two servers against one, then 100,000 connections over six, for minutes
	.ci/bench-cluster

mosquitto: build ## run mosquitto's own protocol tests (fetched by apt) against the server; .ci/mosquitto has what may fail
	.ci/mosquitto/run $(ARGS)

clean: ## remove what was built; data stays
	rm -rf bin $(CLIENT)/node_modules
	find $(CLIENT)/dist -mindepth 1 -not -name .keep -delete

assets: $(BUILT)

$(INSTALLED): $(CLIENT)/package.json $(CLIENT)/package-lock.json
	@command -v $(NPM) >/dev/null || { echo "Node 20 and npm are needed to build the browser client (Debian, Ubuntu: apt-get install nodejs npm)"; exit 1; }
	cd $(CLIENT) && $(NPM) ci --no-audit --no-fund
	@touch $@

$(BUILT): $(INSTALLED) $(CLIENT_SOURCES)
	cd $(CLIENT) && $(NPM) run build
	@touch $@
