#!/usr/bin/env bash
# tare debug: the set of layers that must stay in FP32 is enough and minimal, and so is the
# part of a model that fails; both known by how the model was made, or checked by hand.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"
need_images
test=("${data[@]}" --count=16)
mkdir tmp
export TMPDIR=$PWD/tmp
depthwise=$root/models/fashion_depthwise.onnx

"$tare" calibrate --onnx="$model" "${data[@]}" --count=64 --calibrator=minmax --cache=net.cache >log
"$tare" calibrate --onnx="$depthwise" "${data[@]}" --count=64 --cache=dw.cache >log
"$tare" run --onnx="$model" "${test[@]}" --save-inputs=in --save-outputs=wanted >log

# precision: the criterion holds with the set, and with no layer of it left out. The bound
# is between what INT8 and what FP32 do.
"$tare" debug precision --onnx="$model" --cache=net.cache "${test[@]}" --atol=0.05 --spec=spec --json=p.json >log
n=$(sed -n 's/^Must stay in FP32: \([0-9]*\) of .*/\1/p' log)
holds "$n >= 1 && $n < 8 && $(json p.json builds) > $n"
[[ $(grep -o ':fp32' spec | wc -l) -eq $n ]] || fail "the specification has another set: $(cat spec)"
within() { # SPEC: the build keeps the tolerance
    "$tare" build --onnx="$model" --int8 --cache=net.cache --engine=e.tare --precision-constraints=obey --layer-precisions="$1" >/dev/null
    "$tare" run --engine=e.tare --load-inputs=in --load-outputs=wanted --atol=0.05 >/dev/null
}
within "$(cat spec)" || fail "the set is not enough: $(cat spec)"
tr ',' '\n' <spec >entries
for ((i = 1; i <= n; i++)); do
    ! within "$(sed "${i}d" entries | tr '\n' ',' | sed 's/,$//')" || fail "layer $i of $(cat spec) is not needed"
done
"$tare" debug precision --onnx="$model" --cache=net.cache "${test[@]}" --atol=0.05 --spec=again --threads=2 >log
cmp spec again || fail "another set at the second time"

# One layer is to blame, whatever is asked for; a command decides as the built-in does.
"$tare" debug precision --onnx="$depthwise" --cache=dw.cache "${test[@]}" --min-sqnr=22 --spec=one >log
[[ $(cat one) == "'stem.conv':fp32" ]] || fail "not the stem: $(cat log)"
"$tare" run --onnx="$depthwise" "${test[@]}" --save-inputs=din --save-outputs=dwanted >log
"$tare" debug precision --onnx="$depthwise" --cache=dw.cache --opt-shapes=input:1x1x28x28 --spec=two \
    --check="'$tare' run --engine={} --load-inputs=din --load-outputs=dwanted --atol=1 --quiet" >log
"$tare" debug precision --onnx="$depthwise" --cache=dw.cache "${test[@]}" --atol=1 --spec=three >log
cmp two three || fail "a command finds another set: $(cat two three)"
"$tare" debug precision --onnx="$model" --cache=net.cache "${data[@]}" --count=64 --accuracy-drop=100 --json=none.json >log
grep -q '^Must stay in FP32: 0 of' log || fail "100 points are not enough: $(cat log)"
holds "$(json none.json builds) == 1"

# reduce: the node that tare has not; the layer that INT8 breaks.
inspect() { "$tare" inspect model "$1"; }
inner=block2.relu1
"$tare" surgeon insert "$model" --op=Odd --domain=my.ops --name=odd --inputs=$inner --outputs=$inner -o odd.onnx >log
"$tare" debug reduce --onnx=odd.onnx --output=part.onnx --check-build >log
grep -q "^part.onnx: 1 of 39 nodes fail .*: op 'my.ops::Odd'" log || fail "$(cat log)"
grep -qE '^ *Odd +odd$' log || fail "the node is not named: $(cat log)"
status=0
"$tare" inspect capability part.onnx >log || status=$?
{ [[ $status -eq 1 ]] && grep -q '^Nodes *1$' log; } || fail "the part is another: $(cat log)"
"$tare" debug reduce --onnx=odd.onnx --output=part2.onnx --check-build --no-bisect >log
cmp part.onnx part2.onnx || fail "ddmin alone finds another part: $(cat log)"
"$tare" debug reduce --onnx="$depthwise" --output=part.onnx --cache=dw.cache "${test[@]}" --min-sqnr=20 >log
inspect part.onnx >log
{ grep -q '^Conv .* stem.conv$' log && grep -q '^Nodes *1$' log; } || fail "not the stem: $(cat log)"

