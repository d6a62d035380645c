#!/usr/bin/env bash
# The calibrators that judge whole networks: never much worse than the best of those that
# they choose from, on images that they have not seen; the same bytes for any threads.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"
need_images
onnx=$root/models/fashion_depthwise.onnx
# Sanitizers make it ten times slower: they get fewer samples, and accuracy is not theirs.
n_samples=64
! is_sanitized || n_samples=24
calibrate=("$tare" calibrate --onnx="$onnx" "${data[@]}" --count=$n_samples)

sqnr() { # sqnr CACHE: of the output
    "$tare" build --onnx="$onnx" --int8 --cache="$1" --engine=e.tare >/dev/null
    "$tare" compare --onnx="$onnx" --engine=e.tare "${data[@]}" --skip=1000 --count=500 --json=compare.json >/dev/null
    json compare.json outputs sqnr_db
}

"${calibrate[@]}" --calibrator=default --cache=default.cache >out.txt
[[ $(grep -c ' <- chosen$' out.txt) -eq 1 ]] || fail "not one choice: $(cat out.txt)"
grep -q "^Judged on $n_samples samples, each half" out.txt || fail "other samples: $(cat out.txt)"
grep -q '^Chosen .*: .' out.txt || fail "no reason: $(cat out.txt)"
grep -q '^Calibrator  *default$' out.txt || fail "$(cat out.txt)"
grep -q '"calibrator":.*"default"' default.cache.json || fail "the report names another calibrator"
[[ -s default.cache.recovery ]] || fail "nothing was recovered"

# Asked for by name, what was chosen is the same, to the byte.
chosen=$(sed -n 's/^Chosen  *\(.*\), recovery \([a-z,]*\): .*/\1 \2/p' out.txt)
read -r ranges passes <<<"${chosen/percentile /percentile:}"
flags=("--calibrator=${ranges%%:*}" "--recover=$passes")
[[ $ranges != *:* ]] || flags+=("--percentile=${ranges#*:}")
"${calibrate[@]}" "${flags[@]}" --cache=named.cache >/dev/null
cmp default.cache.recovery named.cache.recovery || fail "${flags[*]} is not what was chosen: $(cat out.txt)"

"${calibrate[@]}" --calibrator=mix --cache=mix.cache >out.txt
grep -q '^Mix  *[0-9]* tensors do better' out.txt || fail "mix does not say what it found: $(cat out.txt)"
default=$(sqnr default.cache) mix=$(sqnr mix.cache)
for single in minmax percentile "percentile --percentile=99.999" entropy2 mse; do
    ! is_sanitized || continue
    read -ra flags <<<"--calibrator=$single"
    for recover in none bias; do
        "${calibrate[@]}" "${flags[@]}" --recover=$recover --cache=single.cache >/dev/null
        one=$(sqnr single.cache)
        echo "$single, $recover: $one dB; default $default dB, mix $mix dB"
        holds "$default > $one - 0.3 && $mix > $one - 0.3"
    done
done

# The bytes are no concern of sanitizers.
if ! is_sanitized; then
    for calibrator in default mix; do
        few=("${calibrate[@]}" --count=16 --calibrator=$calibrator)
        "${few[@]}" --cache=few.cache --threads=1 >/dev/null
        "${few[@]}" --cache=again.cache --threads=3 >/dev/null
        for end in '' .json .recovery; do
            cmp few.cache$end again.cache$end || fail "--threads=3 changes $calibrator.cache$end"
        done
    done
fi

# Without recovery an old one goes away.
"${calibrate[@]}" --calibrator=default --recover=none --cache=default.cache >out.txt
[[ ! -e default.cache.recovery ]] || fail "an old recovery stays"
[[ $(grep -c ' none' out.txt) -ge 5 ]] || fail "$(cat out.txt)"
refuse 2 'needs the model and samples, not --from' "$tare" calibrate --from=x.h5 --calibrator=mix --cache=out/x
refuse 1 'want at least 2' "$tare" calibrate --onnx="$onnx" "${data[@]}" --count=1 --calibrator=default --cache=out/x
