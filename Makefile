# make run     build everything and start mPanel in ./data (DEMO=1: with a demo provider and real sites)
# make test    all checks and tests, as continuous integration runs them
# make check   the quick part: formatting, tidy, clippy
# make help    the rest

CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/mpanel
export CARGO_TARGET_DIR ?= $(CACHE)/target
# Queries are checked against the committed .sqlx data; `cargo xtask sqlx` renews it.
export SQLX_OFFLINE := true
unexport DATABASE_URL
# A clean checkout is built once: what helps the next build after an edit would only fill the disk.
ifdef CI
export CARGO_INCREMENTAL := 0
endif

# A folder that the processes' own users can reach: a checkout below root's home is closed to them.
DATA ?= $(shell deploy/data-dir)
DEMO ?=
ARGS ?=

WEB_STAMP := web/node_modules/.mpanel-installed
WEB_SOURCES := $(shell find web/src web/public web/index.html web/package.json web/vite.config.ts web/tsconfig.json web/openapi.json -type f 2>/dev/null)
# Debian 12 packages a Node.js that is too old; deploy/node finds or fetches one.
NODE = PATH="$$(deploy/node $(CACHE)):$$PATH"

.DEFAULT_GOAL := help
.PHONY: help run build test check fmt fmt-check tidy lint sqlx openapi web web-test bench bench-cache bench-edge fuzz fuzz-api book audit package test-package deps deps-test clean

help:
	@printf '%s\n' \
	  'make run       build and start mPanel (DATA=dir, DEMO=1, ARGS="--panel 127.0.0.1:7081")' \
	  'make test      formatting, tidy, clippy, all tests, the browser journeys' \
	  'make check     formatting, tidy, clippy' \
	  'make fmt       format the Rust sources' \
	  'make sqlx      renew the offline query data after changing SQL' \
	  'make openapi   renew web/openapi.json and its types after changing the API' \
	  'make package   the Debian package, from a release build; with the list of everything inside' \
	  'make test-package  install, upgrade and remove it on a fresh Debian in a container (root, systemd-nspawn)' \
	  'make bench     benchmarks beside the peers they name' \
	  'make bench-edge the edge alone beside nginx, Caddy, Varnish and HAProxy' \
	  'make bench-cache  the edge'"'"'s cache under the tests of http-tests/cache-tests' \
	  'make fuzz      each fuzz target for a while (SECONDS_EACH=60; needs cargo-fuzz)' \
	  'make fuzz-api for as long: requests made up from the API description (EXAMPLES=200 for each operation)' \
	  'make book      the documentation as a website (needs mdbook)' \
	  'make audit     licences and advisories of dependencies (needs cargo-deny)' \
	  'make deps      what building and running needs, from Debian packages'

# ---- running -------------------------------------------------------------------------------------------------------

run: build
	exec $(CARGO_TARGET_DIR)/quick/mpanel up --data $(DATA) $(if $(DEMO),--demo) $(ARGS)

# Cargo keeps the name `run` for itself, so the profile is called quick.
build: deps web
	cargo build --locked --profile quick -p mpanel -p mpanel-agent

deps:
	@deploy/deps run

deps-test:
	@deploy/deps run test
	@deploy/schemathesis $(CACHE) >/dev/null

# ---- the web interface ---------------------------------------------------------------------------------------------

web: web/dist/index.html

web/dist/index.html: $(WEB_STAMP) $(WEB_SOURCES)
	cd web && $(subst deploy/,../deploy/,$(NODE)) npm run --silent build
	@touch $@

$(WEB_STAMP): web/package-lock.json | deps
	cd web && $(subst deploy/,../deploy/,$(NODE)) npm ci --no-audit --no-fund --cache $(CACHE)/npm
	@touch $@

web-test: $(WEB_STAMP)
	cd web && $(subst deploy/,../deploy/,$(NODE)) npm test --silent

# ---- checking ------------------------------------------------------------------------------------------------------

check: fmt-check tidy lint

fmt:
	cargo fmt --all

fmt-check:
	cargo fmt --all --check

tidy:
	cargo xtask tidy

lint:
	cargo clippy --locked --workspace --all-targets -- -D warnings

# One line after another, cheap ones first: the first failure says what is wrong.
test: deps-test
	$(MAKE) fmt-check
	$(MAKE) tidy
	$(MAKE) web
	$(MAKE) web-test
	cargo xtask sqlx --check
	cargo xtask migrations
	$(MAKE) lint
	cargo xtask fuzz --check
	cargo build --locked -p mpanel -p mpanel-agent
	cargo xtask openapi --check
	cargo xtask package --quick --programs $(CARGO_TARGET_DIR)/debug --out $(CARGO_TARGET_DIR)/package-check
	rm -r $(CARGO_TARGET_DIR)/package-check
	cargo xtask test

sqlx:
	cargo xtask sqlx

openapi: $(WEB_STAMP)
	cargo xtask openapi
	cd web && $(subst deploy/,../deploy/,$(NODE)) npm run --silent api

# ---- less often ----------------------------------------------------------------------------------------------------

bench: build
	@deploy/deps bench
	cargo build --locked --release -p mpanel -p mpanel-agent
	cargo run --locked --release -p mpanel-bench -- $(ONLY)

bench-edge: deps web
	@deploy/deps bench
	cargo build --locked --release -p mpanel
	cargo run --locked --release -p mpanel-bench -- $(or $(ONLY),static proxy cache h2 collapse hosts)

# HTTP_CACHE_TESTS may name a checkout of http-tests/cache-tests; else it is the npm package, which is older.
HTTP_CACHE_TESTS ?= $(CACHE)/http-cache-tests/node_modules/http-cache-tests
$(CACHE)/http-cache-tests/node_modules/http-cache-tests:
	mkdir -p $(CACHE)/http-cache-tests
	$(NODE) npm install --no-audit --no-fund --no-save --prefix $(CACHE)/http-cache-tests http-cache-tests@0.4.5

bench-cache: deps web $(HTTP_CACHE_TESTS)
	cargo build --locked --release -p mpanel
	$(NODE) node bench/conformance.mjs $(HTTP_CACHE_TESTS) $(CARGO_TARGET_DIR)/release/mpanel edge serve --config

# Two programs, one package. Everything in it has the time of the last commit, so that the same commit gives the same bytes.
package: deps web
	cargo build --locked --release -p mpanel -p mpanel-agent
	cargo xtask package --programs $(CARGO_TARGET_DIR)/release

# With debug builds: it is about scripts and hand-over. `cargo xtask package --trial --programs …` takes any others.
test-package: web
	@deploy/deps run package
	cargo build --locked -p mpanel -p mpanel-agent
	cargo xtask package --trial --programs $(CARGO_TARGET_DIR)/debug

SECONDS_EACH ?= 60
fuzz:
	cargo xtask fuzz $(SECONDS_EACH)

fuzz-api: deps-test web
	cargo build --locked -p mpanel -p mpanel-agent
	MPANEL_API_EXAMPLES=$(or $(EXAMPLES),200) MPANEL_API_SEED=$$(date +%s) cargo test --locked -p mpanel-e2e specification

book:
	mdbook build docs

audit:
	cargo deny check

clean:
	rm -rf web/dist web/node_modules
	cargo clean
