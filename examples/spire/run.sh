#!/bin/sh
# Starts a SPIRE server and agent on this machine, tells the server who is who, and runs the demo with the certificates
# that the agent gives Envoy and the callers. `make spire` calls this; README.md beside this file explains each step.
set -eu
cd "$(dirname "$0")/../.."
[ -f dist/mcp_toolgate.wasm ] || {
    echo "spire: dist/mcp_toolgate.wasm is missing: run \`make wasm\`, which makes it" >&2
    exit 1
}
envoy=$(readlink -f "$(envoy/get-envoy.sh)")
tests/sdk/install.sh py1 spire
spire=target/tools/spire files=target/spire domain=spiffe://cluster.local
rm -rf "$files"
mkdir -p "$files/certs"

started=
trap 'for process in $started; do kill "$process" 2>/dev/null || true; done; wait' EXIT
trap 'exit 130' HUP INT TERM

server() { "$spire/spire-server" "$@" -socketPath "$files/server.sock"; }

within_30_s() { # COMMAND...: until it ends well
    tries=0
    until "$@" >"$files/last.log" 2>&1; do
        tries=$((tries + 1))
        [ "$tries" -lt 300 ] || {
            echo "spire: in vain: $* ($(tail -n 1 "$files/last.log"))" >&2
            exit 1
        }
        sleep 0.1
    done
}

entry() { # SPIFFE_ID PROGRAM
    server entry create -parentID "$domain/node" -spiffeID "$1" -selector "unix:path:$2" -dns localhost >/dev/null
}

"$spire/spire-server" run -config examples/spire/server.conf >"$files/server.log" 2>&1 &
started="$started $!"
within_30_s server bundle show
server bundle show >"$files/bundle.pem"

token=$(server token generate -spiffeID "$domain/node" | sed 's/^Token: //')
"$spire/spire-agent" run -config examples/spire/agent.conf -joinToken "$token" >"$files/agent.log" 2>&1 &
started="$started $!"
within_30_s test -S "$files/agent.sock"

entry "$domain/ns/tools/sa/mcp-server" "$envoy"
cp "$files/bundle.pem" "$files/certs/ca.pem"
for caller in support-bot billing-bot stranger; do
    # A program of its own for each, by which the agent tells them apart.
    mkdir "$files/$caller"
    cp "$spire/spire-agent" "$files/$caller/workload"
    entry "$domain/ns/agents/sa/$caller" "$(readlink -f "$files/$caller/workload")"
    within_30_s "$files/$caller/workload" api fetch x509 -socketPath "$files/agent.sock" -write "$files/$caller"
    cp "$files/$caller/svid.0.pem" "$files/certs/$caller.pem"
    cp "$files/$caller/svid.0.key" "$files/certs/$caller-key.pem"
done

sed "s|/run/spire/agent/public/api.sock|$files/agent.sock|" envoy/spire.yaml >"$files/envoy.yaml"
target/tools/py1/bin/python examples/demo/demo.py "$envoy" "$files/envoy.yaml" "$files/certs"
