#!/usr/bin/env bash
# Other weights for an engine: what comes out is, byte by byte, what a build of the model
# with those weights gives; stripped engines; what does not fit is refused by name.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"
/usr/bin/python3 -c 'import onnx, numpy' 2>/dev/null || skip "no python3-onnx"
others() { # IN OUT SEED [FAULT]
    /usr/bin/python3 "$root/tests/cli/refit_models.py" "$@"
}
build() { # MODEL OUT FLAGS...
    "$tare" build --onnx="$1" --engine="$2" --optimization-level=1 "${@:3}" >/dev/null
}
refit() { # ENGINE MODEL OUT
    "$tare" refit --engine="$1" --onnx="$2" --output="$3" >/dev/null
}

samples() { # FLOATS: three of them, in raw/
    mkdir raw
    /usr/bin/python3 -c "
import numpy
for i in range(3):
    random = numpy.random.default_rng(i)
    random.normal(size=$1).astype('float32').tofile(f'raw/{i}.raw')"
}

# check MODEL FLOATS SHRINKS: FP32, INT8 and stripped engines of MODEL, whose samples are of
# FLOATS, take the weights of another as a build with the same cache does. Stripped ones
# are SHRINKS times as small.
check() {
    others "$1" new.onnx 1
    samples "$2"
    "$tare" calibrate --onnx="$1" --raw=raw --calibrator=max --recover=none --cache=cache >/dev/null
    local kind flags
    for kind in fp32 int8; do
        flags=()
        [[ $kind == fp32 ]] || flags=(--int8 --cache=cache)
        build "$1" old.tare --refit "${flags[@]}"
        cp old.tare kept.tare
        build new.onnx fresh.tare --refit "${flags[@]}"
        ! cmp -s old.tare fresh.tare || fail "$kind: the weights change nothing"
        refit old.tare new.onnx refitted.tare
        cmp refitted.tare fresh.tare || fail "$kind: not what a fresh build gives"
        cmp old.tare kept.tare || fail "$kind: the old engine has changed"
        refit refitted.tare "$1" back.tare
        cmp back.tare old.tare || fail "$kind: the way back leads elsewhere"
        # what it computes, too: without a source, and through another file
        build new.onnx plain.tare "${flags[@]}"
        "$tare" run --engine=plain.tare --raw=raw --output=want >/dev/null
        "$tare" run --engine=refitted.tare --raw=raw --output=got >/dev/null
        diff -r want got || fail "$kind: other outputs than those of a fresh build"
        "$tare" run --engine=old.tare --raw=raw --output=before >/dev/null
        ! diff -rq want before >/dev/null || fail "$kind: old and new outputs are equal"
        rm -r want got before

        build "$1" bare.tare --strip-weights "${flags[@]}"
        [[ $(stat -c %s bare.tare) -lt $(($(stat -c %s plain.tare) / $3)) ]] ||
            fail "$kind: a stripped engine of $(stat -c %s bare.tare) bytes"
        refit bare.tare new.onnx refitted.tare
        cmp refitted.tare fresh.tare || fail "$kind: stripped and refitted is not fresh"
    done
    rm -r raw
}
check "$model" 784 8
cp old.tare int8.tare

# The list of weights, and what is missing.
"$tare" refit --engine=bare.tare --dump-refit --json=list.json >list
grep -qE '^float32 +16x1x3x3 +missing +stem.conv.weight \(.+\)$' list || fail "$(head -n 3 list)"
[[ $(grep -c missing list) -eq 57 ]] || fail "$(grep -c missing list) weights of 57"
grep -q '"name":.*"stem.conv.weight"' list.json || fail "no list in JSON"
"$tare" refit --engine=int8.tare --dump-refit >list
grep -qE "engine's +stem.conv.weight" list || fail "$(head -n 3 list)"
refuse 1 "57 weights are missing: 'stem.conv.weight', .* and 5[0-9] more" \
    "$tare" refit --engine=bare.tare --output=out/e
refuse 1 'weights are stripped: refit it with .tare refit --engine=.* --onnx=' \
    "$tare" run --engine=bare.tare --raw=. --output=out/o
"$tare" inspect engine bare.tare >said
grep -q '^Weights  *stripped' said || fail "inspect does not say that it is stripped"

# Without a model: the same again.
"$tare" refit --engine=int8.tare --output=same.tare >/dev/null
cmp int8.tare same.tare || fail "made anew, it is another"

