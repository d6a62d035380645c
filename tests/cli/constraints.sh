#!/usr/bin/env bash
# Precision constraints: obey names every violation in one run, prefer warns of each and
# builds, and the table of layers is what runs.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"
need_images
command -v python3 >/dev/null || skip "no python3"

# agree ENGINE TABLE: every layer of the build's table is once in the engine, with the
# precision that the profile says, reads tensors of its type, and its output is there in the
# type of the table.
agree() {
    "$tare" perf --engine="$1" --profile --iterations=2 --warmup=0 --duration=0 --json=perf.json >/dev/null 2>&1
    "$tare" inspect engine "$1" --json=engine.json >/dev/null
    python3 - "$2" <<'PYTHON'
import json, sys
table, perf, engine = (json.load(open(f))["layers"] for f in (sys.argv[1], "perf.json", "engine.json"))
types = {"INT8": "uint8", "FP32": "float32", "FP16": "float16", "BF16": "bfloat16"}
assert len(perf) == len(engine) and len(table) == sum(not l["reformat"] for l in engine)
for row in table:
    profiled = [l for l in perf if l["name"] == row["name"]]
    built = [l for l in engine if l["name"] == row["name"]]
    assert len(profiled) == len(built) == 1, row
    precision = row["precision"]
    assert profiled[0]["precision"] == built[0]["precision"] == precision, (row, profiled, built)
    activations = lambda tensors: [t["type"] for t in tensors if t["place"] != "weights"]
    reads, writes = activations(built[0]["inputs"]), activations(built[0]["outputs"])
    assert reads and set(reads) == {types[precision]}, (row, reads)
    for name, written, want in zip([t["name"] for t in built[0]["outputs"]], writes, row["output"].split("+")):
        made = [t["type"] for l in engine if l["reformat"] and l["inputs"][0]["name"] == name
                for t in l["outputs"]]
        assert types.get(want, want) in [written] + made, (row, written, made) # at once, or by a conversion
    asked = row["output_requested"]
    assert asked is None or asked == row["output"] or row["output_reason"], row
    assert row["requested"] in (None, precision) or row["reason"], row
PYTHON
}

"$tare" calibrate --onnx="$model" "${data[@]}" --count=64 --calibrator=minmax --cache=all.cache >/dev/null
grep -v '^input: ' all.cache >net.cache # the first convolution has no range to compute with
build=("$tare" build --onnx="$model" --int8 --cache=net.cache --timing-cache=times)

# Seven requests that cannot be met, and two that can.
wishes=(--layer-precisions='stem.conv:int8,block1.conv1:fp32,block2.conv1:int8,head.pool:bf16,head.fc:fp16,block5.conv1:int8'
    --layer-output-types='head.fc:int8,block3.conv1:fp16,heda.fc:fp32')
broken=("layer 'stem.conv' (Conv): INT8 was requested, but tensor 'input' has no range"
    "layer 'head.pool' (GlobalAveragePool): BF16 was requested, but BF16 is not allowed"
    "layer 'head.fc' (Gemm): FP16 was requested, but FP16 is not allowed"
    "layer 'head.fc' (Gemm): its output 'logits' cannot be INT8: outputs of the network are float"
    "layer 'block3.conv1' (Conv): its output 'block3.relu1' cannot be FP16: FP16 is not allowed"
    "layer precisions: no layer matches 'block5.conv1', did you mean 'block1.conv1'?"
    "layer output types: no layer matches 'heda.fc', did you mean 'head.fc'?")

status=0
"${build[@]}" "${wishes[@]}" --precision-constraints=obey --engine=obey.tare >log 2>errors || status=$?
[[ $status -eq 1 && ! -e obey.tare && ! -s log ]] || fail "obey: exit status $status: $(cat log errors)"
for text in "${broken[@]}"; do
    grep -qxF "tare: error: precision constraint not met: $text" errors || fail "obey does not say: $text: $(cat errors)"
