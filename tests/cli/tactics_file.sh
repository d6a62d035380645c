#!/usr/bin/env bash
# Tactics that are saved, loaded and banned: the same engine, byte by byte, on a machine
# that has other times; and what is wrong with a file is said by name.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"
build() { # OUT FLAGS...
    "$tare" build --onnx="$model" --fast-perf --quiet --engine="$1" "${@:2}" >/dev/null 2>stderr
}

# Saved here, built again there: a machine that offers the same instruction sets.
for isa in ref native; do
    build "$isa.tare" --isa=$isa --optimization-level=5 --save-tactics=$isa.json
    build again.tare --load-tactics=$isa.json --save-tactics=again.json
    cmp $isa.tare again.tare || fail "another engine from its tactics ($isa)"
    cmp $isa.json again.json || fail "other tactics from the same engine ($isa)"
    build again.tare --load-tactics=$isa.json --isa=$isa
    cmp $isa.tare again.tare || fail "another engine with the same --isa ($isa)"
done
TARE_CPU_MASK=0 build masked.tare --load-tactics=ref.json
cmp ref.tare masked.tare || fail "another engine on another machine"
"$tare" build --onnx="$model" --fast-perf --engine=again.tare --load-tactics=native.json --json=c.json >/dev/null 2>&1
! tr -d '[:space:]' <c.json | grep -qE '"time_us":[0-9]' || fail "something was timed"
grep -q '"from the tactics file"' c.json || fail "no reason in the report"

# The same network with other ranges: the tactics hold, the engine is another one.
"$tare" build --onnx="$model" --engine=float.tare --save-tactics=float.json >/dev/null
head -c 313600 /dev/urandom >sample.raw
mkdir raw
split -b 784 sample.raw raw/
"$tare" calibrate --onnx="$model" --raw=raw --raw-type=u8 --cache=c.cache >/dev/null
"$tare" build --onnx="$model" --int8 --cache=c.cache --no-recovery --engine=again.tare \
    --load-tactics=native.json >/dev/null 2>stderr
grep -q 'native.json: not the engine that it was saved from' stderr || fail "nothing is said of other ranges"

# What is wrong with a file.
refused() { # PATTERN FILE
    refuse 1 "$1" "$tare" build --onnx="$model" --engine=out/e --load-tactics="$2"
}
edit() { # SED
    sed "$1" float.json >edited.json
    ! cmp -s float.json edited.json || fail "nothing to edit: $1"
}
refused 'native.json: (has no tactic for|names|layer).*saved from another network' native.json
edit 's/tare_f32_softmax__[a-z0-9]*/tare_f32_softmax__mmx/;s/tare_f32_conv__[a-z0-9_]*/tare_f32_conv__mmx/'
refused "edited.json: layer 'stem.conv' \(conv\): this tare has no tactic 'tare_f32_conv__mmx'" edited.json
edit 's/"0x[0-9a-f]*",$/"0",/'
refused 'edited.json: "isa_bits" and "engine_xxh3" want hexadecimal' edited.json
edit 's/"tare_tactics":.*1,/"tare_tactics": 2,/'
refused 'edited.json: tactics file of version 2, want 1' edited.json
edit 's/"tactic":/"tactics":/'
refused 'edited.json: profile 0: entry 1 wants a layer, a type and a tactic' edited.json
edit 's/"profiles":/"rows":/'
refused 'edited.json: "profiles" wants a list of layers for each' edited.json
size=$(wc -c <float.json)
for ((n = 0; n < size - 2; n += 397)); do
    head -c $n float.json >cut.json
    refused 'cut.json' cut.json
