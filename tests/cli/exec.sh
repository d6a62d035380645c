#!/usr/bin/env bash
# tare exec: engines as its flags build and load them, a function a subject.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"
# shellcheck source=tests/cli/exec/common.sh
. "$root/tests/cli/exec/common.sh"

road() {
    run --onnx=net.onnx --saveEngine=net.tare --skipInference --timingCacheFile=road.times
    "$tare" build --onnx=net.onnx --engine=built.tare --threads="$(nproc)" --timing-cache=road.times >/dev/null
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
    run --onnx=net.onnx --maxBatch=2 "${once[@]}"
    said 'Input binding for input with dimensions 2x1x28x28 is created\.'
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
    run --loadEngine=profiles.tare --dumpOptimizationProfile --skipInference
    said 'Optimization Profile 0: input: min=3x1x28x28, opt=3x1x28x28, max=3x1x28x28'
    said 'Optimization Profile 1: input: min=8x1x28x28, opt=8x1x28x28, max=9x1x28x28'
    run --loadEngine=net.tare --dumpOptimizationProfile --skipInference
    said 'All shapes are fixed'
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
        --timingCacheFile=road.times --minShapesCalib=input:1x1x28x28 --optShapesCalib=input:4x1x28x28 --maxShapesCalib=input:8x1x28x28
    said 'Calibrating: tare calibrate .*--opt-shapes=input:4x1x28x28 .*--calibrator=minmax .*--count=16'
    "$tare" calibrate --onnx=net.onnx "${data[@]}" --count=16 --calibrator=minmax --cache=other.cache >/dev/null
    cmp net.cache other.cache || fail "another cache than tare calibrate's"
    "$tare" build --onnx=net.onnx --int8 --cache=other.cache --engine=other.tare --threads="$(nproc)" \
        --timing-cache=road.times >/dev/null
    cmp int8.tare other.tare || fail "another engine than tare build's"
    # what is there is used
    run --onnx=net.onnx "${cache[@]}" "${data[@]}" --count=1 --skipInference
    said 'Calibration cache net.cache is used; remove it to calibrate again'
    cmp net.cache other.cache || fail "the cache was written again"
    run --onnx=net.onnx --best --builderOptimizationLevel=1 --calib=net.cache --exportLayerInfo=best.json --profilingVerbosity=detailed --skipInference
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
    run --onnx=net.onnx --tacticSources=+OneDNN-INT8,-onednn-int8 --skipInference # asks for a module, and not
    said 'Tactic sources: \+onednn-int8,-onednn-int8'
    run --onnx=net.onnx --tacticSources=-CUDNN,+cublas_lt,+own --skipInference
    said 'Tactic sources: \+own'
    said '--tacticSources: there is no CUDNN here.*' errors
    said '--tacticSources: there is no cublas_lt here.*' errors
    refused 2 "unknown source 'BLAS'" --onnx=net.onnx --tacticSources=+BLAS
    refused 2 "'own' wants a \+ or - in front" --onnx=net.onnx --tacticSources=own
}

branches() {
    local build=(--onnx=net.onnx --skipInference --builderOptimizationLevel=1)
    run "${build[@]}" --maxAuxStreams=0 --saveEngine=turn.tare
    ! grep -q Branches log || fail "branches though none are wanted"
    run "${build[@]}" --maxAuxStreams=2 --saveEngine=beside.tare
    said 'Branches: 2 regions of layers that run side by side, in 2 streams at the most'
    for engine in turn beside; do
        run --loadEngine=$engine.tare "${once[@]}" --cpuThreads=2 --dumpRawBindingsToFile --exportLayerInfo=layers.json \
            --profilingVerbosity=detailed
        mv out__a_b.output.1.10.Float.raw $engine.raw
    done
    cmp turn.raw beside.raw || fail "other outputs side by side"
    check layers.json 'assert sorted(l["StreamId"] for l in j["Layers"])[-3:] == [0, 1, 1], j'
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
    run --onnx=net.onnx --hardwareCompatibilityLevel=ref --saveEngine=ref.tare --skipInference --timingCacheFile=ref.times
    "$tare" build --onnx=net.onnx --isa=ref --threads="$(nproc)" --timing-cache=ref.times --engine=built.tare >/dev/null
    cmp ref.tare built.tare || fail "another engine than tare build's"
    TARE_CPU_MASK=0 "$tare" exec --loadEngine=portable.tare "${once[@]}" >log 2>errors || fail "portable: $(cat errors)"
    run --onnx=net.onnx --hardwareCompatibilityLevel=none --saveEngine=native.tare --skipInference --timingCacheFile=road.times
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

# The example plugins; their own test is cli/plugins.
plugins() {
    local flag folder=$build/examples/plugins
    /usr/bin/python3 -c 'import onnx, numpy' 2>/dev/null || return 0
    mkdir -p plugin
    (cd plugin && /usr/bin/python3 "$root/tests/cli/plugin_model.py")
    refused 1 'AddScalar' --onnx=plugin/net.onnx --saveEngine=out/e
    for flag in --staticPlugins --dynamicPlugins --plugins; do
        run --onnx=plugin/net.onnx "$flag=$folder/add_scalar.so" "$flag=$folder/layer_norm.so" --saveEngine=plugin.tare \
            "${once[@]}" --dumpProfile
        said ' +[0-9.]+ +[0-9.]+ +[0-9.]+ +[0-9.]+ +add'
        refused 1 'AddScalar|LayerNorm' --loadEngine=plugin.tare
        run --loadEngine=plugin.tare "$flag=$folder/add_scalar.so" "$flag=$folder/layer_norm.so" "${once[@]}"
    done
    # calibrated, which runs the plugins, too
    run --onnx=plugin/net.onnx --staticPlugins="$folder/add_scalar.so" --staticPlugins="$folder/layer_norm.so" --int8 \
        --calib=plugin.cache --calibrator=minmax --npy=plugin/x.npy --skipInference
    grep -q '^a1: ' plugin.cache || fail "no range of a plugin's output: $(cat plugin.cache)"
    refused 1 'none.so' --onnx=plugin/net.onnx --plugins=none.so
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

subjects road giexec shapes profiles calibration precisions tactics branches loading compatibility refit plugins device \
    verbose
