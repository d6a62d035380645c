#!/usr/bin/env bash
# tare compare names what is wrong with a layer: networks that each have one fault, made on
# purpose, and the flag that it names mends it.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"
command -v python3 >/dev/null || skip "no python3"

make() { "$root/tests/cli/fault_models.py" "$1" "$1"; }
calibrate() { # KIND FLAGS...
    local kind=$1
    shift
    "$tare" calibrate --onnx="$kind.onnx" --npy="$kind.npy" --cache="$kind.cache" --calibrator=minmax "$@" >log
}
compare() { # KIND: into KIND.json
    "$tare" build --onnx="$1.onnx" --int8 --cache="$1.cache" --engine="$1.tare" "${@:2}" >log 2>&1
    "$tare" compare --onnx="$1.onnx" --engine="$1.tare" --npy="$1.npy" --layers --json="$1.json" >"$1.txt"
}
# of KIND TENSOR KEY: from the row of a tensor
of() {
    python3 -c 'import json, sys
rows = [r for r in json.load(open(sys.argv[1] + ".json"))["layers"] if r["name"] == sys.argv[2]]
print(rows[0][sys.argv[3]])' "$@"
}
# names KIND TENSOR CAUSE WORDS FLAG
names() {
    local got
    got="$(of "$1" "$2" cause): $(of "$1" "$2" why); $(of "$1" "$2" try)"
    [[ $got =~ ^$3:\ .*$4.*\;\ .*$5 ]] || fail "$1, '$2': '$got', want '$3: $4; $5'; $(cat "$1.txt")"
    echo "$1: $got"
}
all_fine() { # KIND: no layer has a cause
    if grep -q 'why:' "$1.txt"; then fail "$1 has nothing wrong: $(cat "$1.txt")"; fi
}

make healthy
calibrate healthy
compare healthy
all_fine healthy

# A calibrator that clips: the range of t1 is an eighth.
cp healthy.onnx clipped.onnx
cp healthy.npy clipped.npy
python3 - <<'PYTHON'
lines = open("healthy.cache").read().split("\n")
bits = [int(l.split(": ")[1], 16) for l in lines if l.startswith("t1: ")][0]
with open("clipped.cache", "w") as f:
    f.write("\n".join("t1: %x" % (bits - (3 << 23)) if l.startswith("t1: ") else l for l in lines))
PYTHON
compare clipped
names clipped t1 clipping '[0-9.]+ % of its values are outside of the range 0 to' '--calibrator=minmax'
names clipped t2 clipping "of the values of its input 't1' are outside" '--calibrator=minmax'
names clipped y inherited "comes in with its inputs, from 't1'" ''
holds "$(of clipped t1 clipped) > 5"
[[ $(awk '/Tensor \(layer\)/ { getline; print $6 }' clipped.txt) =~ ^t[12]$ ]] ||
    fail "the worst layer is not the first: $(cat clipped.txt)"

make outliers
calibrate outliers
compare outliers
names outliers x outliers '99.99 % of its values are within' '--calibrator=percentile'
"$tare" calibrate --onnx=outliers.onnx --npy=outliers.npy --cache=outliers.cache --calibrator=percentile >log
before=$(of outliers x isolated_sqnr_db)
compare outliers
[[ $(of outliers x cause) != outliers ]] || fail "percentile does not mend it: $(cat outliers.txt)"

make spikes
calibrate spikes
compare spikes
names spikes x rounding '8 bits are too few' "--layer-precisions='conv1:fp32' --precision-constraints=obey"
compare spikes --layer-precisions='conv1:fp32' --precision-constraints=obey
if grep -q ' x (quantize x)' spikes.txt; then fail "the input is still quantized: $(cat spikes.txt)"; fi

make depthwise
calibrate depthwise
compare depthwise
names depthwise t2 weights "depthwise weights of 'depthwise' span [0-9]+:1 across channels" '--recover=equalize'
before=$(of depthwise t2 isolated_sqnr_db)
calibrate depthwise --recover=equalize
compare depthwise
holds "$(json depthwise.json outputs sqnr_db) > $before + 6"

make channels
calibrate channels
compare channels
names channels t2 channels "the channels of its input 't1' span [0-9]+:1 in one range" "--layer-precisions='conv2:fp32'"
before=$(of channels t2 sqnr_db)
compare channels --layer-precisions='conv2:fp32' --precision-constraints=obey
holds "$(of channels t2 sqnr_db) > $before + 6"

make matrix
calibrate matrix
compare matrix
names matrix y channels "the channels of its input 't1' span [0-9]+:1" '--recover=smooth'
before=$(of matrix y sqnr_db)
calibrate matrix --recover=smooth
compare matrix
holds "$(json matrix.json outputs sqnr_db) > $before + 6"

make weights
calibrate weights
compare weights
names weights t2 weights "weights of 'conv2' span [0-9]+:1 across input channels" "--layer-precisions='conv2:fp32'"

make shift
calibrate shift
compare shift
names shift t2 shift 'its channels are shifted: their means make [0-9]+ % of the error' '--recover=bias'
before=$(of shift t2 sqnr_db)
calibrate shift --recover=bias
compare shift
holds "$(of shift t2 sqnr_db) > $before + 6"

# The figures do not depend on threads.
"$tare" compare --onnx=shift.onnx --engine=shift.tare --npy=shift.npy --layers --threads=1 --json=one.json >log
"$tare" compare --onnx=shift.onnx --engine=shift.tare --npy=shift.npy --layers --threads=3 --json=three.json >log
cmp one.json three.json || fail "the figures depend on the number of threads"
