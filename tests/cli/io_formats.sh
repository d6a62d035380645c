#!/usr/bin/env bash
# Inputs and outputs in other types and orders: what the commands make of such engines.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"
need_images
build() { # OUT FLAGS...
    "$tare" build --onnx="$model" --engine="$1" --int8 --cache=cache --optimization-level=1 "${@:2}" >/dev/null
}
"$tare" calibrate --onnx="$model" "${data[@]}" --count=50 --cache=cache >/dev/null
build plain
build bytes --input-formats=int8:hwc8
build halves --input-formats=int8:chw+hwc --output-formats=fp16:chw

# Samples are rounded to int8 on the way in as the network rounds them: the same outputs.
for engine in plain bytes halves; do
    "$tare" run --engine=$engine "${data[@]}" --count=40 --output=out.$engine --save-inputs=in.$engine >/dev/null
done
diff -r out.plain out.bytes || fail "int8 images give other outputs"
diff -r in.plain in.halves || fail "what the network read is not in the model's type"
/usr/bin/python3 - <<'END' || fail "float16 outputs are not those of the plain engine, rounded"
import struct
def values(folder):
    data = open(folder + "/logits.npy", "rb").read()
    return struct.unpack("<400f", data[-1600:])
assert values("out.halves") == tuple(struct.unpack("<e", struct.pack("<e", v))[0] for v in values("out.plain"))
END
for engine in plain bytes; do
    "$tare" compare --onnx="$model" --engine=$engine "${data[@]}" --count=20 --layers --json=$engine.json >/dev/null
done
"$tare" compare --engine=plain --engine=halves "${data[@]}" --count=40 --json=both.json >/dev/null
/usr/bin/python3 - <<'END' || fail "compare does not see through the formats"
import json
plain, given, both = (json.load(open(f)) for f in ("plain.json", "bytes.json", "both.json"))
assert given["outputs"] == plain["outputs"] and given["engine"] == plain["engine"]
layers = {l["name"]: l["sqnr_db"] for l in plain["layers"]}
assert len(given["layers"]) > 10 and all(l["sqnr_db"] == layers[l["name"]] for l in given["layers"])
assert both["agreement_top1"] == 100 and both["outputs"][0]["max_abs"] < 0.01
END
"$tare" perf --engine=bytes --iterations=2 --duration=0 --warmup=0 >/dev/null 2>&1

"$tare" inspect engine bytes --json=engine.json >said
grep -qE '^Input +input int8 \[1x1x28x28\] hwc8 scale 0\.0[0-9]+ 6\.3 kB' said || fail "$(grep Input said)"
/usr/bin/python3 -c '
import json
b = json.load(open("engine.json"))["bindings"]
assert b[0]["format"] == "hwc8" and b[0]["bytes"] == 28 * 28 * 8 and 0 < b[0]["scale"] < 1
assert b[1]["format"] == "chw" and "scale" not in b[1]' || fail "inspect: $(cat engine.json)"

# Bytes that the user has, straight in; files are in the binding's type and order.
once=(--warmUp=0 --duration=0 --iterations=1)
/usr/bin/python3 -c '
import json, struct
scale = json.load(open("engine.json"))["bindings"][0]["scale"]
pixels = [i * 37 % 251 - 125 for i in range(784)]
open("x.s8", "wb").write(b"".join(struct.pack("8b", p, *[99] * 7) for p in pixels))
open("x.f32", "wb").write(struct.pack("784f", *[p * scale for p in pixels]))'
"$tare" exec --onnx="$model" --int8 --calib=cache --builderOptimizationLevel=1 --saveEngine=made --inputIOFormats=int8:hwc8 \
    --outputIOFormats=int8:chw --loadInputs=input:x.s8 "${once[@]}" --exportOutput=out.json --dumpRawBindingsToFile >log 2>&1
cmp x.s8 input.input.1.1.28.28.Int8.raw || fail "not the bytes that were loaded"
[[ $(stat -c %s logits.output.1.10.Int8.raw) -eq 10 ]] || fail "the output is not in bytes: $(ls)"
"$tare" exec --loadEngine=plain --loadInputs=input:x.f32 "${once[@]}" --exportOutput=want.json >log 2>&1
"$tare" inspect engine made --json=engine.json >/dev/null
/usr/bin/python3 - <<'END' || fail "other outputs than those of floats"
import json
scale = json.load(open("engine.json"))["bindings"][1]["scale"]
got, want = (json.load(open(f))[0]["values"] for f in ("out.json", "want.json"))
assert all(abs(g - w / scale) < 0.501 for g, w in zip(got, want)) and len(set(got)) > 3
END

# Stripped and refitted, it is the same.
build whole --refit --input-formats=int8:hwc --output-formats=int8:chw
build bare --strip-weights --input-formats=int8:hwc --output-formats=int8:chw
"$tare" inspect engine bare | grep -qE '^Output +logits int8 ' || fail "a stripped engine forgets its types"
"$tare" refit --engine=bare --onnx="$model" --output=back >/dev/null
cmp whole back || fail "stripped and refitted, it is another"

refuse 1 "'input' cannot be bound as int8: it has no scale" \
    "$tare" build --onnx="$model" --engine=out/e --input-formats=int8:hwc
refuse 1 "input formats: dla_hwc4 is for NVIDIA's DLA.*: use chw4" \
    "$tare" build --onnx="$model" --engine=out/e --input-formats=fp32:dla_hwc4
refuse 1 "'logits': format hwc wants 3 axes or more, there are 2: use chw" \
    "$tare" build --onnx="$model" --engine=out/e --output-formats=fp32:hwc
