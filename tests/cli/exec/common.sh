# shellcheck shell=bash
# shellcheck disable=SC2034 # what is set here is for the tests
# exec/common.sh - what the tests of tare exec share, behind common.sh.
command -v python3 >/dev/null || skip "no python3"

# Names that file systems and JSON do not take as they are; the batch is open.
"$tare" surgeon set-batch "$model" -o open.onnx --batch=N >/dev/null
"$tare" surgeon rename open.onnx -o net.onnx --tensor='logits:out/"a\b' --node='stem.conv:stem "conv"' >/dev/null
once=(--warmUp=0 --duration=0 --iterations=1)

# run FLAGS...: passes; the log is in `log`, what went to standard error in `errors`.
run() {
    "$tare" exec "$@" >log 2>errors </dev/null || fail "exec $*: $(tail -n 3 errors log)"
    [[ $(head -n 1 log) == "&&&& RUNNING tare.exec [tare v"*"] # tare exec $*" ]] || fail "first line: $(head -n 1 log)"
    [[ $(tail -n 1 log) == "&&&& PASSED tare.exec [tare v"*"] # tare exec $*" ]] || fail "last line: $(tail -n 1 log)"
}
# refused STATUS PATTERN FLAGS...: fails with that status, a line on standard error that
# matches, FAILED at the end of the log, and writes nothing into out/.
refused() {
    local status=$1 pattern=$2 got=0
    shift 2
    rm -rf out
    mkdir out
    "$tare" exec "$@" >log 2>errors </dev/null || got=$?
    [[ $got -eq $status ]] || fail "exit status $got, want $status: exec $*: $(cat errors)"
    grep -qE -- "$pattern" errors || fail "'$pattern' is not in what exec $* says: $(cat errors)"
    [[ $(tail -n 1 log) == "&&&& FAILED tare.exec "* ]] || fail "last line: $(tail -n 1 log)"
    [[ -z $(ls -A out) ]] || fail "left behind by exec $*: $(ls -A out)"
}
# said PATTERN [FILE]: a line of the log is "[time] [X] PATTERN".
said() {
    grep -qE -- "^\[[0-9/]{10}-[0-9:]{8}\] \[[IWEV]\] $1\$" "${2:-log}" || fail "no '$1': $(cat "${2:-log}")"
}
# check FILE PYTHON: the statements hold; j is what the JSON file says.
check() {
    python3 -c "import json, sys; j = json.load(open('$1')); $2" || fail "$1: $2"
}
# queries: how many runs the trace has.
queries() {
    sed -nE 's/.*Timing trace has ([0-9]+) queries over .*/\1/p' log
}
# summary NAME KEY: a figure of the performance summary.
summary() {
    sed -nE "s/.*\] $1: .*\b$2 = ([-0-9.e]+).*/\1/p" log
}

# subjects NAME...: run each of these functions. docs/trtexec.md names the one that proves a
# flag, and cli/exec_flags looks it up.
subjects() {
    local subject
    for subject; do
        "$subject"
    done
}
