#!/usr/bin/env bash
# tare exec: a function a subject; docs/trtexec.md names the one that proves each flag, and
# cli/exec_flags looks it up here.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"
command -v python3 >/dev/null || skip "no python3"

# Names that file systems and JSON do not take as they are; the batch is open.
"$tare" surgeon set-batch "$model" -o open.onnx --batch=N >/dev/null
"$tare" surgeon rename open.onnx -o net.onnx --tensor='logits:out/"a\b' --node='stem.conv:stem "conv"' >/dev/null
once=(--warmUp=0 --duration=0 --iterations=1)

# run FLAGS...: passes; the log is in `log`, what went to standard error in `errors`.
run() {
    "$tare" exec "$@" >log 2>errors </dev/null || fail "exec $*: $(tail -n 3 errors log)"
    [[ $(head -n 1 log) == "&&&& RUNNING tare.exec [tare v"*"] # tare exec $*" ]] || fail "first line: $(head -n 1 log)"
    [[ $(tail -n 1 log) == "&&&& PASSED tare.exec [tare v"*"] # tare exec $*" ]] || fail "last line: $(tail -n 1 log)"
}
# refused STATUS PATTERN FLAGS...: fails with that status, a line on standard error that
# matches, FAILED at the end of the log, and writes nothing into out/.
refused() {
    local status=$1 pattern=$2 got=0
    shift 2
    rm -rf out
    mkdir out
    "$tare" exec "$@" >log 2>errors </dev/null || got=$?
    [[ $got -eq $status ]] || fail "exit status $got, want $status: exec $*: $(cat errors)"
    grep -qE -- "$pattern" errors || fail "'$pattern' is not in what exec $* says: $(cat errors)"
    [[ $(tail -n 1 log) == "&&&& FAILED tare.exec "* ]] || fail "last line: $(tail -n 1 log)"
    [[ -z $(ls -A out) ]] || fail "left behind by exec $*: $(ls -A out)"
}
# said PATTERN [FILE]: a line of the log is "[time] [X] PATTERN".
said() {
    grep -qE -- "^\[[0-9/]{10}-[0-9:]{8}\] \[[IWEV]\] $1\$" "${2:-log}" || fail "no '$1': $(cat "${2:-log}")"
}
# check FILE PYTHON: the statements hold; j is what the JSON file says.
check() {
    python3 -c "import json, sys; j = json.load(open('$1')); $2" || fail "$1: $2"
}
# queries: how many runs the trace has.
queries() {
    sed -nE 's/.*Timing trace has ([0-9]+) queries over .*/\1/p' log
}
# summary NAME KEY: a figure of the performance summary.
summary() {
    sed -nE "s/.*\] $1: .*\b$2 = ([-0-9.e]+).*/\1/p" log
}

road() {
    run --onnx=net.onnx --saveEngine=net.tare --skipInference
    "$tare" build --onnx=net.onnx --engine=built.tare --threads="$(nproc)" >/dev/null
    cmp net.tare built.tare || fail "another engine than tare build's"
    said 'Skipped inference phase since --skipInference is added\.'
    ! grep -q 'Performance summary' log || fail "--skipInference ran"
    said 'Original: 38 layers'
    said 'After fuse_activation: 14 layers'
    said 'Activations of a context: .*'
    said 'Peak memory of the process so far: .*'
    said 'Engine built in [0-9.e-]+ sec\.'
    run --onnx=net.onnx --buildOnly --exportTimes=none.json
    said '--exportTimes: there is no run, with --skipInference' errors
    [[ ! -e none.json ]] || fail "times of no run"
    said 'Skip inference: Enabled'
    run --loadEngine=net.tare "${once[@]}"
    for section in 'Model Options' 'Build Options' 'System Options' 'Inference Options' 'Reporting Options' \
        'Device Information' 'Trace details' 'Performance summary'; do
        said "=== $section ==="
    done
    said 'Throughput: [0-9.e+]+ qps'
    for line in 'Latency' 'Enqueue Time' 'H2D Latency' 'GPU Compute Time' 'D2H Latency'; do
        said "$line: min = [0-9.e-]+ ms, max = .* ms, mean = .* ms, median = .* ms, percentile\(90%\) = .* ms, percentile\(95%\) = .* ms, percentile\(99%\) = .* ms"
    done
    said 'Total Host Walltime: [0-9.e-]+ s'
    said 'Total GPU Compute Time: [0-9.e-]+ s'
    refused 2 'exclude each other' --onnx=net.onnx --loadEngine=net.tare --saveEngine=out/e
    refused 2 'leave --onnx out' --onnx=net.onnx --loadEngine=net.tare
    refused 2 'no model: give --onnx' --saveEngine=out/e
    refused 1 'cannot open' --loadEngine=none.tare
    refused 1 'none.onnx' --onnx=none.onnx --saveEngine=out/e
}

