#!/bin/sh
# Gets what the demo needs, then runs it. `make demo` calls this after building the module and minting certificates.
set -eu
cd "$(dirname "$0")/../.."
for made in dist/mcp_toolgate.wasm certs/ca.pem; do
    [ -f "$made" ] || {
        echo "demo: $made is missing: run \`make demo\`, which makes it" >&2
        exit 1
    }
done
envoy=$(envoy/get-envoy.sh)
tests/sdk/install.sh py1
exec target/tools/py1/bin/python examples/demo/demo.py "$envoy"
