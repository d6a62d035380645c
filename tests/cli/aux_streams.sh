#!/usr/bin/env bash
# Branches that run side by side: the outputs do not tell, the file does; whatever makes
# an engine again makes its branches again.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"
build() { # OUT FLAGS...
    "$tare" build --onnx="$model" --engine="$1" "${@:2}" >log 2>stderr || fail "$(cat stderr)"
}
mkdir raw
for i in $(seq 0 4); do head -c 784 /dev/urandom >raw/$i.raw; done
sample=(--raw=raw --raw-type=u8)
"$tare" calibrate --onnx="$model" "${sample[@]}" --calibrator=max --recover=none --cache=cache >/dev/null

# Asked for: made, and shown. The shipped model has two shortcuts with a convolution.
for kind in fp32 int8; do
    flags=(--optimization-level=1)
    [[ $kind == fp32 ]] || flags+=(--int8 --cache=cache)
    build none.tare "${flags[@]}" --max-aux-streams=0
    ! grep -q Branches log || fail "branches though none are wanted"
    build default.tare "${flags[@]}"
    cmp none.tare default.tare || fail "branches where nothing is timed"
    build some.tare "${flags[@]}" --max-aux-streams=3
    grep -qE '^Branches +2 regions .* 2 streams' log || fail "no branches: $(cat log)"
    "$tare" inspect engine some.tare --json=some.json >inspected
    [[ $(grep -cE '\[region [12], stream [01]\]$' inspected) -eq 4 ]] || fail "not four layers in streams"
    tr -d '[:space:]' <some.json | grep -q '"regions":2,"streams":2' || fail "not in the JSON file"
    for threads in 1 2 5; do
        for engine in none some; do
            "$tare" run --engine=$engine.tare "${sample[@]}" --threads=$threads --output=$engine.$threads >/dev/null
        done
        diff -r none.1 some.$threads || fail "$kind, $threads threads: other outputs side by side"
        diff -r none.1 none.$threads || fail "$kind, $threads threads: other outputs"
    done
    rm -r none.? some.?

    # made again: from the source, with its weights and without, and from its tactics
    for flag in --refit --version-compatible --strip-weights; do
        build carries.tare "${flags[@]}" --max-aux-streams=3 $flag
        "$tare" refit --engine=carries.tare --onnx="$model" --output=again.tare >/dev/null
        "$tare" inspect engine again.tare | grep -c '\[region' >n
        [[ $(cat n) -eq 4 ]] || fail "$flag: the branches are lost"
        [[ $flag == --strip-weights ]] || cmp carries.tare again.tare || fail "$flag: another engine"
    done
done

# Timed on two threads: what pays is in the timing cache, and decides alone.
build first.tare --threads=2 --timing-cache=times --save-tactics=tactics
[[ $(grep -cE $'\t(in turn|side by side)\t' times) -eq 4 ]] || fail "the branches are not in the timing cache"
build second.tare --threads=2 --timing-cache=times --verbose
[[ $(grep -cE "branches from layer '.*: [0-9.]+ us in turn, [0-9.]+ us side by side: " stderr) -eq 2 ]] ||
    fail "--verbose does not say what was chosen: $(cat stderr)"
cmp first.tare second.tare || fail "the same timing cache, another engine"
build none.tare --threads=2 --timing-cache=times --max-aux-streams=0
"$tare" run --engine=none.tare "${sample[@]}" --output=want >/dev/null
"$tare" run --engine=first.tare "${sample[@]}" --threads=2 --output=got >/dev/null
diff -r want got || fail "other outputs"

# The tactics file has them: on any machine the same.
build some.tare --threads=1 --max-aux-streams=2 --save-tactics=tactics
build again.tare --load-tactics=tactics
cmp some.tare again.tare || fail "another engine from its tactics"
build again.tare --load-tactics=tactics --refit
"$tare" inspect engine again.tare | grep -q '\[region 2, stream 1\]' || fail "the tactics' branches are lost"
sed 's/"streams":.*2/"streams": "2"/' tactics >edited
refuse 1 'edited: "side_by_side" wants a layer, first, layers and streams' "$tare" build --onnx="$model" \
    --engine=out/e --load-tactics=edited
sed '/"side_by_side":/,$d' tactics | sed '$s/,$/}/' >old # as saved before there were branches
build again.tare --load-tactics=old
grep -q 'old: not the engine that it was saved from' stderr || fail "nothing is said of lost branches"
refuse 1 '--max-aux-streams is of no use with --load-tactics' "$tare" build --onnx="$model" --engine=out/e \
    --load-tactics=tactics --max-aux-streams=2

# Several shapes: each profile has its own.
build shapes.tare --optimization-level=1 --max-aux-streams=2 --opt-shapes=input:2x1x28x28 --max-shapes=input:4x1x28x28
"$tare" inspect engine shapes.tare | grep -q '\[region 2, stream 1\]' || fail "no branches with profiles"
