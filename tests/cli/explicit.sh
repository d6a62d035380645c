#!/usr/bin/env bash
# Models that are quantized themselves, in every style: built without a cache, all products
# in INT8, and near what is built from a cache of the same ranges.
. "$(dirname "$0")/common.sh"
/usr/bin/python3 -c 'import onnx' 2>/dev/null || skip "no python3-onnx"
need_images

"$tare" calibrate --onnx="$model" "${data[@]}" --count=64 --calibrator=minmax --cache=cache >/dev/null

# int8_layers FILE: the weighted layers that are in INT8, and all of them.
int8_layers() {
    /usr/bin/python3 - "$1" <<'EOF'
import json
import sys
layers = [l for l in json.load(open(sys.argv[1]))["layers"] if l["type"] in ("Conv", "Gemm", "MatMul")]
print(sum(l["precision"] == "INT8" for l in layers), len(layers))
EOF
}

for style in qdq trt qoperator; do
    for activations in u8 s8; do
        name=$style-$activations
        /usr/bin/python3 "$root/bench/quantize.py" "$model" cache.json "$name.onnx" \
            --style=$style --activations=$activations
        "$tare" build --onnx="$name.onnx" --int8 --engine="$name.tare" --timing-cache=times --json=layers.json >/dev/null 2>stderr
        [[ ! -s stderr ]] || fail "$name: $(cat stderr)"
        read -r int8 all <<<"$(int8_layers layers.json)"
        [[ $all -gt 10 && $int8 -eq $all ]] || fail "$name: $int8 of $all layers in INT8"
        "$tare" inspect engine "$name.tare" | grep -q ' program ' && fail "$name: a program is left"

        "$tare" compare --onnx="$model" --engine="$name.tare" "${data[@]}" --count=200 --json=report.json >/dev/null
        holds "$(json report.json outputs sqnr_db) > 20" # of FP32, unquantized
    done
done

# The same engine for a cache that is not used, with a line about it.
"$tare" build --onnx=qdq-u8.onnx --int8 --cache=cache --engine=again.tare --timing-cache=times >/dev/null 2>stderr
cmp again.tare qdq-u8.tare
grep -q 'explicitly quantized .* cache are not used' stderr || fail "$(cat stderr)"
[[ $(wc -l <stderr) -eq 1 ]] || fail "$(cat stderr)"

# Without INT8: a line, and the same values but for ties.
"$tare" build --onnx=qdq-u8.onnx --engine=fp32.tare >/dev/null 2>stderr
grep -q 'explicitly quantized .*--int8' stderr || fail "$(cat stderr)"
"$tare" compare --engine=fp32.tare --engine=qdq-u8.tare "${data[@]}" --count=200 --json=report.json >/dev/null
holds "$(json report.json outputs sqnr_db) > 35"

refuse 1 'qdq-u8.onnx is quantized itself.*nothing to calibrate' \
    "$tare" calibrate --onnx=qdq-u8.onnx "${data[@]}" --cache=out/c
