#!/usr/bin/env bash
# doxygen has nothing to say against the comments of the public headers, and finds those
# of every one of them.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"
! is_sanitized || skip "no code of ours runs"
command -v doxygen >/dev/null || skip "no doxygen"
cd "$root"
{
    grep -v -e '^OUTPUT_DIRECTORY' Doxyfile
    echo "OUTPUT_DIRECTORY = $work"
} | doxygen - >"$work/log" 2>&1 || fail "doxygen: $(cat "$work/log")"
[[ ! -s $work/log ]] || fail "doxygen: $(cat "$work/log")"
for header in include/tare/*.h; do
    name=$(basename "$header" .h)
    page=$work/html/${name//_/__}_8h.html
    [[ -s $page ]] || fail "$header has no page"
    [[ $name == export || $name == version || $name == cpu ]] || grep -q 'class="memdoc"\|href="struct' "$page" ||
        fail "$header has no comments that doxygen finds"
done
