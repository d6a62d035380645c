#!/usr/bin/env bash
# What the documents name is there: every flag of a command that they show, every file
# that they link to.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"
! is_sanitized || skip "the help alone runs, as in cli/usage"
documents=("$root/README.md" "$root"/docs/*.md "$root"/datasets/recipes/README.md)

# The shown commands, a line each: "FILE SUBCOMMAND FLAG"; what is in quotes is no flag.
for file in "${documents[@]}"; do
    sed -e ":a" -e '/\\$/N; s/\\\n//; ta' "$file" |
        sed -nE 's/^( {4,}|\$ )(\$ )?(mpirun [^|]* )?(build\/)?tare ([a-z]+)( .*)/\5\6/p' |
        sed "s/'[^']*'//g" |
        while read -r subcommand rest; do
            grep -oE -- '(^| )--[A-Za-z0-9_-]+' <<<"$rest" | sed "s|^ *|$(basename "$file") $subcommand |" || true
        done
done | sort -u >shown
[[ $(wc -l <shown) -gt 60 ]] || fail "only $(wc -l <shown) flags are shown"
while read -r file subcommand flag; do
    # those of its actions, too
    if [[ ! -e words.$subcommand ]]; then
        "$tare" "$subcommand" --help=words >all || fail "$file: tare has no $subcommand"
        for action in $(grep -v -e "^-" all); do "$tare" "$subcommand" "$action" --help=words; done >own
        sed 's/[=\t].*//' all own >"words.$subcommand"
    fi
    grep -qxF -e "$flag" "words.$subcommand" || fail "$file: tare $subcommand has no $flag"
done <shown

for file in "${documents[@]}"; do
    { grep -oE '\]\([^)#: ]+' "$file" || true; } | cut -c 3- | while read -r target; do
        [[ -e $(dirname "$file")/$target ]] || fail "$file: links to $target, which is not there"
    done
done
