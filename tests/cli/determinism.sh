#!/usr/bin/env bash
# The cache and its report do not depend on the batch, the threads or the processor, nor
# an engine's outputs on threads or instruction set.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"
need_images
calibrate() { # OUT FLAGS...
    "$tare" calibrate --onnx="$model" "${data[@]}" --count=70 --cache="$1" "${@:2}" >log
}

calibrate want.cache --batch=1 --threads=1
for flags in --batch=7 --batch=32 "--batch=32 --threads=2" --threads=2 --threads=5; do
    read -ra list <<<"$flags"
    calibrate got.cache "${list[@]}"
    cmp want.cache got.cache || fail "another cache with $flags"
    cmp want.cache.json got.cache.json || fail "another report with $flags"
done
mapfile -t isas < <(isa_list)
[[ ${#isas[@]} -gt 0 ]] || fail "no instruction set works"
for isa in "${isas[@]}"; do
    calibrate got.cache --isa="$isa"
    cmp want.cache got.cache || fail "another cache with --isa=$isa"
done

# run OUT ISA THREADS BUILD-FLAGS...
run() {
    "$tare" build --onnx="$model" --engine=e.tare --isa="$2" "${@:4}" >log
    "$tare" run --engine=e.tare "${data[@]}" --skip=9000 --count=21 --threads="$3" --output="$1" >log
}
for precision in fp32 int8; do
    flags=()
    if [[ $precision == int8 ]]; then flags=(--int8 --cache=want.cache); fi
    run "want.$precision" ref 1 "${flags[@]}"
    for isa in "${isas[@]}"; do
        for threads in 1 2 3; do
            run got "$isa" "$threads" "${flags[@]}"
            cmp "want.$precision/logits.npy" got/logits.npy ||
                fail "other $precision outputs with --isa=$isa --threads=$threads"
        done
    done
done
! cmp -s want.fp32/logits.npy want.int8/logits.npy || fail "INT8 did not quantize anything"

# A build is a function of its inputs, and of times where kernels are timed.
for flag in --timing-cache=times --optimization-level=0; do
    "$tare" build --onnx="$model" --int8 --cache=want.cache --engine=a.tare "$flag" >log
    "$tare" build --onnx="$model" --int8 --cache=want.cache --engine=b.tare "$flag" >log
    cmp a.tare b.tare
done
