#!/bin/sh
# Makes istio/ ready for `kubectl apply --server-side -k istio/overlays/FORM`: the policy is checked and written into
# every form, and the module put where the forms take it from.
# usage: istio/make.sh [IMAGE]     IMAGE: REGISTRY/REPOSITORY that the image of `make image` was, or will be, pushed to
# ACCEPT names what `toolgate check` finds and is meant, such as `observe_mode`.
set -eu
here=$(dirname "$0")
toolgate=$here/../dist/toolgate
layout=$here/../dist/image/index.json
image=${1-}

fail() {
    echo "istio: $*" >&2
    exit 1
}

# `oci://IMAGE:VERSION`, and the digest of its manifest: what Istio's agent holds the pulled image against.
write_image() {
    case $image in
    *://* | *@* | */*:* | */ | [!a-z0-9]*) fail "IMAGE=$image: write REGISTRY/REPOSITORY, with neither scheme, tag nor digest" ;;
    */*) ;;
    *) fail "IMAGE=$image: write REGISTRY/REPOSITORY" ;;
    esac
    [ -f "$layout" ] || fail "dist/image/index.json is missing: run \`make image\` first"
    digests=$(grep -o '"digest": *"sha256:[0-9a-f]\{64\}"' "$layout" | grep -o '[0-9a-f]\{64\}') ||
        fail "dist/image/index.json names no manifest: run \`make image\` again"
    [ "$(echo "$digests" | wc -l)" -eq 1 ] || fail "dist/image/index.json names several manifests"
    version=$("$toolgate" --version)
    cat >"$here/module/image/image.yaml.partial" <<EOF
# Written by \`make istio\`. Read by the replacements beside it, and never applied.
apiVersion: v1
kind: ConfigMap
metadata:
  name: mcp-toolgate-image
  annotations: { config.kubernetes.io/local-config: "true" }
data:
  url: "oci://$image:${version##* }"
  sha256: "$digests"
EOF
    mv "$here/module/image/image.yaml.partial" "$here/module/image/image.yaml"
    echo "istio/module/image/image.yaml: oci://$image:${version##* }, manifest sha256:$digests"
}

"$toolgate" check ${ACCEPT:+--accept "$ACCEPT"} "$here/policy.yaml"
"$toolgate" test "$here/cases.yaml"
sh "$here/write-filters.sh" "$toolgate" "$here/filters"
cp "$here/../dist/mcp_toolgate.wasm" "$here/module/mcp_toolgate.wasm.partial"
mv "$here/module/mcp_toolgate.wasm.partial" "$here/module/mcp_toolgate.wasm"
echo "istio/module/mcp_toolgate.wasm: $(wc -c <"$here/module/mcp_toolgate.wasm") bytes"
[ -z "$image" ] || write_image
