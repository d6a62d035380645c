#!/usr/bin/env bash
# libtare-rt: small, and nothing but libc and libm below it.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"
! is_sanitized || skip "a build with sanitizers"
for program in strip readelf; do
    command -v "$program" >/dev/null || skip "no $program"
done

strip -o stripped.so "$build/libtare-rt.so"
size=$(stat -c %s stripped.so)
echo "libtare-rt.so, stripped: $size bytes"
((size < 2 * 1024 * 1024)) || fail "libtare-rt.so has $size bytes, at most 2 MiB"

needed=$(ldd stripped.so | awk '{ print $1 }' | grep -vE '^(linux-vdso\.so\.1|libc\.so\.6|libm\.so\.6|(/.*/)?ld-linux.*)$' || true)
[[ -z $needed ]] || fail "libtare-rt.so needs $needed"
if ldd -r stripped.so 2>&1 | grep 'undefined symbol'; then fail "libtare-rt.so is not complete"; fi

# Nothing of ours runs before main(): .init_array holds two entries of the compiler's, for
# its start files and for __builtin_cpu_supports().
bytes=$(readelf -SW stripped.so | sed -n 's/.*\.init_array *INIT_ARRAY *[0-9a-f]* [0-9a-f]* \([0-9a-f]*\).*/\1/p')
((16#${bytes:-0} <= 16)) || fail "libtare-rt.so has global constructors"
