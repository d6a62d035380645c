#!/usr/bin/env bash
# tare build --config: the example of docs/hb-mapper.md, what keys become, what is refused.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"
need_images
ln -s "$root/models" models

# The first 12 test images: as PNG, and as raw files of either type.
python3 - "$images" <<'EOF' || fail "no samples"
import array, gzip, os, struct, sys, zlib
pixels = gzip.open(sys.argv[1]).read()[16:16 + 12 * 784]
for folder in 'demo/calib', 'bytes', 'pixels_f32', 'values_f32':
    os.makedirs(folder)
def chunk(kind, data):
    return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))
for i in range(12):
    image = pixels[i * 784:(i + 1) * 784]
    rows = b''.join(b'\0' + image[y * 28:y * 28 + 28] for y in range(28))
    with open(f'demo/calib/{i:03}.png', 'wb') as f:
        f.write(b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', struct.pack('>IIBBBBB', 28, 28, 8, 0, 0, 0, 0)) +
                chunk(b'IDAT', zlib.compress(rows)) + chunk(b'IEND', b''))
    with open(f'bytes/{i:03}.bin', 'wb') as f:
        f.write(image)
    for folder, value in ('pixels_f32', lambda p: p), ('values_f32', lambda p: (p - 72.93) / (1 / 0.011109)):
        with open(f'{folder}/{i:03}.bin', 'wb') as f:
            array.array('f', [value(p) for p in image]).tofile(f)
EOF

# The example: the printed commands alone give the same files.
sed -n '/^```yaml$/,/^```$/p' "$root/docs/hb-mapper.md" | sed '1d;$d' >fashion.yaml
"$tare" build --config=fashion.yaml --timing-cache=times >log 2>err || fail "$(cat err)"
for file in tare cache cache.json cache.recovery json; do
    [[ -s demo/output/fashion.$file ]] || fail "no fashion.$file: $(cat err)"
done
mv demo/output first
mkdir demo/output
sed -n "s|^tare: runs: tare|'$tare'|p" err >commands
[[ $(wc -l <commands) -eq 2 ]] || fail "not two commands: $(cat err)"
bash -e commands >log 2>err2 || fail "the printed commands fail: $(cat err2)"
# What the timing cache knew depends on what was built before.
same_reasons() { sed -i 's/"the fastest (.*)"/"the fastest"/; s/ (from the timing cache)"/"/' "$@"; }
same_reasons first/fashion.json demo/output/fashion.json
diff -r first demo/output || fail "the printed commands do something else"
[[ $(grep -vc '^tare: runs: ' err) -eq 3 ]] || fail "not one line for each key: $(cat err)"
for line in '26: core_num: .*threads' '6: InputType: int16 becomes FP32' '3: march: bayes-e stands for .*vnni'; do
    grep -q "^tare: fashion.yaml:$line" err || fail "'$line' is not said: $(cat err)"
done

