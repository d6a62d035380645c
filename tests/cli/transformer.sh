#!/usr/bin/env bash
# Transformers as PyTorch exports them, before LayerNormalization was an operator and
# after: FP32 as PyTorch computes it, INT8 near it.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"
/usr/bin/python3 -c 'import torch, torchvision' 2>/dev/null || skip "no python3-torchvision"

check() { # check NAME OPSET LEAST: dB of INT8
    "$root/bench/export-network" "$1" "$1/$1.onnx" --opset="$2" --samples=128 >export.log 2>&1 || fail "export: $(tail -n 5 export.log)"
    local onnx=$1/$1.onnx unseen=(--npy="$1/input.npy" --skip=64)
    "$tare" build --onnx="$onnx" --engine=fp32.tare --dump-passes >passes.txt
    "$tare" compare --reference="$1" --engine=fp32.tare --npy="$1/input.npy" --json=fp32.json >/dev/null
    "$tare" calibrate --onnx="$onnx" --npy="$1/input.npy" --count=64 --cache=net.cache >/dev/null
    "$tare" build --onnx="$onnx" --int8 --cache=net.cache --engine=int8.tare >int8.txt
    "$tare" compare --onnx="$onnx" --engine=int8.tare "${unseen[@]}" --json=int8.json >/dev/null
    local fp32 int8
    fp32=$(json fp32.json outputs sqnr_db) int8=$(json int8.json outputs sqnr_db)
    echo "$1, opset $2: FP32 $fp32 dB from PyTorch, INT8 $int8 dB"
    holds "$fp32 > 100 && $int8 > $3 && $int8 < 80"
}

check encoder 13 30
check vit 17 30

# Tokens: numbers of a vocabulary, in sequences of a length that the export did not see.
for length in 17 25; do
    "$root/bench/export-network" tokens "tokens$length/tokens.onnx" --length=$length --samples=128 >export.log 2>&1 ||
        fail "export: $(tail -n 5 export.log)"
    "$tare" build --onnx=tokens17/tokens.onnx --opt-shapes=input:1x$length --engine=tokens.tare >/dev/null
    "$tare" compare --reference="tokens$length" --engine=tokens.tare --npy="tokens$length/input.npy" \
        --json=tokens.json >/dev/null
    echo "tokens, length $length: $(json tokens.json outputs sqnr_db) dB from PyTorch"
    holds "$(json tokens.json outputs sqnr_db) > 100"
done

# Every product, by weights or in attention, is in INT8, every norm, softmax and sum of the stream is not.
"$tare" perf --engine=int8.tare --profile --warmup=0 --duration=0.01 >profile.txt 2>&1
[[ $(grep -c 'FP32  layer norm' profile.txt) -eq 9 ]] || fail "not 9 norms: $(cat profile.txt)"
[[ $(grep -c 'FP32  softmax' profile.txt) -eq 4 ]] || fail "not 4 softmaxes: $(cat profile.txt)"
[[ $(grep -c 'INT8  conv' profile.txt) -eq 18 ]] || fail "not 18 products: $(cat profile.txt)"
[[ $(grep -c 'INT8  matmul' profile.txt) -eq 8 ]] || fail "not 8 products of attention: $(cat profile.txt)"
if grep -qE 'INT8  binary|program' profile.txt; then fail "a sum in INT8, or an interpreter: $(cat profile.txt)"; fi
