# The one door: people and CI call only these targets. `make help` lists them.
SHELL := /bin/sh
.DEFAULT_GOAL := help

CARGO := cargo
TARGET := wasm32-unknown-unknown
MODULE := dist/mcp_toolgate.wasm
BUILT := target/$(TARGET)/release/mcp_toolgate.wasm
# Paths of packages that were built are not the builder's own: the same sources are the same module everywhere.
REMAP := --config "target.$(TARGET).rustflags=['--remap-path-prefix=$${CARGO_HOME:-$$HOME/.cargo}=cargo']"
# Largest module, in bytes.
BUDGET := 300000
# Envoys from the floor to the newest; `make test` runs all of it on the newest, and the core of it on the others.
ENVOYS := 1.40.0 1.39.3 1.36.4
OLDER_ENVOYS := 1.39.3 1.36.4
CORE := certificates:: golden:: holding:: lists:: metrics:: rate_limit:: sidecar:: spire:: configuration::an_envoy waypoint:: sample::
# How long `make fuzz` runs each target, how many cases `make oracle` judges, and how many policies `make world`.
SECONDS := 60
CASES := 1000000
POLICIES := 20000

.PHONY: help
help: ## List the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{ printf "  %-13s %s\n", $$1, $$2 }'

.PHONY: toolchain
toolchain:
	@command -v $(CARGO) >/dev/null || { echo "Rust is missing: install it with rustup (https://rustup.rs), then run this again." >&2; exit 1; }
	@command -v rustup >/dev/null || [ -d "$$(rustc --print sysroot)/lib/rustlib/$(TARGET)" ] || { \
		echo "This Rust has no $(TARGET) target, and there is no rustup to add it: install Rust with rustup (https://rustup.rs)." >&2; exit 1; }
	@[ -d "$$(rustc --print sysroot 2>/dev/null)/lib/rustlib/$(TARGET)" ] || rustup toolchain install --no-self-update || { \
		echo "The pinned Rust of rust-toolchain.toml could not be installed: check the network, or run 'rustup toolchain install'." >&2; exit 1; }

.PHONY: wasm
wasm: toolchain ## Build the module: dist/mcp_toolgate.wasm
	@$(CARGO) rustc --locked --quiet --release --lib --crate-type cdylib --target $(TARGET) $(REMAP)
	@mkdir -p dist
	@$(CARGO) run --locked --quiet --example finish_module -- $(BUILT) $(MODULE)

.PHONY: image
image: wasm ## Pack the module as an OCI image layout: dist/image
	@$(CARGO) run --locked --quiet --example pack_image -- $(MODULE) dist/image

.PHONY: image-check
image-check: image ## Pack it a second time, byte by byte the same; push it to a registry here, and pull it by digest with crane and with Istio's code
	@sh tests/sdk/install.sh crane istio-pull
	@$(CARGO) run --locked --quiet --example pack_image -- $(MODULE) target/image-again >/dev/null
	@diff -r dist/image target/image-again
	@IMAGE_LAYOUT=dist/image ISTIO=1 $(CARGO) test --locked --test image

.PHONY: cli
cli: toolchain ## Build the command line: dist/toolgate
	@$(CARGO) build --locked --quiet --release --bin toolgate
	@mkdir -p dist
	@cp target/release/toolgate dist/toolgate.partial && mv dist/toolgate.partial dist/toolgate
	@echo "dist/toolgate: $$(dist/toolgate --version)"

.PHONY: size
size: wasm ## Check the size of the module against its budget
	@bytes=$$(wc -c < $(MODULE)); echo "$(MODULE): $$bytes of $(BUDGET) bytes"; [ "$$bytes" -le $(BUDGET) ]

.PHONY: check
check: toolchain ## Compile everything, natively and for wasm, without running it
	@$(CARGO) check --locked --quiet --all-targets
	@$(CARGO) check --locked --quiet --lib --target $(TARGET)

.PHONY: fmt
fmt: toolchain ## Format the code
	@$(CARGO) fmt

.PHONY: lint
lint: toolchain ## Formatting, clippy natively and for wasm, and the documentation's warnings
	@$(CARGO) fmt --check
	@$(CARGO) clippy --locked --quiet --all-targets -- -D warnings
	@$(CARGO) clippy --locked --quiet --lib --target $(TARGET) -- -D warnings
	@RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --quiet --no-deps --lib

.PHONY: docs
docs: toolchain ## Build the API documentation
	@$(CARGO) doc --locked --no-deps --lib

.PHONY: deny
deny: toolchain ## Licences, sources and bans of the dependencies (installs cargo-deny under target/tools)
	@[ -x target/tools/bin/cargo-deny ] || $(CARGO) install --locked --quiet --root target/tools cargo-deny@0.18.9
	@target/tools/bin/cargo-deny --locked check bans licenses sources

.PHONY: test-modules
test-modules: toolchain
	@$(CARGO) rustc --locked --quiet --release --lib --crate-type cdylib --target $(TARGET) --features trap --target-dir target/trap
	@mkdir -p target/test-modules
	@$(CARGO) run --locked --quiet --example finish_module -- target/trap/$(TARGET)/release/mcp_toolgate.wasm target/test-modules/trap.wasm

.PHONY: tools
tools:
	@for version in $(ENVOYS); do sh envoy/get-envoy.sh $$version; done
	@sh tests/sdk/install.sh

