#!/usr/bin/env bash
# An engine with one bit flipped, wherever it is, does not load.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"
need_images
"$tare" calibrate --onnx="$model" "${data[@]}" --count=8 --calibrator=minmax --cache=c >log
"$tare" build --onnx="$model" --int8 --cache=c --engine=good.tare >log
"$tare" inspect engine good.tare >log

# Where the sections start and end, from the table behind the header's first 56 bytes.
edges() {
    local i offset length
    for i in 0 1 2 3 4 5; do
        read -r offset length < <(od -An -td8 -w16 -j $((56 + 24 * i)) -N 16 good.tare)
        printf '%d\n' $((offset - 1)) "$offset" $((offset + length - 1)) $((offset + length))
    done
}
# The header and what pads it, the edges, then all of it in steps that are prime.
size=$(stat -c %s good.tare)
every=1
! is_sanitized || every=4 # which make each start ten times slower
positions=$({ seq 0 $((2 * every)) 256; edges; seq 257 $((997 * every)) "$size"; } | awk -v size="$size" '$1 < size')
cp good.tare bad.tare
flips=0
for at in $positions; do
    byte=$(od -An -tu1 -j "$at" -N 1 good.tare)
    flipped=$((byte ^ 1 << at % 8))
    printf "%b" "\\x$(printf %02x $flipped)" | dd of=bad.tare bs=1 seek="$at" conv=notrunc status=none
    refuse 1 '^tare: bad.tare: ' "$tare" inspect engine bad.tare
    printf "%b" "\\x$(printf %02x "$byte")" | dd of=bad.tare bs=1 seek="$at" conv=notrunc status=none
    flips=$((flips + 1))
done
cmp good.tare bad.tare
"$tare" inspect engine bad.tare >log
echo "$flips flips refused"
