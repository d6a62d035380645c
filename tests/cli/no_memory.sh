#!/usr/bin/env bash
# Whichever allocation fails, of tare or of a library that it uses: a command does its
# work, or says why not, ends with 1 and leaves nothing behind. One allocation in --every=N
# is tried, from a random one on. Observations are left out: libhdf5 does not survive a
# lack of memory.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"
! is_sanitized || skip "sanitizers have an allocator of their own"
command -v cc >/dev/null || skip "no C compiler"
[[ $(getconf GNU_LIBC_VERSION 2>/dev/null) ]] || skip "not glibc"
seed=$RANDOM every=150
for argument in "${@:2}"; do
    case $argument in
        --seed=*) seed=${argument#*=} ;;
        --every=*) every=${argument#*=} ;;
    esac
done
echo "seed $seed"
RANDOM=$seed

cc -shared -fPIC -O1 -fno-builtin -o no_memory.so "$root/tests/cli/no_memory.c"
head -c $((784 * 4)) "$model" | npy samples.npy '|u1' '4, 1, 28, 28'
data=(--npy=samples.npy --scale=1/255 --threads=1)
small=$work/small.onnx
"$tare" surgeon extract "$model" --outputs=block1.relu1 -o "$small" >log
"$tare" calibrate --onnx="$small" "${data[@]}" --recover=bias --cache=net.cache >log
"$tare" build --onnx="$small" --int8 --cache=net.cache --engine=net.tare >log

try() { # COMMAND...: its output goes to out/
    local n total status
    mkdir -p out
    TARE_NO_MEMORY=-1 LD_PRELOAD=$work/no_memory.so "$tare" "$@" >stdout 2>stderr || fail "$*: $(cat stderr)"
    total=$(tail -n 1 stderr)
    [[ $total -gt 300 ]] || fail "$1 makes $total allocations"
    for ((n = RANDOM % every; n < total; n += every)); do
        rm -rf out
        mkdir out
        status=0
        TARE_NO_MEMORY=$n LD_PRELOAD=$work/no_memory.so "$tare" "$@" >stdout 2>stderr </dev/null || status=$?
        [[ $status -eq 0 || $status -eq 1 ]] || fail "$1: status $status when allocation $n fails: $(cat stderr)"
        [[ $status -eq 0 || -s stderr ]] || fail "$1 says nothing when allocation $n fails"
        [[ -z $(find out -name '*.tmp-*') ]] || fail "$1 leaves a temporary file when allocation $n fails"
        [[ $status -eq 0 || $1 == calibrate || $1 == run || -z $(ls -A out) ]] ||
            fail "$1 leaves $(ls out) when allocation $n fails"
    done
    echo "$1: $total allocations"
}
try calibrate --onnx="$small" "${data[@]}" --recover=bias --cache=out/net.cache
try build --onnx="$small" --int8 --cache=net.cache --engine=out/net.tare --threads=1
try run --engine=net.tare "${data[@]}" --output=out/outputs
try compare --onnx="$small" --engine=net.tare "${data[@]}" --layers --json=out/figures
try quantize --onnx="$small" --cache=net.cache --output=out/quantized.onnx
try surgeon sanitize "$small" -o out/clean.onnx
