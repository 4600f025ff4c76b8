#!/bin/sh
# Writes the forms of the filter, each with the policy of policy.yaml in it. `make istio` calls this.
# usage: istio/write-filters.sh TOOLGATE DIRECTORY        writes DIRECTORY/FORM/filter.yaml
set -eu
toolgate=$1 directory=$2
policy=$(dirname "$0")/policy.yaml
for form in envoy-filter wasm-plugin wasm-plugin-buffered; do
    mkdir -p "$directory/$form"
    file=$directory/$form/filter.yaml
    # Whole or not at all: a policy that cannot be written leaves the old file as it is.
    "$toolgate" wrap --form "$form" --module file:///etc/mcp-toolgate/mcp_toolgate.wasm \
        --namespace mcp --selector app=ticket-desk "$policy" >"$file.partial"
    mv "$file.partial" "$file"
done
