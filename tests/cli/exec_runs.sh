#!/usr/bin/env bash
# tare exec: how it runs engines, and what it says and writes of the runs.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"
# shellcheck source=tests/cli/exec/common.sh
. "$root/tests/cli/exec/common.sh"
"$tare" build --onnx=net.onnx --engine=net.tare >/dev/null

loop() {
    run --loadEngine=net.tare --warmUp=0 --duration=0 --iterations=7
    [[ $(queries) -eq 7 ]] || fail "$(queries) queries, want 7"
    run --loadEngine=net.tare --warmUp=0 --duration=0 --iterations=7 --infStreams=2 --cpuThreads=1
    [[ $(queries) -eq 14 ]] || fail "$(queries) queries, want 14"
    said 'Threads per stream: 1'
    run --loadEngine=net.tare --warmUp=0 --duration=0 --iterations=7 --streams=3
    [[ $(queries) -eq 21 ]] || fail "$(queries) queries, want 21"
    run --loadEngine=net.tare --warmUp=30 --duration=0.2 --iterations=1
    holds "$(sed -nE 's/.*queries over ([0-9.e-]+) s$/\1/p' log) >= 0.2"
    said 'Warmup completed [1-9][0-9]* queries over 30 ms'
    local start=$EPOCHREALTIME
    run --loadEngine=net.tare --warmUp=0 --duration=0 --iterations=3 --idleTime=60 --sleepTime=150 --exportTimes=t.json
    holds "$EPOCHREALTIME - $start > 0.27"
    check t.json 'assert all(b["startEnqMs"] - a["endD2hMs"] >= 60 for a, b in zip(j, j[1:]))'
    refused 2 "'--infStreams': '0' is not a positive whole number" --loadEngine=net.tare --infStreams=0
    refused 2 "'--duration': '-2' is not a number >= -1" --loadEngine=net.tare --duration=-2
    timeout 1 "$tare" exec --loadEngine=net.tare --duration=-1 --iterations=1 --warmUp=0 >log 2>errors && fail "ended by itself"
    [[ $? -eq 124 ]] || fail "--duration=-1: $(cat errors)"
}

times() {
    run --loadEngine=net.tare --warmUp=0 --duration=0 --iterations=25 --avgRuns=10 --percentile=0,50,90,100 --exportTimes=times.json
    check times.json '
keys = "startEnqMs endEnqMs startH2dMs endH2dMs startComputeMs endComputeMs startD2hMs endD2hMs h2dMs computeMs d2hMs latencyMs".split()
assert len(j) == 25 and all(list(t) == keys for t in j)
for t in j:
    for name in "H2d", "Compute", "D2h":
        low = name[0].lower() + name[1:]
        assert abs(t["end%sMs" % name] - t["start%sMs" % name] - t[low + "Ms"]) < 1e-3, t
    assert abs(t["h2dMs"] + t["computeMs"] + t["d2hMs"] - t["latencyMs"]) < 1e-6
assert [t["startEnqMs"] for t in j] == sorted(t["startEnqMs"] for t in j) and j[0]["startEnqMs"] >= 0
log = [l.split("] ")[-1] for l in open("log")]
traces = [l for l in log if l.startswith("Average on 10 runs - GPU latency: ")]
assert len(traces) == 2, traces
ms = [t["latencyMs"] for t in j]
mean = float(traces[1].split("Host latency: ")[1].split()[0])
assert abs(mean - sum(ms[10:20]) / 10) < 1e-3 * mean
line = [l for l in log if l.startswith("Latency: ")][0]
said = {k: float(v.split()[0]) for k, v in (p.split(" = ") for p in line[9:].split(", "))}
ms.sort()
index = lambda p: max(len(ms) - 1 - int((1 - p / 100) * len(ms)), 0)
want = {"min": ms[0], "max": ms[-1], "mean": sum(ms) / 25, "median": ms[12]}
want.update({"percentile(%d%%)" % p: ms[index(p)] for p in (0, 50, 90, 100)})
assert list(said) == list(want) and all(abs(said[k] - want[k]) < 1e-5 * want[k] for k in want), (said, want)'
    run --loadEngine=net.tare --warmUp=0 --duration=0 --iterations=2 --exportTimes=times.json
    # six digits are printed
    holds "($(summary Latency median) * 2 / ($(summary Latency min) + $(summary Latency max)) - 1) ^ 2 < 1e-10"
    refused 2 '--percentile=101, want' --loadEngine=net.tare --percentile=101
    refused 2 '--percentile=9a, want' --loadEngine=net.tare --percentile=9a
    refused 1 'none/t.json' --loadEngine=net.tare "${once[@]}" --exportTimes=none/t.json
}

