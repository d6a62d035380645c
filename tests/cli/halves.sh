#!/usr/bin/env bash
# FP16 and BF16 on whole networks: every layer asked for, the accuracy stays that of FP32;
# the listings say what was asked and what came of it.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

# check_accuracy TYPE POINTS MODEL FLAG...: top-1 differs from FP32's by so much at most.
check_accuracy() {
    local type=$1 points=$2 net=$3
    shift 3
    "$tare" build --onnx="$net" "--$type" --engine=e.tare --json=build.json \
        --precision-constraints=prefer --layer-precisions="*:$type" >log
    grep -q "in ${type^^} or\|or ${type^^}" log || fail "no layer in $type: $(cat log)"
    "$tare" compare --onnx="$net" --engine=e.tare "$@" --threads=2 --json=j >log
    holds "$(json j engine top1) - $(json j fp32 top1) <= $points"
    holds "$(json j fp32 top1) - $(json j engine top1) <= $points"
}

# A request that nothing stands against is granted, for all layers, and said to be.
"$tare" build --onnx="$model" --fp16 --engine=fp16.tare --json=build.json \
    --precision-constraints=obey --layer-precisions='*:fp16' >log 2>warnings
[[ ! -s warnings ]] || fail "$(cat warnings)"
n_fp16=$(grep -c '"precision":[[:space:]]*"FP16"' build.json)
[[ $n_fp16 -eq 14 && $n_fp16 -eq $(grep -c '"requested":[[:space:]]*"FP16"' build.json) ]] ||
    fail "not all are in FP16: $(cat build.json)"
"$tare" inspect engine fp16.tare >log
grep -q 'FP16.*float16' log || fail "inspect does not say FP16: $(cat log)"
"$tare" perf --engine=fp16.tare --profile --duration=0.1 >log
grep -q 'FP16' log || fail "perf --profile does not say FP16: $(cat log)"

# Without --fp16 nothing is in FP16, and every layer is said to be so at once.
! "$tare" build --onnx="$model" --precision-constraints=obey --layer-precisions='*:fp16' --engine=e.tare \
    >log 2>errors || fail "it obeys what is not allowed"
[[ $(grep -c 'FP16 was requested, but FP16 is not allowed$' errors) -eq 14 && ! -e e.tare ]] ||
    fail "not all violations: $(cat errors)"

need_images
# so many points of top-1; a sanitized build has time for a hundred images alone
declare -A points=([fp16]=0.1 [bf16]=1)
count=2000
! is_sanitized || { points[fp16]=1 count=100; }
for type in fp16 bf16; do
    check_accuracy "$type" "${points[$type]}" "$model" "${data[@]}" --count="$count"
done
"$tare" calibrate --onnx="$model" "${data[@]}" --count=64 --calibrator=minmax --cache=net.cache >log
sed '2,$s/: ........$/: 447a0000/' net.cache >large.cache # scale 1000
"$tare" build --onnx="$model" --fp16 --int8 --cache=large.cache --engine=e.tare --verbose \
    --precision-constraints=prefer --layer-precisions='*:fp16' >log 2>warnings
grep -q "FP16 overflow: '.*' reaches 127000, FP16 holds 65504" log || fail "no overflow: $(cat log)"
"$tare" run --engine=e.tare "${data[@]}" --count=1 --top=1 >log || fail "it does not run"

zoo=${TARE_ZOO:-$root/../shared/zoo}
[[ -e $zoo/data/cifar10_test.txt ]] && ! is_sanitized || exit 0
for type in fp16 bf16; do
    check_accuracy "$type" "${points[$type]}" "$zoo/models/cifar10_resnet20.onnx" --list="$zoo/data/cifar10_test.txt" --count=$count \
        --scale=1/255 --mean=0.485,0.456,0.406 --std=0.229,0.224,0.225
    check_accuracy "$type" "${points[$type]}" "$zoo/models/cifar10_resnet8_mlperf.onnx" \
        --list="$zoo/data/cifar10_test.txt" --count=$count
done