# giexec's flags, and those of Caffe.
giexec() {
    run --onnx=net.onnx --engine=giexec.tare --batch=3 --half2 --hostTime "${once[@]}"
    said 'Precision: FP32\+FP16'
    said 'Input binding for input with dimensions 3x1x28x28 is created\.'
    run --engine=giexec.tare "${once[@]}"
    said 'Load engine: giexec\.tare'
    refused 2 'two files' --onnx=net.onnx --engine=out/a --saveEngine=out/b
    refused 2 '--deploy: Caffe models are not read' --deploy=net.prototxt --model=net.caffemodel --output=prob
    refused 2 '--model: Caffe models are not read' --model=net.caffemodel
    refused 2 "--output: .*tare surgeon extract" --onnx=net.onnx --output=prob
}

shapes() {
    local range=(--minShapes=input:1x1x28x28 --optShapes="'input':4x1x28x28" --maxShapes=input:16x1x28x28)
    run --onnx=net.onnx "${range[@]}" --saveEngine=range.tare "${once[@]}"
    said 'Input binding for input with dimensions 4x1x28x28 is created\.'
    run --loadEngine=range.tare "${once[@]}" --exportProfile=p.json --dumpRawBindingsToFile --exportOutput=o.json
    said 'Shape missing for input with dynamic shape: input\. Automatically setting shape to: 1x1x28x28' errors
    said 'Output binding for out/"a.b with dimensions 1x10 is created\.'
    check o.json 'assert j[0]["dimensions"] == "1x10" and len(j[0]["values"]) == 10'
    [[ -e input.input.1.1.28.28.Float.raw ]] || fail "not at batch 1"
    # the same bytes as of an engine for that shape alone
    run --loadEngine=range.tare "${once[@]}" --shapes="'input':7x1x28x28" --dumpRawBindingsToFile
    mv out__a_b.output.7.10.Float.raw ranged.raw
    run --onnx=net.onnx "${once[@]}" --shapes="'input':7x1x28x28" --dumpRawBindingsToFile
    said 'Input build shapes \(profile 0\): input:7x1x28x28\+.*'
    cmp out__a_b.output.7.10.Float.raw ranged.raw || fail "another output than an engine's for that shape"
    run --onnx=net.onnx --optShapes=input:2x1x28x28 --saveEngine=two.tare "${once[@]}"
    run --onnx=net.onnx --skipInference
    said 'Dynamic dimensions required for input: input, but no shapes .* to 1' errors
    refused 1 "'input'.*axis 0.* 17.*1.*16" --loadEngine=range.tare --shapes=input:17x1x28x28
    refused 1 "'x" --loadEngine=range.tare --shapes=x:4x1x28x28
    refused 1 "the engine was built for 2x1x28x28 alone" --loadEngine=two.tare --shapes=input:4x1x28x28
    refused 2 'give either --optShapes alone' --onnx=net.onnx --minShapes=input:1x1x28x28
    refused 2 'give either --optShapesCalib alone' --onnx=net.onnx --maxShapesCalib=input:1x1x28x28
}

