#!/usr/bin/env bash
# Precisions by time: whatever this machine's times say, a warm timing cache says it again,
# the listings give the reason, requests stand, and without --best the rules do.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

build() {
    "$tare" build --onnx="$model" --fast-perf --engine="$1" "${@:2}" 2>err || fail "$(cat err)"
}

reason='(FP32|BF16) is faster: [0-9.]+ us, in INT8 [0-9.]+ us, with conversions and the layers that it is connected with'
level=(--optimization-level=4 --timing-cache=times) # all layers are in doubt
best=(--best "${level[@]}")
masks=(0xffffffff)
[[ $(uname -m) != x86_64 ]] || masks+=(1) # AVX2 has no instructions for INT8
mapfile -t isas < <(isa_list)
[[ ${#isas[@]} -gt 2 ]] || exit 77 # neither the reference nor portable engines are timed
for mask in "${masks[@]}"; do
    export TARE_CPU_MASK=$mask
    build cold.tare "${best[@]}" --json=cold.json --verbose --save-tactics=tactics >cold
    cp times before
    build warm.tare "${best[@]}" --json=warm.json --verbose >warm
    cmp cold.tare warm.tare || fail "another engine with the same times"
    cmp times before || fail "something was timed again"
    [[ $(grep -cP '\tINT8\t' times) -gt 0 && $(grep -cP '\tnetwork\t' times) -gt 0 ]] || fail "no layers in: $(cat times)"
    n=$(grep -cE "^(FP32|BF16) +- .*$reason" cold || true)
    [[ $n -eq $(grep -cE "\"reason\":.*\"$reason\"" cold.json || true) &&
        $n -eq $(grep -c 'is faster' cold.json || true) ]] || fail "other reasons in JSON: $(cat cold cold.json)"
    grep -qE "^Layers .*; $((14 - n)) in INT8" cold || fail "$n layers are faster in floats: $(cat cold)"
    build again.tare --best --load-tactics=tactics >log
    cmp cold.tare again.tare || fail "another engine from its tactics"
    [[ $n -eq 0 ]] || grep -q '"by_time":.*:fp32' tactics || fail "no precisions in: $(head tactics)"
done

build rules.tare "${level[@]}" --verbose >log
grep -q '^Layers .*; 14 in INT8' log || fail "rules: $(cat log)"
! grep -q 'is faster' log || fail "times for rules: $(cat log)"
build asked.tare "${best[@]}" --precision-constraints=obey --layer-precisions='*:int8' --verbose >log
[[ $(grep -cE '^INT8 +INT8 ' log) -eq 14 ]] || fail "times go before requests: $(cat log)"
