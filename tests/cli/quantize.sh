#!/usr/bin/env bash
# tare quantize: what it writes keeps the rules of TensorRT and onnxruntime, and is, read
# and built again, the network that tare builds of the same cache itself.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"
python=/usr/bin/python3
"$python" -c 'import onnx' 2>/dev/null || skip "no python3-onnx"

# rules STYLE ORIGINAL QUANTIZED CACHE [FLOAT_NODE...]
rules() {
    "$python" "$root/tests/data/quantize_rules.py" "$@" || fail "rules of $1: $3"
}
# sqnr NPY_FLAGS... : of two engines' first outputs, the cap being 200
sqnr() { # ENGINE ENGINE DATA...
    "$tare" compare --engine="$1" --engine="$2" "${@:3}" --json=compare.json >/dev/null
    json compare.json outputs sqnr_db
}

# ---- all kinds of layers, on random numbers
"$python" "$root/tests/data/quantize_models.py" .
"$python" -c "
import numpy
numpy.save('x.npy', numpy.random.default_rng(1).normal(size=(32, 4, 8, 8)).astype(numpy.float32))"
x=(--npy=x.npy)
"$tare" calibrate --onnx=kinds.onnx "${x[@]}" --calibrator=minmax --cache=kinds.cache >/dev/null
"$tare" build --onnx=kinds.onnx --int8 --cache=kinds.cache --engine=kinds.tare --optimization-level=1 >/dev/null
for style in tensorrt onnxruntime; do
    "$tare" quantize --onnx=kinds.onnx --cache=kinds.cache --style=$style --output=$style.onnx --json=$style.json >log
    grep -q '^Layers .*; [1-9][0-9]* in INT8$' log || fail "$(cat log)"
    rules $style kinds.onnx $style.onnx kinds.cache
    "$tare" build --onnx=$style.onnx --int8 --engine=$style.tare --optimization-level=1 --json=layers.json >/dev/null 2>stderr
    [[ ! -s stderr ]] || fail "$style: $(cat stderr)"
    holds "$(sqnr kinds.tare $style.tare "${x[@]}") > 30"
    "$tare" quantize --onnx=kinds.onnx --cache=kinds.cache --style=$style --output=again.onnx >/dev/null
    cmp $style.onnx again.onnx || fail "$style: other bytes the second time"
    # The batch is open still.
    "$tare" inspect model $style.onnx --batch=3 >log
    grep -q '^Input *x float32 \[3x4x8x8\]' log || fail "$style: fixed batch"
done
# Other forms of weights.
for flag in --weights=int8 --reduce-range; do
    "$tare" quantize --onnx=kinds.onnx --cache=kinds.cache --style=onnxruntime $flag --output=form.onnx >/dev/null
    rules onnxruntime kinds.onnx form.onnx kinds.cache
done
"$python" - form.onnx <<'END'
import sys, numpy, onnx
from onnx import numpy_helper
most = {t.name: numpy.abs(numpy_helper.to_array(t).astype(int)).max() for t in onnx.load(sys.argv[1]).graph.initializer
        if t.data_type == onnx.TensorProto.INT8 and "quantized" in t.name}
assert most.pop("c2.w_quantized") == 127, "a depthwise convolution keeps 8 bits"
assert set(most.values()) == {64}, most
END
# Ranges in other formats are the same ranges.
"$tare" cache convert kinds.cache --to=json --output=ranges.json >/dev/null
"$tare" quantize --onnx=kinds.onnx --cache=ranges.json --output=again.onnx >/dev/null
cmp tensorrt.onnx again.onnx || fail "ranges in JSON give something else"

# Layers that are to stay float have no pairs.
"$tare" quantize --onnx=kinds.onnx --cache=kinds.cache --precision-constraints=obey --layer-precisions=c5_Conv:fp32,up_ConvTranspose:fp32 \
    --output=mixed.onnx --json=mixed.json >log
rules tensorrt kinds.onnx mixed.onnx kinds.cache c5_Conv up_ConvTranspose
tr -d '[:space:]' <mixed.json | grep -q '"name":"c5_Conv","type":"Conv","requested":"FP32","precision":"FP32"' ||
    fail "no request in mixed.json"
! "$tare" quantize --onnx=kinds.onnx --cache=kinds.cache --precision-constraints=obey \
    --layer-precisions=no_such_layer:fp32 --output=none.onnx >log 2>stderr || fail "obeyed an impossible request"
grep -q "no_such_layer" stderr || fail "$(cat stderr)"
[[ ! -e none.onnx ]] || fail "a model in spite of an error"

# ---- an older operator set: raised, and nothing else
"$tare" calibrate --onnx=old.onnx "${x[@]}" --calibrator=minmax --cache=old.cache >/dev/null
for style in tensorrt onnxruntime; do
    "$tare" quantize --onnx=old.onnx --cache=old.cache --style=$style --output=new.onnx >/dev/null
    "$python" -c "
import onnx
m = onnx.load('new.onnx')
onnx.checker.check_model(m, full_check=True)
assert m.opset_import[0].version == 13"
done
"$tare" quantize --onnx=old.onnx --cache=old.cache --precision-constraints=obey --layer-precisions='*:fp32' --output=new.onnx >/dev/null
for name in old new; do
    "$tare" build --onnx=$name.onnx --engine=$name.tare --optimization-level=1 >/dev/null
    "$tare" run --engine=$name.tare "${x[@]}" --output=$name.out >/dev/null
done
diff -r old.out new.out || fail "opset 13 computes something else"

