#!/usr/bin/env bash
# Whenever calibrate, build or surgeon is killed, and whenever the disk is full: each of
# their files is the old one or the new one, and what is built of them is what one of the
# two would give, or gives without its recovery: an old one does not fit a new cache, which
# is seen. --seed=N and --rounds=N, behind the command, are for the kills by time.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"
command -v cc >/dev/null || skip "no C compiler"
seed=$RANDOM rounds=5
for argument in "${@:2}"; do
    case $argument in
        --seed=*) seed=${argument#*=} ;;
        --rounds=*) rounds=${argument#*=} ;;
    esac
done
echo "seed $seed"
RANDOM=$seed

cc -shared -fPIC -o fault.so "$root/tests/cli/fault.c" -ldl
with_fault() { # FAULT COMMAND...
    local fault=$1
    shift
    ASAN_OPTIONS=${ASAN_OPTIONS:-}:verify_asan_link_order=0 TARE_FAULT=$fault LD_PRELOAD=$work/fault.so \
        "$@" >log 2>&1 </dev/null
}

# Two short networks, and pixels that differ: the model's own bytes.
small=$work/small.onnx
"$tare" surgeon extract "$model" --outputs=block1.relu1 -o "$small" --quiet >log
"$tare" surgeon extract "$model" --outputs=block1.relu2 -o larger.onnx --quiet >log
head -c $((784 * 4)) "$model" | npy a.npy '|u1' '4, 1, 28, 28'
tail -c $((784 * 6)) "$model" | npy b.npy '|u1' '6, 1, 28, 28'
calibrate() { # old|new
    local samples=a.npy calibrator=minmax
    [[ $1 == old ]] || samples=b.npy calibrator=max
    command=("$tare" calibrate --onnx="$small" --npy="$samples" --scale=1/255 --calibrator="$calibrator"
        --recover=bias --cache=live/net.cache --observations=live/net.h5 --threads=1 --quiet)
}
build() { # old|new
    local precision=--int8
    [[ $1 == new ]] || precision=--no-recovery
    command=("$tare" build --onnx="$small" --cache=calibrated/net.cache "$precision" --engine=live/net.tare
        --timing-cache=live/times --optimization-level=5 --quiet)
}
surgeon() { # old|new
    local of=$small
    [[ $1 == old ]] || of=larger.onnx
    command=("$tare" surgeon sanitize "$of" --external-data -o live/net.onnx --quiet)
}

engine_of() { # FOLDER FLAGS...: what its files give; "" when they give nothing
    rm -f of.tare
    "$tare" build --onnx="$small" --int8 --cache="$1/net.cache" --engine=of.tare --optimization-level=0 \
        --quiet "${@:2}" >log 2>&1 || return 0
    sha256sum <of.tare
}

# check WHAT: every file in live/ is that of old/ or new/, but for temporary ones, and for
# what hangs on measured times: those, and which kernels an engine names.
check() {
    local file name
    for file in live/*; do
        name=${file#live/}
        [[ $name != *.tmp-?????? || $1 == killed* ]] || fail "$1: $name is left behind"
        [[ $name != *.tmp-?????? ]] || continue
        [[ $name != times && $name != net.tare ]] || continue
        cmp -s "$file" "old/$name" || cmp -s "$file" "new/$name" || fail "$1: $name is neither old nor new"
    done
}
check_calibrate() { # WHAT
    check "$1"
    [[ -e live/net.cache ]] || fail "$1: the cache is gone"
    grep -qxF "$(engine_of live)" engines || fail "$1: the engine of what is left is a third one: $(cat log)"
}
outputs_of() { # ENGINE
    rm -rf outputs
    "$tare" run --engine="$1" --npy=a.npy --scale=1/255 --output=outputs --quiet >log 2>&1 || fail "$1: $(cat log)"
    sha256sum <outputs/*.npy
}
check_build() {
    check "$1"
    [[ -e live/net.tare ]] || fail "$1: the engine is gone"
    grep -qxF "$(outputs_of live/net.tare)" computed || fail "$1: the engine computes neither the old nor the new"
    [[ ! -e live/times ]] || "$tare" build --onnx="$small" --engine=of.tare --timing-cache=live/times \
        --quiet >log 2>&1 || fail "$1: the times: $(cat log)"
}
check_surgeon() { # a model and its data are of one piece, or there is no model
    check "$1"
    [[ -e live/net.onnx ]] || return 0
    local set
    for set in old new; do
        ! cmp -s live/net.onnx $set/net.onnx || cmp -s live/net.onnx.data $set/net.onnx.data ||
            fail "$1: the model is $set, its data is not"
    done
}

# every JOB: JOB's files, old, under the command that makes the new ones, which is killed
# before each call that changes a file; then on a disk that fills up; then at any time.
every() {
    local job=$1 n status set
    for set in old new; do
        rm -rf live $set
        mkdir live
        "$job" $set
        "${command[@]}" >log 2>&1 || fail "${command[*]}: $(cat log)"
        rm -rf $set
        mv live $set
        [[ $job != build ]] || outputs_of $set/net.tare >>computed
        [[ $job != calibrate ]] || { engine_of $set && engine_of $set --no-recovery; } >>engines
    done
    for fault in kill full; do
        for ((n = 1; ; n++)); do
            rm -rf live
            cp -r old live
            status=0
            { with_fault $fault:$n "${command[@]}" || status=$?; } 2>/dev/null
            if [[ $status -eq 0 ]]; then break; fi
            [[ $fault$status == kill137 || $fault$status == full1 ]] ||
                fail "$job, $fault:$n: status $status: $(cat log)"
            "check_$job" "${fault}ed at call $n"
        done
        [[ $n -gt 1 ]] || fail "$job: $fault never happened"
        echo "$job: $fault at each of $((n - 1)) calls"
    done
    for ((n = 0; n < rounds; n++)); do
        rm -rf live
        cp -r old live
        "${command[@]}" >log 2>&1 </dev/null &
        sleep "0.$(printf %03d $((RANDOM % 150)))"
        { kill -9 $! && wait $!; } 2>/dev/null || true
        "check_$job" "killed in round $n"
    done
}

: >engines
: >computed
every calibrate
mv new calibrated
every build
every surgeon
