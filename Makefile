# One door to everything. `make run` and `make test` do all their own set-up: they install where
# package-lock.json changed and build where a source did. GNU Make 3.81 or later, any POSIX shell.
#
#   make run ARGS="--grpc-listen 127.0.0.1:50052"     ARGS goes to what the target starts

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help deps setup generate build run demo test test-billing bench faults sim lint types \
	contract generated-check check ci image

BIN := node_modules/.bin
# A folder's own time changes when a file in it comes or goes.
SOURCES := $(shell find src generated) package.json package-lock.json tsconfig.json \
	tsconfig.client.json scripts/build.mjs

# Plain enough for any Node to read.
REFUSE_OLD_NODE := var v = process.versions.node.split("."); \
	if (+v[0] < 20 || (+v[0] === 20 && +v[1] < 19)) { \
	  console.error("Tollgate needs Node.js 20.19 or later; this is " + process.version + "."); \
	  process.exit(1); \
	}

help: ## Print this list
	@echo "Usage: make <target> [ARGS=...]"
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "  %-14s%s\n", $$1, $$2 }' Makefile

# The installed lock file stands in node_modules, so an interrupted install is done again.
deps:
	@command -v node >/dev/null 2>&1 && command -v npm >/dev/null 2>&1 || { \
	  echo "Tollgate needs Node.js 20.19 or later with npm, and there is none on the PATH." >&2; \
	  exit 1; }
	@node -e '$(REFUSE_OLD_NODE)'
	@cmp -s package-lock.json node_modules/.package-lock-installed || { \
	  npm ci --ignore-scripts --no-audit --no-fund \
	    && cp package-lock.json node_modules/.package-lock-installed; }

dist/main.js: $(SOURCES) | deps
	node scripts/build.mjs

setup: deps ## Install the dependencies (every other target does it too)
	@echo "Dependencies are installed."

generate: deps ## Write generated/ anew from proto/
	node scripts/generate.mjs

build: deps dist/main.js ## Build dist/

run: build ## Serve on 127.0.0.1:50051, data in ./data (ARGS: flags of serve)
	node dist/main.js serve $(ARGS)

demo: build ## A tour in under a minute (TRACE=file.csv: your usage; KEEP=1: stay up)
	@node scripts/demo.mjs

test: build ## Run all tests (ARGS: arguments of vitest)
	$(BIN)/vitest run $(ARGS)

BILLING_TESTS := test/domain test/contract test/billing test/cold test/pdf test/notifications \
	test/admin test/rpc/invoice.test.ts test/rpc/invoice-prices.test.ts test/rpc/estimates.test.ts \
	test/rpc/attack-estimates.test.ts test/rpc/spend.test.ts test/readme/billing.test.ts

test-billing: build ## Run the billing tests, one line per test: prices, ledger, invoices, calls
	@report=$$(mktemp) && trap 'rm -f "$$report"' EXIT && \
	$(BIN)/vitest run --reporter=verbose --reporter=json --outputFile.json="$$report" \
	  $(BILLING_TESTS) $(ARGS) $(if $(ARGS),,&& node scripts/all-ran.mjs "$$report" $(BILLING_TESTS))

bench: build ## Measure, about half an hour (ARGS=--smoke: two minutes)
	$(BIN)/tsc -p test/bench
	@echo '{"type":"module","version":"0.0.0-bench"}' > dist/bench-esm/package.json
	@cp generated/*.binpb generated/openapi.json dist/bench-esm/generated/
	@rm -rf dist/bench-rows
	node dist/bench-esm/test/bench/bench.js $(ARGS)
	node dist/bench-esm/test/bench/client.js $(filter --smoke,$(ARGS))
	node dist/bench-esm/test/bench/access.js $(filter --smoke,$(ARGS))
	node dist/bench-esm/test/bench/billing.js $(filter --smoke,$(ARGS))
	node dist/bench-esm/test/bench/stored.js $(filter --smoke,$(ARGS))
	node dist/bench-esm/test/bench/index-scale.js $(filter --smoke,$(ARGS))
	node dist/bench-esm/test/bench/rivals.js $(filter --smoke,$(ARGS))
	@node dist/bench-esm/test/bench/all-rows.js $(ARGS)

# What measures runs by itself.
faults: build ## Run the fault tests: 200 kills, power losses, full disks, hostile clients
	TOLLGATE_CRASH_STATES=$${TOLLGATE_CRASH_STATES:-2000} \
	TOLLGATE_KILLS=$${TOLLGATE_KILLS:-200} \
	TOLLGATE_SIM_SECONDS=$${TOLLGATE_SIM_SECONDS:-120} \
	TOLLGATE_POWER_LOSSES=$${TOLLGATE_POWER_LOSSES:-10} \
	TOLLGATE_STREAM_KILLS=$${TOLLGATE_STREAM_KILLS:-20} \
	TOLLGATE_LMDB_PAGES=$${TOLLGATE_LMDB_PAGES:-4} \
	TOLLGATE_MODEL_RUNS=$${TOLLGATE_MODEL_RUNS:-300} \
	  $(BIN)/vitest run --reporter=verbose test/faults --exclude test/faults/hostile.test.ts $(ARGS)
	TOLLGATE_HOSTILE_SECONDS=$${TOLLGATE_HOSTILE_SECONDS:-2} \
	  $(BIN)/vitest run --reporter=verbose test/faults/hostile.test.ts $(ARGS)

sim: build ## Simulate all that goes wrong, beside a model (SEED=7 STEPS=500)
	TOLLGATE_SIM_SEED=$(or $(SEED),1) TOLLGATE_SIM_STEPS=$(or $(STEPS),500) \
	  $(BIN)/vitest run --reporter=verbose test/faults/simulation.test.ts $(ARGS)

lint: deps ## Check style and formatting
	$(BIN)/biome check .

types: deps
	$(BIN)/tsc --noEmit -p .
	$(BIN)/tsc -p test

contract: deps
	$(BIN)/buf lint

generated-check: deps
	@before=$$(mktemp -d) && cp -R generated "$$before" && node scripts/generate.mjs || exit 1; \
	diff -r "$$before/generated" generated; same=$$?; rm -r "$$before"; \
	test $$same -eq 0 || echo "generated/ was not what proto/ gives; it is now: commit it." >&2; \
	exit $$same

check: types lint contract generated-check ## Types, lint, the contract's lint, generated code up to date

ci: ## What CI runs: check, a short bench, all tests
	.ci/run

image: ## Build the container image tollgate:<version>
	@command -v docker >/dev/null 2>&1 || { \
	  echo "docker is missing. The image is built by: docker build -f deploy/Dockerfile ." >&2; \
	  exit 1; }
	version=$$(sed -n 's/^  "version": "\(.*\)",$$/\1/p' package.json) && \
	revision=$$(git rev-parse HEAD 2>/dev/null || echo unknown) && \
	docker build -f deploy/Dockerfile -t "tollgate:$$version" \
	  --build-arg "VERSION=$$version" --build-arg "REVISION=$$revision" $(ARGS) .
