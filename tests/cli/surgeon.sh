#!/usr/bin/env bash
# tare surgeon and tare inspect capability, on a network that is shipped: what is written
# can be read, built and run, and computes what the original computes.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"
need_images

outputs() { # MODEL FOLDER FLAGS...: what its engine makes of eight images
    local onnx=$1 folder=$2
    shift 2
    "$tare" build --onnx="$onnx" --engine=e.tare "$@" >/dev/null
    "$tare" run --engine=e.tare "${data[@]}" --count=8 --output="$folder" >/dev/null
}
outputs "$model" wanted
same() { # MODEL FLAGS...
    rm -rf got
    outputs "$1" got "${@:2}"
    diff -r wanted got || fail "$1 computes something else"
}
# The tensors: the input, the one in the middle, the output.
"$tare" inspect model "$model" --json=model.json >model.txt
input=$(sed -n 's/^Input *\([^ ]*\) .*/\1/p' model.txt)
output=$(sed -n 's/^Output *\([^ ]*\) .*/\1/p' model.txt)
grep -q '^Activations .* at most at one time' model.txt || fail "no memory"
holds "$(json model.json peak_activation_bytes) > 0 && $(json model.json parameter_bytes) > 0"

"$tare" surgeon sanitize "$model" -o clean.onnx --json=clean.json >log
grep -q '^clean.onnx: ' log || fail "no summary"
holds "$(json clean.json nodes_after) <= $(json clean.json nodes_before)"
same clean.onnx

# Constants beside the model.
"$tare" surgeon sanitize "$model" --external-data --output=apart.onnx >log
[[ -s apart.onnx.data ]] || fail "no external data"
[[ $(stat -c %s apart.onnx) -lt 20000 ]] || fail "the constants are in the model"
same apart.onnx

# What was renamed has its new name, and only that.
"$tare" surgeon rename "$model" --tensor="$input:pixels" -o renamed.onnx >log
grep -q "^renamed *tensor *$input *(pixels)" log || fail "no report"
same renamed.onnx

# A batch of 8 in the model; an open one again.
"$tare" surgeon set-batch "$model" --batch=8 -o eight.onnx >log
"$tare" inspect model eight.onnx | grep -q "^Input *$input float32 \[8x" || fail "no batch of 8"
"$tare" surgeon set-batch eight.onnx --batch=N -o open.onnx >log
same open.onnx
"$tare" surgeon set-axis "$model" --axis="$input:0=M" -o open.onnx >log
same open.onnx

# A node that changes nothing, and one that tare does not know.
"$tare" surgeon insert "$model" --op=Identity --inputs="$output" --outputs="$output" -o inserted.onnx >log
same inserted.onnx
"$tare" surgeon insert "$model" --op=Odd --domain=my.ops --attr=k=3 --name=odd \
    --inputs="$output" --outputs="$output" -o odd.onnx >log
refuse 1 "my.ops::Odd.*odd" "$tare" build --onnx=odd.onnx --engine=out/e
"$tare" surgeon sanitize odd.onnx -o odd2.onnx >log
status=0
"$tare" inspect capability odd2.onnx --json=capability.json >log || status=$?
[[ $status -eq 1 ]] || fail "capability: exit status $status, want 1"
grep -qE '^odd +my.ops::Odd +1 +tare has no such operator' log || fail "odd is not named: $(cat log)"
grep -q '"supported":.*false' capability.json || fail "capability.json says supported"
"$tare" inspect capability "$model" --json=capability.json >log || fail "the model is not supported: $(cat log)"
grep -q '"supported":.*true' capability.json || fail "capability.json says unsupported"

# Conv and its normalization as one custom node.
"$tare" surgeon replace "$model" --pattern=Conv,BatchNormalization --op=ConvNorm --domain=my.ops -o replaced.onnx --json=r.json >log
grep -q '^inserted *node *ConvNorm' log || fail "nothing was replaced"
refuse 1 'my.ops::ConvNorm' "$tare" build --onnx=replaced.onnx --engine=out/e

# The front and the back of the network, cut where all comes through one tensor.
cut=$(sed -n 's/^Flatten .* \([^ ]*\)$/\1/p' model.txt | head -n 1)
cut=$(tr -d '[:space:]' <model.json | sed -n "s/.*\"name\":\"$cut\",\"op\":\"Flatten\",\"output\":\"\([^\"]*\)\".*/\1/p")
"$tare" surgeon extract "$model" --outputs="$cut" -o front.onnx --quiet >log
"$tare" surgeon extract "$model" --inputs="$cut" -o back.onnx --quiet >log
[[ $(wc -l <log) -eq 1 ]] || fail "--quiet says more than one line"
"$tare" inspect model front.onnx | grep -q "^Output *$cut " || fail "the front does not end with $cut"
"$tare" inspect model back.onnx | grep -q "^Input *$cut " || fail "the back does not begin with $cut"
for part in front back; do
    "$tare" build --onnx=$part.onnx --engine=$part.tare >/dev/null
done

refuse 1 "no tensor '${output}x'; did you mean '$output'" \
    "$tare" surgeon extract "$model" --outputs="${output}x" -o out/x.onnx
refuse 1 "'nonsense' is not of the form old:new" "$tare" surgeon rename "$model" --tensor=nonsense -o out/x.onnx
refuse 1 "'often' is not fold, identity or dead" "$tare" surgeon sanitize "$model" --steps=fold,often -o out/x.onnx
refuse 1 "not of the form INPUT:AXIS=VALUE" "$tare" surgeon set-axis "$model" --axis=5 -o out/x.onnx
refuse 1 "the model has no chain of Conv,Tanh" \
    "$tare" surgeon replace "$model" --pattern=Conv,Tanh --op=X --domain=d -o out/x.onnx
refuse 1 "no_such_folder/x.onnx" "$tare" surgeon sanitize "$model" -o no_such_folder/x.onnx
refuse 2 'say what to do' "$tare" surgeon
refuse 2 'say what to do' "$tare" surgeon clean "$model" -o out/x.onnx
refuse 2 '-o OUT.onnx is missing' "$tare" surgeon sanitize "$model"
refuse 2 '0 models, want one' "$tare" surgeon sanitize -o out/x.onnx
refuse 2 '--inputs or --outputs is missing' "$tare" surgeon extract "$model" -o out/x.onnx
refuse 2 '--op is missing' "$tare" surgeon insert "$model" --outputs=x -o out/x.onnx
refuse 2 '--batch is missing' "$tare" surgeon set-batch "$model" -o out/x.onnx
refuse 2 '--tensor or --node is missing' "$tare" surgeon rename "$model" -o out/x.onnx
refuse 2 '--pattern does not apply' "$tare" surgeon insert "$model" --op=X --outputs=x --pattern=Conv -o out/x.onnx
refuse 2 'name a file' "$tare" inspect capability
head -c 1000 "$model" >cut.onnx
refuse 1 '^tare: cut.onnx: ' "$tare" surgeon sanitize cut.onnx -o out/x.onnx
refuse 1 '^tare: cut.onnx: ' "$tare" inspect capability cut.onnx --json=out/j
