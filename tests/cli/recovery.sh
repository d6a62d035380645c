#!/usr/bin/env bash
# Accuracy recovery: written beside the cache, taken along, left out, refused.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"
need_images
onnx=$root/models/fashion_depthwise.onnx
n_unseen=500
! is_sanitized || n_unseen=100
calibrate=("$tare" calibrate --onnx="$onnx" "${data[@]}" --count=64 --calibrator=minmax)

sqnr() { # sqnr ENGINE: of the output, on images that calibration has not seen
    "$tare" compare --onnx="$onnx" --engine="$1" "${data[@]}" --skip=1000 --count=$n_unseen --json=compare.json >/dev/null
    json compare.json outputs sqnr_db
}

"${calibrate[@]}" --cache=net.cache --recover=bias,rounding >out.txt
grep -q '^Recovery  *bias: SQNR .* dB -> .* dB' out.txt || fail "no line for bias: $(cat out.txt)"
grep -q '^Recovery  *rounding: SQNR' out.txt || fail "no line for rounding: $(cat out.txt)"
[[ -s net.cache.recovery ]] || fail "no net.cache.recovery"
"$tare" build --onnx="$onnx" --int8 --cache=net.cache --engine=with.tare >out.txt
grep -q '^Recovery  *net.cache.recovery ([1-9][0-9]* layers)' out.txt || fail "not taken along: $(cat out.txt)"
"$tare" build --onnx="$onnx" --int8 --cache=net.cache --no-recovery --engine=without.tare >out.txt
if grep -q '^Recovery' out.txt; then fail "taken along in spite of --no-recovery"; fi
with=$(sqnr with.tare) without=$(sqnr without.tare)
echo "SQNR $without dB, recovered $with dB"
holds "$with > $without + 0.5"

# The same bytes for any number of threads.
for threads in 1 3; do
    ! is_sanitized || continue # the bytes are no concern of theirs
    "${calibrate[@]}" --cache=again.cache --recover=bias,rounding --threads=$threads >/dev/null
    cmp net.cache.recovery again.cache.recovery || fail "--threads=$threads changes the recovery"
done

# Of another network, damaged, of other ranges.
cp net.cache.recovery kept
changed=changed.onnx
cp "$onnx" $changed
printf '\x55' | dd of=$changed bs=1 seek=$(($(stat -c %s "$onnx") / 2)) conv=notrunc 2>/dev/null
refuse 1 'made for other weights' "$tare" build --onnx=$changed --int8 --cache=net.cache --engine=out/x.tare
printf 'x' | dd of=net.cache.recovery bs=1 seek=100 conv=notrunc 2>/dev/null
refuse 1 'checksum is wrong' "$tare" build --onnx="$onnx" --int8 --cache=net.cache --engine=out/x.tare
head -c 50 kept >net.cache.recovery
refuse 1 'net.cache.recovery' "$tare" build --onnx="$onnx" --int8 --cache=net.cache --engine=out/x.tare
cp kept net.cache.recovery
sed -i '$d' net.cache
"$tare" build --onnx="$onnx" --int8 --cache=net.cache --engine=x.tare >out.txt 2>&1
grep -q 'made for other ranges' out.txt || fail "no warning: $(cat out.txt)"

# Calibrating without it takes the old one away; auto keeps what helps.
"${calibrate[@]}" --cache=net.cache >/dev/null
[[ ! -e net.cache.recovery ]] || fail "an old recovery stays"
"${calibrate[@]}" --cache=net.cache --recover=auto >out.txt
grep -q '^Recovery  *bias' out.txt || fail "auto does nothing: $(cat out.txt)"
grep -q '^Recovery  *equalize: SQNR' out.txt || fail "auto does not equalize: $(cat out.txt)"
grep -q '^Recovery  *smooth: .*, 0 layers, .* nothing to do$' out.txt || fail "smooth found a matrix: $(cat out.txt)"

# A pass that rescales channels: kept only where it helps, in builds under another name.
"${calibrate[@]}" --cache=net.cache --recover=bias,equalize >out.txt
grep -q '^Recovery  *equalize: SQNR .*, not kept$' out.txt || fail "helps with few images: $(cat out.txt)"
"$tare" build --onnx="$onnx" --int8 --cache=net.cache --engine=without.tare >/dev/null
if grep -qa '\.rescaled' without.tare; then fail "a tensor is rescaled though it hurts"; fi
# Sanitizers make it ten times slower; the unit tests have the same under them.
if ! is_sanitized; then
    more=("${calibrate[@]}" --calibrator=mse --count=800)
    "${more[@]}" --cache=net.cache --recover=bias >/dev/null
    "$tare" build --onnx="$onnx" --int8 --cache=net.cache --engine=without.tare >/dev/null
    "${more[@]}" --cache=net.cache --recover=bias,equalize >out.txt
    grep -q '^Recovery  *equalize: SQNR .* layers, [0-9.]* s$' out.txt || fail "not kept: $(cat out.txt)"
    "$tare" build --onnx="$onnx" --int8 --cache=net.cache --engine=with.tare >/dev/null
    grep -qa '\.rescaled' with.tare || fail "no tensor is rescaled"
    with=$(sqnr with.tare) without=$(sqnr without.tare)
    echo "SQNR with biases $without dB, and equalized $with dB"
    holds "$with > $without"
fi
for word in bias,none auto,bias nothing bias, ''; do
    refuse 2 '--recover=' "${calibrate[@]}" --cache=out/x --recover="$word"
done
