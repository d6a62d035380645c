#!/usr/bin/env bash
# Every subcommand has a manual page that says all of its flags, and completion in bash
# and zsh offers them.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"
! is_sanitized || skip "the help alone runs, as in cli/usage"

"$tare" --help=words >words
mapfile -t subcommands < <(sed -n 's/\t.*//p' words)
[[ ${#subcommands[@]} -ge 10 ]] || fail "--help=words: $(cat words)"

# A page of the build folder, without escapes.
page() {
    sed 's/\\-/-/g; s/\\://g; s/\\e/\\/g; s/\\&//g; s/\\(dq/"/g; s/\\(ti/~/g' "$build/man/$1.1"
}
[[ -e $build/man/tare.1 ]] || skip "no manual: the target tare_man is not built"
# Actions with flags of their own are pages, too: "debug reduce".
for subcommand in "${subcommands[@]}"; do
    "$tare" "$subcommand" --help=words >all
    for action in $(grep -v -e '^-' all); do
        "$tare" "$subcommand" "$action" --help=words >own
        grep -vxF -f all own >/dev/null && subcommands+=("$subcommand $action")
    done
done
for words in "${subcommands[@]}"; do
    subcommand=${words// /-}
    read -ra words <<<"$words"
    [[ -s $build/man/tare-$subcommand.1 ]] || fail "no page for $subcommand"
    grep -q "^.Xr tare-$subcommand 1" "$build/man/tare.1" || fail "tare(1) does not name tare-$subcommand(1)"
    page "tare-$subcommand" >text
    "$tare" "${words[@]}" --help=words | grep -e '^--' | grep -vx -e --help >flags
    while IFS=$'\t' read -r flag value; do
        flag=${flag#--}
        grep -qF -- ".It Fl -${flag%=}${value:+ Ns = Ns Ar \"$value\"}" text ||
            fail "tare-$subcommand(1) lacks --$flag$value"
    done <flags
    "$tare" "${words[@]}" --help | grep -oE '^  --[[:alnum:]_-]+' | tr -d ' ' | sort -u >in_help
    sed 's/=.*//' flags | sort -u | cmp -s - in_help || fail "$subcommand: --help and --help=words differ"
done
if command -v mandoc >/dev/null; then
    mandoc -Tlint -W warning "$build"/man/*.1 >lint || fail "mandoc: $(cat lint)"
fi
if command -v groff >/dev/null; then
    for file in "$build"/man/*.1; do groff -k -mdoc -Tutf8 -wall "$file" 2>>lint >/dev/null; done
    [[ ! -s lint ]] || fail "groff: $(cat lint)"
fi

PATH=$(dirname "$tare"):$PATH
bash_offers() { # WORDS..., the last one is being completed
    bash -c '
        compopt() { :; }
        . "$1"
        shift
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
        _tare
        printf "%s\n" "${COMPREPLY[@]}"' bash "$root/tools/completion/tare.bash" "$@" | sort
}
expect() { # WHAT WORDS WANTED-LINES: just these
    [[ $2 == "$3" ]] || fail "$1: offers '$2', want '$3'"
}
touch net.onnx net.cache
expect subcommand "$(bash_offers tare ca)" $'cache\ncalibrate'
expect action "$(bash_offers tare inspect obs)" observations
expect flag "$(bash_offers tare build --prec)" --precision-constraints=
expect 'flag of an action' "$(bash_offers tare debug reduce --fail)" --fail-code=
expect value "$(bash_offers tare build --precision-constraints = p)" prefer
expect 'value in one word' "$(bash_offers tare build --precision-constraints=o)" obey
expect 'all values' "$(bash_offers tare calibrate --filter =)" $'area\nbicubic\nbilinear\nnearest'
expect file "$(bash_offers tare build --onnx = net.o)" net.onnx
expect 'file argument' "$(bash_offers tare cache show net.c)" net.cache
expect nothing "$(bash_offers tare build --frobnicate = x)" ''

if command -v zsh >/dev/null; then
    zsh_offers() {
        zsh -f -c '
            compadd() { while [[ $1 == -* && $1 != -- ]]; do [[ $1 == -S ]] && shift; shift; done
                        shift; local w; for w in "$@"; do [[ $w == $PREFIX* ]] && print -r -- $w; done; true }
            _files() { compadd -- *(N) }
            _describe() { compadd -- ${${(P)2}%%:*} }
            compset() { local cut=${2#\*}; [[ $PREFIX == *$cut* ]] || return 1
                        if [[ $cut == , ]]; then PREFIX=${PREFIX##*,}; else PREFIX=${PREFIX#*$cut}; fi }
            file=$1; shift
            words=("$@") CURRENT=$# PREFIX=$words[-1]
            . $file' zsh "$root/tools/completion/_tare" "$@" | sort
    }
    expect 'zsh: subcommand' "$(zsh_offers tare ca)" $'cache\ncalibrate'
    expect 'zsh: action' "$(zsh_offers tare inspect obs)" observations
    expect 'zsh: flag' "$(zsh_offers tare build --prec)" --precision-constraints=
    expect 'zsh: flag of an action' "$(zsh_offers tare debug reduce --fail)" --fail-code=
    expect 'zsh: value' "$(zsh_offers tare build --precision-constraints=p)" prefer
    expect 'zsh: file' "$(zsh_offers tare build --onnx=net.o)" net.onnx
fi
