#!/usr/bin/env bash
# Operators of one's own: the example plugins from a clean folder through ONNX,
# calibration, INT8 and a saved engine; what is said when they are not there.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"
/usr/bin/python3 -c 'import onnx, numpy' 2>/dev/null || skip "no python3-onnx"
/usr/bin/python3 "$root/tests/cli/plugin_model.py"

# The examples as a user builds them: by themselves, of and against what is installed.
plugins=$build/examples/plugins
if ! is_sanitized; then
    cmake --install "$build" --prefix "$work/prefix" >log
    generator=$(sed -n 's/^CMAKE_GENERATOR:INTERNAL=//p' "$build/CMakeCache.txt")
    cmake -S prefix/share/tare/examples/plugins -B built -G "$generator" -DCMAKE_PREFIX_PATH="$work/prefix" \
        -DCMAKE_C_FLAGS="-Wall -Wextra -Wpedantic -Werror" >log
    cmake --build built >>log || fail "the plugins do not build: $(cat log)"
    plugins=$work/built
fi
both=(--plugin="$plugins/add_scalar.so" --plugin="$plugins/layer_norm.so")

# error A B: ||A - B|| / ||B|| of two .npy files, and a bound.
error() {
    /usr/bin/python3 - "$@" <<'END2'
import sys, numpy as np
a, b = (np.load(p).astype(np.float64) for p in sys.argv[1:3])
error = np.linalg.norm(a - b) / np.linalg.norm(b)
print("%s: %.3g" % (sys.argv[1], error))
sys.exit(a.shape != b.shape or not error < float(sys.argv[3]))
END2
}

# FP32 is what NumPy says, in a loaded engine, for any number of threads.
"$tare" build --onnx=net.onnx --engine=fp32.tare "${both[@]}" >log
"$tare" run --engine=fp32.tare --npy=x.npy --output=fp32 "${both[@]}" >log
error fp32/y.npy y.npy 1e-6

# Calibrated in FP32, AddScalar takes INT8 and LayerNorm what it is asked to.
"$tare" calibrate --onnx=net.onnx --npy=x.npy --calibrator=minmax --cache=net.cache "${both[@]}" >log
for tensor in r1 a1 c2 n2; do
    grep -q "^$tensor: " net.cache || fail "no range of $tensor"
done
"$tare" build --onnx=net.onnx --int8 --fp16 --cache=net.cache --engine=int8.tare "${both[@]}" \
    --precision-constraints=obey --layer-precisions=norm:fp16 --json=build.json >log
"$tare" inspect engine int8.tare "${both[@]}" >layers
grep -qE '^INT8 +plugin +tare.examples::AddScalar 1 .* hwc uint8 ' layers || fail "$(cat layers)"
grep -qE '^FP16 +plugin +tare.examples::LayerNorm 1 .* linear float16 ' layers || fail "$(cat layers)"
tr -d '[:space:]' <build.json | grep -q '"name":"add","type":"AddScalar"' || fail "not in the report"
for threads in 1 3; do
    "$tare" run --engine=int8.tare --npy=x.npy --threads=$threads --output=int8-$threads "${both[@]}" >log
done
cmp int8-1/y.npy int8-3/y.npy
error int8-1/y.npy y.npy 0.05
"$tare" perf --engine=int8.tare --warmup=0 --duration=0.01 --profile "${both[@]}" 2>log |
    grep -qE 'INT8 +plugin .* add$' || fail "no such row in the profile"
"$tare" compare --onnx=net.onnx --engine=int8.tare --npy=x.npy --json=compare.json "${both[@]}" >log
holds "$(json compare.json outputs sqnr_db) > 26"
"$tare" inspect capability net.onnx "${both[@]}" | grep -qE '^Unsupported +0$' || fail "not supported"
"$tare" surgeon sanitize net.onnx -o same.onnx "${both[@]}" >log
"$tare" build --onnx=same.onnx --engine=same.tare "${both[@]}" >log
"$tare" run --engine=same.tare --npy=x.npy --output=same "${both[@]}" >log
cmp same/y.npy fp32/y.npy

# In every shape of an engine that has several.
"$tare" build --onnx=net.onnx --int8 --fp16 --cache=net.cache --engine=shapes.tare "${both[@]}" \
    --precision-constraints=obey --layer-precisions=norm:fp16 \
    --min-shapes=1x3x16x16 --opt-shapes=2x3x16x16 --max-shapes=4x3x16x16 >log
for batch in 1 3; do
    "$tare" run --engine=shapes.tare --npy=x.npy --batch=$batch --output=shapes "${both[@]}" >log
    cmp shapes/y.npy int8-1/y.npy || fail "other bytes in a batch of $batch"
done

# A model that is quantized itself: any zero point, to the bit.
"$tare" build --onnx=explicit.onnx --int8 --engine=explicit.tare "${both[@]}" >log
"$tare" inspect engine explicit.tare "${both[@]}" | grep -qE '^INT8 +plugin ' || fail "FP32 in spite of Q and DQ"
"$tare" run --engine=explicit.tare --npy=x.npy --output=explicit "${both[@]}" >log
error explicit/y.npy explicit.npy 1e-9

