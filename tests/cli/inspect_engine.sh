#!/usr/bin/env bash
# tare inspect engine: every node of the model is in one layer, tensors lie within the
# arena and the weights, and the totals are those of the layers.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"
need_images
command -v python3 >/dev/null || skip "no python3"

check() { # ONNX ENGINE
    "$tare" inspect model "$1" --json=model.json >/dev/null
    "$tare" inspect engine "$2" --json=engine.json >out.txt
    "$tare" inspect engine "$2" --verbose >verbose.txt
    python3 - <<'PYTHON'
import json
model, engine = json.load(open("model.json")), json.load(open("engine.json"))
layers = engine["layers"]

inside = [name for layer in layers for name in layer["onnx_nodes"]]
wanted = [node["name"] for node in model["nodes"]]
assert sorted(inside) == sorted(wanted), (inside, wanted)
assert all((layer["onnx_nodes"] == []) == layer["reformat"] for layer in layers)
assert all(" + ".join(layer["onnx_nodes"]) == layer["nodes"] for layer in layers)

made = {}
for number, layer in enumerate(layers):
    arena = lambda tensors: [t for t in tensors if t["place"] == "arena"]
    for t in layer["inputs"] + layer["outputs"]:
        most = {"arena": engine["activation_bytes"], "weights": engine["weight_bytes"]}.get(t["place"])
        assert most is None or t["offset"] + t["bytes"] <= most, t
        size = {"float32": 4, "uint8": 1, "int8": 1, "int32": 4}[t["type"]]
        for d in t["dims"]:
            size *= d
        assert t["bytes"] == size, t
        if "scale" in t:
            assert t["type"] == "uint8" and t["lowest"] <= 0 < t["highest"], t
            assert abs(t["highest"] - (255 - t["zero_point"]) * t["scale"]) < 1e-5 * t["highest"], t
    read = sum(t["bytes"] for t in layer["inputs"] if t["place"] == "weights")
    assert read == layer["weight_bytes"], layer
    for t in arena(layer["inputs"]):
        if t["id"] in made:
            assert made[t["id"]] in layer["from"], (layer["name"], t)
        for u in arena(layer["outputs"]):
            apart = t["offset"] + t["bytes"] <= u["offset"] or u["offset"] + u["bytes"] <= t["offset"]
            is_sum = (layer["type"] in ("conv", "depthwise") and len(layer["inputs"]) in (4, 6) and
                      t is layer["inputs"][-1] and t["type"] == u["type"]) and (t["offset"], t["bytes"]) == (u["offset"], u["bytes"])
            assert apart or is_sum or layer["type"] in ("reshape", "concat"), (layer["name"], t, u)
    assert all(source < number for source in layer["from"])
    assert layer["from"] or any(t["place"] == "binding" for t in layer["inputs"]), layer
    assert layer["outputs"][0]["name"] == layer["output"] and layer["outputs"][0]["dims"] == layer["dims"]
    alive = sum(t["bytes"] for t in {(t["offset"], t["bytes"]): t for t in arena(layer["inputs"] + layer["outputs"])}.values())
    assert alive <= engine["live_bytes"] or layer["type"] in ("reshape", "concat"), (alive, layer)
    for t in layer["outputs"]:
        made[t["id"]] = number

for total in engine["precisions"]:
    mine = [layer for layer in layers if layer["precision"] == total["name"]]
    assert total["layers"] == sum(not layer["reformat"] for layer in mine), total
    assert total["reformats"] == sum(layer["reformat"] for layer in mine), total
    assert total["weight_bytes"] == sum(layer["weight_bytes"] for layer in mine), total
assert sum(t["layers"] + t["reformats"] for t in engine["precisions"]) == len(layers)

tensors = sum(len(layer["inputs"]) + len(layer["outputs"]) for layer in layers)
lines = [line for line in open("verbose.txt") if line.startswith("        ")]
assert len(lines) == tensors, (len(lines), tensors)
print(len(layers), "layers,", len(inside), "nodes inside,", tensors, "tensors")
PYTHON
}

for name in fashion_resnet fashion_depthwise; do
    onnx=$root/models/$name.onnx
    "$tare" calibrate --onnx="$onnx" "${data[@]}" --count=24 --calibrator=minmax --cache="$name.cache" >log
    "$tare" build --onnx="$onnx" --int8 --cache="$name.cache" --engine=int8.tare >log
    check "$onnx" int8.tare
    "$tare" build --onnx="$onnx" --engine=fp32.tare >log
    check "$onnx" fp32.tare
done
grep -q 'stem.conv + stem.bn' out.txt || grep -q ' + ' out.txt || fail "no fused nodes: $(cat out.txt)"
