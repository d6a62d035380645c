#!/usr/bin/env bash
# Kept observations: files that merge, a run that goes on after a kill, and ranks under
# mpirun all give the cache and the file of one plain run, byte for byte.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"
need_images

calibrate() { # CACHE COUNT-AND-SKIP... : with its observations beside it
    local cache=$1
    shift
    "$tare" calibrate --onnx="$model" "${data[@]}" "$@" --cache="$cache" \
        --observations="$cache.h5" >log
}

calibrate whole.cache --count=96
calibrate first.cache --count=40
calibrate second.cache --skip=40 --count=56
"$tare" calibrate --from=first.cache.h5,second.cache.h5 --cache=merged.cache >log
cmp whole.cache merged.cache || fail "merged observations give another cache"
"$tare" calibrate --from=whole.cache.h5 --calibrator=minmax --cache=minmax.cache >log
head -n 1 minmax.cache | grep -q MinMaxCalibration || fail "--from ignores --calibrator"

# Killed at any moment: what is there is whole, and --resume ends with the same bytes. The
# references are slow enough to be caught.
slow=("$tare" calibrate --onnx="$model" "${data[@]}" --count=150 --isa=ref)
"${slow[@]}" --threads=1 --cache=killed.cache --observations=killed.h5 >log 2>&1 &
victim=$!
for _ in $(seq 3000); do
    [[ ! -e killed.h5 ]] || break
    sleep 0.1
done
kill -9 "$victim"
status=0
wait "$victim" 2>/dev/null || status=$?
[[ $status -eq 137 && ! -e killed.cache ]] || fail "it was not killed in time: exit status $status"
"$tare" inspect observations killed.h5 --json=seen.json >log
holds "0 < $(json seen.json samples) && $(json seen.json samples) < 150"
"${slow[@]}" --cache=killed.cache --observations=killed.h5 --resume >log
"${slow[@]}" --cache=plain.cache --observations=plain.h5 >log
cmp plain.cache killed.cache || fail "--resume gives another cache"
cmp plain.h5 killed.h5 || fail "--resume gives other observations"
refuse 1 'of another model' "$tare" calibrate --onnx="$model" "${data[@]}" --count=50 \
    --cache=out/c --observations=killed.h5 --resume

# What was seen can be looked at, and is what the report says.
"$tare" inspect observations whole.cache.h5 --json=seen.json >log
grep -q '^96 samples, [1-9][0-9]* tensors$' log || fail "inspect: $(head -n 1 log)"
grep -Eq '^ *-?[0-9.]+ .* 75264 .* input$' log || fail "no line for the input: $(cat log)"
for key in min max amax mean_abs rms count zeros nan inf; do
    seen=$(json seen.json $key) reported=$(json whole.cache.json $key)
    holds "($seen - $reported) ^ 2 <= ($reported * 1e-6) ^ 2"
done
refuse 1 '^tare: whole.cache: ' "$tare" inspect observations whole.cache --json=out/j
refuse 2 'name a file' "$tare" inspect observations

# What is no such file.
refuse 1 '^tare: whole.cache: not a file of observations' "$tare" calibrate --from=whole.cache --cache=out/c
head -c 5000 whole.cache.h5 >cut.h5
refuse 1 '^tare: cut.h5: ' "$tare" calibrate --from=cut.h5 --cache=out/c

need_ranks
for n in 1 2 4; do
    ranks "$n" "$tare" calibrate --onnx="$model" "${data[@]}" --count=96 --threads=1 \
        --cache="ranks$n.cache" --observations="ranks$n.h5" >log 2>&1 || fail "mpirun -n $n: $(cat log)"
    cmp whole.cache "ranks$n.cache" || fail "$n ranks give another cache"
    cmp whole.cache.h5 "ranks$n.h5" || fail "$n ranks give other observations"
done

# One rank's failure ends all, and leaves no cache.
"$build/idx_to_png" "$images" "$labels" png --count=20 >log
find png -name '*.png' | sort | tail -n 1 | xargs truncate -s 100
status=0
ranks 2 timeout 60 "$tare" calibrate --onnx="$model" --images=png "${preprocess[@]}" --cache=failed.cache \
    >log 2>&1 || status=$?
[[ $status -eq 1 ]] || fail "a rank failed, mpirun ended with $status"
grep -q 'tare: .*damaged PNG' log || fail "the failure is not named: $(cat log)"
[[ ! -e failed.cache ]] || fail "a cache in spite of the failure"

# So does the death of one.
ranks 2 "${slow[@]}" --threads=1 --cache=dead.cache --observations=dead.h5 >log 2>&1 &
run=$!
for _ in $(seq 3000); do
    mapfile -t pids < <(pgrep -f "^$tare .*--cache=dead.cache" || true)
    [[ ${#pids[@]} -lt 2 ]] && kill -0 "$run" 2>/dev/null || break
    sleep 0.1
done
[[ ${#pids[@]} -eq 2 ]] || fail "no two processes: ${pids[*]}: $(cat log)"
kill -9 "${pids[1]}"
status=0
wait "$run" || status=$?
[[ $status -ne 0 ]] || fail "a rank was killed, mpirun ended with 0"
grep -q 'signal 9' log || fail "the death is not named: $(cat log)"
[[ -z $(ls dead.* 2>/dev/null) ]] || fail "left behind: $(ls dead.*)"
