# shellcheck shell=bash
# common.sh - what the benchmarks share; sourced from the root of the repository.
# Environment: TARE, the command; TARE_ZOO, a folder with models/ and data/ (optional);
# TARE_BENCH, where onnxruntime and all that is made on the way are kept.
tare=${TARE:-build/tare}
zoo=${TARE_ZOO:-../shared/zoo}
work=${TARE_BENCH:-build/bench}

die() {
    echo "${0##*/}: $*" >&2
    exit 1
}

need_tare() {
    [[ -x $tare ]] || die "$tare is not there: build it, or set TARE to the command"
}

# onnxruntime for node, from npm. Its binaries are in the package: no script has to run.
need_onnxruntime() {
    local version=1.30.0 folder=$work/onnxruntime
    command -v npm >/dev/null || die "needs node and npm: apt-get install nodejs npm"
    export NODE_PATH=$PWD/$folder/node_modules
    [[ $work != /* ]] || export NODE_PATH=$folder/node_modules
    [[ ! -e $folder/$version ]] || return 0
    mkdir -p "$folder"
    echo '{"private": true}' >"$folder/package.json"
    npm install --prefix "$folder" --ignore-scripts --no-audit --no-fund --silent \
        "onnxruntime-node@$version" </dev/null >&2 || die "npm could not install onnxruntime-node"
    touch "$folder/$version"
}

# The models of the zoo and of the repository.
all_models() {
    local model
    for model in "$zoo"/models/*.onnx models/*.onnx; do
        [[ ! -e $model ]] || echo "$model"
    done
}
