#!/usr/bin/env bash
# A model of 2.5 GB: its weights are beside it, its engine is larger than 2 GiB, and to
# build it takes little more memory than the weights twice.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"
[[ ${TARE_BIG:-} == 1 ]] || skip "TARE_BIG=1 runs it: 8 GB of disk, 6 GB of memory, minutes"
/usr/bin/python3 -c 'import onnx' 2>/dev/null || skip "no python3-onnx"
! is_sanitized || skip "sanitizers want much more memory"

# peak COMMAND...: sets $peak, in MB.
peak() {
    peak=$(/usr/bin/python3 - "$@" <<'RUN'
import resource, subprocess, sys
with open("log", "w") as log:
    subprocess.run(sys.argv[1:], stdout=log, check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)
RUN
    ) || fail "$*"
}
agree() { # ENGINE
    "$tare" compare --reference=net --engine="$1" --npy=net/input.npy --json=report.json >log
    holds "$(json report.json outputs sqnr_db) > 100" # 1e-5
}

width=8192 depth=10
weights=$((width * width * depth * 4 >> 20))
"$root/tests/cli/large_model" net $width $depth
SECONDS=0
peak "$tare" build --onnx=net/model.onnx --engine=net.tare
echo "build: $SECONDS s, $peak MB for weights of $weights MB"
holds "$peak < 2.25 * $weights"
holds "$(stat -c %s net.tare) > 1024 * 1024 * $weights"
agree net.tare

# Written again, it needs a file beside it, asked for or not.
SECONDS=0
peak "$tare" surgeon sanitize net/model.onnx -o clean.onnx
echo "surgeon: $SECONDS s, $peak MB"
holds "$peak < 1.5 * $weights"
[[ $(stat -c %s clean.onnx) -lt 20000 && -s clean.onnx.data ]] || fail "no external data"
rm net.tare
"$tare" build --onnx=clean.onnx --engine=clean.tare >log
agree clean.tare

# What is cut short, or too large for one file.
truncate -s 2G net/model.bin
refuse 1 "net/model.onnx: initializer 'w8': external data: 'model.bin' has 2147483648 bytes, want" \
    "$tare" build --onnx=net/model.onnx --engine=out/e
truncate -s 2G clean.tare
refuse 1 "clean.tare: engine: truncated engine" "$tare" run --engine=clean.tare --npy=net/input.npy --output=out/o
truncate -s 2G one.onnx
refuse 1 'one.onnx: 2147483648 bytes, want at most 2147483647 \(larger models keep their weights in external data\)' \
    "$tare" build --onnx=one.onnx --engine=out/e
