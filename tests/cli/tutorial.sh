#!/usr/bin/env bash
# The commands of docs/tutorial.md run in their order, on some images, and what they make
# is there.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"
need_images
to_png=$build/idx_to_png
[[ -x $to_png ]] || skip "idx_to_png is not built"
! is_sanitized || skip "the commands are tested elsewhere"

"$to_png" "$images" "$labels" calib --count=24 >log
"$to_png" "$images" "$labels" test --count=24 >log
cp "$model" net.onnx
sed -n '/^```json$/,/^```$/{/^```/d;p}' "$root/docs/tutorial.md" >net.json
grep '^    \$ tare ' "$root/docs/tutorial.md" | sed 's/^    \$ tare //' >commands
[[ $(wc -l <commands) -eq 10 ]] || fail "$(wc -l <commands) commands"
while read -r line; do
    read -ra words <<<"$line"
    "$tare" "${words[@]}" </dev/null >log 2>&1 || fail "tare $line: $(cat log)"
    [[ -s log ]] || fail "tare $line: says nothing"
done <commands
for file in fp32.tare net.cache net.cache.json net.tare report.html mixed.tare; do
    [[ -s $file ]] || fail "there is no $file"
done
for file in migration embedding user-guide; do
    [[ -e $root/docs/$file.md ]] || fail "docs/tutorial.md names $file.md"
done
