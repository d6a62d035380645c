# shellcheck shell=bash
# shellcheck disable=SC2034 # what is set here is for the tests
# common.sh TARE - sourced by the tests of the command, with their own arguments. Gives
# $tare, $build, $root and helpers, and starts them in an empty folder that goes away.
set -euo pipefail
tare=$(realpath "$1")
build=$(dirname "$tare")
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

model=$root/models/fashion_resnet.onnx
preprocess=(--color=gray --scale=1/255 --mean=0.2860 --std=0.3530)

fail() {
    echo "FAIL: $*" >&2
    exit 1
}
skip() {
    echo "skipped: $*"
    exit 77
}

# Debian's test images as IDX: sets $images, $labels and the flag array $data.
need_images() {
    local folder=/usr/share/datasets/fashion-mnist
    images=$folder/t10k-images-idx3-ubyte.gz
    labels=$folder/t10k-labels-idx1-ubyte.gz
    [[ -e $images ]] || skip "no dataset-fashion-mnist"
    data=("--idx=$images,$labels" "${preprocess[@]}")
}

is_sanitized() {
    grep -q '^TARE_SANITIZE:[A-Z]*=.' "$build/CMakeCache.txt"
}

# isa_list: the instruction sets of this processor that kernels are built for.
isa_list() {
    local isa
    for isa in ref avx2 avxvnni avx512 vnni bf16 amx amx16 neon dotprod i8mm portable; do
        ! "$tare" build --onnx="$model" --engine=probe.tare --isa="$isa" >/dev/null 2>&1 || echo "$isa"
    done
    rm -f probe.tare
}

# ONNX Runtime's C library, as npm's onnxruntime-node has it (bench/compare installs it),
# or as $TARE_ONNXRUNTIME names it: sets $onnxruntime.
need_onnxruntime() {
    local folder=node_modules/onnxruntime-node/bin
    onnxruntime=${TARE_ONNXRUNTIME:-}
    [[ -n $onnxruntime ]] || onnxruntime=$(find "$build/bench/onnxruntime/$folder" "$root/build/bench/onnxruntime/$folder" \
        -path "*/linux/$(uname -m | sed 's/x86_64/x64/; s/aarch64/arm64/')/libonnxruntime.so.1" -print -quit 2>/dev/null || true)
    [[ -e $onnxruntime ]] || skip "no libonnxruntime.so.1: run bench/compare, or set TARE_ONNXRUNTIME"
}

# refuse STATUS PATTERN COMMAND...: the command exits with STATUS, says one line that
# matches PATTERN (and, for usage errors, where the help is), prints nothing else and
# leaves nothing in the folder out/, where all that it could write must go.
refuse() {
    local status=$1 pattern=$2 got=0
    shift 2
    rm -rf out
    mkdir out
    "$@" >stdout 2>stderr </dev/null || got=$?
    [[ $got -eq $status ]] || fail "exit status $got, want $status: $*: $(head -n 20 stderr)"
    grep -qE -- "$pattern" stderr || fail "'$pattern' is not in what it says: $*: $(head -n 20 stderr)"
    [[ $(wc -l <stderr) -eq $status ]] || fail "$(wc -l <stderr) lines, want $status: $*: $(head -n 20 stderr)"
    [[ ! -s stdout ]] || fail "output in spite of an error: $*: $(head -n 5 stdout)"
    [[ -z $(ls -A out) ]] || fail "left behind by $*: $(ls -A out)"
}

# json FILE KEY [KEY]: a number from JSON as tare writes it.
json() {
    local path="\"$2\":"
    [[ $# -lt 3 ]] || path+="[^}]*\"$3\":"
    tr -d '[:space:]' <"$1" | sed -n "s/.*$path\([-+.0-9eE]*\).*/\1/p" | grep . || fail "$1 has no ${*:2}"
}

# holds EXPRESSION: an awk expression is true.
holds() {
    awk "BEGIN { exit !($1) }" || fail "not true: $1"
}

# npy FILE DESCR SHAPE: what comes on standard input, as a .npy.
npy() {
    local header="{'descr': '$2', 'fortran_order': False, 'shape': ($3), }"
    {
        printf '\x93NUMPY\x01\x00\x76\x00%-117s\n' "$header"
        cat
    } >"$1"
}

# ranks N COMMAND...: as N processes of Open MPI.
ranks() {
    local n=$1
    shift
    OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 mpirun --oversubscribe -n "$n" "$@" </dev/null
}
# need_ranks: skips what follows without Open MPI.
need_ranks() {
    command -v mpirun >/dev/null && [[ -e $build/libtare-mpi.so ]] || skip "no Open MPI"
    ! is_sanitized || skip "Open MPI's own leaks"
}