# Several profiles: the shapes behind --profile=N are its own.
profiles() {
    local two=(--profile=1 --minShapes=input:8x1x28x28 --optShapes=input:8x1x28x28 --maxShapes=input:9x1x28x28
        --profile=0 --optShapes=input:3x1x28x28)
    run --onnx=net.onnx "${two[@]}" --saveEngine=profiles.tare "${once[@]}"
    said 'Input binding for input with dimensions 3x1x28x28 is created\.'
    run --loadEngine=profiles.tare --useProfile=1 --shapes=input:9x1x28x28 "${once[@]}"
    said 'Input binding for input with dimensions 9x1x28x28 is created\.'
    run --loadEngine=profiles.tare --useProfile=1 "${once[@]}"
    said '.* Automatically setting shape to: 8x1x28x28' errors
    refused 1 '--useProfile=2: the engine has 2 profiles' --loadEngine=profiles.tare --useProfile=2
    refused 1 "'input'.*axis 0" --loadEngine=profiles.tare --useProfile=0 --shapes=input:9x1x28x28
    refused 2 '--profile=1: profile 0 has no shapes' --onnx=net.onnx --profile=1 --optShapes=input:3x1x28x28
    refused 2 '--profile: there are 16' --onnx=net.onnx --profile=16
    refused 2 '--calibProfile=1: there is no such profile' --onnx=net.onnx --calibProfile=1
    refused 1 '--calib: out/c is not there' --onnx=net.onnx --int8 "${two[@]}" --calibProfile=1 --calib=out/c
    said 'Input calibration shapes: input:8x1x28x28'
}

calibration() {
    local cache
    need_images
    cache=(--int8 --calib=net.cache)
    refused 1 '--int8 needs ranges: --calib=FILE' --onnx=net.onnx --int8 --saveEngine=out/e
    refused 1 'net.cache is not there: give samples' --onnx=net.onnx "${cache[@]}" --saveEngine=out/e
    refused 1 'calibration failed' --onnx=net.onnx --int8 --calib=out/c --idx=none.gz --saveEngine=out/e
    run --onnx=net.onnx "${cache[@]}" "${data[@]}" --count=16 --calibrator=minmax --skipInference --saveEngine=int8.tare \
        --minShapesCalib=input:1x1x28x28 --optShapesCalib=input:4x1x28x28 --maxShapesCalib=input:8x1x28x28
    said 'Calibrating: tare calibrate .*--opt-shapes=input:4x1x28x28 .*--calibrator=minmax .*--count=16'
    "$tare" calibrate --onnx=net.onnx "${data[@]}" --count=16 --calibrator=minmax --cache=other.cache >/dev/null
    cmp net.cache other.cache || fail "another cache than tare calibrate's"
    "$tare" build --onnx=net.onnx --int8 --cache=other.cache --engine=other.tare --threads="$(nproc)" >/dev/null
    cmp int8.tare other.tare || fail "another engine than tare build's"
    # what is there is used
    run --onnx=net.onnx "${cache[@]}" "${data[@]}" --count=1 --skipInference
    said 'Calibration cache net.cache is used; remove it to calibrate again'
    cmp net.cache other.cache || fail "the cache was written again"
    run --onnx=net.onnx --best --calib=net.cache --exportLayerInfo=best.json --profilingVerbosity=detailed --skipInference
    check best.json 'assert sum(l["Precision"] == "INT8" for l in j["Layers"]) > 8'
    run --onnx=net.onnx --best --skipInference
    said '--best: INT8 is left out.*' errors
    run --onnx=net.onnx --int8 --calib=random --saveEngine=random.tare --skipInference
    said '--calib=random: .*its results are worthless' errors
    ! cmp -s int8.tare random.tare || fail "random ranges made the same engine"
    refused 2 '--idx is for calibrating' --onnx=net.onnx "${data[@]}"
    refused 2 '--calibrator is for calibrating' --onnx=net.onnx --int8 --calib=random --calibrator=minmax
    # a model that is quantized itself
    "$tare" quantize --onnx=net.onnx --cache=net.cache --output=qdq.onnx >/dev/null
    run --onnx=qdq.onnx --stronglyTyped --exportLayerInfo=qdq.json --profilingVerbosity=detailed --skipInference
    check qdq.json 'assert sum(l["Precision"] == "INT8" for l in j["Layers"]) > 8'
    run --onnx=qdq.onnx --int8 --calib=none.cache --skipInference
    said '--calib: the model is quantized itself.*' errors
}

