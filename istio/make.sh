#!/bin/sh
# Makes istio/ ready for `kubectl apply --server-side -k istio/overlays/FORM`: the policy is checked and written into
# every form, and the module put where the forms take it from. What fails leaves everything as it was.
# usage: istio/make.sh [IMAGE]     IMAGE: REGISTRY/REPOSITORY that the image of `make image` was, or will be, pushed to
# ACCEPT names what `toolgate check` finds and is meant, such as `observe_mode`.
set -eu
here=$(dirname "$0")
toolgate=$here/../dist/toolgate
built=$here/../dist/mcp_toolgate.wasm
layout=$here/../dist/image/index.json
module=$here/module/mcp_toolgate.wasm
pin=$here/module/image/image.yaml
image=${1-}
trap 'rm -f "$module.partial" "$pin.partial"' EXIT

fail() {
    echo "istio: $*" >&2
    exit 1
}

# `oci://IMAGE:VERSION`, and the digest of its manifest: what Istio's agent holds the pulled image against.
read_image() {
    case $image in
    *://* | *@* | */*:* | */ | [!a-z0-9]*) fail "IMAGE=$image: write REGISTRY/REPOSITORY, with neither scheme, tag nor digest" ;;
    */*) ;;
    *) fail "IMAGE=$image: write REGISTRY/REPOSITORY" ;;
    esac
    [ -f "$layout" ] || fail "dist/image/index.json is missing: run \`make image\` first"
    digest=$(grep -o '"digest": *"sha256:[0-9a-f]\{64\}"' "$layout" | grep -o '[0-9a-f]\{64\}') ||
        fail "dist/image/index.json names no manifest: run \`make image\` again"
    [ "$(echo "$digest" | wc -l)" -eq 1 ] || fail "dist/image/index.json names several manifests"
    version=$("$toolgate" --version)
    url=oci://$image:${version##* }
    cat >"$pin.partial" <<EOT
# Written by \`make istio\`. Read by the replacements beside it, and never applied.
apiVersion: v1
kind: ConfigMap
metadata:
  name: mcp-toolgate-image
  annotations: { config.kubernetes.io/local-config: "true" }
data:
  url: "$url"
  sha256: "$digest"
EOT
}

"$toolgate" check ${ACCEPT:+--accept "$ACCEPT"} "$here/policy.yaml"
"$toolgate" test "$here/cases.yaml"
[ -f "$built" ] || fail "dist/mcp_toolgate.wasm is missing: run \`make wasm\` first"
[ -z "$image" ] || read_image
cp "$built" "$module.partial"
sh "$here/write-filters.sh" "$toolgate" "$here/filters"

mv "$module.partial" "$module"
echo "istio/module/mcp_toolgate.wasm: $(wc -c <"$module") bytes"
if [ -n "$image" ]; then
    mv "$pin.partial" "$pin"
    echo "istio/module/image/image.yaml: $url, manifest sha256:$digest"
elif [ -f "$pin" ]; then
    echo "istio/module/image/image.yaml: left as it is; \`make istio IMAGE=…\` writes it anew"
fi
