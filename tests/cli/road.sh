#!/usr/bin/env bash
# From a model and images to an INT8 engine that is about as good, and what is written
# on the way.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"
need_images
# accuracy is no concern of sanitizers
n=1000
! is_sanitized || n=100
test=("${data[@]}" --skip=1000 --count=$n)

for name in fashion_resnet fashion_depthwise; do
    onnx=$root/models/$name.onnx
    "$tare" calibrate --onnx="$onnx" "${data[@]}" --count=200 --calibrator=minmax --cache=$name.cache >out.txt
    grep -q '^Images  *200$' out.txt || fail "no count of images in: $(cat out.txt)"
    head -n 1 $name.cache | grep -qx 'TRT-8601-MinMaxCalibration' || fail "header: $(head -n 1 $name.cache)"
    if sed 1d $name.cache | grep -vE '^.+: [0-9a-f]{8}$'; then fail "$name.cache is malformed"; fi
    grep -q '"calibrator":.*"minmax"' $name.cache.json || fail "$name.cache.json names no calibrator"
    "$tare" build --onnx="$onnx" --engine=fp32.tare --json=fp32.json >out.txt
    "$tare" build --onnx="$onnx" --int8 --cache=$name.cache --engine=int8.tare >out.txt
    "$tare" compare --onnx="$onnx" --engine=int8.tare "${test[@]}" --json=compare.json >out.txt
    fp32=$(json compare.json fp32 top1) int8=$(json compare.json engine top1)
    echo "$name: FP32 $fp32 %, INT8 $int8 %, agreement $(json compare.json agreement_top1) %"
    holds "$(json compare.json count) == $n"
    holds "$fp32 >= 92 && $int8 >= $fp32 - 1"
    holds "$(json compare.json agreement_top1) >= 98"
    holds "$(json compare.json outputs sqnr_db) >= 20"
    holds "$(json compare.json fp32 top5) >= 99"

    # FP32 against itself is perfect.
    "$tare" compare --onnx="$onnx" --engine=fp32.tare "${test[@]}" --json=compare.json >out.txt
    holds "$(json compare.json fp32 top1) == $fp32 && $(json compare.json engine top1) == $fp32"
    holds "$(json compare.json agreement_top1) == 100"
    holds "$(json compare.json outputs max_abs) < 1e-3"

    (($(stat -c %s int8.tare) < $(stat -c %s fp32.tare) / 2)) || fail "the INT8 engine is not small"
done

"$tare" compare --onnx="$onnx" --engine=int8.tare "${data[@]}" --count=50 --layers --json=layers.json >out.txt
holds "$(grep -c '"isolated_sqnr_db"' layers.json) >= 10"

"$tare" run --engine=int8.tare "${data[@]}" --count=3 --top=2 >out.txt
[[ $(wc -l <out.txt) -eq 3 ]] || fail "not one line an image: $(cat out.txt)"
"$tare" perf --engine=int8.tare --duration=0.1 --warmup=10 --json=perf.json >out.txt 2>/dev/null
holds "$(json perf.json latency_ms median) > 0 && $(json perf.json throughput_qps) > 0"
grep -q '"tactic"' perf.json || fail "perf.json has no layers"

# A layer that is asked to stay in FP32 does.
layer=$(sed -n 's/.*"name":[[:space:]]*"\([^"]*\)".*/\1/p' fp32.json | head -n 1)
"$tare" build --onnx="$onnx" --int8 --cache=fashion_depthwise.cache --engine=mixed.tare --json=mixed.json \
    --precision-constraints=obey --layer-precisions="$layer:fp32" >out.txt
[[ $(grep -c '"precision":.*"INT8"' mixed.json) -gt 0 ]] || fail "no layer in INT8: $(cat mixed.json)"
tr -d '[:space:]' <mixed.json | grep -qF "{\"name\":\"$layer\"" || fail "no layer $layer in mixed.json"
tr -d '[:space:]' <mixed.json | grep -qE "\"name\":\"$layer\",[^}]*\"precision\":\"FP32\"" || fail "$layer is not in FP32"
status=0
"$tare" build --onnx="$onnx" --int8 --cache=fashion_depthwise.cache --engine=none.tare \
    --precision-constraints=obey --layer-precisions=nosuchlayer:int8 >out.txt 2>&1 || status=$?
[[ $status -eq 1 && ! -e none.tare ]] || fail "a constraint that cannot be obeyed: exit status $status"
grep -q "nosuchlayer" out.txt || fail "a constraint that cannot be obeyed: $(cat out.txt)"

"$tare" inspect model "$onnx" >out.txt && grep -q Conv out.txt
"$tare" inspect engine int8.tare --json=engine.json >out.txt && grep -q INT8 out.txt
grep -qE '^Activations  [0-9.]+ kB \(bound by liveness [0-9.]+ kB, \+[0-9.]+ %\)$' out.txt ||
    fail "no bound: $(cat out.txt)"
holds "$(json engine.json activation_bytes) <= 1.05 * $(json engine.json live_bytes)"
"$tare" inspect cache fashion_depthwise.cache >out.txt && grep -q input out.txt
"$tare" inspect cpu >out.txt && [[ -s out.txt ]]