profile() {
    run --loadEngine=net.tare --warmUp=0 --duration=0 --iterations=10 --dumpProfile --exportProfile=profile.json
    said '=== Profile \(10 iterations \) ==='
    said ' +Time\(ms\) +Avg\.\(ms\) +Median\(ms\) +Time\(%\) +Layer'
    said ' +[0-9.]+ +[0-9.]+ +[0-9.]+ +100\.0 +Total'
    check profile.json '
assert j[0] == {"count": 10} and len(j) == 16
assert all(list(l) == ["name", "timeMs", "averageMs", "medianMs", "percentage"] for l in j[1:])
assert any(l["name"] == "stem \"conv\"" for l in j[1:])
assert abs(sum(l["percentage"] for l in j[1:]) - 100) < 1e-3
assert all(abs(l["averageMs"] * 10 - l["timeMs"]) < 1e-6 * l["timeMs"] and l["medianMs"] <= l["timeMs"] for l in j[1:])'
    run --loadEngine=net.tare --warmUp=0 --duration=0 --iterations=10 --separateProfileRun --exportProfile=profile.json
    check profile.json 'assert j[0] == {"count": 10} and sum(l["timeMs"] for l in j[1:]) > 0'
    ! grep -q 'Profile (' log || fail "a profile that was not asked for"
}

layer_info() {
    run --loadEngine=net.tare --skipInference --exportLayerInfo=names.json
    check names.json 'assert len(j["Layers"]) == 15 and "stem \"conv\"" in j["Layers"] and j["Bindings"] == ["input", "out/\"a\\b"], j'
    run --loadEngine=net.tare --skipInference --exportLayerInfo=layers.json --profilingVerbosity=detailed --dumpLayerInfo
    check layers.json '
l = [l for l in j["Layers"] if l["Name"] == "head.fc"][0]
assert l["Outputs"][0]["Name"] == "out/\"a\\b" and l["Outputs"][0]["Dimensions"] == [1, 10] and l["Precision"] == "FP32", l
assert l["Inputs"][0]["Format/Datatype"].endswith("float32") and l["TacticName"].startswith("tare_f32_") and "head.fc" in l["Metadata"]
said = [json.loads(l) for l in open("log") if l.startswith("{")]
assert said == j["Layers"]'
    said 'Layer Information:'
    run --loadEngine=net.tare --skipInference --dumpLayerInfo --nvtxMode=none
    said '--profilingVerbosity=none: .*' errors
    ! grep -q '^head.fc' log || fail "names in spite of none"
    run --loadEngine=net.tare --skipInference --dumpLayerInfo --profilingVerbosity=none
    refused 2 '--profilingVerbosity=all, want' --loadEngine=net.tare --profilingVerbosity=all
}

