#!/usr/bin/env bash
# Ctrl-C at any moment of a build: a complete engine or none, nothing half-written, and
# the exit status that a shell expects of it.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

mkdir out
n_cancelled=0
for ((i = 1; i <= 30; i++)); do
    rm -f out/*
    got=0
    # --foreground: one signal, where else a second one follows, which ends it at once
    timeout --foreground --preserve-status -s INT "0.$(printf '%03d' $((i * 4)))" "$tare" build --onnx="$model" \
        --engine=out/e.tare --optimization-level=5 --timing-cache=out/times --save-tactics=out/t.json \
        >stdout 2>stderr || got=$?
    [[ $got -eq 0 || $got -eq 130 ]] || fail "exit status $got: $(cat stderr)"
    for file in out/*; do
        case $file in
            'out/*') [[ $got -ne 0 ]] || fail "no engine" ;;
            out/e.tare) "$tare" inspect engine "$file" >/dev/null || fail "a broken engine" ;;
            out/t.json) "$tare" build --onnx="$model" --engine=again.tare --load-tactics="$file" >/dev/null ||
                fail "a broken tactics file" ;;
            out/times) "$tare" build --onnx="$model" --engine=again.tare --timing-cache="$file" >/dev/null ||
                fail "a broken timing cache" ;;
            *) fail "left behind: $file" ;;
        esac
    done
    if grep -q '^tare: cancelled' stderr; then
        ((++n_cancelled))
        [[ $got -eq 130 ]] || fail "cancelled with exit status $got"
        [[ ! -e out/e.tare && ! -e out/t.json ]] || fail "written though cancelled: $(ls out)"
    fi
done
echo "$n_cancelled of 30 were cancelled"
is_sanitized || [[ $n_cancelled -gt 0 ]] || fail "none was cancelled"
