#!/usr/bin/env bash
# Inputs and outputs that are not float32, and outputs whose shape only a run tells.
. "$(dirname "$0")/common.sh"

data=/usr/share/libonnx-testdata/data/node
[[ -d $data ]] || skip "no libonnx-testdata"

build() { "$tare" build --onnx="$data/test_$1/model.onnx" --engine="$1.tare" >log; }
# numbers FORMAT FILE: the values of a .npy, without its header.
numbers() { tail -c +129 "$2" | od -An -v -t"$1" | xargs; }
# descr FILE: "<i8 (3, 3)"
descr() { head -c 128 "$1" | tail -c +11 | sed -nE "s/.*'descr': '([^']*)'.*'shape': (\([^)]*\)).*/\1 \2/p"; }
s64() { for value; do printf '%b' "$(printf '%016x' "$value" | fold -w2 | sed 's/^/\\x/' | tac | tr -d '\n')"; done; }
# real TEST INPUT BYTES: the float32 values of one of ONNX's test inputs.
real() { tail -c "$3" "$data/test_$1/test_data_set_0/input_$2.pb"; }

# 2^53 + 1 is no float32 and no double: modulo 3 it is 0, its neighbours are not
build mod_int64_fmod
s64 9007199254740993 7 -7 9 4611686018427387907 5 | npy x.npy '<i8' '6,'
s64 3 4 4 2 4611686018427387904 5 | npy y.npy '<i8' '6,'
both=(--input=x=npy:x.npy --input=y=npy:y.npy)
"$tare" run --engine=mod_int64_fmod.tare "${both[@]}" --output=mod >log
[[ $(descr mod/z.npy) == "<i8 (6,)" ]] || fail "$(descr mod/z.npy)"
[[ $(numbers d8 mod/z.npy) == "0 3 -3 1 3 0" ]] || fail "$(numbers d8 mod/z.npy)"
"$tare" compare --onnx="$data/test_mod_int64_fmod/model.onnx" --engine=mod_int64_fmod.tare "${both[@]}" --json=r.json >log
holds "$(json r.json equal) == 100"
refuse 1 "output 'z' is int64, scores are float32: use --save-outputs" "$tare" run --engine=mod_int64_fmod.tare "${both[@]}"

# the same numbers in another type; what int64 cannot be
printf '\1\2\3\4\5\6' | npy bytes.npy '|u1' '6, 1'
"$tare" run --engine=mod_int64_fmod.tare --input=x=npy:bytes.npy --input=y=npy:y.npy --output=mod >log
[[ $(numbers d8 mod/z.npy) == "1 2 3 0 5 1" ]] || fail "$(numbers d8 mod/z.npy)"
printf '\0\0\300\077' | npy half.npy '<f4' '1,'
refuse 1 'half.npy: element 0 is 1.5, no int64: want a whole number' "$tare" run --engine=mod_int64_fmod.tare \
    --input=x=npy:half.npy --input=y=npy:half.npy --output=out/o

build add_uint8
s64 300 | npy large.npy '<i8' '1, 1, 1'
head -c 60 /dev/zero | npy zero.npy '|u1' '3, 4, 5'
head -c 480 /dev/zero | tr '\0' '\1' | npy large.npy '<i8' '3, 4, 5'
refuse 1 'large.npy.*: element 0 is 7.23.*e.16, no uint8' "$tare" run --engine=add_uint8.tare \
    --input=x=npy:large.npy --input=y=npy:zero.npy --output=out/o

# pixels stay pixels
build maxpool_2d_uint8
for i in {1..25}; do printf "\\x$(printf %02x $((10 * i)))"; done | npy pixels.npy '|u1' '1, 1, 5, 5'
"$tare" run --engine=maxpool_2d_uint8.tare --npy=pixels.npy --output=pool >log
[[ $(numbers u1 pool/y.npy) == "130 140 150 150 150 180 190 200 200 200 "* ]] || fail "$(numbers u1 pool/y.npy)"
refuse 1 'the network reads uint8: it gets pixels as they are' "$tare" run --engine=maxpool_2d_uint8.tare \
    --npy=pixels.npy --mean=1 --output=out/o

