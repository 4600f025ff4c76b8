# Sourced by run.sh and minimise.sh: builds the targets with coverage counters, and says where they are.
# Wants $fuzz; sets TARGETS, WORK and BINARIES.
TARGETS=$(cd "$fuzz/fuzz_targets" && ls | sed -n 's/\.rs$//p')
WORK=${CARGO_TARGET_DIR:-$fuzz/../target/fuzz}
triple=$(rustc -vV | sed -n 's/^host: //p')
BINARIES=$WORK/$triple/release
counters='-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table
    -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1'

command -v c++ >/dev/null || { echo "fuzz: libFuzzer needs a C++ compiler (c++)" >&2; exit 1; }
# A target of its own name keeps the counters out of build scripts.
(cd "$fuzz" && CARGO_TARGET_DIR=$WORK RUSTFLAGS="--cfg fuzzing $(echo $counters)" \
    cargo build --locked --quiet --release --bins --target "$triple")