tensors() {
    run --loadEngine=net.tare "${once[@]}" --dumpOutput --dumpRawBindingsToFile --exportOutput=output.json
    local input=input.input.1.1.28.28.Float.raw output=out__a_b.output.1.10.Float.raw
    [[ $(stat -c %s $input $output | xargs) == "3136 40" ]] || fail "raw files: $(ls -l ./*.raw)"
    said 'out/"a\\b: \(1x10\)'
    check output.json '
import struct
values = struct.unpack("<10f", open("'$output'", "rb").read())
assert list(j[0]) == ["name", "dimensions", "values"] and len(j) == 1
assert j[0]["name"] == "out/\"a\\b" and j[0]["dimensions"] == "1x10"
assert struct.pack("<10f", *j[0]["values"]) == struct.pack("<10f", *values)
text = [l for l in open("log") if l[0] in "-0123456789"][0].split()
assert all(abs(float(t) - v) <= 1e-5 * abs(v) for t, v in zip(text, values)) and len(text) == 10'
    # other values in, other values out; the same in, the same out
    mv $output first.raw
    cp $input kept.raw
    head -c 3136 /dev/zero >zero.raw
    run --loadEngine=net.tare "${once[@]}" --loadInputs=input:zero.raw --dumpRawBindingsToFile --infStreams=2
    said 'Using values loaded from zero.raw for input input'
    cmp $input zero.raw || fail "not the values that were loaded"
    ! cmp -s $output first.raw || fail "other values, the same output"
    run --loadEngine=net.tare "${once[@]}" --loadInputs="'input':kept.raw" --dumpRawBindingsToFile
    cmp $output first.raw || fail "the same values, another output"
    # and tare run's
    npy kept.npy '<f4' '1, 1, 28, 28' <kept.raw
    "$tare" run --engine=net.tare --npy=kept.npy --output=ran >/dev/null
    cmp first.raw <(tail -c 40 ran/*.npy) || fail "another output than tare run's"
    head -c 3137 /dev/zero >long.raw
    refused 1 'long.raw has more than 3136 bytes' --loadEngine=net.tare --loadInputs=input:long.raw
    refused 1 'first.raw has only 40 bytes' --loadEngine=net.tare --loadInputs=input:first.raw
    refused 1 "'x' is no input" --loadEngine=net.tare --loadInputs=x:zero.raw
    refused 1 "'input' is not name:file" --loadEngine=net.tare --loadInputs=input
    refused 1 'cannot open none.raw' --loadEngine=net.tare --loadInputs=input:none.raw
}

# Inputs and outputs that are no float32, and an output whose shape a run tells.
typed() {
    local node=/usr/share/libonnx-testdata/data/node
    [[ -d $node ]] || return 0
    python3 -c "
import struct
open('x.raw', 'wb').write(struct.pack('<6q', 9007199254740993, 7, -7, 9, 4611686018427387907, 5))
open('y.raw', 'wb').write(struct.pack('<6q', 3, 4, 4, 2, 4611686018427387904, 5))"
    run --onnx=$node/test_mod_int64_fmod/model.onnx --loadInputs=x:x.raw,y:y.raw "${once[@]}" --dumpRawBindingsToFile \
        --inputIOFormats=int64:chw --exportOutput=typed.json
    check typed.json 'assert j == [{"name": "z", "dimensions": "6", "values": [0, 3, -3, 1, 3, 0]}], j'
    cmp x.raw x.input.6.Int64.raw || fail "not the values that were loaded"
    run --onnx=$node/test_nonzero_example/model.onnx "${once[@]}" --exportOutput=late.json --dumpRawBindingsToFile
    said 'Output binding for result with dimensions that a run tells is created\.'
    check late.json 'assert j[0]["dimensions"] == "2x%d" % (len(j[0]["values"]) // 2)'
    compgen -G 'result.output.2.*.Int64.raw' >/dev/null || fail "no raw file of its shape: $(ls)"
}

formats() {
    run --loadEngine=net.tare --inputIOFormats=fp32:chw --outputIOFormats=fp32:hwc+chw --skipInference
    refused 1 "the engine has 'input' as fp32:chw: build it with the flag" --loadEngine=net.tare --inputIOFormats=fp16:chw
    refused 1 "the engine has .* as fp32:chw" --loadEngine=net.tare --outputIOFormats=fp32:hwc8
    refused 1 "'fp12:chw' is not type:format" --loadEngine=net.tare --outputIOFormats=fp12:chw
    refused 1 "unknown format 'cwh'" --loadEngine=net.tare --outputIOFormats=fp32:cwh
    refused 1 'has 2 entries, the network has 1:' --loadEngine=net.tare --inputIOFormats=fp32:chw,fp32:chw
    # built so: cli/io_formats has the values
    run --onnx="$model" --inputIOFormats=fp16:hwc16 --outputIOFormats=bf16:chw --builderOptimizationLevel=1 \
        "${once[@]}" --dumpRawBindingsToFile --saveEngine=formats.tare --exportOutput=formats.json
    [[ $(stat -c %s input.input.1.1.28.28.Half.raw) -eq $((28 * 28 * 16 * 2)) ]] || fail "no hwc16 of float16: $(ls)"
    compgen -G '*.output.1.10.BFloat16.raw' >/dev/null || fail "no bfloat16 comes out: $(ls)"
    check formats.json 'assert len(j[0]["values"]) == 10 and any(v != int(v) for v in j[0]["values"])'
    run --loadEngine=formats.tare --inputIOFormats=fp16:chw+hwc16 --skipInference
    # nothing in front of the first convolution but a table
    run --onnx="$model" --int8 --calib=random --inputIOFormats=int8:hwc --outputIOFormats=fp32:chw --directIO --skipInference \
        --builderOptimizationLevel=1
    refused 1 "--directIO: 'input' is fp32:chw, and converted by 'quantize input' to hwc: see --inputIOFormats" \
        --onnx="$model" --int8 --calib=random --directIO --skipInference --builderOptimizationLevel=1 --saveEngine=none.tare
    [[ ! -e none.tare ]] || fail "an engine in spite of --directIO"
    refused 1 "the engine has 'input' as fp16:hwc16" --loadEngine=formats.tare --inputIOFormats=fp16:chw
}

subjects loop times profile layer_info tensors typed formats
