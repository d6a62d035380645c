#!/usr/bin/env bash
# tare perf: figures that must agree with each other, streams, the first inference.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"
"$tare" build --onnx="$model" --engine=net.tare >/dev/null

perf() { # FLAGS...
    "$tare" perf --engine=net.tare --quiet --json=perf.json "$@" >out.txt
}
# By Little's law, throughput times mean latency is how many runs were under way at a time.
busy() {
    awk "BEGIN { print $(json perf.json throughput_qps) * $(json perf.json latency_ms mean) / 1e3 }"
}

perf --warmup=10 --duration=0.3
holds "$(json perf.json streams) == 1"
holds "$(json perf.json threads) == $(nproc)"
holds "$(busy) > 0.7 && $(busy) < 1.001"
holds "$(json perf.json latency_ms min) <= $(json perf.json latency_ms median)"
holds "$(json perf.json latency_ms median) <= $(json perf.json latency_ms p90)"
holds "$(json perf.json latency_ms p99) <= $(json perf.json latency_ms max)"

perf --streams=3 --threads=2 --warmup=10 --duration=0.3
holds "$(json perf.json streams) == 3"
holds "$(json perf.json threads) == 2"
holds "$(busy) > 1.5 && $(busy) < 3.001"

# --iterations is for each stream.
perf --streams=3 --warmup=0 --duration=0 --iterations=20
holds "$(json perf.json threads) == ($(nproc) > 3 ? int($(nproc) / 3) : 1)"
grep -q '^Runs: 60 of 3 streams$' out.txt || fail "runs: $(grep Runs out.txt)"

# --frame-count is for all of them together.
perf --streams=3 --warmup=0 --frame-count=7 --csv=layers.csv --profile-path=profile
grep -q '^Runs: 7 of 3 streams$' out.txt || fail "runs: $(grep Runs out.txt)"

# The profile as a table: a row a layer, shares of the whole, the same in the folder.
cmp layers.csv profile/profiler.csv || fail "two tables"
grep -q '^"stem.conv","conv","FP32","tare_' layers.csv || fail "no stem.conv: $(cat layers.csv)"
[[ $(($(wc -l <layers.csv) - 1)) -eq $(grep -c '"tactic"' profile/profiler.json) ]] || fail "rows are missing"
holds "$(tr -d '\r' <layers.csv | awk -F, 'NR > 1 { sum += $NF } END { print sum }') - 100 < 0.01"
holds "$(tr -d '\r' <layers.csv | awk -F, 'NR > 1 { sum += $NF } END { print sum }') - 100 > -0.01"

# The first inference: what is loaded, made and run before everything else.
grep -qE '^First inference: [0-9.]+ ms \(open [0-9.]+, context [0-9.]+, run [0-9.]+\)$' out.txt ||
    fail "no first inference: $(cat out.txt)"
part() {
    json perf.json first_inference_ms "$1"
}
holds "$(part open) > 0 && $(part context) > 0 && $(part run) > 0"
holds "($(part open) + $(part context) + $(part run) - $(part total)) ^ 2 < 1e-12"

# Values of the user's: read whole, or refused.
head -c 3136 /dev/urandom >right.raw
head -c 3137 /dev/zero >long.raw
perf --streams=2 --warmup=0 --frame-count=2 --load-inputs=input:right.raw
refuse 1 '--load-inputs: long.raw has more than 3136 bytes' \
    "$tare" perf --engine=net.tare --load-inputs=input:long.raw
refuse 1 "'x' is no input" "$tare" perf --engine=net.tare --streams=2 --load-inputs=x:right.raw

refuse 2 "'--streams': '0'" "$tare" perf --engine=net.tare --streams=0
refuse 2 'at least one for each' "$tare" perf --engine=net.tare --streams=3 --frame-count=2
refuse 1 'none/deep: cannot create' "$tare" perf --engine=net.tare --frame-count=1 --warmup=0 --quiet --profile-path=none/deep
refuse 2 '--streams: at most 1024' "$tare" perf --engine=net.tare --streams=1025
refuse 1 'cannot open' "$tare" perf --engine=none.tare --streams=2 --json=out/perf.json