# An engine of several shapes runs it in each; one that is refitted or stripped takes it on.
flags=(--onnx=net.onnx --int8 --cache=net.cache --optimization-level=0 "${both[@]}")
"$tare" build "${flags[@]}" --engine=shapes.tare --refit \
    --min-shapes=1x3x16x16 --opt-shapes=2x3x16x16 --max-shapes=6x3x16x16 >log
for batch in 1 3 6; do
    "$tare" build "${flags[@]}" --engine=one.tare --batch=$batch >log
    "$tare" run --engine=one.tare --npy=x.npy --output=one "${both[@]}" >log
    "$tare" run --engine=shapes.tare --npy=x.npy --batch=$batch --output=several "${both[@]}" >log
    cmp one/y.npy several/y.npy || fail "batch $batch of an engine of several differs"
done
"$tare" perf --engine=shapes.tare --shapes=5x3x16x16 --warmup=0 --duration=0.01 "${both[@]}" >log
"$tare" compare --onnx=net.onnx --engine=shapes.tare --batch=4 --npy=x.npy "${both[@]}" >log
"$tare" refit --engine=shapes.tare --onnx=net.onnx --output=same.tare "${both[@]}" >log
cmp shapes.tare same.tare || fail "refitted with the same weights it is another"
"$tare" build "${flags[@]}" --engine=whole.tare --refit >log
"$tare" build "${flags[@]}" --engine=bare.tare --strip-weights >log
"$tare" refit --engine=bare.tare --onnx=net.onnx --output=same.tare "${both[@]}" >log
cmp whole.tare same.tare || fail "stripped and refitted it is another"
refuse 1 "source: it wants plugin 'tare.examples::AddScalar' of version '1', which is not loaded" \
    "$tare" refit --engine=bare.tare --dump-refit

# What must stay in FP32, and the part that fails, are found with plugins too.
"$tare" debug precision --onnx=net.onnx --cache=net.cache --npy=x.npy --min-sqnr=120 "${both[@]}" >log
grep -q '^Must stay in FP32: 3 of 4 INT8 layers' log || fail "debug precision: $(cat log)"
"$tare" debug reduce --onnx=net.onnx --output=part.onnx "${both[@]}" \
    --check="! '$tare' inspect model {} '${both[0]}' '${both[1]}' | grep -q LayerNorm" >log
grep -q '^part.onnx: 1 of 6 nodes fail' log || fail "debug reduce: $(cat log)"

# hb_mapper's road has them as well.
cat >net.yaml <<'END3'
model_parameters: {onnx_model: net.onnx, march: bernoulli2, output_model_file_prefix: net, working_dir: yaml}
input_parameters: {input_type_train: featuremap, input_layout_train: NCHW, norm_type: no_preprocess}
calibration_parameters: {calibration_type: skip}
END3
"$tare" build --config=net.yaml "${both[@]}" >log 2>errors || fail "$(cat errors)"
"$tare" inspect engine yaml/net.tare "${both[@]}" | grep -qE '^INT8 +plugin ' || fail "no plugin by --config"

# What is not there is named, and how to give it.
refuse 1 "op 'tare.examples::AddScalar' \(node 'add', opset 1\) .*--plugin=FILE.so" \
    "$tare" build --onnx=net.onnx --engine=out/e.tare
refuse 1 "op 'tare.examples::LayerNorm' \(node 'norm'" \
    "$tare" build --onnx=net.onnx --engine=out/e.tare "${both[0]}"
refuse 1 "op 'tare.examples::AddScalar'" \
    "$tare" build --onnx=wanting.onnx --engine=out/e.tare "${both[@]}"
refuse 1 "node 'add' \(AddScalar\): plugin 'tare.examples::AddScalar': it wants an attribute 'scalar'" \
    "$tare" build --onnx=without.onnx --engine=out/e.tare "${both[@]}"
refuse 1 "layer 2 'add' \(plugin\): it wants plugin 'tare.examples::AddScalar' of version '1', which is not loaded: .*--plugin=FILE.so" \
    "$tare" run --engine=fp32.tare --npy=x.npy "${both[1]}"
refuse 1 'plugin: .*none.so' "$tare" run --engine=fp32.tare --npy=x.npy --plugin=./none.so
refuse 1 'exports no tare_plugin_get' "$tare" run --engine=fp32.tare --npy=x.npy --plugin="$build/tests/no_plugin.so"
! "$tare" build --onnx=net.onnx --int8 --cache=net.cache --engine=none.tare "${both[@]}" \
    --precision-constraints=obey --layer-precisions=norm:int8 2>errors || fail "INT8 of LayerNorm"
grep -q "'norm' (LayerNorm): INT8 was requested, but plugin 'LayerNorm' does not compute in INT8" errors