# A command: two nodes together, which are not neighbours; the values of inputs.
both=(--check="! { '$tare' inspect model {} >m && grep -q ' block1.conv2$' m && grep -q ' head.pool$' m; }")
"$tare" debug reduce --onnx="$model" --output=both.onnx "${both[@]}" >log
grep -q '^both.onnx: 2 of 38 nodes fail' log || fail "$(cat log)"
{ grep -q ' block1.conv2$' log && grep -q ' head.pool$' log; } || fail "other nodes: $(cat log)"
inspect both.onnx >log
[[ $(grep -c '^Input' log) -eq 2 && $(grep -c '^Output' log) -eq 2 ]] || fail "other ends: $(cat log)"
"$tare" debug reduce --onnx="$model" --output=part.onnx "${test[@]}" --fail-code=3 \
    --check="'$tare' run --onnx={} --load-inputs={inputs} --validate --quiet || exit 1; '$tare' inspect model {} | grep -q 'block3.conv1\$' || exit 0; exit 3" >log
grep -q '^part.onnx: 1 of 38 nodes fail .*: exit status 3' log || fail "$(cat log)"

refuse 1 'the whole model does not fail.*: exit status 0' "$tare" debug reduce --onnx="$model" --output=out/p.onnx --check='true {}'
refuse 1 'the whole model does not fail' "$tare" debug reduce --onnx="$model" --output=out/p.onnx --check-build
refuse 1 'the shell cannot find a command: no_such' "$tare" debug reduce --onnx="$model" --output=out/p.onnx --check='no_such {}'
refuse 1 "'x' is not of the form" "$tare" debug reduce --onnx="$model" --output=out/p.onnx --check-build --opt-shapes=x
refuse 1 'does not hold with all 14 layers in FP32 either' \
    "$tare" debug precision --onnx="$model" --cache=net.cache --opt-shapes=input:1x1x28x28 --check='false {}' --spec=out/s
refuse 1 "no output 'logit'" "$tare" debug precision --onnx="$model" --cache=net.cache "${test[@]}" --atol=logit:1
refuse 2 'say what to do' "$tare" debug
refuse 2 'say what to do' "$tare" debug bisect
refuse 2 'want one criterion' "$tare" debug precision --onnx="$model" --cache=net.cache "${test[@]}" --atol=1 --min-sqnr=3
refuse 2 'want one criterion' "$tare" debug precision --onnx="$model" --cache=net.cache "${test[@]}"
refuse 2 'no samples' "$tare" debug precision --onnx="$model" --cache=net.cache --atol=1
refuse 2 '--cache is missing' "$tare" debug precision --onnx="$model" --atol=1
refuse 2 'want one check' "$tare" debug reduce --onnx="$model" --output=out/p.onnx
refuse 2 'want one check' "$tare" debug reduce --onnx="$model" --output=out/p.onnx --check='x {}' --check-build
refuse 2 'there is no .. in it' "$tare" debug reduce --onnx="$model" --output=out/p.onnx --check=false
refuse 2 'no samples' "$tare" debug reduce --onnx="$model" --output=out/p.onnx --check='x {} {inputs}'
refuse 2 '--cache is missing' "$tare" debug reduce --onnx="$model" --output=out/p.onnx --atol=1 "${test[@]}"
refuse 2 '--fail-code wants' "$tare" debug reduce --onnx="$model" --output=out/p.onnx --check-build --fail-code=3
[[ -z $(ls -A tmp) ]] || fail "left behind: $(ls tmp)"
