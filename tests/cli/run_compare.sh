#!/usr/bin/env bash
# tare run: inputs and outputs saved and loaded, comparison with what is stored,
# validation, every tensor of a run.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"
need_images

"$tare" calibrate --onnx="$model" "${data[@]}" --count=64 --calibrator=minmax --cache=net.cache >log
"$tare" build --onnx="$model" --engine=fp32.tare >log
"$tare" build --onnx="$model" --int8 --cache=net.cache --engine=int8.tare >log

# What was saved, read back, is what was there; folders and archives hold the same.
"$tare" run --engine=fp32.tare "${data[@]}" --count=8 --save-inputs=in.npz --save-outputs=outs.npz >log
"$tare" run --engine=fp32.tare "${data[@]}" --frame-count=8 --save-inputs=in --output=outs >log
"$tare" run --engine=fp32.tare --load-inputs=in.npz --save-inputs=in2 --save-outputs=out2 --threads=2 >log
{ diff -r in in2 && diff -r outs out2; } || fail "an archive gives other values"
"$tare" run --engine=fp32.tare --load-inputs=in --save-outputs=again.npz >log
cmp outs.npz again.npz || fail "an archive is not the same twice"
if command -v python3 >/dev/null && python3 -c 'import numpy' 2>/dev/null; then
    python3 -c 'import numpy
z = numpy.load("outs.npz")
assert z.files == ["logits"] and (z["logits"] == numpy.load("outs/logits.npy")).all()' || fail "NumPy reads something else"
fi

# Single files, by the name of the input or without it.
for i in 0 1; do # past the header of 128 bytes
    head -c $((128 + (i + 1) * 3136)) in/input.npy | tail -c 3136 >frame$i.bin
done
"$tare" run --engine=fp32.tare --load-inputs=in --count=2 --top=2 | cut -f 2- >two.txt
"$tare" run --engine=fp32.tare --input=input=raw:frame0.bin,frame1.bin --top=2 | tee log | cut -f 2- >raw.txt
cmp two.txt raw.txt || fail "headerless files give something else"
grep -q '^frame1.bin' log || fail "the frame is not named: $(cat log)"
"$tare" run --engine=fp32.tare --raw=frame0.bin --top=2 | cut -f 2- | cmp - <(head -n 1 two.txt) || fail "another frame"

# The same network passes, INT8 does not but within a tolerance.
for stored in outs outs.npz; do
    "$tare" run --engine=fp32.tare --load-inputs=in --load-outputs=$stored --atol=0 --rtol=0 --validate >log ||
        fail "not its own outputs: $(cat log)"
    grep -q '^1 of 1 tensors within tolerance' log || fail "$(cat log)"
    grep -q '^No NaN and no Inf' log || fail "$(cat log)"
done
"$tare" run --onnx="$model" --load-inputs=in --load-outputs=outs --atol=1e-4 >log || fail "a model differs: $(cat log)"
compare() { # STATUS FLAGS...
    local status=0
    "$tare" run --engine=int8.tare --load-inputs=in --load-outputs=outs --json=c.json "${@:2}" >log 2>&1 || status=$?
    [[ $status -eq $1 ]] || fail "exit status $status, want $1: $*: $(cat log)"
}
compare 1
grep -q '^ *FAILED by elemwise.*80 of 80 values beyond, the first at (0, 0)' log || fail "$(cat log)"
grep -q '^ *tare *from  *to  *values' log || fail "no histogram: $(cat log)"
worst=$(json c.json absolute max)
mean=$(json c.json absolute mean)
holds "$worst > 0.001 && $worst < 0.5 && $mean < $worst && $(json c.json absolute median) < $worst"
holds "$(json c.json sqnr_db) > 20 && $(json c.json beyond_tolerance) == 80"
"$tare" compare --reference=outs --engine=int8.tare --load-inputs=in --json=compare.json >log
holds "$(json c.json sqnr_db) - $(json compare.json outputs sqnr_db) < 1e-9 && $(json c.json sqnr_db) - $(json compare.json outputs sqnr_db) > -1e-9"
compare 0 --atol=0.5
compare 0 --atol=1e-5,logits:0.5
compare 1 --atol=0.5,logits:1e-5
compare 0 --rtol=10
compare 0 --check-error-stat=max --atol="$worst" --rtol=0
compare 1 --check-error-stat=max --atol="$mean" --rtol=0
compare 0 --check-error-stat=mean --atol="$mean" --rtol=0
compare 0 --check-error-stat=median --atol="$mean" --rtol=0

