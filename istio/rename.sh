#!/bin/sh
# Writes other names for the sample's, in every file here that has them. Once, on files as they came; then `make istio`.
# usage: istio/rename.sh KEY=VALUE...
set -eu
here=$(dirname "$0")
# What they are, and the keys that there are: server is the name, and the pods' label `app`, of the MCP server.
namespace=mcp server=ticket-desk agents=agents trust_domain=cluster.local port=8000

fail() {
    echo "istio: $*" >&2
    exit 1
}

value_as() { # PATTERN: the value of KEY=VALUE, if the whole of it is so
    printf '%s\n' "${argument#*=}" | grep -Ex "$1" || fail "$argument: cannot be"
}

name='[a-z]([a-z0-9-]{0,61}[a-z0-9])?'
[ "$#" -gt 0 ] || fail "write KEY=VALUE, of namespace, server, agents, trust_domain and port"
grep -q 'namespace: mcp$' "$here/base/server.yaml" && grep -q '/ns/agents/' "$here/policy.yaml" ||
    fail "the names are not the sample's any more: begin with its files as they came"
for argument in "$@"; do
    case $argument in
    namespace=*) namespace=$(value_as "$name") ;;
    server=*) server=$(value_as "$name") ;;
    agents=*) agents=$(value_as "$name") ;;
    trust_domain=*) trust_domain=$(value_as '[a-z0-9._-]{1,255}') ;;
    port=*) port=$(value_as '[1-9][0-9]{0,4}') ;;
    *) fail "$argument: write KEY=VALUE, of namespace, server, agents, trust_domain and port" ;;
    esac
done

[ "$namespace" != "$agents" ] && [ "$namespace" != agents ] || fail "namespace=$namespace: must not be the agents' own"

# By what stands around them: `mcp` is a protocol as well, and `cluster.local` the end of the cluster's host names.
find "$here" -type f \( -name '*.yaml' -o -name '*.py' -o -name write-filters.sh \) | while read -r file; do
    sed -E \
        -e "s|/ns/mcp/|/ns/$namespace/|g" \
        -e "s/namespace: mcp( |\$)/namespace: $namespace\1/" \
        -e "s/^  name: mcp\$/  name: $namespace/" \
        -e "s/(-n|--namespace) mcp /\1 $namespace /" \
        -e "s/ticket-desk\.mcp/$server.$namespace/g" \
        -e "s/ticket-desk/$server/g" \
        -e "s|/ns/agents/|/ns/$agents/|g" \
        -e "s/namespace: agents\$/namespace: $agents/" \
        -e "s/^  name: agents\$/  name: $agents/" \
        -e "s/metadata\.name: agents /metadata.name: $agents /" \
        -e "s/-n agents /-n $agents /" \
        -e "s|cluster\.local/ns/|$trust_domain/ns/|g" \
        -e "s/trust_domains: \[cluster\.local\]/trust_domains: [$trust_domain]/" \
        -e "s/(^|[^0-9a-z])8000([^0-9a-z]|\$)/\1$port\2/g" \
        "$file" >"$file.partial"
    if cmp -s "$file" "$file.partial"; then
        rm "$file.partial"
    else
        cat "$file.partial" >"$file"
        rm "$file.partial"
        echo "$file"
    fi
done