# the numbers of boxes differ, and so do the shapes of the samples
build nonmaxsuppression_suppress_by_IOU
nms=nonmaxsuppression_suppress_by_IOU
for _ in 1 2 3; do real $nms 0 96; done | npy boxes.npy '<f4' '3, 6, 4'
for _ in 1 2 3; do real $nms 1 24; done | npy scores.npy '<f4' '3, 1, 6'
s64 3 1 2 | npy most.npy '<i8' '3,'
for _ in 1 2 3; do real $nms 3 4; done | npy iou.npy '<f4' '3,'
for _ in 1 2 3; do real $nms 4 4; done | npy least.npy '<f4' '3,'
boxes=(--input=boxes=npy:boxes.npy --input=scores=npy:scores.npy --input=max_output_boxes_per_class=npy:most.npy
    --input=iou_threshold=npy:iou.npy --input=score_threshold=npy:least.npy)
"$tare" run --engine=$nms.tare "${boxes[@]}" --output=nms >log
[[ $(descr nms/selected_indices.0.npy) == "<i8 (3, 3,)" ]] || fail "$(descr nms/selected_indices.0.npy)"
[[ $(numbers d8 nms/selected_indices.0.npy) == "0 0 3 0 0 0 0 0 5" ]] || fail "$(numbers d8 nms/selected_indices.0.npy)"
[[ $(numbers d8 nms/selected_indices.1.npy) == "0 0 3" ]] || fail "$(numbers d8 nms/selected_indices.1.npy)"
[[ $(numbers d8 nms/selected_indices.2.npy) == "0 0 3 0 0 0" ]] || fail "$(numbers d8 nms/selected_indices.2.npy)"
[[ ! -e nms/selected_indices.npy ]] || fail "samples of different shapes in one file"
"$tare" compare --reference=nms --engine=$nms.tare "${boxes[@]}" --json=r.json >log
holds "$(json r.json equal) == 100 && $(json r.json other_shapes) == 0"

# one value and one shape are changed
cp nms/selected_indices.1.npy nms/selected_indices.2.npy
s64 0 0 3 0 0 0 0 0 4 | npy nms/selected_indices.0.npy '<i8' '3, 3'
"$tare" compare --reference=nms --engine=$nms.tare "${boxes[@]}" --json=r.json >log
holds "$(json r.json equal) < 92 && $(json r.json equal) > 91 && $(json r.json other_shapes) == 1"
rm nms/selected_indices.1.npy
refuse 1 'selected_indices.1.npy: ' "$tare" compare --reference=nms --engine=$nms.tare "${boxes[@]}"

# the same shape in every sample: one file, which takes the place of the others
s64 2 2 2 | npy most.npy '<i8' '3,'
"$tare" run --engine=$nms.tare "${boxes[@]}" --output=nms >log
[[ $(numbers d8 nms/selected_indices.npy) == "0 0 3 0 0 0 0 0 3 0 0 0 0 0 3 0 0 0" ]] || fail "one file for all"
"$tare" compare --reference=nms --engine=$nms.tare "${boxes[@]}" --json=r.json >log
holds "$(json r.json equal) == 100"

# perf fills inputs with what suits most networks, and says so where a run fails
refuse 1 'iou_threshold -.* is not in' "$tare" perf --engine=$nms.tare --duration=0.01 --quiet

# a run of several samples makes one output of unknown shape
build nonzero_example
"$tare" perf --engine=nonzero_example.tare --duration=0.01 --quiet >log
grep -q 'Throughput' log || fail "perf: $(cat log)"
printf '\1\0\1\1' | npy condition.npy '|b1' '2, 2'
refuse 1 "output 'result' has no axis for the samples of a batch" \
    "$tare" run --engine=nonzero_example.tare --npy=condition.npy --output=out/o

# calibration sees the float32 tensors, not the int64 beside them
s64 4 5 6 | npy y.npy '<i8' '3,'
printf '\0\0\200\077\0\0\0\100\0\0\100\100' | npy x.npy '<f4' '3,'
"$tare" calibrate --onnx="$data/test_pow_types_float32_int64/model.onnx" "${both[@]}" --calibrator=minmax --cache=pow.cache >log
grep -q '^x: ' pow.cache && grep -q '^z: ' pow.cache || fail "$(cat pow.cache)"
! grep -q '^y: ' pow.cache || fail "a range of an int64: $(cat pow.cache)"
