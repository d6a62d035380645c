#!/usr/bin/env bash
# tare run --onnxruntime: the network run by ONNX Runtime's own library on the same inputs.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"
need_images
need_onnxruntime

"$tare" run --onnx="$model" "${data[@]}" --count=16 --onnxruntime="$onnxruntime" --rtol=1e-4 --json=fp32.json >log ||
    fail "FP32 differs from onnxruntime: $(cat log)"
grep -qE '^onnxruntime [0-9]+\.[0-9]+\.[0-9]+$' log || fail "no version: $(cat log)"
holds "$(json fp32.json onnxruntime std) > 0.5" # it did compute
holds "$(json fp32.json absolute max) < 1e-4 && $(json fp32.json values) == 160"

mkdir tmp
# Every tensor that ONNX names, each as onnxruntime has it.
TMPDIR=$PWD/tmp "$tare" run --onnx="$model" "${data[@]}" --count=4 --onnxruntime="$onnxruntime" --rtol=1e-4 --mark-all >log ||
    fail "a tensor differs: $(grep -B 9 FAILED log)"
grep -q '^38 of 38 tensors within tolerance$' log || fail "$(tail -n 1 log)"
[[ -z $(ls -A tmp) ]] || fail "left behind: $(ls tmp)"

"$tare" calibrate --onnx="$model" "${data[@]}" --count=64 --calibrator=minmax --cache=net.cache >log
"$tare" build --onnx="$model" --int8 --cache=net.cache --batch=4 --engine=int8.tare >log
status=0
"$tare" run --engine=int8.tare --onnx="$model" "${data[@]}" --count=6 --onnxruntime="$onnxruntime" >log 2>err || status=$?
[[ $status -eq 1 ]] || fail "INT8 is FP32: $(cat log)"
grep -q '^tare: 1 of 1 tensors are out of tolerance$' err || fail "no reason: $(cat err)"
"$tare" run --engine=int8.tare --onnx="$model" "${data[@]}" --count=6 --threads=2 --onnxruntime="$onnxruntime" --atol=0.5 >log ||
    fail "INT8 is far off: $(cat log)"

head -c 1000 "$model" >cut.onnx
refuse 1 '^tare: onnxruntime [0-9.]*: .*cut.onnx' \
    "$tare" run --engine=int8.tare --onnx=cut.onnx "${data[@]}" --count=6 --onnxruntime="$onnxruntime"
