#!/bin/sh
# Writes the forms of the filter, each with the policy of policy.yaml in it. `make istio` calls this.
# usage: istio/write-filters.sh TOOLGATE DIRECTORY        writes DIRECTORY/FORM/filter.yaml
set -eu
toolgate=$1 directory=$2
policy=$(dirname "$0")/policy.yaml
forms='envoy-filter wasm-plugin wasm-plugin-buffered'
trap 'rm -f "$directory"/*/filter.yaml.partial' EXIT

# All or none: a policy that one form cannot carry leaves the others as they are.
for form in $forms; do
    mkdir -p "$directory/$form"
    "$toolgate" wrap --form "$form" --module file:///etc/mcp-toolgate/mcp_toolgate.wasm \
        --namespace mcp --selector app=ticket-desk "$policy" >"$directory/$form/filter.yaml.partial"
done
for form in $forms; do
    mv "$directory/$form/filter.yaml.partial" "$directory/$form/filter.yaml"
done
