#!/usr/bin/env bash
# Optimization profiles: one engine file at several batches gives the bytes of engines that
# were built for each, and says what it cannot do.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"
need_images

"$tare" calibrate --onnx="$model" "${data[@]}" --count=40 --recover=bias --cache=c >/dev/null
three=(--min-shapes=input:1x1x28x28 --opt-shapes=input:4x1x28x28 --max-shapes=input:16x1x28x28)
fast=(--optimization-level=0)

run() { # ENGINE FOLDER FLAGS...
    "$tare" run --engine="$1" --output="$2" "${data[@]}" --count=10 "${@:3}" >/dev/null
}
"$tare" quantize --onnx="$model" --cache=c --style=onnxruntime --output=qdq.onnx >/dev/null
for precision in fp32 qdq int8; do
    case $precision in
        fp32) flags=("--onnx=$model" "${fast[@]}") ;;
        int8) flags=("--onnx=$model" "${fast[@]}" --int8 --cache=c) ;;
        qdq) flags=(--onnx=qdq.onnx "${fast[@]}" --int8) ;;
    esac
    "$tare" build "${flags[@]}" --engine="$precision.tare" "${three[@]}" >/dev/null
    "$tare" build "${flags[@]}" --engine=again.tare "${three[@]}" >/dev/null
    cmp "$precision.tare" again.tare || fail "$precision: not the same bytes again"
    for batch in 1 3 4 16; do
        "$tare" build "${flags[@]}" --engine=one.tare --batch=$batch >/dev/null
        run one.tare "want$batch"
        run "$precision.tare" "got$batch" --batch=$batch
        run "$precision.tare" "shaped$batch" --shapes=input:${batch}x1x28x28
        for folder in got shaped; do
            cmp "want$batch/logits.npy" "$folder$batch/logits.npy" ||
                fail "$precision: batch $batch of an engine with profiles differs"
        done
        cmp want1/logits.npy "want$batch/logits.npy" || fail "batch $batch differs from 1"
    done
done

# Without a shape it is the profile's opt, and other commands take shapes as well.
run int8.tare opt
cmp want1/logits.npy opt/logits.npy || fail "the opt shapes give other bytes"
"$tare" compare --onnx="$model" --engine=int8.tare --batch=5 "${data[@]}" --count=12 \
    --json=compare.json >/dev/null
grep -q '"count":[[:blank:]]*12' compare.json || fail "compare did not take the batch"
"$tare" compare --engine=fp32.tare --engine=int8.tare --batch=3 "${data[@]}" --count=6 \
    --layers >/dev/null || fail "two engines with profiles cannot be compared"
"$tare" perf --engine=int8.tare --shapes=7x1x28x28 --duration=0.02 --warmup=0 --json=perf.json \
    >/dev/null || fail "perf does not take --shapes"

# Several profiles, each with kernels of its own.
"$tare" build --onnx="$model" --engine=two.tare --optimization-level=2 "${three[@]}" \
    --min-shapes=32x1x28x28 --opt-shapes=64x1x28x28 --max-shapes=64x1x28x28 >/dev/null
"$tare" inspect engine two.tare --json=two.json >two.txt
grep -q 'Profile 1 .*input 32x1x28x28 to 64x1x28x28, opt 64x1x28x28' two.txt ||
    fail "inspect does not show the profiles: $(cat two.txt)"
grep -qE 'Input +input float32 \[\?x1x28x28\]' two.txt || fail "the open axis is not shown"
run two.tare second --optimization-profile=1
"$tare" build --onnx="$model" --engine=one.tare "${fast[@]}" >/dev/null
run one.tare plain
cmp plain/logits.npy second/logits.npy || fail "the second profile gives other bytes"

# What is missing of the three is said; what cannot be is refused.
"$tare" build --onnx="$model" --engine=filled.tare "${fast[@]}" --opt-shapes=2x1x28x28 \
    --max-shapes=4x1x28x28 >/dev/null 2>warning
grep -q "'input' is not in --min-shapes: its shape is that of --opt-shapes" warning ||
    fail "no warning for the missing shapes: $(cat warning)"
"$tare" build --onnx="$model" --engine=single.tare "${fast[@]}" --opt-shapes=2x1x28x28 \
    >/dev/null 2>warning
[[ ! -s warning ]] || fail "a warning for one shape: $(cat warning)"

build=("$tare" build "--onnx=$model" --engine=out/e.tare "${fast[@]}")
refuse 1 "axis 0: min 1, opt 4, max 2" "${build[@]}" --min-shapes=1x1x28x28 \
    --opt-shapes=4x1x28x28 --max-shapes=2x1x28x28
refuse 1 "the model fixes axis 2 at 28" "${build[@]}" --min-shapes=1x1x14x28 --opt-shapes=2x1x28x28
refuse 1 "'x:1x1x28x28' names no input" "${build[@]}" --min-shapes=x:1x1x28x28 --opt-shapes=2x1x28x28
refuse 2 "once for each of 2 profiles" "${build[@]}" --opt-shapes=1x1x28x28 \
    --opt-shapes=2x1x28x28 --max-shapes=4x1x28x28
samples=("${data[@]}" --count=2)
refuse 1 "int8.tare: input 'input': axis 0 is 17, profile 0 takes 1 to 16" \
    "$tare" run --engine=int8.tare "${samples[@]}" --output=out/o --batch=17
refuse 1 "profile 1: the engine has 1" \
    "$tare" run --engine=int8.tare "${samples[@]}" --output=out/o --optimization-profile=1
refuse 1 "'input': the engine was built for 1x1x28x28 alone" \
    "$tare" run --engine=one.tare "${samples[@]}" --output=out/o --shapes=2x1x28x28
refuse 2 "an engine has --shapes" \
    "$tare" run --engine=one.tare "${samples[@]}" --output=out/o --opt-shapes=1x1x28x28
refuse 2 "a model has --opt-shapes" \
    "$tare" run "--onnx=$model" "${samples[@]}" --output=out/o --shapes=2x1x28x28
refuse 1 "another batch alone; build it with --min-shapes" \
    "$tare" run --engine=one.tare "${samples[@]}" --output=out/o --batch=2
