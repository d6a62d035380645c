#!/usr/bin/env bash
# tare compare: every kind of reference gives the same figures, ranks divide the work, and
# NaN is never taken for agreement.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"
need_images
test=("${data[@]}" --skip=1000 --count=101)

"$tare" calibrate --onnx="$model" "${data[@]}" --count=64 --calibrator=minmax --cache=net.cache >log
"$tare" build --onnx="$model" --engine=fp32.tare >log
"$tare" build --onnx="$model" --int8 --cache=net.cache --engine=int8.tare >log
"$tare" compare --onnx="$model" --engine=int8.tare "${test[@]}" --json=model.json >log
grep -q '^ *FP32 ' log || fail "the reference has another name: $(cat log)"
holds "$(json model.json count) == 101 && $(json model.json outputs sqnr_db) < 100"

# Another engine, and outputs that it left in a folder.
"$tare" compare --engine=fp32.tare --engine=int8.tare "${test[@]}" --json=engine.json >log
grep -q '^ *Reference ' log || fail "the reference has another name: $(cat log)"
cmp model.json engine.json || fail "an engine as reference gives other figures"
"$tare" run --engine=fp32.tare "${test[@]}" --output=stored >log
"$tare" compare --reference=stored --engine=int8.tare "${test[@]}" --threads=3 --json=stored.json >log
cmp model.json stored.json || fail "stored outputs as reference give other figures"
# the preprocessing from beside the cache
"$tare" compare --onnx="$model" --engine=int8.tare "${data[0]}" --skip=1000 --count=101 \
    --preprocess=net.cache.json --json=sidecar.json >log
cmp model.json sidecar.json || fail "the report's preprocessing gives other figures"
# every key of the contract, layers included
"$tare" compare --onnx="$model" --engine=int8.tare "${test[@]}" --layers --json=layers.json >log
for key in count fp32 engine top1 top5 agreement_top1 outputs name sqnr_db cosine max_abs layers precision isolated_sqnr_db; do
    grep -q "\"$key\":" layers.json || fail "no $key in the JSON"
done

refuse 1 'stored/logits.npy: 1010 values, 100 samples of output .logits. have 1000: give the' \
    "$tare" compare --reference=stored --engine=int8.tare "${data[@]}" --count=100 --json=out/j
refuse 1 'none/logits.npy: .*No such file' "$tare" compare --reference=none --engine=int8.tare "${test[@]}"
cp net.cache stored/logits.npy
refuse 1 'stored/logits.npy: ' "$tare" compare --reference=stored --engine=int8.tare "${test[@]}"
refuse 2 'stored outputs have no layers' "$tare" compare --reference=stored --engine=int8.tare --layers "${test[@]}"
refuse 2 'give one --engine beside' "$tare" compare --engine=int8.tare "${test[@]}"
refuse 2 'give one --engine beside' "$tare" compare --onnx="$model" --reference=stored --engine=int8.tare "${test[@]}"
refuse 2 'give one --engine beside' "$tare" compare --onnx="$model" "${test[@]}"

# One NaN among the values of the second of two samples: no hit, no agreement, no figure.
{ head -c $((2 * 784 * 4 - 4)) /dev/zero && printf '\0\0\300\177'; } | npy nan.npy '<f4' '2, 1, 28, 28'
"$tare" run --engine=fp32.tare --npy=nan.npy --count=1 --top=1 >log
class=$(sed 's/.*\t\([0-9]*\):.*/\1/' log)
printf '%s\n0\n' "$class" >labels.txt
"$tare" compare --onnx="$model" --engine=fp32.tare --npy=nan.npy --labels=labels.txt --json=nan.json >log
holds "$(json nan.json agreement_top1) == 50"
holds "$(json nan.json fp32 top1) == 50 && $(json nan.json engine top5) == 50"
for key in sqnr_db cosine max_abs; do
    tr -d '[:space:]' <nan.json | grep -q "\"$key\":null" || fail "$key of NaN: $(cat nan.json)"
done

need_ranks
for n in 1 2 4; do
    ranks "$n" "$tare" compare --onnx="$model" --engine=int8.tare "${test[@]}" --layers --threads=1 \
        --json=ranks.json >log 2>&1 || fail "mpirun -n $n: $(cat log)"
    cmp layers.json ranks.json || fail "$n ranks give other figures"
    [[ $(grep -c '^Samples  *101$' log) -eq 1 ]] || fail "not one table: $(cat log)"
done
status=0
ranks 2 timeout 60 "$tare" compare --onnx="$model" --engine=int8.tare --npy=nan.npy --reference=none \
    --json=failed.json >log 2>&1 || status=$?
[[ $status -ne 0 && ! -e failed.json ]] || fail "a wrong command line under mpirun: $status"
"$build/idx_to_png" "$images" "$labels" png --count=20 >log
find png -name '*.png' | sort | tail -n 1 | xargs truncate -s 100
status=0
ranks 2 timeout 60 "$tare" compare --onnx="$model" --engine=int8.tare --images=png "${preprocess[@]}" \
    --json=failed.json >log 2>&1 || status=$?
[[ $status -eq 1 && ! -e failed.json ]] || fail "a rank failed, mpirun ended with $status"
grep -q 'tare: .*damaged PNG' log || fail "the failure is not named: $(cat log)"