# layer NAME: its precision in the table.
layer() {
    python3 -c 'import json, sys
print(*[l["precision"] for l in json.load(open(sys.argv[1]))["layers"] if l["name"] == sys.argv[2]])' "$json" "$1"
}
check_layers() { # NAME PRECISION ...
    while (($#)); do
        [[ $(layer "$1") == "$2" ]] || fail "layer $1 is in '$(layer "$1")', want $2"
        shift 2
    done
}
json=demo/output/fashion.json
check_layers stem.conv FP32 head.fc FP32 block1.conv1 INT8 block3.conv2 INT8

# All ways to give the same samples, and (pixel - mean) * scale of them, give one cache.
variant() { # NAME SED...
    local name=$1
    shift
    sed "s|demo/output|$name|; $*" fashion.yaml >"$name.yaml"
    "$tare" build --config="$name.yaml" --timing-cache=times --quiet >log 2>err || fail "$name: $(cat err)"
    [[ ! -s err ]] || fail "--quiet is not: $(cat err)"
    same_reasons "$name/fashion.json"
}
same_cache() {
    variant "$@"
    cmp "$1/fashion.cache" first/fashion.cache || fail "$1: other ranges"
}
same_cache u8 's|demo/calib|bytes|; s|preprocess_on: True|cal_data_type: uint8|'
same_cache by_name 's|demo/calib|./bytes/|; /preprocess_on/d'
same_cache f32 's|demo/calib|pixels_f32/|; /preprocess_on/d'
same_cache normed 's|demo/calib|values_f32|; s|preprocess_on: True|cal_data_type: float32|; s|data_mean_and_scale|no_preprocess|'
same_cache native '/march/d' # other kernels, where there are better ones than march says
same_cache no_names '/input_name/d; /input_shape/d'
cmp no_names/fashion.tare first/fashion.tare || fail "another engine"

# Requests: of all nodes, of operators, of single ones; and every form of quant_config.
requests() { # NAME SED...: without those of the example
    variant "$1" "/node_info/d; /run_on_cpu/d; ${*:2}"
    json=$1/fashion.json
}
requests none
check_layers stem.conv INT8 head.fc INT8
requests all "s|'bias_correction'|'set_all_nodes_int16;bias_correction'\n  run_on_bpu: 'block1.conv1;block1.conv2'|"
check_layers stem.conv FP32 head.fc FP32 block1.conv1 INT8 block1.conv2 INT8 block4.conv1 FP32
requests kind "s|'bias_correction'|'set_Conv_input_int16'|"
check_layers stem.conv FP32 block4.conv2 FP32
requests text "s|  march: .*|  set_node_data_type: 'stem.conv:int16;block1.conv1: int8'|"
check_layers stem.conv FP32 block1.conv1 INT8
cat >quant.json <<'EOF'
{"model_config": {"all_node_type": "int8", "model_output_type": "int16"},
 "op_config": {"Gemm": {"qtype": "int8"}, "Add": {"qtype": "int8"}},
 "node_config": {"stem.conv": {"qtype": "float16"}, "block1.conv1": {"ON": "CPU"}, "head.fc": {"input0": "int16"}}}
EOF
requests file "s|  preprocess_on|  quant_config: quant.json\n&|"
check_layers stem.conv FP16 block1.conv1 FP32 head.fc FP32 block1.conv2 INT8
requests inline "s|  preprocess_on|  quant_config: $(tr '\n' ' ' <quant.json)\n&|"
cmp inline/fashion.json file/fashion.json || fail "a map is another thing than a file"
requests string "s|  preprocess_on|  quant_config: '$(tr '\n' ' ' <quant.json)'\n&|"
cmp string/fashion.json file/fashion.json || fail "a text is another thing than a file"

# What cannot be met is a warning for each, and the engine is built.
sed "s|demo/output|cannot|; s|'head.fc'|'head.fcc'|; /node_info/d" fashion.yaml >cannot.yaml
"$tare" build --config=cannot.yaml >log 2>err || fail "prefer does not build: $(cat err)"
grep -q "^tare: warning: .*no layer matches 'head.fcc', did you mean 'head.fc'" err || fail "no warning: $(cat err)"

# The model is cut: other outputs, a Softmax behind it and a Cast in front of it removed.
"$tare" surgeon insert models/fashion_resnet.onnx --op=Softmax --attr=axis=1 --name=soft --inputs=logits \
    --outputs=logits -o soft.onnx >log
"$tare" surgeon insert soft.onnx --op=Cast --attr=to=1 --name=cast --inputs=input --outputs=input -o cast.onnx >log
cut() { # NAME KEY
    variant "$1" "s|models/fashion_resnet.onnx|cast.onnx|; s|  march|  $2\n&|"
    "$tare" inspect model "$1/fashion_cut.onnx" >cut.txt
}
cut typed "remove_node_type: 'Softmax;Cast'"
! grep -q '^Softmax\|^Cast' cut.txt || fail "still there: $(cat cut.txt)"
cmp <(tail -n +2 typed/fashion.cache | wc -l) <(tail -n +2 first/fashion.cache | wc -l) || fail "other tensors"
cut named "remove_node_name: 'soft'"
! grep -q '^Softmax' cut.txt && grep -q '^Cast' cut.txt || fail "not soft alone: $(cat cut.txt)"
cut inner "output_nodes: 'head.flatten'"
grep -q '^Output *[^ ]* float32 \[1x64\]' cut.txt || fail "not the output of head.flatten: $(cat cut.txt)"

# A batch; the observations; a timing cache.
variant batch "s|  norm_type|  input_batch: 4\n&|; s|  march|  debug_mode: 'dump_calibration_data'\n&|"
"$tare" inspect engine batch/fashion.tare | grep -q '4x1x28x28' || fail "no batch of 4"
[[ -s batch/fashion.h5 ]] || fail "no observations"
cmp batch/fashion.cache first/fashion.cache || fail "the batch changes the cache"

# Without samples: for timing alone, and said so.
for flags in --config=fashion.yaml --onnx=models/fashion_resnet.onnx; do
    "$tare" build "$flags" --fast-perf --engine=fast.tare --json=fast.json >log 2>err || fail "$(cat err)"
    grep -q 'WARNING: --fast-perf: .* its results are worthless' err || fail "not said: $(cat err)"
    [[ $(grep -c '"precision":[[:space:]]*"INT8"' fast.json) -ge 10 ]] || fail "not in INT8: $(grep -c INT8 fast.json)"
done
"$tare" build --config=fashion.yaml --fast-perf --engine=fast.tare --opt-shapes=2x1x28x28 \
    --max-shapes=4x1x28x28 --min-shapes=1x1x28x28 >log 2>err || fail "$(cat err)"
"$tare" inspect engine fast.tare | grep -q 'Profile 0 .*1x1x28x28 to 4x1x28x28, opt 2x1x28x28' ||
    fail "the flags' shapes do not go before the file's"
sed "s|'max'|'skip'|; /cal_data_dir/d" fashion.yaml >skip.yaml
"$tare" build --config=skip.yaml >log 2>err && grep -q 'WARNING: --fast-perf' err || fail "skip: $(cat err)"
refuse 2 'leave --cache out' "$tare" build --onnx="$model" --fast-perf --cache=c --engine=out/e
refuse 2 'march=bay, want bernoulli2' "$tare" build --onnx="$model" --march=bay --engine=out/e

# A model that is quantized itself is loaded as it is.
"$tare" quantize --onnx="$model" --cache=first/fashion.cache --output=qdq.onnx >log
sed "s|models/fashion_resnet.onnx|qdq.onnx|; s|'max'|'load'|; /cal_data_dir/d; s|demo/output|loaded|" fashion.yaml >load.yaml
"$tare" build --config=load.yaml >log 2>err || fail "load: $(cat err)"
! grep -q 'tare calibrate' err && [[ -s loaded/fashion.tare ]] || fail "load calibrates: $(cat err)"

# What is wrong is said in one line, with the file, the line and the key.
wrong() { # PATTERN SED
    sed "s|demo/output|out|; $2" fashion.yaml >bad.yaml
    rm -rf out
    refuse 1 "$1" "$tare" build --config=bad.yaml
}
wrong "^tare: bad.yaml:25: optimize_leve: unknown key in compiler_parameters; did you mean 'optimize_level'\?" \
    's|optimize_level|optimize_leve|'
wrong "^tare: bad.yaml:3: jobs: the key does not belong to model_parameters but to compiler_parameters" \
    "s|  march: .*|  jobs: 3|"
wrong "unknown section 'model_params'" 's|model_parameters|model_params|'
wrong "bad.yaml:3: march: unknown value 'bayes_e'; did you mean 'bayes-e'" 's|bayes-e|bayes_e|'
wrong "model_parameters lacks the key 'onnx_model'" '/onnx_model/d'
wrong "calibration_parameters lacks the key 'cal_data_dir'" '/cal_data_dir/d'
wrong "input_parameters lacks the key 'mean_value': norm_type wants it" '/mean_value/d'
wrong "scale_value: '0', want numbers above 0" 's|0.011109|0|'
wrong "max_percentile: '99.9', want a number above 0, at most 1" 's|0.99995|99.9|'
wrong "core_num: '3', want a whole number from 1 to 2" 's|core_num: 2|core_num: 3|'
wrong "debug: 'maybe', want True or False" 's|debug: True|debug: maybe|'
wrong "optimization: unknown value 'bias_correct'; did you mean 'bias_correction'" 's|bias_correction|bias_correct|'
wrong "InputType: unknown type 'int17'; did you mean" 's|int16|int17|'
wrong "input_shape does not fit: " 's|1x1x28x28|1x3x28x28|'
wrong "input_name: 'in' leaves out the network's input 'input'" "s|'input'|'in'|"
wrong "caffe_model: tare reads ONNX alone" "s|  march: .*|  caffe_model: 'a.caffemodel'|"
wrong "bad.yaml:[0-9]*: aliases \(\*\) are not supported" 's|0.011109|*x|'
wrong "bad.yaml:9: key 'input_name' comes twice, first on line 8" "s|  input_type_train: .*|  input_name: 'a'|"
wrong "cal_data_dir: a value of 1024 bytes or more" "s|demo/calib|$(printf '%01200d' 0)|"
refuse 2 'leave --onnx out' "$tare" build --config=fashion.yaml --onnx="$model"
refuse 1 'absent.yaml: cannot read: No such file' "$tare" build --config=absent.yaml