done
refused 'no-such.json: cannot open' no-such.json
if "$tare" build --onnx="$model" --engine=probe --isa=avx2 >/dev/null 2>&1; then
    build native.tare --isa=avx2 --save-tactics=avx2.json
    refuse 1 'avx2.json: saved for --isa=avx2; this CPU offers ref at most' env TARE_CPU_MASK=0 \
        "$tare" build --onnx="$model" --engine=out/e --load-tactics=avx2.json
    refuse 1 'avx2.json: saved for --isa=avx2, not ref: leave --isa out' \
        "$tare" build --onnx="$model" --engine=out/e --load-tactics=avx2.json --isa=ref
    sed 's/"isa_bits":.*"0x[0-9a-f]*"/"isa_bits": "0x0"/' avx2.json >edited.json
    refuse 1 "needs more than the instruction sets of ref" "$tare" build --onnx="$model" \
        --int8 --cache=c.cache --engine=out/e --load-tactics=edited.json
    # A tactic that is banned runs nowhere; another one does.
    name=$(grep -o 'tare_u8_conv__avx2[a-z0-9_]*' avx2.json | head -n 1)
    build banned.tare --isa=avx2 --ban-tactic="$name" --save-tactics=banned.json
    ! grep -q "\"$name\"" banned.json || fail "$name runs though it is banned"
    build again.tare --load-tactics=banned.json
    cmp banned.tare again.tare || fail "another engine from tactics of a build with bans"
    refuse 1 "layer '.*' \(conv\): --ban-tactic=.* bans all of its tactics" "$tare" build \
        --onnx="$model" --engine=out/e --isa=ref --ban-tactic=tare_f32_conv__ref
fi

# Flags that contradict each other.
refuse 1 "no tactic is called 'tare_f32_conv__reff'; did you mean 'tare_f32_conv__ref'" \
    "$tare" build --onnx="$model" --engine=out/e --ban-tactic=tare_f32_conv__reff
refuse 1 '--ban-tactic is of no use below --optimization-level=2' "$tare" build \
    --onnx="$model" --engine=out/e --optimization-level=0 --ban-tactic=onednn
refuse 1 '--ban-tactic is of no use with --load-tactics' "$tare" build --onnx="$model" \
    --engine=out/e --load-tactics=float.json --ban-tactic=onednn
refuse 1 '--timing-cache is of no use with --load-tactics' "$tare" build --onnx="$model" \
    --engine=out/e --load-tactics=float.json --timing-cache=out/times
refuse 2 'leave --optimization-level out' "$tare" build --onnx="$model" --engine=out/e \
    --load-tactics=float.json --optimization-level=3
refuse 1 'out/t: no tactics to save: they are chosen from --optimization-level=2 on' \
    "$tare" build --onnx="$model" --engine=out/e --optimization-level=1 --save-tactics=out/t
refuse 1 'out/t: no tactics to save' "$tare" build --onnx="$model" --engine=out/e \
    --isa=portable --save-tactics=out/t
refuse 1 'no/such/folder' "$tare" build --onnx="$model" --engine=out/e --save-tactics=no/such/folder/t
# An engine of several shapes has tactics for each profile. (The batch of the model is open.)
shapes=(--min-shapes=1x1x28x28 --opt-shapes=1x1x28x28 --max-shapes=2x1x28x28
    --min-shapes=1x1x28x28 --opt-shapes=8x1x28x28 --max-shapes=8x1x28x28)
"$tare" build --onnx="$model" --engine=several.tare --optimization-level=4 --save-tactics=several.json "${shapes[@]}" >/dev/null
"$tare" build --onnx="$model" --engine=again.tare --load-tactics=several.json "${shapes[@]}" >/dev/null 2>stderr
cmp several.tare again.tare || fail "another engine of several shapes"
[[ ! -s stderr ]] || fail "a warning: $(cat stderr)"
refuse 1 'float.json: has tactics for 1 profiles, the build has 2' "$tare" build \
    --onnx="$model" --engine=out/e --load-tactics=float.json "${shapes[@]}"
refuse 1 'several.json: has tactics for 2 profiles, the build has 1' "$tare" build \
    --onnx="$model" --engine=out/e --load-tactics=several.json
