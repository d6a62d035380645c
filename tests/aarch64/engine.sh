#!/usr/bin/env bash
# engine.sh TARE TREE QEMU... - engines that were built here run on aarch64, with the
# fastest kernels of each processor, and give the bytes that they give here.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/../cli/common.sh"
tree=$2
qemu=("${@:3}")
need_images

# on CPU ENGINE: run it there; the layers go to the file tactics.
on() {
    "${qemu[@]}" -cpu "$1" -E LD_LIBRARY_PATH="$tree" "$tree/tests/run_engine" "$2" 3 2>tactics ||
        fail "$2 on $1: $(cat tactics)"
}
uses() { # PATTERN...: kernels that ran
    local pattern
    for pattern in "$@"; do
        grep -q -- "$pattern" tactics || fail "no $pattern among: $(cat tactics)"
    done
}

for name in fashion_resnet fashion_depthwise; do
    model=$root/models/$name.onnx
    "$tare" calibrate --onnx="$model" "${data[@]}" --count=20 --cache="$name.cache" >log
    "$tare" build --onnx="$model" --isa=portable --engine="$name.fp32" >log
    "$tare" build --onnx="$model" --isa=portable --int8 --cache="$name.cache" --engine="$name.int8" >log
    "$tare" build --onnx="$model" --isa=ref --int8 --cache="$name.cache" --engine="$name.ref" >log
    for precision in fp32 int8; do
        "$build/tests/run_engine" "$name.$precision" 3 >want 2>log
        for cpu in cortex-a53 neoverse-n1 max; do
            on "$cpu" "$name.$precision" >got
            cmp want got || fail "$name.$precision gives other bytes on $cpu"
            ! grep -q __ref tactics || fail "a reference kernel on $cpu: $(cat tactics)"
        done
    done
    on max "$name.ref" >got
    cmp want got || fail "$name.ref gives other bytes"
    ! grep -qE '__(neon|dotprod|i8mm)' tactics || fail "--isa=ref uses more: $(cat tactics)"
done

# Each processor takes the fastest that it has.
on cortex-a53 fashion_depthwise.int8 >got
uses 'CPU: neon,' u8_conv__neon u8_depthwise__neon
on neoverse-n1 fashion_depthwise.int8 >got
uses 'CPU: dotprod,' u8_conv__dotprod
on max fashion_depthwise.int8 >got
uses 'CPU: i8mm,' 'engine: portable' u8_conv__i8mm
