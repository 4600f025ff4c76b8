#!/bin/sh
# Fuzzes each target, or those that are named: fuzz/run.sh SECONDS [TARGET...]
#
# No nightly toolchain and no cargo-fuzz: libFuzzer needs only LLVM's coverage counters, which stable rustc can insert.
# What is found is kept under target/fuzz; fuzz/minimise.sh brings it into the committed corpora.
set -eu

[ $# -ge 1 ] || { echo "usage: fuzz/run.sh SECONDS [TARGET...]" >&2; exit 2; }
seconds=$1
shift
fuzz=$(cd "$(dirname "$0")" && pwd)
. "$fuzz/build.sh"
[ $# -gt 0 ] || set -- $TARGETS

for target in "$@"; do
    work=$WORK/corpus/$target
    artifacts=$WORK/artifacts/$target/
    log=$WORK/$target.log
    mkdir -p "$work" "$artifacts"
    if "$BINARIES/$target" -max_total_time="$seconds" -max_len=4000 -timeout=10 -rss_limit_mb=1024 \
        -use_value_profile=1 -dict="$fuzz/mcp.dict" -artifact_prefix="$artifacts" -print_final_stats=1 \
        "$work" "$fuzz/corpus/$target" >"$log" 2>&1
    then
        runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
        edges=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -n 1)
        echo "$target: $runs executions, $edges edges, no crash"
    else
        found=$(sed -n 's/.*Test unit written to //p' "$log" | tail -n 1)
        echo "$target: FAILED; replay it with: $BINARIES/$target ${found:-(no artifact, see $log)}" >&2
        failed=1
    fi
done
exit "${failed:-0}"