# What does not fit is refused by name.
others "$model" bad.onnx 1 rename block1.bn1.scale
refuse 1 "the model has no weight 'block1.bn1.scale' .* nearest name is 'block1.bn[12].scale" \
    "$tare" refit --engine=int8.tare --onnx=bad.onnx --output=out/e
others "$model" bad.onnx 1 epsilon
refuse 1 "node '.*' \(BatchNormalization\) has other attributes" \
    "$tare" refit --engine=int8.tare --onnx=bad.onnx --output=out/e
refuse 1 "the model has no weight '.*' of the engine's" \
    "$tare" refit --engine=int8.tare --onnx="$root/models/fashion_depthwise.onnx" --output=out/e
refuse 1 'was not built to be refitted: .*--refit' "$tare" refit --engine=plain.tare --onnx=new.onnx --output=out/e
refuse 1 'not a tare engine' "$tare" refit --engine=new.onnx --onnx=new.onnx --output=out/e
refuse 2 'nothing to do' "$tare" refit --engine=int8.tare --onnx=new.onnx
refuse 2 'engine is missing' "$tare" refit --onnx=new.onnx --output=out/e

# Several shapes in one engine.
shapes=(--min-shapes=input:1x1x28x28 --opt-shapes=input:2x1x28x28 --max-shapes=input:4x1x28x28)
build "$model" old.tare --refit "${shapes[@]}"
build new.onnx fresh.tare --refit "${shapes[@]}"
refit old.tare new.onnx refitted.tare
cmp refitted.tare fresh.tare || fail "profiles: not what a fresh build gives"
build "$model" bare.tare --strip-weights "${shapes[@]}"
refit bare.tare new.onnx refitted.tare
cmp refitted.tare fresh.tare || fail "profiles: stripped and refitted is not fresh"

# Kernels that are chosen where the engine is loaded, or are the reference.
for isa in portable ref; do
    build "$model" old.tare --refit --isa="$isa"
    build new.onnx fresh.tare --refit --isa="$isa"
    refit old.tare new.onnx refitted.tare
    cmp refitted.tare fresh.tare || fail "$isa: not what a fresh build gives"
done

# An engine of another format is made anew, when it is loaded or for good.
build "$model" old.tare --version-compatible --int8 --cache=cache
build "$model" plain.tare --int8 --cache=cache
for file in old plain; do
    cp $file.tare other_$file.tare
    printf '\x63' | dd of=other_$file.tare bs=1 seek=8 conv=notrunc status=none
done
samples 784
"$tare" run --engine=old.tare --raw=raw --output=want >/dev/null
"$tare" run --engine=other_old.tare --raw=raw --output=got >/dev/null 2>said
grep -q 'engine format 99, this tare reads format [0-9]*: the engine is made anew' said || fail "$(cat said)"
diff -r want got || fail "made anew, it computes something else"
"$tare" refit --engine=other_old.tare --output=same.tare >/dev/null 2>&1
cmp old.tare same.tare || fail "made anew, it is another"
refuse 1 'engine format 99, this tare reads format [0-9]*: build the engine again' \
    "$tare" run --engine=other_plain.tare --raw=raw --output=out/o

# A recovery is of the old weights: dropped with a warning, kept where they are the same.
"$tare" calibrate --onnx="$model" --raw=raw --calibrator=max --recover=bias --cache=recovered >/dev/null
[[ -e recovered.recovery ]] || fail "no recovery"
build "$model" old.tare --int8 --cache=recovered --refit
refit old.tare "$model" same.tare
cmp old.tare same.tare || fail "the recovery is lost with the same weights"
"$tare" refit --engine=old.tare --onnx=new.onnx --output=refitted.tare 2>said >/dev/null
grep -q 'recovery.*dropped' said || fail "a recovery is dropped in silence"
build new.onnx fresh.tare --int8 --cache=recovered --refit --no-recovery
cmp refitted.tare fresh.tare || fail "not a fresh build without recovery"
"$tare" build --onnx="$model" --engine=bare.tare --int8 --cache=recovered --optimization-level=1 \
    --strip-weights 2>said >/dev/null
grep -q 'recovery (.*) has weights in it' said || fail "a recovery is left out in silence"
refit bare.tare new.onnx refitted.tare
cmp refitted.tare fresh.tare || fail "stripped, it keeps something of the recovery"

# A ResNet-20 with weights trained otherwise.
zoo=${TARE_ZOO:-$root/../shared/zoo}/models/cifar10_resnet20.onnx
if [[ -e $zoo ]] && ! is_sanitized; then
    rm -r raw
    check "$zoo" 3072 8
fi