.PHONY: test
test: wasm test-modules tools size ## Every test: units, golden cases, real Envoy over mTLS, official SDK clients
	@$(CARGO) test --locked
	@if [ -n "$$ENVOY_PATH" ]; then echo "ENVOY_PATH is set: older Envoys are not tested"; else set -e; \
		for version in $(OLDER_ENVOYS); do echo "Envoy $$version: $(CORE)"; \
		ENVOY_VERSION=$$version $(CARGO) test --locked --quiet --test e2e -- $(CORE); done; fi

.PHONY: test-all
test-all: test ## All tests in a real Envoy, in every supported Envoy
	@set -e; for version in $(OLDER_ENVOYS); do echo "Envoy $$version"; \
		env -u ENVOY_PATH ENVOY_VERSION=$$version $(CARGO) test --locked --test e2e; done

.PHONY: e2e
e2e: wasm test-modules tools ## Only the tests in a real Envoy
	@$(CARGO) test --locked --test e2e

.PHONY: leaks
leaks: wasm tools ## 100,000 refused calls in each way of holding, HTTP/1.1 and HTTP/2: nothing of them leaves
	@LEAK_CALLS=100000 $(CARGO) test --locked --test e2e -- leaks:: --nocapture

.PHONY: endurance
endurance: wasm test-modules tools ## 200,000 requests, 300 reloads under load, 10,000 certificates: flat memory, no wrong answer
	@REQUESTS=200000 RELOADS=300 CERTIFICATES=10000 $(CARGO) test --locked --test e2e -- memory:: rotation:: reload::under --nocapture

.PHONY: fuzz
fuzz: toolchain ## Fuzz every target for SECONDS each
	@sh fuzz/run.sh $(SECONDS)

.PHONY: oracle
oracle: toolchain ## CASES random cases against the independent oracle
	@ORACLE_CASES=$(CASES) $(CARGO) test --locked --test oracle -- --nocapture

.PHONY: world
world: toolchain ## The small world with longer patterns, and POLICIES random policies against the naive judge and the laws
	@WORLD_CASES=$(POLICIES) WORLD_LONGER=1 $(CARGO) test --locked --test world -- --nocapture

.PHONY: mutants
mutants: toolchain ## Break what decides and matches, one place after the other, and show what no test sees (hours; installs cargo-mutants under target/tools)
	@[ -x target/tools/bin/cargo-mutants ] || $(CARGO) install --locked --quiet --root target/tools cargo-mutants@27.1.0
	@target/tools/bin/cargo-mutants mutants --output target

.PHONY: bench
bench: wasm ## What a decision costs in Envoy, beside Envoy's own filters
	@$(CARGO) run --locked --quiet --example mint_certs -- certs
	@python3 benches/compare.py "$$(sh envoy/get-envoy.sh)"

.PHONY: side-by-side
side-by-side: wasm ## What gets past Envoy's own mcp filter and RBAC, and past this filter, in one Envoy
	@$(CARGO) run --locked --quiet --example mint_certs -- certs
	@python3 benches/side_by_side.py "$$(sh envoy/get-envoy.sh)"

.PHONY: instructions
instructions: toolchain ## What a decision and a list cost in instructions, held to their bounds (needs valgrind)
	@$(CARGO) bench --locked --quiet --bench instructions

.PHONY: interop
interop: wasm tools ## Whole sessions of every official SDK with every other, in every version of MCP, as a table
	@SESSIONS=all $(CARGO) test --locked --test e2e -- sessions:: --nocapture

.PHONY: observability
observability: wasm test-modules tools ## Only the alert rules and the dashboard, on what real Envoys are scraped for
	@$(CARGO) test --locked --test observability
	@$(CARGO) test --locked --test e2e observability -- --nocapture

.PHONY: istiod
istiod: wasm tools ## What Istio's own code makes of the manifests, and of the objects in tests (builds a part of Istio: minutes)
	@sh tests/sdk/install.sh istio-generate
	@ISTIOD=1 $(CARGO) test --locked --test manifests -- istiod:: --nocapture
	@ISTIOD=1 $(CARGO) test --locked --test istio -- mutants:: --nocapture
	@ISTIOD=1 $(CARGO) test --locked --test e2e -- sidecar::generated --nocapture

.PHONY: conformance
conformance: wasm tools ## The official conformance suite, directly and through the filter, check by check
	@CONFORMANCE=all $(CARGO) test --locked --test e2e -- conformance:: --nocapture

.PHONY: istio
istio: wasm cli $(if $(IMAGE),image) ## Check istio/policy.yaml, write it into every form, put the module beside; IMAGE=REGISTRY/REPOSITORY pins an image
	@ACCEPT="$(ACCEPT)" sh istio/make.sh "$(IMAGE)"

.PHONY: demo
demo: wasm ## Envoy with mTLS in front of a real MCP server: calls allowed and refused
	@$(CARGO) run --locked --quiet --example mint_certs -- certs
	@sh examples/demo/run.sh

.PHONY: spire
spire: wasm tools ## envoy/spire.yaml with SPIRE itself: its tests, and the demo with certificates of a real agent (builds SPIRE)
	@sh tests/sdk/install.sh spire
	@SPIRE=1 $(CARGO) test --locked --test e2e -- spire:: --nocapture
	@sh examples/spire/run.sh

.PHONY: clean
clean: ## Remove everything that was built or downloaded
	@$(CARGO) clean
	@rm -rf dist certs
