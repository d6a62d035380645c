#!/usr/bin/env bash
# tare cache: verify, convert, diff and show, on a cache that tare made.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"
need_images

"$tare" calibrate --onnx="$model" "${data[@]}" --count=16 --calibrator=minmax --cache=good.cache >log
verify() { # STATUS PATTERN FILE FLAGS...
    local status=$1 pattern=$2 got=0
    shift 2
    "$tare" cache verify "$@" >stdout 2>stderr || got=$?
    [[ $got -eq $status ]] || fail "exit status $got, want $status: verify $*: $(cat stdout stderr)"
    grep -qF -- "$pattern" stdout || fail "'$pattern' is not in: $(head -n 5 stdout)"
}

# The right one passes, alone, with its report, and with the model.
verify 0 'nothing wrong found' good.cache
verify 0 'nothing wrong found' good.cache --onnx="$model"
cp good.cache alone.cache
verify 0 'nothing wrong found' alone.cache

# Wrong ones, each named.
rewrite() { # KIND OUT: awk has no floats from bits; python does
    python3 - "$1" good.cache "$2" <<'PYTHON'
import struct
import sys

kind, source, target = sys.argv[1:]
header, *lines = open(source).read().splitlines()
change = {
    "inverted": lambda s: struct.pack(">f", 1 / s),
    "undivided": lambda s: struct.pack(">f", 127 * s),
    "little-endian": lambda s: struct.pack("<f", s),
}[kind]
with open(target, "w") as out:
    print(header, file=out)
    for line in lines:
        name, digits = line.rsplit(": ", 1)
        (scale,) = struct.unpack(">f", bytes.fromhex(digits))
        print(f"{name}: {change(scale).hex()}", file=out)
PYTHON
}
for kind in inverted:'127 / peak (1 / scale)' undivided:'not divided by 127' little-endian:little-endian; do
    rewrite "${kind%%:*}" wrong.cache
    verify 1 "${kind#*:}" wrong.cache
    verify 1 "${kind#*:}" wrong.cache --onnx="$model"
    cp good.cache.json wrong.cache.json
    verify 1 "${kind#*:}" wrong.cache
    rm wrong.cache.json
done
sed 's/^TRT-8601/TRT-8XXX/' good.cache >wrong.cache
verify 1 placeholder wrong.cache
sed '2p' good.cache >wrong.cache
verify 1 'more than once' wrong.cache
sed 's/^input:/inptu:/' good.cache >wrong.cache
verify 1 "no tensor 'inptu'; the nearest is 'input'" wrong.cache --onnx="$model"
verify 1 "no range for tensor 'input'" wrong.cache --onnx="$model"
verify 1 'nothing wrong found' good.cache wrong.cache --onnx="$model"

# Every format that is read gives the same bytes back.
for format in tensorrt json onnxruntime; do
    "$tare" cache convert good.cache --to=$format --output=other >log
    "$tare" cache convert other --algorithm=MinMaxCalibration --output=back.cache >log
    cmp good.cache back.cache || fail "$format loses something"
    "$tare" cache diff good.cache other >log || fail "$format differs"
done
for algorithm in EntropyCalibration2 EntropyCalibration MinMaxCalibration LegacyCalibration; do
    "$tare" cache convert good.cache --header=TRT-100300 --algorithm=$algorithm --output=other.cache >log
    [[ $(head -n 1 other.cache) == "TRT-100300-$algorithm" ]] || fail "header $(head -n 1 other.cache)"
    cmp <(tail -n +2 good.cache) <(tail -n +2 other.cache) || fail "$algorithm changed the scales"
done
"$tare" cache convert good.cache --to=ncnn --onnx="$model" --output=out.table >log
grep -q '_param_0 ' out.table || fail "no weights in ncnn's table"

# A difference is found, and its size tells whether it counts.
"$tare" cache show good.cache >log
grep -q 'MinMaxCalibration, [0-9]* tensors' log || fail "show: $(head -n 1 log)"
cmp log <("$tare" inspect cache good.cache) || fail "show and inspect differ"
sed 's/^input: ..../input: 3f00/' good.cache >other.cache
! "$tare" cache diff good.cache other.cache --json=diff.json >log || fail "no difference found"
[[ $(json diff.json differ) == 1 ]] || fail "more than one difference"
"$tare" cache diff good.cache other.cache --tolerance=1000 >log || fail "beyond the tolerance"

# Refusals.
refuse 1 "TRT-110000" "$tare" cache convert good.cache --header=TRT-110000 --output=out/c
refuse 1 "give the model" "$tare" cache convert good.cache --to=ncnn --output=out/c
refuse 1 "want tensorrt, json" "$tare" cache convert good.cache --to=csv --output=out/c
refuse 1 "none.cache: .*No such file" "$tare" cache verify none.cache
refuse 2 "want two" "$tare" cache diff good.cache
refuse 2 "verify, convert, diff or show" "$tare" cache frobnicate good.cache
refuse 2 "--output is missing" "$tare" cache convert good.cache
