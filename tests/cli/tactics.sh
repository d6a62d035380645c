#!/usr/bin/env bash
# Timing of kernels: the report, the file of times, and that neither times nor effort
# change what an engine computes.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"
build() { # OUT FLAGS...
    "$tare" build --onnx="$model" --engine="$1" "${@:2}"
}

# A full cache: the same engine, byte by byte, and nothing is timed.
build cold.tare --optimization-level=5 --timing-cache=times --json=cold.json >/dev/null
cp times before
build warm.tare --optimization-level=5 --timing-cache=times --json=warm.json >/dev/null
cmp cold.tare warm.tare || fail "another engine with a full timing cache"
cmp times before || fail "a full timing cache was written again"
if grep -q '"tactic":.*__avx2' cold.json; then
    grep -q '"reason":.*"the fastest' cold.json || fail "no reason in the report"
    ! grep 'the fastest' warm.json | grep -v 'from the timing cache' ||
        fail "something was timed in spite of a full cache"
    build said.tare --optimization-level=5 --timing-cache=times --verbose >said
    grep -qE '^conv +tare_f32_conv__[a-z0-9]+ +.*: .*timing cache' said || fail "no tactic in --verbose"
    grep -qE '^ +tare_f32_conv__ref +[0-9.]+ us$' said || fail "no times in --verbose"
fi

# Every level, and the cache of another, give the same outputs.
head -c 784 /dev/urandom >sample.raw
mkdir raw
mv sample.raw raw/
for level in 0 1 2 3 4 5; do
    build "$level.tare" --optimization-level="$level" >/dev/null
    "$tare" run --engine="$level.tare" --raw=raw --raw-type=u8 --output="out$level" >/dev/null
    diff -r out0 "out$level" || fail "other outputs at --optimization-level=$level"
done

# What is wrong is said, and nothing is written.
refuse 2 'want 0 to 5' "$tare" build --onnx="$model" --engine=out/e --optimization-level=6
refuse 1 'of no use with --isa=portable' "$tare" build --onnx="$model" --isa=portable \
    --timing-cache=times --engine=out/e.tare
refuse 1 'of no use below --optimization-level=2' "$tare" build --onnx="$model" \
    --engine=out/e --optimization-level=1 --timing-cache=times
refuse 1 '--timing-cache is of no use with --isa=portable' "$tare" build --onnx="$model" \
    --engine=out/e --isa=portable --timing-cache=times
echo 'something else' >damaged
refuse 1 'damaged: damaged, or not a timing cache.*remove it' "$tare" build \
    --onnx="$model" --engine=out/e --timing-cache=damaged
refuse 1 'no/such/folder' "$tare" build --onnx="$model" --engine=out/e \
    --timing-cache=no/such/folder

# Other libraries: asked for by name, and missed by name.
refuse 1 "'\+cublas', want \+ or -" "$tare" build --onnx="$model" --engine=out/e --tactic-sources=+cublas
refuse 1 '--tactic-sources is of no use below --optimization-level=2' "$tare" build --onnx="$model" \
    --engine=out/e --tactic-sources=+onednn --optimization-level=0
mkdir alone
cp "$build"/libtare.so.0 alone/
for source in onednn openblas; do
    refuse 1 "libtare-$source.so cannot be opened: build tare with -DTARE_.*Debian: lib.*--tactic-sources=\+own" \
        env LD_LIBRARY_PATH="$PWD/alone" "$tare" build --onnx="$model" --engine=out/e --tactic-sources=+$source
    [[ -e $build/libtare-$source.so ]] || continue
    build $source.tare --tactic-sources=-own,+$source | grep -q 'not bit-exact' || fail "$source passes for exact"
    "$tare" inspect engine $source.tare | grep -q '^Bit-exact  *no' || fail "$source passes for exact"
    "$tare" inspect engine $source.tare | grep -qE "^FP32 +conv +$source " || fail "no layer runs $source"
    "$tare" compare --engine=0.tare --engine=$source.tare --raw=raw --raw-type=u8 --json=c.json >/dev/null
    holds "$(json c.json outputs sqnr_db) > 100" # 1e-5
    refuse 1 "its tactic is '$source': libtare-$source.so cannot be opened" \
        env LD_LIBRARY_PATH="$PWD/alone" "$tare" inspect engine $source.tare
done
! "$tare" inspect engine cold.tare | grep -q Bit-exact || fail "our own kernels pass for inexact"
