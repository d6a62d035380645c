#!/usr/bin/env bash
# Every flag of trtexec 8.6 and giexec that tests/data/trtexec_flags.txt lists is a flag of
# tare exec and a row of docs/trtexec.md; every flag of tare exec is a row; and the test that
# a row names is there and gives the flag.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

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