precisions() {
    run --onnx=net.onnx --fp16 --bf16 --precisionConstraints=obey --layerPrecisions='*:fp16,head.fc:fp32,block1*:bf16' \
        --layerOutputTypes=head.fc:fp32 --exportLayerInfo=layers.json --profilingVerbosity=detailed --skipInference
    check layers.json '
p = {l["Name"]: l["Precision"] for l in j["Layers"]}
assert p["head.fc"] == "FP32" and p["block1.conv1"] == "BF16" and p["block2.conv1"] == "FP16", p'
    run --onnx=net.onnx --precisionConstraints=prefer --layerPrecisions=head.fc:fp16 --skipInference
    grep -q "layer 'head.fc' .*FP16 was requested" errors || fail "prefer does not warn: $(cat errors)"
    refused 1 "constraint not met: layer 'head.fc' \(Gemm\): FP16 was requested, but FP16 is not allowed" \
        --onnx=net.onnx --precisionConstraints=obey --layerPrecisions=head.fc:fp16 --saveEngine=out/e
    run --onnx=net.onnx --precisionConstraints=obey --skipInference
    said '--precisionConstraints=obey: there is no .*' errors
    refused 2 '--precisionConstraints=always, want none\|prefer\|obey' --onnx=net.onnx --precisionConstraints=always
}

tactics() {
    local cache=(--onnx=net.onnx --int8 --calib=random --skipInference --timingCacheFile=times)
    run "${cache[@]}" --saveEngine=first.tare
    [[ -s times ]] || fail "no timing cache"
    cp times before
    run "${cache[@]}" --saveEngine=second.tare
    cmp first.tare second.tare || fail "the same timing cache, another engine"
    run "${cache[@]}" --noBuilderCache
    said 'timingCacheMode: disable'
    cmp times before || fail "--noBuilderCache has written the cache"
    rm times
    run "${cache[@]}" --builderOptimizationLevel=0
    [[ ! -e times ]] || fail "level 0 has timed kernels"
    said '--timingCacheFile: level 0 times nothing.*' errors
    run --onnx=net.onnx --heuristic --skipInference
    said 'BuilderOptimizationLevel: 2'
    refused 2 'want 0 to 5' --onnx=net.onnx --builderOptimizationLevel=6
    run --onnx=net.onnx --tacticSources=-CUDNN,+cublas_lt,+own --skipInference
    said 'Tactic sources: \+own'
    said '--tacticSources: there is no CUDNN here.*' errors
    said '--tacticSources: there is no cublas_lt here.*' errors
    refused 2 "unknown source 'BLAS'" --onnx=net.onnx --tacticSources=+BLAS
    refused 2 "'own' wants a \+ or - in front" --onnx=net.onnx --tacticSources=own
}

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
    holds "($(summary Latency median) - ($(summary Latency min) + $(summary Latency max)) / 2) ^ 2 < 1e-9"
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
    run --loadEngine=net.tare --skipInference --dumpLayerInfo --profilingVerbosity=none
    said '--profilingVerbosity=none: .*' errors
    ! grep -q '^head.fc' log || fail "names in spite of none"
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
    refused 1 "'input' is fp32:chw in the model, .* not as fp16:chw" --loadEngine=net.tare --inputIOFormats=fp16:chw
    refused 1 "is fp32:chw in the model, .* not as fp32:hwc8" --loadEngine=net.tare --outputIOFormats=fp32:hwc8
    refused 1 "'fp12:chw' is not type:format" --loadEngine=net.tare --outputIOFormats=fp12:chw
    refused 1 "unknown format 'cwh'" --loadEngine=net.tare --outputIOFormats=fp32:cwh
    refused 1 'has 2 entries, the network has 1 inputs' --loadEngine=net.tare --inputIOFormats=fp32:chw,fp32:chw
}

loading() {
    run --loadEngine=net.tare --timeDeserialize
    said 'Total deserialization time = [0-9.e+-]+ milliseconds in 20 iterations\. Average .*'
    run --onnx=net.onnx --timeDeserialize
    said 'Total deserialization time = .*'
    run --loadEngine=net.tare --getPlanVersionOnly
    said "Plan was created with tare version $("$tare" --version | cut -d' ' -f2)"
    refused 2 '--getPlanVersionOnly wants --loadEngine' --onnx=net.onnx --getPlanVersionOnly
}

