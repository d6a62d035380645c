#!/usr/bin/env bash
# oneDNN's INT8 kernels: used when they are asked for by name and never else, said in what
# is printed, as right as ours, and missed by name where the library is not there.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"
need_images
mkdir alone
cp "$build"/libtare.so.0 alone/
without() { # COMMAND...: as where tare was built without oneDNN
    env LD_LIBRARY_PATH="$PWD/alone" "$@"
}
"$tare" calibrate --onnx="$model" "${data[@]}" --count=64 --cache=cache >/dev/null
network=(--onnx="$model" --int8 --cache=cache)
build() { # OUT FLAGS...
    "$tare" build "${network[@]}" --engine="$1" "${@:2}"
}

# Not asked for: no byte says that it is there.
build own.tare --timing-cache=times >said
! grep -q bit-exact said || fail "our own kernels pass for inexact"
without "$tare" build "${network[@]}" --engine=without.tare --timing-cache=times >/dev/null
cmp own.tare without.tare || fail "another engine because oneDNN is there"

for flags in --tactic-sources=+onednn-int8 --tactic-sources=-own,+onednn-int8; do
    refuse 1 'libtare-onednn.so cannot be opened: build tare with -DTARE_ONEDNN=ON.*leave onednn-int8 out' \
        without "$tare" build "${network[@]}" --engine=out/e $flags
done
[[ -e $build/libtare-onednn.so ]] || exit 0
tr '[:upper:]' '[:lower:]' </proc/cpuinfo | grep -q avx512_vnni || exit 0

# "+onednn" is about float32.
build float.tare --tactic-sources=-own,+onednn --timing-cache=times >/dev/null
! "$tare" inspect engine float.tare | grep -E '^INT8 .* onednn' || fail "+onednn computes INT8"

# Asked for: layers in INT8 and no others, and it is said.
build theirs.tare --tactic-sources=-own,+onednn-int8 --timing-cache=times >said
grep -q 'not bit-exact, in INT8 neither' said || fail "an engine passes for exact: $(cat said)"
"$tare" inspect engine theirs.tare --json=theirs.json >said
grep -q '^Bit-exact  *no.*INT8 codes may be one off' said || fail "an engine passes for exact: $(cat said)"
tr -d '[:space:]' <theirs.json | grep -q '"bit_exact":false,"int8_bit_exact":false' || fail "JSON says it is exact"
[[ $(grep -cE '^INT8 .* onednn-int8 ' said) -ge 5 ]] || fail "few layers run oneDNN: $(cat said)"
! grep -E '^FP32 .* onednn-int8 ' said || fail "a float layer runs oneDNN's INT8"
"$tare" inspect engine own.tare --json=own.json >/dev/null
tr -d '[:space:]' <own.json | grep -q '"bit_exact":true,"int8_bit_exact":true' || fail "JSON says it is not exact"

# Its times are its version's, and kept; timed beside ours it is one tactic of several.
build both.tare --tactic-sources=+onednn-int8 --timing-cache=times --verbose >said
grep -qE '^ +onednn-int8 +[0-9.]+ us' said || fail "no time of oneDNN: $(cat said)"
grep -q "oneDNN [0-9.]*"$'\t' times || fail "no time of oneDNN is kept"
build again.tare --tactic-sources=+onednn-int8 --timing-cache=times >/dev/null
cmp both.tare again.tare || fail "another engine with a full timing cache"
build banned.tare --tactic-sources=+onednn-int8 --ban-tactic=onednn-int8 --timing-cache=times >/dev/null
build plain.tare --timing-cache=times >/dev/null # ours were timed anew beside it
cmp banned.tare plain.tare || fail "--ban-tactic=onednn-int8 does not ban it"
build theirs.tare --tactic-sources=-own,+onednn-int8 --timing-cache=times --save-tactics=tactics >/dev/null
build again.tare --load-tactics=tactics >/dev/null
cmp theirs.tare again.tare || fail "another engine with the same tactics"

# The engine names what it misses.
refuse 1 "its tactic is 'onednn-int8': libtare-onednn.so cannot be opened: build tare with -DTARE_ONEDNN" \
    without "$tare" inspect engine theirs.tare

# same ENGINE ENGINE FLAGS...: top-1 of nearly all samples, and values that are close.
same() {
    "$tare" compare --engine="$1" --engine="$2" "${@:3}" --json=same.json >/dev/null
    holds "$(json same.json agreement_top1) >= 99 && $(json same.json outputs sqnr_db) > 30"
}
same own.tare theirs.tare "${data[@]}" --count=200
# One thread or several, one sample or several shapes of them, other weights.
build shapes.tare --tactic-sources=-own,+onednn-int8 --timing-cache=times --min-shapes=1x1x28x28 \
    --opt-shapes=1x1x28x28 --max-shapes=4x1x28x28 >/dev/null
for batch in 1 3; do
    "$tare" run --engine=shapes.tare --shapes=${batch}x1x28x28 --threads=$batch "${data[@]}" --count=12 --output=out$batch >/dev/null
done
diff -r out1 out3 || fail "outputs depend on batch and threads"
build refit.tare --tactic-sources=-own,+onednn-int8 --timing-cache=times --refit >/dev/null
"$tare" refit --engine=refit.tare --onnx="$model" --output=refitted.tare >/dev/null
same refit.tare refitted.tare "${data[@]}" --count=50
holds "$(json same.json outputs max_abs) == 0"

zoo=${TARE_ZOO:-$root/../shared/zoo}
[[ -e $zoo/data/imagenet.txt && -z ${TARE_CPU_MASK:-} ]] && ! is_sanitized || exit 0
zoo_network() { # NAME PREPROCESSING...
    local samples=(--list="$zoo/data/imagenet.txt" "${@:2}") network=(--onnx="$zoo/models/$1.onnx" --int8 --cache="$1.cache")
    "$tare" calibrate --onnx="$zoo/models/$1.onnx" "${samples[@]}" --count=8 --cache="$1.cache" >/dev/null
    build a.tare --optimization-level=0 >/dev/null
    build b.tare --tactic-sources=-own,+onednn-int8 --optimization-level=2 | grep -q 'in INT8 neither' || fail "$1: oneDNN computes nothing"
    same a.tare b.tare "${samples[@]}" --count=16
}
zoo_network imagenet_squeezenet11_227 --crop=227 --color=bgr --scale=1 --mean=104,117,123
zoo_network imagenet_mobilenet_v1_025_224 --crop=224 --scale=1/127.5 --mean=1 --std=1
