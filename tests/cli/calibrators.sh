#!/usr/bin/env bash
# Every calibrator from the command: what it writes, and that INT8 builds from it.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"
need_images
calibrate() { # OUT FLAGS...
    "$tare" calibrate --onnx="$model" "${data[@]}" --count=8 --cache="$1" "${@:2}" >log 2>err ||
        fail "calibrate ${*:2}: $(cat err)"
}
int8_layers() { # CACHE
    "$tare" build --onnx="$model" --int8 --cache="$1" --engine=e.tare >log 2>err || fail "build from $1: $(cat err)"
    "$tare" inspect engine e.tare | grep -c INT8
}

help=$("$tare" calibrate --help)
calibrate entropy2.cache
want=$(int8_layers entropy2.cache)
while read -r name algorithm; do
    flags=(--calibrator="$name")
    [[ $name != load ]] || flags+=(--load=entropy2.cache)
    calibrate out.cache "${flags[@]}"
    [[ $(head -n 1 out.cache) == "TRT-8601-$algorithm" ]] || fail "$name writes $(head -n 1 out.cache)"
    grep -qE "^Calibrator +$name\$" log || fail "$name is not in its table"
    grep -q "\"calibrator\":.*\"$name\"" out.cache.json || fail "$name is not in its report"
    grep -q "$name" <<<"$help" || fail "--help does not name $name"
    got=$(int8_layers out.cache)
    [[ $got -eq $want ]] || fail "$got INT8 layers with $name, $want with entropy2"
    calibrate again.cache "${flags[@]}" --threads=3 --batch=5
    cmp out.cache again.cache || fail "$name depends on threads or batch"
    if ! is_sanitized; then # which make references very slow
        calibrate again.cache "${flags[@]}" --isa=ref
        cmp out.cache again.cache || fail "$name depends on the processor"
    fi
    # the second pass
    calibrate exact.cache "${flags[@]}" --exact-bins
    calibrate again.cache "${flags[@]}" --exact-bins --threads=3 --batch=5
    cmp exact.cache again.cache || fail "$name with --exact-bins depends on threads or batch"
    case $name in
    minmax | max | load) cmp out.cache exact.cache || fail "--exact-bins changes $name" ;;
    *) ! cmp -s out.cache exact.cache || fail "--exact-bins does not change $name" ;;
    esac
done <<'END'
entropy2 EntropyCalibration2
entropy EntropyCalibration
minmax MinMaxCalibration
max MinMaxCalibration
percentile EntropyCalibration2
mse EntropyCalibration2
legacy LegacyCalibration
load EntropyCalibration2
END

# The settings count, and a cut at 100 percent is none.
calibrate minmax.cache --calibrator=minmax
calibrate out.cache --calibrator=percentile --percentile=100
cmp <(tail -n +2 minmax.cache) <(tail -n +2 out.cache) || fail "percentile 100 is not the maximum"
calibrate cut.cache --calibrator=max --percentile=99
! cmp -s minmax.cache cut.cache || fail "max ignores --percentile"
calibrate out.cache --calibrator=percentile --percentile=99
cmp <(tail -n +2 cut.cache) <(tail -n +2 out.cache) || fail "max and percentile cut differently"
calibrate legacy.cache --calibrator=legacy
calibrate out.cache --calibrator=legacy --quantile=0.99 --cutoff=1
! cmp -s legacy.cache out.cache || fail "legacy ignores its settings"

# Loading keeps every bit, of a cache, of a report and of plain ranges.
calibrate out.cache --calibrator=load --load=cut.cache
cmp cut.cache out.cache || fail "loading a cache changes it"
calibrate out.cache --calibrator=load --load=cut.cache.json
cmp cut.cache out.cache || fail "loading a report changes the ranges"
echo '{"input": 2.5, "stem.relu": 6, "stem.rleu": 7}' >ranges.json
calibrate out.cache --calibrator=load --load=ranges.json
[[ $(tail -n +2 out.cache) == $'input: 3ca14285\nstem.relu: 3d418306' ]] || fail "ranges from JSON: $(cat out.cache)"
grep -q "tensor 'logits': the loaded ranges do not have it" err || fail "nothing is said of missing ranges"
grep -q "1 of the loaded 3 names are not observed; the first is 'stem.rleu', the nearest tensor is 'stem.relu'" err ||
    fail "nothing is said of unknown names: $(tail -n 1 err)"

calibrate=("$tare" calibrate --onnx="$model" "${data[@]}" --count=3 --cache=out/c)
refuse 2 '--calibrator=kl, want entropy2[|]entropy[|].*[|]default[|]mix$' "${calibrate[@]}" --calibrator=kl
refuse 1 'percentile 101, want above 0 to 100' "${calibrate[@]}" --calibrator=percentile --percentile=101
refuse 1 'cutoff 2, want above 0 to 1' "${calibrate[@]}" --calibrator=legacy --cutoff=2
refuse 1 "calibrator 'load' wants ranges" "${calibrate[@]}" --calibrator=load
refuse 1 'missing.json' "${calibrate[@]}" --calibrator=load --load=missing.json
echo '{"input": -1}' >bad.json
refuse 1 "bad.json: tensor 'input': range -1, want finite" "${calibrate[@]}" --calibrator=load --load=bad.json
echo '{"input": 1, "input": 2}' >bad.json
refuse 1 "bad.json: tensor 'input' comes twice" "${calibrate[@]}" --calibrator=load --load=bad.json
echo '{"input": 1' >bad.json
refuse 1 'bad.json: not a JSON object of ranges' "${calibrate[@]}" --calibrator=load --load=bad.json

# NaN and infinity are named by tensor and sample, with any batch, and left out.
mkdir raw
for name in a b c d e; do head -c $((28 * 28 * 4)) /dev/zero | tr '\0' '>' >raw/$name; done
{ head -c $((28 * 28 * 4 - 8)) raw/a && printf '\0\0\300\177\0\0\200\377'; } >raw/d
for flags in --threads=1 --batch=2 --batch=5 --exact-bins; do
    "$tare" calibrate --onnx="$model" --raw=raw --raw-type=f32 --cache=nan.cache "$flags" >log 2>err
    grep -q "tensor 'input': 1 NaN and 1 infinite of 3920 values, first in sample 3 (raw/d); its range" err ||
        fail "NaN is not named with $flags: $(cat err)"
    [[ $(sed -n 2p nan.cache) == 'input: 3abfbdb9' ]] || fail "NaN is in the range: $(sed -n 2p nan.cache)"
    [[ $flags == --exact-bins ]] || [[ $(json nan.cache.json first_bad_sample) == 3 ]] || fail "report with $flags"
done