# ---- what a build leaves float is not clipped, if the report says how large it was
"$tare" surgeon extract old.onnx --outputs=c2 -o head.onnx >/dev/null
"$tare" calibrate --onnx=head.onnx "${x[@]}" --calibrator=percentile --percentile=90 --cache=clipped.cache >/dev/null
"$tare" build --onnx=head.onnx --int8 --cache=clipped.cache --engine=clipped.tare --optimization-level=1 >/dev/null
for name in seen unseen; do
    "$tare" quantize --onnx=head.onnx --cache=clipped.cache --style=onnxruntime --output=$name.onnx >/dev/null
    "$tare" quantize --onnx=head.onnx --cache=clipped.cache --output=$name.trt.onnx >/dev/null
    "$tare" build --onnx=$name.onnx --int8 --engine=$name.tare --optimization-level=1 >/dev/null
    [[ $name == unseen ]] || mv clipped.cache.json report.json
done
cmp seen.trt.onnx unseen.trt.onnx || fail "the report changes --style=tensorrt"
holds "$(sqnr clipped.tare seen.tare "${x[@]}") > $(sqnr clipped.tare unseen.tare "${x[@]}") + 10"
echo '{"x": 1}' >clipped.cache.json
refuse 1 'clipped.cache.json: not the report of a calibration' \
    "$tare" quantize --onnx=head.onnx --cache=clipped.cache --style=onnxruntime --output=out/q.onnx

# ---- a convolution over one pixel whose output a build leaves float: not rounded either
"$tare" calibrate --onnx=pixel.onnx "${x[@]}" --calibrator=minmax --cache=pixel.cache >/dev/null
"$tare" build --onnx=pixel.onnx --int8 --cache=pixel.cache --engine=pixel.tare --optimization-level=1 >/dev/null
for style in tensorrt onnxruntime; do
    "$tare" quantize --onnx=pixel.onnx --cache=pixel.cache --style=$style --output=q.onnx >/dev/null
    rules $style pixel.onnx q.onnx pixel.cache
    [[ $style == tensorrt ]] || "$python" -c "
import onnx
m = onnx.load('q.onnx')
assert [n.op_type for n in m.graph.node if n.op_type in ('Conv', 'Gemm')] == ['Conv', 'Gemm']
assert [d.dim_param or d.dim_value for d in m.graph.output[0].type.tensor_type.shape.dim] == ['N', 10, 1, 1]"
done
"$tare" build --onnx=q.onnx --int8 --engine=q.tare --optimization-level=1 >/dev/null
holds "$(sqnr pixel.tare q.tare "${x[@]}") > 70"
"$tare" inspect model q.onnx --batch=3 | grep -q '^Output *y float32 \[3x10x1x1\]' || fail "fixed batch of a Gemm"

# ---- a network that is shipped, with its recovery
need_images
"$tare" calibrate --onnx="$model" "${data[@]}" --count=160 --calibrator=minmax --recover=bias,rounding --cache=cache >/dev/null
"$tare" build --onnx="$model" --int8 --cache=cache --engine=with.tare --optimization-level=1 >/dev/null
"$tare" build --onnx="$model" --int8 --cache=cache --no-recovery --engine=without.tare --optimization-level=1 >/dev/null
# nearer A B FLAG...: what is written with the flags is nearer to the build A than to B.
nearer() {
    "$tare" quantize --onnx="$model" --cache=cache --style=$style --output=q.onnx "${@:3}" >log
    "$tare" build --onnx=q.onnx --int8 --engine=q.tare --optimization-level=1 >/dev/null
    holds "$(sqnr "$1.tare" q.tare "${data[@]}" --count=200) > $(sqnr "$2.tare" q.tare "${data[@]}" --count=200) + 0.3"
}
for style in tensorrt onnxruntime; do
    nearer with without
    grep -q '^Recovery  *cache.recovery ([1-9][0-9]* layers)' log || fail "no recovery: $(cat log)"
    rules $style "$model" q.onnx cache
    nearer without with --no-recovery
done

# ---- int32 biases round as tare's own do: up to the first residual sum, the same codes
plain=$root/models/fashion_depthwise.onnx
"$tare" calibrate --onnx="$plain" "${data[@]}" --count=32 --calibrator=minmax --cache=plain.cache >/dev/null
"$tare" build --onnx="$plain" --int8 --cache=plain.cache --engine=own.tare --optimization-level=1 >/dev/null
"$tare" quantize --onnx="$plain" --cache=plain.cache --style=onnxruntime --output=plain.onnx >/dev/null
"$tare" build --onnx=plain.onnx --int8 --engine=plain.tare --optimization-level=1 >/dev/null
for name in own plain; do
    "$tare" run --engine=$name.tare "${data[@]}" --count=16 --dump-intermediate=$name.all >/dev/null
done
for tensor in stem.relu6 block1.depthwise.relu6 block1.pointwise.relu6 block2.expand.relu6 block2.depthwise.relu6; do
    cmp own.all/$tensor.npy plain.all/$tensor.npy || fail "$tensor has other codes"
done

refuse 1 'the model is quantized itself' "$tare" quantize --onnx=q.onnx --cache=cache --output=out/q.onnx
refuse 2 '--output is missing' "$tare" quantize --onnx="$model" --cache=cache
refuse 2 '--cache is missing' "$tare" quantize --onnx="$model" --output=out/q.onnx
refuse 2 'want tensorrt or onnxruntime' "$tare" quantize --onnx="$model" --cache=cache --output=out/q.onnx --style=trt
refuse 2 '--reduce-range is for --style=onnxruntime' "$tare" quantize --onnx="$model" --cache=cache --output=out/q.onnx --reduce-range
refuse 2 '--weights=u8, want uint8 or int8' \
    "$tare" quantize --onnx="$model" --cache=cache --output=out/q.onnx --style=onnxruntime --weights=u8
refuse 1 'no_such_folder/q.onnx' "$tare" quantize --onnx="$model" --cache=cache --output=no_such_folder/q.onnx
