#!/usr/bin/env bash
# Networks whose every layer has an INT8 kernel stay in bytes from the input to the
# output: a decoder, and squeeze-and-excite.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"
/usr/bin/python3 -c 'import torch, torchvision' 2>/dev/null || skip "no python3-torchvision"

check() { # check ONNX NPY COUNT LEAST: INT8 but for the input and the output, dB
    local unseen=(--npy="$2" --skip="$3") sqnr
    "$tare" calibrate --onnx="$1" --npy="$2" --count="$3" --cache=net.cache >/dev/null
    "$tare" build --onnx="$1" --int8 --cache=net.cache --engine=int8.tare >int8.txt
    "$tare" perf --engine=int8.tare --profile --warmup=0 --duration=0.01 >profile.txt 2>&1
    grep -E '(FP32|INT8)  [a-z]' profile.txt | grep -vE 'INT8|quantize input$|reformat (output|logits)$' >float.txt || true
    [[ ! -s float.txt ]] || fail "$1 has float layers: $(cat float.txt)"
    "$tare" compare --onnx="$1" --engine=int8.tare "${unseen[@]}" --json=int8.json >/dev/null
    sqnr=$(json int8.json outputs sqnr_db)
    echo "$1: INT8 $sqnr dB"
    holds "$sqnr > $4 && $sqnr < 80"
}

"$root/bench/export-unet" unet >export.log 2>&1 || fail "export: $(tail -n 5 export.log)"
check unet/unet.onnx unet/input.npy 16 30

"$root/bench/export-network" mobilenet_v3_small se.onnx >export.log 2>&1 || fail "export: $(tail -n 5 export.log)"
/usr/bin/python3 - <<'PYTHON'
import numpy, torch
torch.manual_seed(1)
numpy.save("images.npy", torch.nn.functional.interpolate(
    torch.randn(8, 3, 28, 28), size=224, mode="bicubic").numpy())
PYTHON
check se.onnx images.npy 6 20