compatibility() {
    run --onnx=net.onnx --hardwareCompatibilityLevel=ampere+ --saveEngine=portable.tare --skipInference
    said '--hardwareCompatibilityLevel=ampere\+: as tare build.s --isa=portable'
    run --onnx=net.onnx --hardwareCompatibilityLevel=ref --saveEngine=ref.tare --skipInference
    "$tare" build --onnx=net.onnx --isa=ref --engine=built.tare >/dev/null
    cmp ref.tare built.tare || fail "another engine than tare build's"
    TARE_CPU_MASK=0 "$tare" exec --loadEngine=portable.tare "${once[@]}" >log 2>errors || fail "portable: $(cat errors)"
    run --onnx=net.onnx --hardwareCompatibilityLevel=none --saveEngine=native.tare --skipInference
    cmp native.tare net.tare || fail "none: another engine"
    refused 1 '--isa=pascal, want native' --onnx=net.onnx --hardwareCompatibilityLevel=pascal
}

refit() {
    run --onnx=net.onnx --refit --saveEngine=refit.tare --dumpRefit --timeRefit --skipInference
    said 'Refittable weights: [0-9]+'
    grep -qE '^float32 +10x64 +engine.s +.*head\.fc' log || fail "no weights: $(cat log)"
    said 'Engine refitted 10 times in [0-9.e+-]+ ms, [0-9.e+-]+ ms each\.'
    for flag in --versionCompatible --vc; do
        run --onnx=net.onnx "$flag" --saveEngine=vc.tare --skipInference
        said 'Version Compatible: Enabled'
        run --loadEngine=vc.tare --dumpRefit --skipInference
    done
    for flag in --stripAllWeights --weightless --stripWeights; do
        run --onnx=net.onnx "$flag" --saveEngine=bare.tare "${once[@]}"
        said 'Engine refitted with the weights of net.onnx in .*'
        [[ $(stat -c %s bare.tare) -lt 40000 ]] || fail "$flag: $(stat -c %s bare.tare) bytes"
    done
    refused 1 'the engine has no weights: give them with --refitFromOnnx' --loadEngine=bare.tare
    refused 1 'the engine was not built to be refitted' --loadEngine=net.tare --dumpRefit
    refused 2 '--refitFromOnnx wants --loadEngine and --onnx' --onnx=net.onnx --refitFromOnnx
    run --loadEngine=bare.tare --refitFromOnnx --onnx=net.onnx "${once[@]}" --dumpRawBindingsToFile
    mv out__a_b.output.1.10.Float.raw refitted.raw
    run --loadEngine=net.tare "${once[@]}" --dumpRawBindingsToFile
    cmp out__a_b.output.1.10.Float.raw refitted.raw || fail "another output than the engine's that was never stripped"
    # other weights: the output of a build with them
    /usr/bin/python3 -c 'import onnx, numpy' 2>/dev/null || return 0
    /usr/bin/python3 "$root/tests/cli/refit_models.py" net.onnx other.onnx 1
    run --loadEngine=refit.tare --refitFromOnnx --onnx=other.onnx "${once[@]}" --dumpRawBindingsToFile
    ! cmp -s out__a_b.output.1.10.Float.raw refitted.raw || fail "other weights, the same output"
    mv out__a_b.output.1.10.Float.raw refitted.raw
    run --onnx=other.onnx "${once[@]}" --dumpRawBindingsToFile
    cmp out__a_b.output.1.10.Float.raw refitted.raw || fail "another output than a build's with these weights"
}

device() {
    run --loadEngine=net.tare --device=0 --skipInference
    refused 2 'there is device 0, the CPU' --loadEngine=net.tare --device=1
}

verbose() {
    run --onnx=net.onnx --verbose "${once[@]}"
    said '=== Explanations of the performance metrics ==='
    grep -qE '^conv +tare_f32_.* head.fc: ' log || fail "no tactics: $(cat log)"
    grep -qE '^FP32 +- +head.fc ' log || fail "no layers: $(cat log)"
    run --onnx=net.onnx "${once[@]}"
    ! grep -qE 'Explanations .* ===|^conv ' log || fail "verbose without --verbose"
}

