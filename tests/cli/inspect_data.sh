#!/usr/bin/env bash
# tare inspect data: types, shapes, statistics, histograms and values of arrays in every
# kind of file.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

# -2, NaN, 0.5, Inf, 3, 3 as float32; 1 to 12 as uint8; two large int64.
printf '\0\0\0\300\0\0\300\177\0\0\0\77\0\0\200\177\0\0\100\100\0\0\100\100' >floats.bin
printf '\1\2\3\4\5\6\7\10\11\12\13\14' >bytes.bin
printf '\1\0\0\0\0\0\0\200\377\377\377\377\377\377\377\377' >wide.bin
npy floats.npy '<f4' '2, 3' <floats.bin
npy wide.npy '<i8' '2,' <wide.bin

"$tare" inspect data floats.npy --histogram --show-values=5 --json=f.json >log
grep -q '^floats.npy: float32 \[2x3\], 6 values$' log || fail "$(cat log)"
grep -qE '^ +min -2 at \(0, 0\), max 3 at \(1, 1\), mean 1.125, std 2.0728[0-9]*$' log || fail "$(cat log)"
grep -qE '^ +1 NaN, 1 \+Inf, 0 -Inf, the first at \(0, 1\)$' log || fail "$(cat log)"
[[ $(grep -cE '^ +[-0-9.]+ +[-0-9.]+ +[0-9]+( #+)?$' log) -eq 10 ]] || fail "not ten bins: $(cat log)"
grep -qE '^ +2.5 +3 +2 #+$' log || fail "two values are in the last bin: $(cat log)"
grep -q '^  \[0\] -2 nan 0.5 inf 3 \.\.\.$' log || fail "$(cat log)"
holds "$(json f.json statistics nan) == 1 && $(json f.json statistics median) == 1.75"
tr -d '[:space:]' <f.json | grep -q '"dims":\[2,3\].*"counts":\[1,0,0,0,0,1,0,0,0,2\]' || fail "$(cat f.json)"

"$tare" inspect data floats.bin --shape=3x2 >log
grep -q '^floats.bin: float32 \[3x2\], 6 values$' log || fail "$(cat log)"
grep -q 'max 3 at (2, 0)' log || fail "$(cat log)"
"$tare" inspect data bytes.bin --type=uint8 --show-values=100 >log
grep -q '^bytes.bin: uint8 \[12\], 12 values$' log || fail "$(cat log)"
grep -q '^  \[8\] 9 10 11 12$' log || fail "$(cat log)"
"$tare" inspect data wide.npy --show-values=2 >log
grep -q '^  \[0\] -9223372036854775807 -1$' log || fail "rounded: $(cat log)"

# A folder, an archive, one array of it.
mkdir folder && cp floats.npy wide.npy folder
"$tare" inspect data folder >log
[[ $(grep -c ' values$' log) -eq 2 ]] || fail "$(cat log)"
{ head -c 3136 /dev/zero; } | npy zero.npy '<f4' '1, 1, 28, 28'
"$tare" run --onnx="$model" --npy=zero.npy --dump-intermediate=all.npz >log
"$tare" inspect data all.npz --json=all.json >log
grep -q '^input: float32 \[1x1x28x28\], 784 values$' log || fail "$(head log)"
grep -q '^logits: float32 \[1x10\], 10 values$' log || fail "$(tail log)"
"$tare" inspect data all.npz:logits >log
[[ $(wc -l <log) -eq 3 ]] || fail "$(cat log)"

refuse 1 'floats.bin: holds 6 values, not --shape=4x2' "$tare" inspect data floats.bin --shape=4x2 --json=out/j
refuse 1 'floats.bin: holds 6 values, not --shape=3xx2' "$tare" inspect data floats.bin --shape=3xx2 --json=out/j
refuse 1 'bytes.bin: 12 bytes are no whole number of int64' "$tare" inspect data bytes.bin --type=int64
refuse 1 '--type=f32: want float32' "$tare" inspect data bytes.bin --type=f32
refuse 1 'none.bin: cannot be read' "$tare" inspect data none.bin
refuse 1 'none.npz: ' "$tare" inspect data none.npz
refuse 1 'no .npy files' "$tare" inspect data out
refuse 2 'name a file' "$tare" inspect data
