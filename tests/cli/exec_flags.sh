#!/usr/bin/env bash
# Every flag of trtexec 8.6 and giexec that tests/data/trtexec_flags.txt lists is a flag of
# tare exec and a row of docs/trtexec.md; every flag of tare exec is a row; and the test that
# a row names is there and gives the flag. Flags that do nothing say so, each in one line.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"
# shellcheck source=tests/cli/exec/common.sh
. "$root/tests/cli/exec/common.sh"

"$tare" exec --help | sed '/^Data (one source):/,$d' | sed -nE 's/^  (--[A-Za-z0-9]+).*/\1/p' | sort >ours
# FLAG SCRIPT FUNCTION, a line a flag: rows are | `--a`, `--b` | what | `script` function |
grep '^| `--' "$root/docs/trtexec.md" | while IFS='|' read -r _ flags _ proof _; do
    # shellcheck disable=SC2013 # flags are words
    for flag in $(grep -oE -- '--[A-Za-z0-9]+' <<<"$flags"); do
        echo "$flag $(tr -d '`' <<<"$proof")"
    done
done >rows
cut -d' ' -f1 rows | sort >documented

missing=$(comm -23 <(sort "$root/tests/data/trtexec_flags.txt") ours)
[[ -z $missing ]] || fail "not flags of tare exec: $(xargs <<<"$missing")"
missing=$(comm -23 ours documented)
[[ -z $missing ]] || fail "not in docs/trtexec.md: $(xargs <<<"$missing")"
missing=$(comm -13 ours documented)
[[ -z $missing ]] || fail "docs/trtexec.md has what is no flag, or twice: $(xargs <<<"$missing")"
[[ $(wc -l <ours) -ge 100 ]] || fail "$(wc -l <ours) flags, the help is not understood"

while read -r flag script function rest; do
    [[ -n $function && -z $rest && -e $root/tests/$script.sh ]] || fail "$flag: no test in '$script $function $rest'"
    sed -n "/^$function() {/,/^}/p" "$root/tests/$script.sh" >body
    [[ -s body ]] || fail "$flag: $script.sh has no function $function"
    grep -qE -- "$flag([= \"';)]|\$)" body || fail "$flag: $function of $script.sh does not give it"
done <rows

# Flags about what a CPU does not have: one line each, and the same engine.
noted() {
    local flag fast=(--onnx=net.onnx --batch=1 --skipInference --builderOptimizationLevel=0)
    run "${fast[@]}" --saveEngine=plain.tare
    for flag in --explicitBatch --workspace=4096 --memPoolSize=workspace:512.5,dlaSRAM:1M,dlaLocalDRAM:8MiB --minTiming=1 --avgTiming=8 \
        --leanDLLPath=x.so --excludeLeanRuntime --sparsity=force --noTF32 --fp8 --int4 \
        --layerDeviceTypes=head.fc:DLA,*:GPU --safe --restricted --consistency --buildDLAStandalone --allowGPUFallback \
        --pluginInstanceNorm --pi --noCompilationCache --monitorMemory --runtimePlatform=SameAsBuild --allowWeightStreaming --maxTactics=5 \
        --tilingOptimizationLevel=1 --l2LimitForTiling=1048576 --weightStreamingBudget=50% --allocationStrategy=profile \
        --asyncFileReader --nvtxVerbosity=none --setPluginsToSerialize=x.so --ignoreParsedPluginLibs --preview=+fasterDynamicShapes0805,-profileSharing0806 --tempdir=/none \
        --tempfileControls=in_memory:allow,temporary:deny --exposeDMA --noDataTransfers --useManagedMemory \
        --useSpinWait --threads --useCudaGraph --persistentCacheRatio=0.5 --hostTime --useDLACore=0; do
        run "${fast[@]}" --saveEngine=noted.tare "$flag"
        said "${flag%%=*}: .*" errors
        [[ $(wc -l <errors) -eq 1 ]] || fail "more than one line for $flag: $(cat errors)"
        cmp noted.tare plain.tare || fail "$flag: another engine"
    done
    run --loadEngine=plain.tare --useRuntime=lean "${once[@]}"
    said '--useRuntime: .*' errors
    refused 2 'it wants --loadEngine' --onnx=net.onnx --useRuntime=dispatch
    # what they may be is checked all the same
    refused 2 "'workspace=1' is not" --onnx=net.onnx --memPoolSize=workspace=1
    refused 2 "'heap:1' is not" --onnx=net.onnx --memPoolSize=heap:1
    refused 2 "'a:TPU' is not name:GPU\|DLA" --onnx=net.onnx --layerDeviceTypes=a:TPU
    refused 2 "'in_memory:maybe' is not" --onnx=net.onnx --tempfileControls=in_memory:maybe
    refused 2 "'x' wants a \+ or -" --onnx=net.onnx --preview=x
    refused 2 '--sparsity=half, want' --onnx=net.onnx --sparsity=half
    refused 2 '--allocationStrategy=heap, want' --onnx=net.onnx --allocationStrategy=heap
    refused 2 '--runtimePlatform=WindowsAMD64, want' --onnx=net.onnx --runtimePlatform=WindowsAMD64
    refused 2 '--persistentCacheRatio: want 0 to 1' --onnx=net.onnx --persistentCacheRatio=1.5
    refused 2 "'--threads' takes no value" --onnx=net.onnx --threads=4
}

refused_flags() {
    local flag
    for flag in --errorOnTimingCacheMiss --markDebug=x --saveDebugTensors=x:y; do
        refused 2 "${flag%%=*}: " --onnx=net.onnx --saveEngine=out/e "$flag"
    done
}

unknown() {
    refused 2 "unknown flag '--optShaeps'; did you mean '--optShapes'" --onnx=net.onnx --optShaeps=x
    refused 2 "unknown flag '--imagse'; did you mean '--images'" --onnx=net.onnx --imagse=x
    refused 2 "'--onnx' wants a value" --onnx
    refused 2 "unexpected argument 'net.onnx'" net.onnx
}

subjects noted refused_flags unknown
