# The one door: people and CI call only these targets. `make help` lists them.
SHELL := /bin/sh
.DEFAULT_GOAL := help

CARGO := cargo
TARGET := wasm32-wasip1
MODULE := dist/mcp_toolgate.wasm
BUILT := target/$(TARGET)/release/mcp_toolgate.wasm
# Largest module, in bytes.
BUDGET := 300000
SECONDS := 60

.PHONY: help
help: ## List the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{ printf "  %-10s %s\n", $$1, $$2 }'

.PHONY: toolchain
toolchain:
	@command -v $(CARGO) >/dev/null || { echo "Rust is missing: install it with rustup (https://rustup.rs), then run this again." >&2; exit 1; }
	@command -v rustup >/dev/null || [ -d "$$(rustc --print sysroot)/lib/rustlib/$(TARGET)" ] || { \
		echo "This Rust has no $(TARGET) target, and there is no rustup to add it: install Rust with rustup (https://rustup.rs)." >&2; exit 1; }
	@[ -d "$$(rustc --print sysroot 2>/dev/null)/lib/rustlib/$(TARGET)" ] || rustup toolchain install --no-self-update || { \
		echo "The pinned Rust of rust-toolchain.toml could not be installed: check the network, or run 'rustup toolchain install'." >&2; exit 1; }

.PHONY: wasm
wasm: toolchain ## Build the module: dist/mcp_toolgate.wasm
	@$(CARGO) rustc --locked --quiet --release --lib --crate-type cdylib --target $(TARGET)
	@mkdir -p dist
	@$(CARGO) run --locked --quiet --example finish_module -- $(BUILT) $(MODULE)

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

.PHONY: tools
tools:
	@ENVOY=$$(sh envoy/get-envoy.sh) && echo "Envoy: $$ENVOY"
	@sh tests/sdk/install.sh py1 py2 node func-e

.PHONY: test
test: wasm tools size ## Every test: units, golden cases, real Envoy over mTLS, official SDK clients
	@$(CARGO) test --locked

.PHONY: e2e
e2e: wasm tools ## Only the tests in a real Envoy
	@$(CARGO) test --locked --test e2e

.PHONY: interop
interop: wasm tools ## Only whole sessions of the official SDK clients
	@$(CARGO) test --locked --test e2e sessions -- --nocapture

.PHONY: demo
demo: wasm ## Envoy with mTLS in front of a real MCP server: calls allowed and refused
	@$(CARGO) run --locked --quiet --example mint_certs -- certs
	@sh examples/demo/run.sh

.PHONY: clean
clean: ## Remove everything that was built or downloaded
	@$(CARGO) clean
	@rm -rf dist certs