done
[[ $(grep -c 'error: precision constraint not met' errors) -eq ${#broken[@]} ]] || fail "obey says more: $(cat errors)"
grep -q "^tare: .*${#broken[@]} precision constraints not met: " errors || fail "obey does not count: $(cat errors)"

"${build[@]}" "${wishes[@]}" --precision-constraints=prefer --engine=prefer.tare --json=prefer.json --verbose \
    >log 2>warnings || fail "prefer does not build: $(cat warnings)"
for text in "${broken[@]}"; do
    grep -qF ": $text" warnings ||
        fail "prefer does not warn: $text: $(cat warnings)"
done
[[ $(grep -c '^tare: warning: ' warnings) -eq ${#broken[@]} ]] || fail "prefer warns of more: $(cat warnings)"
agree prefer.tare prefer.json

# The report says what was asked, what came of it and why, as text and as JSON.
says() { # PATTERN
    grep -qE -- "$1" log || fail "the listing does not say '$1': $(cat log)"
}
says "^FP32 +INT8 +stem.conv +tensor 'input' has no range$"
says '^FP32 +FP32 +block1.conv1 +FP32 was requested$'
says '^INT8 +INT8 +block2.conv1 *$'
says '^FP32 +FP16 +head.fc +FP16 is not allowed; output FP32, asked for INT8: outputs of the network are float$'
says '^INT8 +- +block3.conv1 +output INT8, asked for FP16: FP16 is not allowed$'
python3 - <<'PYTHON'
import json
rows = {row["name"]: row for row in json.load(open("prefer.json"))["layers"]}
keys = ("requested", "precision", "reason", "output_requested", "output", "output_reason")
row = lambda name: tuple(rows[name][key] for key in keys)
assert row("head.fc") == ("FP16", "FP32", "FP16 is not allowed", "INT8", "FP32", "outputs of the network are float")
assert row("block2.conv1") == ("INT8", "INT8", "", None, "INT8", ""), row("block2.conv1")
PYTHON

# What can be met is, in all precisions; and the table is what runs.
check() { # NAME FLAG...
    local name=$1
    shift
    "$tare" build --onnx="$model" --int8 --cache=all.cache --timing-cache=times --precision-constraints=obey \
        --engine="$name.tare" --json="$name.json" "$@" >/dev/null 2>err || fail "$name: $(cat err)"
    [[ ! -s err ]] || fail "$name warns: $(cat err)"
    agree "$name.tare" "$name.json"
}
got() { # TABLE LAYER KEY WANT
    python3 -c 'import json, sys
table, layer, key, want = sys.argv[1:]
[got] = [row[key] for row in json.load(open(table))["layers"] if row["name"] == layer]
assert got == want, (layer, key, got, want)' "$@" || fail "$*"
}
check int8 --layer-precisions='*:int8'
check float --layer-precisions='*:fp32'
check mixed --fp16 --bf16 --layer-precisions='block1*:fp32,block2*:fp16,block3*:bf16,head*:fp32'
check outputs --layer-output-types='block1.conv1:fp32,block3.conv1:int8'
got outputs.json block1.conv1 output FP32
got outputs.json block1.conv2 precision FP32

# The layer's own name counts most, then the longest pattern, then the later entry.
check order --layer-precisions='block1.conv1:fp32,block*:fp32,block*conv1:int8,*:fp32,block1.*:int8,block2.*2:int8,block2.*2:fp32'
got order.json block1.conv1 precision FP32
got order.json block1.conv2 precision INT8
got order.json block2.conv1 precision INT8
got order.json block2.conv2 precision FP32
got order.json stem.conv precision FP32

# Integers and bool are left alone: no wildcard means them.
"$tare" surgeon insert "$model" --op=Cast --attr=to=6 --name=whole --inputs=logits --outputs=logits -o cast.onnx >/dev/null
"$tare" surgeon insert cast.onnx --op=Cast --attr=to=9 --name=any --inputs=logits --outputs=logits -o bool.onnx >/dev/null
"$tare" build --onnx=bool.onnx --precision-constraints=obey --layer-precisions='*:fp32' --layer-output-types='*:fp32' \
    --engine=bool.tare --json=bool.json >/dev/null 2>err || fail "integers: $(cat err)"
got bool.json whole output int32
got bool.json any output bool
python3 -c 'import json
rows = {row["name"]: row for row in json.load(open("bool.json"))["layers"]}
assert rows["whole"]["requested"] is rows["any"]["requested"] is rows["any"]["output_requested"] is None
assert rows["head.fc"]["requested"] == rows["head.fc"]["output_requested"] == "FP32"'
"$tare" build --onnx=bool.onnx --precision-constraints=obey --layer-precisions='*:fp32,any:int8' --engine=e.tare \
    >/dev/null 2>err && fail "a bool in INT8"
grep -q "layer 'any' (Cast): INT8 was requested, but" err || fail "not said why: $(cat err)"