# Flags about what a CPU does not have: one line each, and the same engine.
noted() {
    local flag fast=(--onnx=net.onnx --batch=1 --skipInference --builderOptimizationLevel=0)
    run "${fast[@]}" --saveEngine=plain.tare
    for flag in --explicitBatch --workspace=4096 --memPoolSize=workspace:512.5,dlaSRAM:1M,dlaLocalDRAM:8MiB --minTiming=1 --avgTiming=8 \
        --leanDLLPath=x.so --excludeLeanRuntime --sparsity=force --noTF32 --fp8 --int4 --directIO \
        --layerDeviceTypes=head.fc:DLA,*:GPU --safe --restricted --consistency --buildDLAStandalone --allowGPUFallback \
        --monitorMemory --runtimePlatform=SameAsBuild --allowWeightStreaming --maxTactics=5 \
        --tilingOptimizationLevel=1 --l2LimitForTiling=1048576 --weightStreamingBudget=50% --allocationStrategy=profile \
        --asyncFileReader --nvtxVerbosity=none --maxAuxStreams=2 --ignoreParsedPluginLibs --preview=+fasterDynamicShapes0805,-profileSharing0806 --tempdir=/none \
        --tempfileControls=in_memory:allow,temporary:deny --exposeDMA --noDataTransfers --useManagedMemory \
        --useSpinWait --threads --useCudaGraph --persistentCacheRatio=0.5 --hostTime --useDLACore=0; do
        run "${fast[@]}" --saveEngine=noted.tare "$flag"
        said "${flag%%=*}: .*" errors
        [[ $(wc -l <errors) -eq 1 ]] || fail "more than one line for $flag: $(cat errors)"
        cmp noted.tare plain.tare || fail "$flag: another engine"
    done
    run --loadEngine=net.tare --useRuntime=lean "${once[@]}"
    said '--useRuntime: .*' errors
    refused 2 'it wants --loadEngine' --onnx=net.onnx --useRuntime=dispatch
    # what they may be is checked all the same
    refused 2 "'workspace=1' is not" --onnx=net.onnx --memPoolSize=workspace=1
    refused 2 "'heap:1' is not" --onnx=net.onnx --memPoolSize=heap:1
    refused 2 "'a:TPU' is not name:GPU\|DLA" --onnx=net.onnx --layerDeviceTypes=a:TPU
    refused 2 "'in_memory:maybe' is not" --onnx=net.onnx --tempfileControls=in_memory:maybe
    refused 2 "'x' wants a \+ or -" --onnx=net.onnx --preview=x
    refused 2 '--sparsity=half, want' --onnx=net.onnx --sparsity=half
    refused 2 '--allocationStrategy=heap, want' --onnx=net.onnx --allocationStrategy=heap
    refused 2 '--runtimePlatform=Mars, want' --onnx=net.onnx --runtimePlatform=Mars
    refused 2 '--persistentCacheRatio: want 0 to 1' --onnx=net.onnx --persistentCacheRatio=1.5
    refused 2 "'--threads' takes no value" --onnx=net.onnx --threads=4
}

refused_flags() {
    local flag
    for flag in --staticPlugins=x.so --dynamicPlugins=x.so \
        --setPluginsToSerialize=x.so --errorOnTimingCacheMiss --markDebug=x; do
        refused 2 "${flag%%=*}: " --onnx=net.onnx --saveEngine=out/e "$flag"
    done
}

unknown() {
    refused 2 "unknown flag '--optShaeps'; did you mean '--optShapes'" --onnx=net.onnx --optShaeps=x
    refused 2 "unknown flag '--imagse'; did you mean '--images'" --onnx=net.onnx --imagse=x
    refused 2 "'--onnx' wants a value" --onnx
    refused 2 "unexpected argument 'net.onnx'" net.onnx
}

for subject in road giexec shapes profiles calibration precisions tactics loop times profile layer_info tensors typed formats \
    loading compatibility refit device verbose noted refused_flags unknown; do
    "$subject"
done