# Every tensor: of an FP32 model all that ONNX names, in order; the first NaN is found.
"$tare" run --onnx="$model" --load-inputs=in --dump-intermediate=tensors >log
[[ -e tensors/input.npy && -e tensors/logits.npy && $(find tensors -name '*.npy' | wc -l) -gt 15 ]] ||
    fail "tensors are missing: $(ls tensors)"
cmp in/input.npy tensors/input.npy || fail "another input"
"$tare" run --engine=int8.tare --load-inputs=in --mark-all --load-outputs=tensors --atol=10 >log || fail "$(tail -n 3 log)"
grep -qE '^([5-9]|[1-9][0-9]) of ([5-9]|[1-9][0-9]) tensors within' log || fail "$(tail -n 3 log)"
{ head -c $((784 * 4)) /dev/zero && printf '\0\0\300\177' && head -c $((783 * 4)) /dev/zero; } | npy nan.npy '<f4' '2, 1, 28, 28'
status=0
"$tare" run --onnx="$model" --npy=nan.npy --validate --mark-all >log || status=$?
[[ $status -eq 1 ]] || fail "NaN is valid: $(cat log)"
head -n 1 log | grep -qE "^tensor '.*': [0-9]+ NaN, 0 \+Inf, 0 -Inf of [0-9]+ values, the first at \(1, 0, 0, 0\)" || fail "$(head -n 1 log)"
grep -q "^output 'logits': 10 NaN, 0 +Inf, 0 -Inf of 20 values, the first at (1, 0)" log || fail "$(tail -n 1 log)"

refuse 1 "no output 'logit'" "$tare" run --engine=int8.tare --load-inputs=in --load-outputs=outs --atol=logit:1
refuse 1 'in: holds none of the network' "$tare" run --engine=int8.tare --load-inputs=in --load-outputs=in
refuse 1 'outs/logits.npy: its first axis of 8 cannot be cut into 3 samples' \
    "$tare" run --engine=int8.tare "${data[@]}" --count=3 --load-outputs=outs
refuse 1 'outs.npz: no array .input., there are: logits' "$tare" run --engine=int8.tare --load-inputs=outs.npz
refuse 1 'none.npz: No such file' "$tare" run --engine=int8.tare --load-inputs=none.npz
refuse 1 'cannot be opened|cannot open shared object' \
    "$tare" run --onnx="$model" --load-inputs=in --onnxruntime=./none.so
refuse 1 "is not ONNX Runtime's library" "$tare" run --onnx="$model" --load-inputs=in --onnxruntime="$build/libtare.so"
refuse 2 'wants --onnx' "$tare" run --engine=int8.tare --load-inputs=in --onnxruntime=x
refuse 2 'is for --onnxruntime' "$tare" run --engine=int8.tare --onnx="$model" --load-inputs=in
refuse 2 "'1,a:x' is no tolerance" "$tare" run --engine=int8.tare --load-inputs=in --load-outputs=outs --atol=1,a:x
refuse 2 "'worst' is no tolerance" "$tare" run --engine=int8.tare --load-inputs=in --load-outputs=outs --check-error-stat=worst
refuse 2 'want --load-outputs' "$tare" run --engine=int8.tare --load-inputs=in --atol=1
refuse 2 'several sources' "$tare" run --engine=int8.tare --load-inputs=in --npy=nan.npy
