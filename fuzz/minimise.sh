#!/bin/sh
# Brings what was found into the committed corpora, few inputs that reach most of the code:
# fuzz/minimise.sh [TARGET...]
set -eu

# With those that a person wrote (seed-*), no more than tests/fuzz_corpus.rs allows.
inputs=35
fuzz=$(cd "$(dirname "$0")" && pwd)
. "$fuzz/build.sh"
[ $# -gt 0 ] || set -- $TARGETS

for target in "$@"; do
    corpus=$fuzz/corpus/$target
    merged=$WORK/merged/$target
    rm -rf "$merged"
    mkdir -p "$merged" "$corpus" "$WORK/corpus/$target" "$WORK/artifacts/$target"
    "$BINARIES/$target" -set_cover_merge=1 -use_counters=0 -max_len=4000 \
        -artifact_prefix="$WORK/artifacts/$target/" "$merged" "$corpus" "$WORK/corpus/$target" \
        2>"$WORK/$target.log"
    # libFuzzer writes what reaches most first.
    (cd "$merged" && ls -tr | tail -n +$((inputs + 1)) | xargs -r rm)
    find "$corpus" -type f ! -name 'seed-*' -exec rm {} +
    mv "$merged"/* "$corpus"
    echo "$target: $(ls "$corpus" | wc -l) inputs"
done
