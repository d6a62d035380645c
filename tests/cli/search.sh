#!/usr/bin/env bash
# tare search: sensitivity agrees with whole engines, a searched engine holds its budget and
# can be built by hand, and what makes no sense is refused.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"
need_images
net=(--onnx="$root/models/fashion_depthwise.onnx" --cache=net.cache)
n=60
! is_sanitized || n=20
test=("${data[@]}" --skip=1000 "--count=$n")

"$tare" calibrate "${net[@]}" "${data[@]}" --count=64 --calibrator=minmax >log

# The sensitivity: all up to the last layer in INT8 is the INT8 engine.
"$tare" search "${net[@]}" "${test[@]}" --sensitivity --json=one.json --threads=1 >log
grep -q "^Sensitivity .* INT8 layers on $n samples; " log || fail "no table: $(cat log)"
"$tare" search "${net[@]}" "${test[@]}" --sensitivity --json=three.json --threads=3 >log
cmp one.json three.json || fail "the figures depend on the number of threads"
"$tare" build "${net[@]}" --int8 --engine=int8.tare >log
"$tare" compare --onnx="$root/models/fashion_depthwise.onnx" --engine=int8.tare "${test[@]}" \
    --json=compare.json >log
last=$(tr -d '[:space:]' <one.json | grep -oE '"outputs":\{"sqnr_db":[0-9.]+' | tail -n 1 | sed 's/.*://')
holds "($last - $(json compare.json outputs sqnr_db)) ^ 2 < 1e-12"

# Labels are there, so that the budget is top-1.
search=("$tare" search "${net[@]}" "${test[@]}" --optimization-level=0 --engine=net.tare --json=net.json)
"${search[@]}" --accuracy-drop=5 --plot=net.svg >log 2>err || fail "$(cat err)"
[[ ! -s err ]] || fail "says: $(cat err)"
grep -q "^Samples .* $((n / 2)) to search on, $((n / 2)) held back" log || fail "no samples: $(cat log)"
grep -q '^Budget .* 5 points of top-1$' log || fail "no budget: $(cat log)"
holds "$(json net.json chosen drop) <= 5"
head -c 4 net.svg | grep -q '<svg' || fail "no plot: $(head -c 100 net.svg)"
[[ $(grep -c '<circle' net.svg) -gt 5 && $(tail -c 7 net.svg) == '</svg>' ]] || fail "the plot is cut"
python3 -c 'import sys, xml.dom.minidom as m; m.parse("net.svg")' || fail "the plot is no XML"

# What was found, by hand: the same bytes, as no kernel is timed.
"${search[@]}" --accuracy-drop=0.02 --metric=sqnr --fp16 --bf16 >log 2>err || fail "$(cat err)"
grep -q '^Budget .* 0.02 dB of signal$' log || fail "no budget: $(cat log)"
for half in fp16 bf16; do # chosen by time; if by none, that is said
    ! grep -q "^${half^^} .* not chosen" log || ! grep -q ":$half" log || fail "$half: $(cat log)"
done
command=$(sed -n 's/^By hand *tare //p' log)
eval "\"\$tare\" ${command/--engine=net.tare/--engine=hand.tare} --optimization-level=0" >log
cmp net.tare hand.tare || fail "another engine by hand"
"$tare" compare --onnx="$root/models/fashion_depthwise.onnx" --engine=net.tare "${test[@]}" \
    --json=compare.json >log
[[ $(json net.json chosen int8_layers) -eq 0 ]] || # FP32 is exact: no SQNR
    holds "10 * log(1 + 10 ^ (-$(json compare.json outputs sqnr_db) / 10)) / log(10) <= 0.02"

# No budget but FP32's: how close it came, and no engine.
mkdir out
status=0
"$tare" search "${net[@]}" "${test[@]}" --optimization-level=0 --accuracy-drop=0 --metric=sqnr \
    --engine=out/net.tare >log 2>err || status=$?
[[ $status -eq 1 ]] || fail "exit status $status without an engine"
grep -qE 'no assignment with a layer in INT8 holds 0 dB of signal: the closest has [0-9]+, and loses' err ||
    fail "does not say how close it came: $(cat err)"
[[ -z $(ls out) ]] || fail "left behind: $(ls out)"

refuse 2 'accuracy-drop is missing' "$tare" search "${net[@]}" "${test[@]}" --engine=out/a
refuse 2 'engine is missing' "$tare" search "${net[@]}" "${test[@]}" --accuracy-drop=1
refuse 2 'metric=top3' "$tare" search "${net[@]}" "${test[@]}" --accuracy-drop=1 --engine=out/a --metric=top3
refuse 2 'searches nothing' "$tare" search "${net[@]}" "${test[@]}" --sensitivity --engine=out/a
refuse 2 'searches nothing' "$tare" search "${net[@]}" "${test[@]}" --sensitivity --fp16
refuse 1 'out/none/a' "$tare" search "${net[@]}" "${test[@]}" --accuracy-drop=1 --engine=out/none/a
refuse 1 'at least 2' "$tare" search "${net[@]}" "${data[@]}" --count=1 --accuracy-drop=1 --engine=out/a
refuse 1 'want.* labels' "$tare" search "${net[@]}" --idx="$images" "${preprocess[@]}" --count=4 \
    --accuracy-drop=1 --metric=top1 --engine=out/a
