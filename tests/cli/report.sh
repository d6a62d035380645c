#!/usr/bin/env bash
# The HTML report of tare compare, in Chromium: its tables sort, its charts are there, it
# says nothing on the console and asks nothing of the network, whatever the names are.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"
need_images
export HOME=$work
test=("${data[@]}" --skip=1000 --count=60)

"$tare" calibrate --onnx="$model" "${data[@]}" --count=64 --cache=net.cache >log
"$tare" build --onnx="$model" --int8 --cache=net.cache --engine=int8.tare \
    --precision-constraints=obey --layer-precisions='block2.conv2:fp32' >log
"$tare" compare --onnx="$model" --engine=int8.tare "${test[@]}" --html=report.html --json=report.json >log
grep -q '"latency_ms":' report.json || fail "no latencies: $(cat report.json)"
for key in clipped cause why try histogram range_low range_high worst_samples mean_energy; do
    grep -q "\"$key\":" report.json || fail "no $key in the JSON"
done
"$tare" compare --onnx="$model" --engine=int8.tare "${test[@]}" --layers --json=layers.json >log
! grep -q '"latency_ms":' layers.json || fail "times without a report"
[[ $(stat -c %s report.html) -lt 500000 ]] || fail "the report has $(stat -c %s report.html) bytes"
if grep -qE '(src|href)="?(https?:)?//|url\([^#]|@import' report.html; then fail "refers to something outside"; fi

refuse 2 '--html wants --onnx or a second --engine' \
    "$tare" compare --reference=stored --engine=int8.tare "${test[@]}" --html=out/r.html
refuse 1 'no/such/r.html' "$tare" compare --onnx="$model" --engine=int8.tare "${test[@]}" --html=no/such/r.html

command -v python3 >/dev/null || skip "no python3"
"$root/tests/cli/fault_models.py" hostile hostile
"$tare" calibrate --onnx=hostile.onnx --npy=hostile.npy --calibrator=minmax --cache=hostile.cache >log
"$tare" build --onnx=hostile.onnx --int8 --cache=hostile.cache --engine=hostile.tare >log
"$tare" compare --onnx=hostile.onnx --engine=hostile.tare --npy=hostile.npy --html=hostile.html --json=hostile.json >log
[[ $(grep -c '</script>' hostile.html) -eq $(grep -c '</script>' report.html) ]] || fail "a name ends a script"

! is_sanitized || skip "the browser looks at what the plain build writes"
command -v chromedriver >/dev/null && command -v chromium >/dev/null || skip "no chromium, chromium-driver"
browse() { timeout 120 "$root/tests/cli/report_browser.py" "$@" || fail "in the browser: $*"; }
browse report.html report.json logits block2.relu2 input
mapfile -t names < <(python3 -c 'import json
for layer in json.load(open("hostile.json"))["layers"]: print(layer["name"])')
[[ ${#names[@]} -eq 6 ]] || fail "not all layers of the hostile network: ${names[*]}"
browse hostile.html hostile.json "${names[@]}"
