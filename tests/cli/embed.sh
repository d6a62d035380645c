#!/usr/bin/env bash
# The example of docs/embedding.md is the one in examples/, has 40 lines, compiles without
# a warning against the runtime alone and gives what tare run gives.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"
! is_sanitized || skip "a build with sanitizers"
command -v cc >/dev/null || skip "no C compiler"
example=$root/examples/embed/embed.c

sed -n '/^```c$/,/^```$/{/^```/d;p}' "$root/docs/embedding.md" | cmp - "$example" ||
    fail "docs/embedding.md shows another example"
[[ $(wc -l <"$example") -le 42 ]] || fail "the example has $(wc -l <"$example") lines"

cc -std=c17 -O2 -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror -I"$root/include" "$example" \
    -o embed -L"$build" -ltare-rt -Wl,-rpath,"$build"
if ldd embed | grep -q 'libtare\.so'; then fail "the example needs libtare"; fi

mkdir samples
python3 -c 'import struct, sys
pixels = open(sys.argv[1], "rb").read(784)
sys.stdout.buffer.write(struct.pack("<784f", *(p / 128 - 1 for p in pixels)))' "$model" >samples/one.bin
"$tare" build --onnx="$model" --engine=net.tare >log
"$tare" run --engine=net.tare --raw=samples --top=1 >want
./embed net.tare samples/one.bin >got
class=$(sed -n 's/.*class \([0-9]*\),.*/\1/p' got)
grep -qE "(^|[^0-9])$class([^0-9]|\$)" want || fail "embed: $(cat got); tare run: $(cat want)"

# Errors are said, and end with 1.
for arguments in "missing.tare samples/one.bin" "samples/one.bin samples/one.bin" "net.tare missing"; do
    # shellcheck disable=SC2086 # words
    if ./embed $arguments >out 2>err; then fail "embed $arguments succeeds"; fi
    [[ -s err && ! -s out ]] || fail "embed $arguments says nothing"
done
